import pino from 'pino';
import { MigrateError, toMigrateError } from '../../errors/migrate-error.ts';
import { Control } from '../control.ts';
import { outlookOf } from '../cutover/locked.ts';
import { isDiskFull, noRoom } from '../disk-full.ts';
import type { Emit, EngineEvent, EventPayload } from '../events.ts';
import { removeSpool, requireNoOtherSpool } from '../open-spool.ts';
import { continuedProgress, foldProgress, initialProgress, type Progress } from '../progress.ts';
import { Resources } from '../resources.ts';
import { lockWorkDirectory } from './lock.ts';
import { LogFile } from './log-file.ts';
import { logThinning } from './log-thinning.ts';
import type { Action } from './protocol.ts';
import { SocketServer } from './server.ts';
import {
  keepMigrationFile,
  logPath,
  type MigrationFile,
  prepareWorkDirectory,
  readMigrationFile,
  removeLeftPassfiles,
  socketPath,
  writeProgressFile,
} from './work-directory.ts';

export interface HostOptions {
  readonly directory: string;
  readonly file: MigrationFile;
  /** `host:port/database`, for people. */
  readonly source: string;
  readonly target: string;
  readonly targetDatabase: string;
  /** Kept from an engine that ran before in this directory. */
  readonly earlier: Progress | null;
  /** The migration itself. */
  readonly run: (of: { control: Control; emit: Emit; signal: AbortSignal }) => Promise<void>;
  /** What goes on once the migration is done. Says itself what goes wrong: it does not reject. */
  readonly afterwards: (of: { emit: Emit; signal: AbortSignal }) => Promise<void>;
  /** A reader in this same process: the line printer. */
  readonly onEvent: (event: EngineEvent) => void;
  /** Aborts when this process is asked to stop. */
  readonly signal: AbortSignal;
  /** Called once requests can be made, with the way to make them from within. */
  readonly onReady: (request: (action: Action) => Promise<void>) => void;
}

const SAVE_INTERVAL_MS = 1000;

/**
 * Runs a migration in this process as its engine: holds the work directory, answers on its socket, keeps progress and log.
 * Resolves when the migration is done, null then; else with the error it ended with (TM9002 when it was stopped).
 */
export async function hostEngine(options: HostOptions): Promise<MigrateError | null> {
  const { directory } = options;
  await prepareWorkDirectory(directory, true);
  await using stack = new Resources();
  stack.use(await lockWorkDirectory(directory));
  await removeLeftPassfiles(directory);
  await requireNoOtherSpool(directory, options.file);
  const logFile = new LogFile(logPath(directory));
  stack.defer(() => logFile.close());
  // Every event has its time.
  const log = pino({ base: null, timestamp: false }, logFile);
  const worthLogging = logThinning();

  const control = new Control();
  const stopped = new AbortController();
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  let progress = continued(options);
  let server: SocketServer | null = null;
  let unsaved = true;
  /** There is something that can be resumed. */
  let begun = (await readMigrationFile(directory))?.id === options.file.id;
  const emit = (payload: EventPayload) => {
    const event = { ...payload, time: new Date().toISOString() } as EngineEvent;
    // From now on there may be something on the source. An attempt that the checks end leaves the file of the one before.
    if (event.type === 'phase' && event.phase === 'snapshot') keepMigrationFile(directory, options.file);
    begun ||= event.type === 'snapshot';
    progress = foldProgress(progress, event, true);
    unsaved = true;
    if (worthLogging(event)) log.info(event);
    server?.broadcast(event);
    options.onEvent(event);
  };
  const request = (action: Action) => serve(action, { control, progress, stop: () => stopped.abort(STOPPED) });
  server = await SocketServer.listen({ path: socketPath(directory), progress: () => progress, onRequest: request });
  stack.use(server);
  let saved: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    saved = saved.then(async () => {
      if (!unsaved) return;
      unsaved = false;
      // A full disk must not end the migration because of a file that only repeats what the target knows.
      const known = { ...progress, as_of: progress.as_of ?? new Date().toISOString() };
      await writeProgressFile(directory, known).catch(() => {
        unsaved = true;
      });
    });
    return saved;
  };
  const saving = setInterval(() => void save(), SAVE_INTERVAL_MS);
  stack.defer(() => clearInterval(saving));

  let failure: MigrateError | null = null;
  try {
    options.onReady(request);
    if (begun) keepAgain(directory, options.file);
    await options.run({ control, emit, signal });
    await removeSpool(directory);
    // Whatever happens from now on, it is known to be done.
    await save();
    await options.afterwards({ emit, signal });
  } catch (error) {
    failure = signal.aborted ? (begun ? STOPPED : STOPPED_BEFORE) : asMigrateError(error, directory);
    if (signal.aborted) {
      emit({ type: 'log', text: `Stopped on request. ${failure.hint}` });
    } else {
      log.error({ time: new Date().toISOString(), err: error }, 'failed');
    }
    // What is done stays so, whoever asks to go on with it.
    if (!signal.aborted && progress.phase !== 'done') {
      // Should somebody have removed the directory: what can be resumed must be known there.
      if (begun) await rememberMigration(directory, options.file).catch(() => {});
      emit({ type: 'error', error: failure.report() });
      emit({ type: 'phase', phase: 'failed' });
    }
  }
  await save();
  await server.close(signal.aborted ? null : (failure?.report() ?? null));
  return failure;
}

