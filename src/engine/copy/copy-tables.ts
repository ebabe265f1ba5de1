import { setMaxListeners } from 'node:events';
import type pg from 'pg';
import type { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import { refusesTheShape } from '../ddl/misfit.ts';
import { explain, mayHeal, sqlState, untilHealed } from '../error-policy.ts';
import { RUNNING_RULES } from '../error-rules.ts';
import type { Emit } from '../events.ts';
import { remedyOnSource, remedyOnTarget } from '../missing-rights.ts';
import { placeOf, type SourceTable } from '../source/catalog.ts';
import { importSnapshot, isSnapshotLost } from '../source/snapshot.ts';
import { finishPart, finishWhole, isCopied, rowsOfPart, startCopy } from '../sync/table-states.ts';
import { backendOf, endBackend } from '../target/end-backend.ts';
import { makeChunksOfRows } from '../timescale/chunks-of-rows.ts';
import { hasForms, isAsInSnapshot } from './as-in-snapshot.ts';
import { beginWhole } from './begin-whole.ts';
import { CopyProgress } from './copy-progress.ts';
import { type CopyPart, planParts } from './parts.ts';
import { copyStatements, PipeError, pipeCopy } from './pipe.ts';
import { hintOfRefusedRows } from './refused-rows.ts';
import { WholeValues } from './require-whole-values.ts';

export interface CopyOptions {
  readonly connectSource: (application: string) => Promise<pg.Client>;
  readonly connectTarget: (application: string) => Promise<pg.Client>;
  readonly destroy: (client: pg.Client) => void;
  /** Exported, importable for as long as the copy runs. */
  readonly snapshot: string;
  /** The first position that the snapshot does not hold. */
  readonly copyLsn: Lsn;
  readonly tables: readonly SourceTable[];
  /** OIDs of those that are given up, instead of ending it all, when the target refuses them. */
  readonly mayRefuse: ReadonlySet<number>;
  readonly jobs: number;
  readonly splitBytes: number;
  readonly sourceVersionNum: number;
  /** True when the target's table takes this one's rows now, which was altered on the source meanwhile; false when it is as it was. */
  readonly untilFits: (table: SourceTable, cause: unknown) => Promise<boolean>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** A table's rows are all there: its indexes can be built while other tables still copy. */
  readonly onTableCopied: (table: SourceTable) => void;
}

export interface CopyResult {
  /** What must be copied again, in another snapshot: see `isAsInSnapshot`. */
  readonly again: ReadonlySet<SourceTable>;
  /** What the target refused, and why. */
  readonly refused: ReadonlyMap<SourceTable, MigrateError>;
}

const MAXIMUM_PARTS = 10_000;

/** One connection to each side; the source's is in the snapshot. */
interface Worker {
  readonly source: pg.Client;
  readonly target: pg.Client;
}

/** Copies tables in parts, `jobs` at once, all in one snapshot. Each part commits together with its own mark. */
export async function copyTables(options: CopyOptions): Promise<CopyResult> {
  const parts = planParts(options.tables, options.splitBytes, options.sourceVersionNum, MAXIMUM_PARTS);
  const again = new Set<SourceTable>();
  const refused = new Map<SourceTable, MigrateError>();
  const complete = new Set<SourceTable>();
  const progress = new CopyProgress(options.emit);
  const queue = [...parts];
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  setMaxListeners(0, signal);
  const started = new StartedTables({ ...options, signal });
  const values = new WholeValues();

  const work = async (number: number): Promise<void> => {
    let worker: Worker | null = null;
    /** The target's process of the worker before, which may hold locks for as long as the server has not noticed. */
    let left: string | null = null;
    // Whatever it waits for, perhaps a lock.
    const stop = () => {
      if (worker) destroyWorker(options, worker);
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (let part = queue.shift(); part && !signal.aborted; part = queue.shift()) {
        const now = part;
        await untilHealed<void>(
          async () => {
            try {
              worker ??= await openWorker(options, number, left);
              left = backendOf(worker.target);
              await copyPart(options, worker, now, { started, values, again, refused, complete, progress }, signal);
            } catch (error) {
              if (worker) destroyWorker(options, worker);
              worker = null;
              progress.restart(now);
              // Another try finds it no more: what is left is copied in a new one, by way of a resume.
              if (isSnapshotLost(error)) failed.abort(error);
              if (isGone(error)) {
                again.add(now.table);
                return;
              }
              if (mayRefuseTheTable(error) && (await options.untilFits(now.table, error))) {
                queue.unshift(now);
                return;
              }
              const explained = explainCopyError(error, now);
              const refusedByTarget = explained.side === 'target' && !mayHeal(explained);
              if (!refusedByTarget || signal.aborted || !options.mayRefuse.has(now.table.oid)) throw explained;
              refused.set(now.table, explained);
            }
          },
          {
            what: `copying ${displayName(now.table)}`,
            side: 'source',
            emit: options.emit,
            signal,
            rules: RUNNING_RULES,
            remedy: rightsToCopy(options, now.table),
          },
        );
      }
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  };
  const workers = Array.from({ length: Math.min(options.jobs, parts.length) }, (_, number) =>
    work(number).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  const results = await Promise.allSettled(workers);
  options.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return { again, refused };
}

async function openWorker(options: CopyOptions, number: number, left: string | null): Promise<Worker> {
  const source = await options.connectSource(`copy ${number}`);
  let target: pg.Client | null = null;
  try {
    await importSnapshot(source, options.snapshot);
    target = await options.connectTarget(`copy ${number}`);
    if (left !== null) await endBackend(target, left);
    return { source, target };
  } catch (error) {
    options.destroy(source);
    if (target) options.destroy(target);
    throw error;
  }
}

function destroyWorker(options: CopyOptions, worker: Worker): void {
  options.destroy(worker.source);
  options.destroy(worker.target);
}

/** Dropped, renamed or altered on the source since the snapshot: undefined_table, invalid_schema_name, undefined_column. */
const isGone = (error: unknown): boolean =>
  error instanceof PipeError &&
  error.side === 'source' &&
  ['42P01', '3F000', '42703'].includes(sqlState(error.cause) ?? '');

/** The target's table may not be what the source's is by now: it lacks something, or has values of another type (class 22). */
function mayRefuseTheTable(error: unknown): boolean {
  if (error instanceof PipeError && error.side === 'source') return false;
  const cause = error instanceof PipeError ? error.cause : error;
  return refusesTheShape(cause) || /^22/.test(sqlState(cause) ?? '');
}

/** The statements that give back a right on either side, when one is missing. */
function rightsToCopy(options: CopyOptions, table: SourceTable) {
  const { connectSource, connectTarget, destroy } = options;
  const asking =
    (connect: (application: string) => Promise<pg.Client>) =>
    async <T>(ask: (client: pg.Client) => Promise<T>): Promise<T> => {
      const client = await connect('rights');
      return ask(client).finally(() => destroy(client));
    };
  const [onSource, onTarget] = [remedyOnSource(asking(connectSource), table), remedyOnTarget(asking(connectTarget))];
  return async (error: unknown) => (await onSource(error)) ?? (await onTarget(error));
}

/** What another try may get over is told as such, by the rules; the rest is TM3001, for the operator. */
function explainCopyError(error: unknown, part: CopyPart): MigrateError {
  const cause = error instanceof PipeError ? error.cause : error;
  return explain(cause, {
    code: 'TM3001',
    retryCode: 'TM1109',
    side: error instanceof PipeError ? error.side : 'target',
    object: displayName(part.table),
    doing: 'copying failed',
    hint:
      hintOfRefusedRows(cause, part.table) ??
      'Remove the cause, then run migrate --resume: tables that are finished stay, this one is copied again.',
  });
}

interface Shared {
  readonly started: StartedTables;
  readonly values: WholeValues;
  readonly again: Set<SourceTable>;
  readonly refused: Map<SourceTable, MigrateError>;
  /** Those whose last part is there. */
  readonly complete: Set<SourceTable>;
  readonly progress: CopyProgress;
}

async function copyPart(
  options: CopyOptions,
  { source, target }: Worker,
  part: CopyPart,
  { started, values, again, refused, complete, progress }: Shared,
  signal: AbortSignal,
): Promise<void> {
  const { table } = part;
  if (again.has(table) || refused.has(table)) return;
  progress.begin(part);
  const finish = (rows: number, last: boolean) => {
    const first = last && !complete.has(table);
    progress.finish(part, rows, first);
    if (!first) return;
    complete.add(table);
    options.onTableCopied(table);
  };
  // A hypertable gets its chunks before, and what empties it takes them away.
  const whole = part.parts === 1 && !placeOf(table).partitionedBy;
  if (!whole) {
    await started.begin(part);
    // The COMMIT of an earlier try may have arrived although its answer did not.
    const rows = await rowsOfPart(target, table.oid, part.part);
    // Nor has anybody heard then that it was the last.
    if (rows !== null) return finish(rows, await isCopied(target, table.oid));
  }
  if (whole && placeOf(table).throughParent) {
    // As above; a second copy would not replace the first one.
    const rows = await rowsOfPart(target, table.oid, part.part);
    if (rows !== null) return finish(rows, await isCopied(target, table.oid));
  }
  // Neither TimescaleDB's own COPY knows FREEZE, nor that of a partitioned table.
  const freeze = whole && table.kind !== 'chunk' && !placeOf(table).throughParent;
  const statements = copyStatements(part, placeOf(table), freeze);
  // Before it, too: by what comes behind, a chunk may have got the form again that it had not while it was read.
  const readable = await hasForms(source, table);
  await values.require(source, table);
  await Promise.all([
    // The lock on the table goes with the savepoint: else a TRUNCATE or ALTER TABLE would wait there for all of the copy.
    source.query(`SAVEPOINT part; ${beginOperatorsPath(source)}`),
    whole ? beginWhole(target, table, options.copyLsn) : target.query(`BEGIN; ${beginOperatorsPath(target)}`),
  ]);
  const behind = END_OPERATORS_PATH;
  const copied = readable
    ? await pipeCopy(source, target, { ...statements, behind }, (bytes) => progress.add(part, bytes), signal)
    : null;
  const valid = copied !== null && (await isAsInSnapshot(source, table));
  // Released, too: the next of the same name would stand inside it, ten thousand deep in the end.
  await source.query('ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part');
  if (!valid) {
    await target.query('ROLLBACK');
    again.add(table);
    progress.restart(part);
    return;
  }
  if (whole) {
    await target.query(`${END_OPERATORS_PATH}; ${finishWhole(table.oid, copied)}; COMMIT`);
    return finish(copied.rows, true);
  }
  await target.query(END_OPERATORS_PATH);
  const last = await finishPart(target, { sourceOid: table.oid, part: part.part, ...copied });
  await target.query('COMMIT');
  finish(copied.rows, last);
}

/** A table in parts is emptied and marked once, before its first part, in a transaction of its own. */
class StartedTables {
  readonly #options: CopyOptions;
  readonly #started = new Map<number, Promise<void>>();

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  begin(part: CopyPart): Promise<void> {
    const known = this.#started.get(part.table.oid);
    if (known) return known;
    const started = this.#begin(part).catch((error: unknown) => {
      this.#started.delete(part.table.oid);
      throw error;
    });
    this.#started.set(part.table.oid, started);
    return started;
  }

  async #begin(part: CopyPart): Promise<void> {
    const { connectTarget, destroy, signal } = this.#options;
    const client = await connectTarget('copy');
    const stop = () => destroy(client);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const place = placeOf(part.table);
      const start = startCopy(part.table.oid, this.#options.copyLsn, part.parts);
      await client.query(`BEGIN; ${start}; TRUNCATE ${place.partitionedBy ? '' : 'ONLY '}${qualified(place)}; COMMIT`);
      if (place.partitionedBy) await makeChunksOfRows(this.#options, client, part.table);
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }
}
