import { displayName } from '../../postgres/identifiers.ts';
import type { Emit } from '../events.ts';
import type { CopyPart } from './parts.ts';

const PROGRESS_INTERVAL_MS = 500;

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
export class CopyProgress {
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