/** The same migration, with the options of this run. Without room for it, what stands there is as good. */
function keepAgain(directory: string, file: MigrationFile): void {
  try {
    keepMigrationFile(directory, file);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

async function rememberMigration(directory: string, file: MigrationFile): Promise<void> {
  await prepareWorkDirectory(directory);
  keepMigrationFile(directory, file);
}

const stoppedWith = (hint: string): MigrateError =>
  new MigrateError('TM9002', { side: 'local', message: 'the engine was stopped', hint });
const STOPPED = stoppedWith('Go on with migrate --resume, or by starting the wizard again.');
const STOPPED_BEFORE = stoppedWith('Nothing had been begun yet.');

const asMigrateError = (error: unknown, directory: string): MigrateError =>
  isDiskFull(error) ? noRoom(directory, error) : toMigrateError(error);

/** The progress to go on from: an earlier engine's of the same migration, without its error. */
function continued(options: HostOptions): Progress {
  const of = {
    migration_id: options.file.id,
    source: options.source,
    target: options.target,
    target_database: options.targetDatabase,
  };
  const { earlier } = options;
  if (!earlier || earlier.migration_id !== options.file.id) return initialProgress(of);
  if (earlier.phase === 'done') return { ...earlier, troubles: [] };
  return continuedProgress(earlier);
}

async function serve(
  action: Action,
  engine: { control: Control; progress: Progress; stop: () => void },
): Promise<void> {
  switch (action.action) {
    case 'go':
      return engine.control.go({
        ...(action.cutover === undefined ? {} : { cutover: action.cutover }),
        ...(action.freezeSource === undefined ? {} : { freezeSource: action.freezeSource }),
      });
    case 'stop':
      return engine.stop();
    case 'cutover': {
      const { progress } = engine;
      if (action.confirm !== progress.target_database) {
        throw new MigrateError('TM6003', {
          side: 'target',
          object: progress.target_database,
          message: `${JSON.stringify(action.confirm)} is not the name of the target database`,
          hint: `Type ${progress.target_database} (--confirm ${progress.target_database}).`,
        });
      }
      const outlook = outlookOf(progress, action);
      // Whoever asks before the conditions were looked at gets the answer when they were.
      const isUnknown = progress.phase === 'replay' && progress.gates.length === 0;
      if (outlook.state === 'refuse' || (outlook.state === 'wait' && !isUnknown)) throw outlook.error;
      return engine.control.requestCutover({ freezeSource: action.freezeSource, override: action.override });
    }
    case 'resync': {
      const { phase } = engine.progress;
      if (phase === 'replay') return engine.control.requestResync(action.tables);
      throw new MigrateError('TM5004', {
        side: 'local',
        message: `a table is copied again only while replay runs, and the migration is in phase ${phase}`,
        hint: 'Ask again once it replays; status shows the phase.',
      });
    }
    case 'carry-over': {
      const { phase } = engine.progress;
      if (phase === 'replay') return engine.control.requestCarryOver(action.changes);
      throw new MigrateError('TM6006', {
        side: 'local',
        message: `definitions are carried over only while replay runs, and the migration is in phase ${phase}`,
        hint: 'Run the statements on the target by hand, or ask again once it replays.',
      });
    }
    default:
      action satisfies never;
  }
}
