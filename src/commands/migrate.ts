import { createInterface } from 'node:readline';
import { EngineClient } from '../engine/process/client.ts';
import type { Action } from '../engine/process/protocol.ts';
import { readMigrationFile } from '../engine/process/work-directory.ts';
import { formatError, MigrateError, toMigrateError } from '../errors/migrate-error.ts';
import { parseConnectionString } from '../postgres/connection-string.ts';
import { type CommandContext, connectionText, optionsFrom } from './context.ts';
import { follow } from './follow.ts';
import { runEngine } from './run-engine.ts';

export type MigrateFlags = Record<string, unknown> & { resume?: boolean };

/** `migrate`: copy and replay in the foreground, as lines. `c` and Enter, or SIGUSR1, asks for the cut-over. */
export async function migrate(context: CommandContext, flags: MigrateFlags): Promise<number> {
  const { directory } = context;
  const options = optionsFrom(context, flags);
  const running = await EngineClient.attach(directory);
  if (running) return await goOnWith(context, running);
  const resume = flags.resume === true;
  const kept = resume ? await readMigrationFile(directory) : null;
  const filled = kept ? { ...context, flags: { ...context.flags, ...fromFile(context, kept) } } : context;
  const source = await connectionText(filled, 'source');
  const target = await connectionText(filled, 'target');
  const keys = new CutoverKeys(parseConnectionString(target, context.env).database, options.freezeSource, context);
  try {
    const failure = await runEngine({
      directory,
      source,
      target,
      options,
      resume,
      waitForGo: false,
      env: context.env,
      // The error comes once more, with its remedy, when the command ends.
      onEvent: context.print,
      onReady: (request) => keys.listen(request),
      signal: context.signal,
    });
    if (failure === null) return 0;
    throw failure;
  } finally {
    keys.close();
  }
}

/** Options and environment win over what the work directory remembers (which has no passwords). */
function fromFile(
  context: CommandContext,
  kept: { source: string; target: string },
): { source?: string; target?: string } {
  const given = (side: 'source' | 'target') =>
    context.flags[side] ?? context.env[side.toUpperCase()] ?? context.env[`PGCOPYDB_${side.toUpperCase()}_PGURI`];
  return {
    ...(given('source') ? {} : { source: kept.source }),
    ...(given('target') ? {} : { target: kept.target }),
  };
}

/** A snapshot is waiting: let it go on, and follow it as if it ran here. Ctrl-C stops the engine. */
async function goOnWith(context: CommandContext, client: EngineClient): Promise<number> {
  if (client.progress.phase !== 'snapshot') {
    client.detach();
    throw new MigrateError('TM1301', {
      side: 'local',
      object: context.directory,
      message: `an engine works in this directory already (process ${client.pid}, phase ${client.progress.phase})`,
      hint: 'Attach with tiger-migrate-tui, look with status, cut over with cutover; another --dir is another migration.',
    });
  }
  const keys = new CutoverKeys(client.progress.target_database, false, context);
  keys.listen((action) => client.request(action));
  try {
    await client.request({ action: 'go' });
    return await follow(client, {
      print: context.print,
      until: (event) => (event.type === 'phase' && event.phase === 'done' ? 0 : undefined),
      signal: context.signal,
    });
  } catch (error) {
    if (context.signal.aborted) await client.request({ action: 'stop' }).catch(() => {});
    throw error;
  } finally {
    keys.close();
    client.detach();
  }
}

/** Turns `c` + Enter and SIGUSR1 into a request to cut over. */
class CutoverKeys {
  readonly #database: string;
  readonly #freezeSource: boolean;
  readonly #context: CommandContext;
  #lines: ReturnType<typeof createInterface> | null = null;
  #onSignal: (() => void) | null = null;

  constructor(database: string, freezeSource: boolean, context: CommandContext) {
    this.#database = database;
    this.#freezeSource = freezeSource;
    this.#context = context;
  }

  listen(request: (action: Action) => Promise<void>): void {
    const ask = () => {
      request({ action: 'cutover', confirm: this.#database, freezeSource: this.#freezeSource, override: null }).catch(
        (error: unknown) => this.#context.print({ type: 'warning', text: formatError(toMigrateError(error).report()) }),
      );
    };
    this.#onSignal = ask;
    process.on('SIGUSR1', ask);
    this.#lines = createInterface({ input: process.stdin });
    this.#lines.on('line', (line) => {
      if (line.trim().toLowerCase() === 'c') ask();
    });
  }

  close(): void {
    if (this.#onSignal) process.off('SIGUSR1', this.#onSignal);
    this.#lines?.close();
  }
}
