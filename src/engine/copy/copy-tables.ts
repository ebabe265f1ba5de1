import { setMaxListeners } from 'node:events';
import type pg from 'pg';
import { displayName, qualified, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import { explain, mayHeal, untilHealed } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import type { SourceTable } from '../source/catalog.ts';
import { beginCopy, finishPart, rowsOfPart } from '../sync/table-states.ts';
import { type CopyPart, planParts } from './parts.ts';
import { copyStatements, PipeError, pipeCopy } from './pipe.ts';

export interface CopyOptions {
  readonly connectSource: (application: string) => Promise<pg.Client>;
  readonly connectTarget: (application: string) => Promise<pg.Client>;
  readonly destroy: (client: pg.Client) => void;
  /** Exported, importable for as long as the copy runs. */
  readonly snapshot: string;
  /** The first position that the snapshot does not hold. */
  readonly copyLsn: Lsn;
  readonly tables: readonly SourceTable[];
  readonly jobs: number;
  readonly splitBytes: number;
  readonly sourceVersionNum: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** A table's rows are all there: its indexes can be built while other tables still copy. */
  readonly onTableCopied: (table: SourceTable) => void;
}

const PROGRESS_INTERVAL_MS = 500;
const MAXIMUM_PARTS = 10_000;
/** Tries for a part that fails while the snapshot lives. */
const PART_TRIES = 5;

/** One connection to each side; the source's is in the snapshot. */
interface Worker {
  readonly source: pg.Client;
  readonly target: pg.Client;
}

/** Copies tables in parts, `jobs` at once, all in one snapshot. Each part commits together with its own mark. */
export async function copyTables(options: CopyOptions): Promise<void> {
  const parts = planParts(options.tables, options.splitBytes, options.sourceVersionNum, MAXIMUM_PARTS);
  const started = new StartedTables(options);
  const progress = new CopyProgress(options.emit);
  const queue = [...parts];
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  setMaxListeners(0, signal);

  const work = async (number: number): Promise<void> => {
    let worker: Worker | null = null;
    try {
      for (let part = queue.shift(); part && !signal.aborted; part = queue.shift()) {
        const now = part;
        let tries = 0;
        await untilHealed<void>(
          async () => {
            worker ??= await openWorker(options, number);
            try {
              await copyPart(options, worker, now, started, progress, signal);
            } catch (error) {
              destroyWorker(options, worker);
              worker = null;
              progress.restart(now);
              tries += 1;
              throw explainCopyError(error, now, tries < PART_TRIES);
            }
          },
          { what: `copying ${displayName(now.table)}`, side: 'source', emit: options.emit, signal },
        );
      }
    } finally {
      if (worker) destroyWorker(options, worker);
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
}

async function openWorker(options: CopyOptions, number: number): Promise<Worker> {
  const source = await options.connectSource(`copy ${number}`);
  try {
    await source.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(options.snapshot)}`,
    );
    return { source, target: await options.connectTarget(`copy ${number}`) };
  } catch (error) {
    options.destroy(source);
    throw error;
  }
}

function destroyWorker(options: CopyOptions, worker: Worker): void {
  options.destroy(worker.source);
  options.destroy(worker.target);
}

/** The server's own error while another try may get over it; ours, for the operator, when not. */
function explainCopyError(error: unknown, part: CopyPart, triesLeft: boolean): unknown {
  const cause = error instanceof PipeError ? error.cause : error;
  if (triesLeft && mayHeal(cause)) return cause;
  return explain(cause, {
    code: 'TM3001',
    retryCode: 'TM3001',
    side: error instanceof PipeError ? error.side : 'target',
    object: displayName(part.table),
    doing: 'copying failed',
    hint: 'Remove the cause, then run migrate --resume: tables that are finished stay, this one is copied again.',
  });
}

async function copyPart(
  options: CopyOptions,
  worker: Worker,
  part: CopyPart,
  started: StartedTables,
  progress: CopyProgress,
  signal: AbortSignal,
): Promise<void> {
  const { table } = part;
  const { target } = worker;
  progress.begin(part);
  const whole = part.parts === 1;
  if (!whole) {
    await started.begin(part);
    // The COMMIT of an earlier try may have arrived although its answer did not.
    const rows = await rowsOfPart(target, table.oid, part.part);
    if (rows !== null) return progress.finish(part, rows, false);
  }
  await target.query('BEGIN');
  if (whole) {
    await beginCopy(target, table.oid, options.copyLsn, 1);
    await target.query(`TRUNCATE ONLY ${qualified(table)}`);
  }
  const statements = copyStatements(part, table, whole);
  const copied = await pipeCopy(worker.source, target, statements, (bytes) => progress.add(part, bytes), signal);
  const last = await finishPart(target, { sourceOid: table.oid, part: part.part, ...copied });
  await target.query('COMMIT');
  progress.finish(part, copied.rows, last);
  if (last) options.onTableCopied(table);
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
    const client = await this.#options.connectTarget('copy');
    try {
      await client.query('BEGIN');
      await beginCopy(client, part.table.oid, this.#options.copyLsn, part.parts);
      await client.query(`TRUNCATE ONLY ${qualified(part.table)}`);
      await client.query('COMMIT');
    } finally {
      this.#options.destroy(client);
    }
  }
}

interface TableProgress {
  bytes: number;
  rows: number;
  /** COPY bytes of each part, those of finished ones too. */
  readonly parts: Map<number, number>;
  finished: number;
  readonly startedMs: number;
  reportedMs: number;
}

/** Turns bytes on the wire into `table` events, not more often than twice a second for a table. */
class CopyProgress {
  readonly #emit: Emit;
  readonly #tables = new Map<number, TableProgress>();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  begin(part: CopyPart): void {
    const now = performance.now();
    let table = this.#tables.get(part.table.oid);
    if (!table) {
      table = { bytes: 0, rows: 0, parts: new Map(), finished: 0, startedMs: now, reportedMs: 0 };
      this.#tables.set(part.table.oid, table);
    }
    table.parts.set(part.part, 0);
    this.#report(part, table, 'copying');
  }

  add(part: CopyPart, bytes: number): void {
    const table = this.#tables.get(part.table.oid);
    if (!table) return;
    table.bytes += bytes;
    table.parts.set(part.part, (table.parts.get(part.part) ?? 0) + bytes);
    if (performance.now() - table.reportedMs > PROGRESS_INTERVAL_MS) this.#report(part, table, 'copying');
  }

  /** What a failed try moved does not count. */
  restart(part: CopyPart): void {
    const table = this.#tables.get(part.table.oid);
    if (!table) return;
    table.bytes -= table.parts.get(part.part) ?? 0;
    table.parts.set(part.part, 0);
  }

  finish(part: CopyPart, rows: number, last: boolean): void {
    const table = this.#tables.get(part.table.oid);
    if (!table) return;
    table.rows += rows;
    table.finished += 1;
    this.#report(part, table, last ? 'copied' : 'copying');
  }

  #report(part: CopyPart, table: TableProgress, state: 'copying' | 'copied'): void {
    table.reportedMs = performance.now();
    // COPY data is smaller than pages with their headers: the estimate stays below the whole until the table is done.
    const estimated = part.table.bytes > 0 ? Math.min(0.99, table.bytes / part.table.bytes) : 0;
    this.#emit({
      type: 'table',
      relation: displayName(part.table),
      state,
      bytes: table.bytes,
      rows: table.rows,
      done: state === 'copied' ? 1 : Math.max(estimated, (table.finished / part.parts) * 0.99),
      ...(state === 'copied' ? { ms: Math.round(table.reportedMs - table.startedMs) } : {}),
    });
  }
}
