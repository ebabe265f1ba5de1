import { EngineClient } from '../engine/process/client.ts';
import { readMigrationFile } from '../engine/process/work-directory.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { bothConnections } from './connections.ts';
import type { CommandContext } from './context.ts';
import { CutoverKeys } from './cutover-keys.ts';
import { ended, follow } from './follow.ts';
import { givenOptions, optionsFrom, optionsOfBegun } from './migration-options.ts';
import { runEngine } from './run-engine.ts';

export type MigrateFlags = Record<string, unknown> & {
  resume?: boolean;
  dropIfExists?: boolean;
  /** True: all that are damaged. */
  resync?: true | string[];
};

/** `migrate`: copy and replay in the foreground, as lines. `c` and Enter, or SIGUSR1, asks for the cut-over. */
export async function migrate(context: CommandContext, flags: MigrateFlags): Promise<number> {
  const { directory } = context;
  const resync = flags.resync === undefined ? null : flags.resync === true ? [] : flags.resync;
  const resume = flags.resume === true || resync !== null;
  if (resume && flags.dropIfExists) {
    const going = resync === null ? '--resume' : '--resync';
    throw new MigrateError('TM1001', {
      side: 'local',
      object: '--drop-if-exists',
      message: `${going} and --drop-if-exists contradict each other`,
      hint: `Go on with ${going}, or start over with --drop-if-exists.`,
    });
  }
  const options = optionsFrom(context, flags);
  const running = await EngineClient.attach(directory);
  if (running && resync) return await askToResync(context, resync, running);
  if (running) return await goOnWith(context, flags, running);
  const kept = resume ? await readMigrationFile(directory) : null;
  const { sourceText, targetText, target } = await bothConnections(context, kept);
  const used = kept
    ? optionsOfBegun(kept.options, givenOptions(context, flags), [
        'tableJobs',
        'indexJobs',
        'cutover',
        'freezeSource',
        'compress',
        'leaveOut',
      ])
    : options;
  using keys = new CutoverKeys(context, { database: target.database, freezeSource: used.freezeSource });
  const failure = await runEngine({
    directory,
    source: sourceText,
    target: targetText,
    options: used,
    resume,
    ...(resync ? { resync } : {}),
    waitForGo: false,
    env: context.env,
    onEvent: context.print,
    onReady: (request) => keys.listen(request),
    signal: context.signal,
  });
  if (failure) throw failure;
  return 0;
}

/** The engine that works here copies the tables again; it goes on by itself. */
async function askToResync(context: CommandContext, tables: string[], client: EngineClient): Promise<number> {
  try {
    await client.request({ action: 'resync', tables });
    const which = tables.length > 0 ? tables.join(', ') : 'the damaged tables';
    const text = `The engine (process ${client.pid}) copies ${which} again, and replays then. Look with status.`;
    context.print({ type: 'log', text });
    return 0;
  } finally {
    client.detach();
  }
}

/** A snapshot is waiting: let it go on, and follow it as if it ran here. Ctrl-C stops the engine. */
async function goOnWith(context: CommandContext, flags: MigrateFlags, client: EngineClient): Promise<number> {
  try {
    if (client.progress.phase !== 'snapshot') {
      throw new MigrateError('TM1301', {
        side: 'local',
        object: context.directory,
        message: `an engine works in this directory already (process ${client.pid}, phase ${client.progress.phase})`,
        hint: 'Attach with tiger-migrate-tui, look with status, cut over with cutover; another --dir is another migration.',
      });
    }
    const kept = await readMigrationFile(context.directory);
    const given = givenOptions(context, flags);
    const used = kept ? optionsOfBegun(kept.options, given, ['cutover', 'freezeSource']) : optionsFrom(context, flags);
    const { cutover, freezeSource } = used;
    using keys = new CutoverKeys(context, { database: client.progress.target_database, freezeSource });
    keys.listen((action) => client.request(action));
    await client.request({ action: 'go', cutover, freezeSource });
    return await follow(client, {
      print: context.print,
      until: (event) => (event.type === 'phase' && event.phase === 'done' ? 0 : undefined),
      signal: context.signal,
    });
  } catch (error) {
    if (!context.signal.aborted) throw error;
    const gone = ended(client);
    await client.request({ action: 'stop' }).catch(() => {});
    // Only then the next command finds the directory free.
    await gone;
    throw new MigrateError('TM9002', {
      side: 'local',
      message: 'the engine was stopped',
      hint: 'Go on with migrate --resume.',
      cause: error,
    });
  } finally {
    client.detach();
  }
}
