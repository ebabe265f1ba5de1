import { createInterface } from 'node:readline/promises';
import { EngineClient } from '../engine/process/client.ts';
import { readProgressFile } from '../engine/process/work-directory.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import type { CommandContext } from './context.ts';
import { follow } from './follow.ts';

/** `cutover`: fence, drain, finish; from any terminal. Ends with the cut-over's result. */
export async function cutover(
  context: CommandContext,
  flags: { freezeSource?: boolean; confirm?: string; override?: string },
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
    await client.request({ action: 'cutover', confirm, freezeSource: flags.freezeSource === true, override });
    let failed: MigrateError | null = null;
    return await follow(client, {
      print: (event) => {
        if (['cutover', 'phase', 'done', 'warning', 'error', 'log'].includes(event.type)) context.print(event);
      },
      until: (event) => {
        if (event.type === 'error') failed = new MigrateError(event.error.code, event.error);
        if (event.type === 'phase' && event.phase === 'done') return 0;
        if (failed) throw failed;
        return undefined;
      },
      signal: context.signal,
    });
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
