import { createInterface } from 'node:readline/promises';
import { EngineClient } from '../engine/process/client.ts';
import { readProgressFile } from '../engine/process/work-directory.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { CutoverGateWatch } from './await-cutover-open.ts';
import type { CommandContext } from './context.ts';
import { follow } from './follow.ts';

const WAIT_MS = 60_000;

/**
 * `cutover`: fence, drain, finish; from any terminal. Waits first for conditions that come to hold by themselves. Ends with the
 * cut-over's result.
 */
export async function cutover(
  context: CommandContext,
  flags: { freezeSource?: boolean; confirm?: string; override?: string; wait?: number },
): Promise<number> {
  const client = await EngineClient.attach(context.directory);
  if (!client || client.progress.phase === 'done') {
    client?.detach();
    throw await noEngine(context);
  }
  try {
    const confirm = flags.confirm ?? (await askName(context, client.progress.target_database));
    if (confirm === null) throw notConfirmed(client.progress.target_database);
    const override = flags.override?.trim() || null;
    const request = { freezeSource: flags.freezeSource === true, override };
    const { target_database: database } = client.progress;
    // Nobody waits a minute to be told this.
    if (confirm !== database) throw otherName(confirm, database);
    using watch = new CutoverGateWatch(client, flags.wait ?? WAIT_MS);
    const tell = (line: string) => process.stderr.write(`${line}\n`);
    for (;;) {
      await watch.untilOpen({ request, tell, signal: context.signal });
      try {
        return await cutOverNow(context, client, { confirm, ...request });
      } catch (error) {
        // A condition has ceased to hold between two looks at it.
        const isLocked = error instanceof MigrateError && error.code === 'TM6002' && !(error instanceof BegunAndFailed);
        if (!isLocked || watch.outlook(request).state === 'open' || watch.leftMs === 0) throw error;
      }
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new MigrateError('TM9002', {
      side: 'local',
      message: 'no longer watching the cut-over',
      hint: 'The engine goes on with what was asked of it; look with status.',
      cause: error,
    });
  } finally {
    client.detach();
  }
}

/** It came as far as its fence. */
class BegunAndFailed extends MigrateError {}

/** Asks for the cut-over and follows it to its end. */
async function cutOverNow(
  context: CommandContext,
  client: EngineClient,
  request: { readonly confirm: string; readonly freezeSource: boolean; readonly override: string | null },
): Promise<number> {
  const refused = new AbortController();
  let asked = false;
  let begun = false;
  let failed: MigrateError | null = null;
  // Events may come together with the answer to the request.
  const followed = follow(client, {
    print: (event) => {
      if (asked && ['cutover', 'phase', 'done', 'warning', 'error', 'log'].includes(event.type)) context.print(event);
    },
    until: (event) => {
      if (!asked) return undefined;
      if (event.type === 'phase' && event.phase === 'cutover') begun = true;
      if (event.type === 'error') {
        failed = new (begun ? BegunAndFailed : MigrateError)(event.error.code, event.error);
      }
      if (event.type === 'phase' && event.phase === 'done') return 0;
      if (failed) throw failed;
      return undefined;
    },
    signal: AbortSignal.any([context.signal, refused.signal]),
  });
  asked = true;
  await client.request({ action: 'cutover', ...request }).catch((error: unknown) => refused.abort(error));
  return followed;
}

async function noEngine({ directory }: CommandContext): Promise<MigrateError> {
  const done = (await readProgressFile(directory))?.phase === 'done';
  return new MigrateError('TM1306', {
    side: 'local',
    object: directory,
    message: done ? 'the cut-over of this migration is done' : 'no engine answers in this work directory',
    hint: done
      ? 'Compare with verify, and remove what is left of the migration with clean.'
      : 'Start it again with migrate --resume, or give the --dir that it works in.',
  });
}

const otherName = (typed: string, database: string): MigrateError =>
  new MigrateError('TM6003', {
    side: 'target',
    object: database,
    message: `${JSON.stringify(typed)} is not the name of the target database`,
    hint: `Type ${database} (--confirm ${database}).`,
  });

const notConfirmed = (database: string): MigrateError =>
  new MigrateError('TM6003', {
    side: 'target',
    object: database,
    message: 'the cut-over was not confirmed, and there is nobody to ask',
    hint: `Confirm it with --confirm ${database}, the name of the target database.`,
  });

/** Null when there is no terminal to ask at. */
async function askName(context: CommandContext, database: string): Promise<string | null> {
  if (!process.stdin.isTTY || context.flags.json || context.flags.yes) return null;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await prompt.question(`Type the name of the target database (${database}) to cut over: `, {
      signal: context.signal,
    });
  } finally {
    prompt.close();
  }
}
