import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import { refusesTheShape, SchemaMisfit, TARGET_CHANGED } from '../ddl/misfit.ts';
import type { RowChange } from '../decode/change.ts';
import { tupleFormat } from '../decode/tuple.ts';
import { explain, mayHeal } from '../error-policy.ts';
import { refusesTheRow, TableDamage } from '../sync/damage.ts';
import type { BoundTable } from './bound-table.ts';
import { isRouted } from './chunk-routes.ts';
import { type Folded, fold } from './fold.ts';
import { foldImages } from './fold-images.ts';
import { PipelineError, Pipeliner, type Statement } from './pipelined.ts';
import { SetWise, STAGEABLE_COLUMNS } from './set-wise.ts';
import { describeRow, statementFor } from './source-order.ts';
import { columnToBeCut } from './whole-value.ts';

/** A change with the table that it goes to. */
export interface BoundChange {
  readonly table: BoundTable;
  readonly change: RowChange;
  /** Position of the commit that brought it. */
  readonly commitLsn: Lsn;
}

/** Below so many changes to a table, one statement each in one round trip is faster than staging. */
const SET_WISE_FROM = 32;
/** A statement upon the root of a hypertable is planned for every chunk. */
const SET_WISE_FROM_IN_CHUNKS = 4;
const PIPELINE_WINDOW = 1000;

interface FoldedTable {
  readonly table: BoundTable;
  readonly folded: Folded;
  readonly binary: boolean;
}

/** Applies runs of row changes inside the transaction that the applier holds open on its one connection. */
export class SegmentApplier {
  readonly #client: pg.Client;
  readonly #pipeliner: Pipeliner;
  readonly #setWise: SetWise;

  constructor(client: pg.Client) {
    this.#client = client;
    this.#pipeliner = new Pipeliner(client);
    this.#setWise = new SetWise(client);
  }

  committed(): void {
    this.#setWise.committed();
  }

  /** The table's columns changed: what was prepared for it is not right any more. */
  async forget(table: BoundTable): Promise<void> {
    this.#pipeliner.forgetPrepared();
    await this.#setWise.drop(table.relation.oid);
  }

  /**
   * Applies a run of changes: folded and set-wise where that pays, else as the source did them. When the set-wise way
   * fails (a unique value that moves between rows, a row that is not there), all of the run is applied again in source
   * order; only if *that* fails is it an error: TM5001 when a row was not hit exactly once, TM5002 when the target
   * refused the change. What may heal is thrown as it is.
   */
  async apply(changes: readonly BoundChange[]): Promise<void> {
    const { folded, rest } = this.#plan(changes);
    if (folded.length === 0) {
      await this.#inSourceOrder(changes);
      return;
    }
    const staged = folded.filter(({ folded: rows }) => rows.deletes.length + rows.updates.length > 0);
    await this.#setWise.prepare(staged.map(({ table }) => table));
    await this.#client.query('SAVEPOINT tm_segment');
    try {
      for (const { table, folded: rows, binary } of folded) await this.#setWise.apply(table, rows, binary);
      await this.#inSourceOrder(rest);
    } catch (error) {
      if (mayHeal(error) || (error instanceof MigrateError && mayHeal(error.cause))) throw error;
      await this.#client.query('ROLLBACK TO SAVEPOINT tm_segment');
      this.#setWise.rolledBack();
      await this.#inSourceOrder(changes);
    }
    await this.#client.query('RELEASE SAVEPOINT tm_segment');
  }

  #plan(changes: readonly BoundChange[]): { folded: FoldedTable[]; rest: BoundChange[] } {
    const byTable = new Map<BoundTable, RowChange[]>();
    for (const { table, change } of changes) {
      const own = byTable.get(table);
      if (own) own.push(change);
      else byTable.set(table, [change]);
    }
    const folded: FoldedTable[] = [];
    const inOrder = new Set<BoundTable>();
    for (const [table, own] of byTable) {
      const plan =
        own.length >= (isRouted(table) ? SET_WISE_FROM_IN_CHUNKS : SET_WISE_FROM) ? foldTable(table, own) : null;
      if (plan) folded.push(plan);
      else inOrder.add(table);
    }
    return { folded, rest: folded.length === 0 ? [] : changes.filter(({ table }) => inOrder.has(table)) };
  }

  async #inSourceOrder(changes: readonly BoundChange[]): Promise<void> {
    for (let start = 0; start < changes.length; start += PIPELINE_WINDOW) {
      const window: { of: BoundChange; statement: Statement }[] = [];
      for (const of of changes.slice(start, start + PIPELINE_WINDOW)) {
        if (!tellsItsRow(of)) throw unidentified(of, 'nothing that tells the row');
        const statement = statementFor(of.table, of.change);
        if (statement) window.push({ of, statement });
      }
      const counts = await this.#pipeliner.run(window.map(({ statement }) => statement)).catch((error: unknown) => {
        throw refused(error, window[error instanceof PipelineError ? error.index : 0]?.of);
      });
      const wrong = counts.findIndex((count) => count !== 1);
      const culprit = window[wrong]?.of;
      if (culprit) throw diverged(culprit, counts[wrong] ?? 0);
    }
  }
}

/** Null when the table's changes must be applied one by one. */
function foldTable(table: BoundTable, changes: readonly RowChange[]): FoldedTable | null {
  if (table.columns.length === 0 || table.columns.length > STAGEABLE_COLUMNS) return null;
  const format = commonFormat(changes);
  if (!format) return null;
  // Cast one by one.
  if (format === 'binary' && table.columns.some((column) => column.sentAs !== null)) return null;
  const wholeOld = table.relation.identity === 'full';
  if (table.match.by === 'key') {
    const folded = fold(
      changes,
      table.match.columns.map((column) => column.index),
      wholeOld,
    );
    return folded && { table, folded, binary: format === 'binary' };
  }
  // Where an index leads to the rows, that is better than to go through the whole table, be it only once.
  const byIndex = !wholeOld || table.partitionedBy.length > 0 || table.columns.some((column) => column.indexed);
  if (byIndex && changes.some((change) => change.kind !== 'insert')) return null;
  const columns = table.columns.map((column) => column.index);
  return { table, folded: foldImages(changes, columns), binary: format === 'binary' };
}

function commonFormat(changes: readonly RowChange[]): 'text' | 'binary' | null {
  let format: 'text' | 'binary' | 'none' = 'none';
  for (const change of changes) {
    const tuples =
      change.kind === 'insert' ? [change.tuple] : change.kind === 'delete' ? [change.old] : [change.tuple, change.old];
    for (const tuple of tuples) {
      const own = tuple ? tupleFormat(tuple) : 'none';
      if (own === 'mixed') return null;
      if (own === 'none') continue;
      if (format === 'none') format = own;
      else if (format !== own) return null;
    }
  }
  return format === 'none' ? 'text' : format;
}

/** What to do about a damaged table. */
export const COPY_AGAIN =
  'Nothing of this transaction was applied to this table, nor will be of later ones. Find out what changes the target, ' +
  'then copy the table again: s in the wizard, or migrate --resync.';

/** The table, the row and the commit that a damage is known by. */
const placeOf = ({ table, change, commitLsn }: BoundChange) => ({
  sourceOid: table.relation.oid,
  row: describeRow(table, change),
  lsn: commitLsn,
});

/** An UPDATE or DELETE says by which values its row is known. */
function tellsItsRow({ table, change }: BoundChange): boolean {
  if (change.kind === 'insert') return true;
  if (table.match.by === 'none') return false;
  return change.kind === 'delete' || table.relation.identity !== 'full' || change.old !== null;
}

function unidentified(of: BoundChange, sent: string): MigrateError {
  const { table, change } = of;
  const message = `for this ${change.kind.toUpperCase()} the source sends ${sent}: its replica identity has generated columns, or is none`;
  const hint =
    'Give the table an identity without generated columns on the source: ALTER TABLE … REPLICA IDENTITY USING INDEX …, or FULL. Then copy ' +
    'it again: s in the wizard, or migrate --resync.';
  return new TableDamage('TM5006', { side: 'source', object: table.display, message, hint }, placeOf(of));
}

function diverged(of: BoundChange, hit: number): MigrateError {
  const { table, change } = of;
  if (hit > 1 && table.match.by === 'image' && table.relation.identity !== 'full') {
    return unidentified(of, `${describeRow(table, change)}, which ${hit} rows have`);
  }
  const message = `${change.kind} of the row with ${describeRow(table, change)} hit ${hit} rows instead of one`;
  return new TableDamage('TM5001', { side: 'target', object: table.display, message, hint: COPY_AGAIN }, placeOf(of));
}

/** Throws when the target would cut a value of the row without a word. */
export function requireWholeValues(of: BoundChange): void {
  const column = columnToBeCut(of.table, of.change);
  if (column === null) return;
  const message = `a value of ${quoteIdent(column)} is longer in UTF8 than its type: ${of.change.kind} of the row with ${describeRow(of.table, of.change)}`;
  const hint = `Make the column text on both sides, then copy the table again: s in the wizard, or migrate --resync.`;
  throw new TableDamage('TM5002', { side: 'target', object: of.table.display, message, hint }, placeOf(of));
}

function refused(error: unknown, of: BoundChange | undefined): unknown {
  const cause = error instanceof PipelineError ? error.cause : error;
  if (mayHeal(cause) || !of) return cause;
  const { side, object, message, hint } = explain(cause, {
    code: 'TM5002',
    retryCode: 'TM5003',
    side: 'target',
    object: of.table.display,
    doing: `${of.change.kind} of the row with ${describeRow(of.table, of.change)} was refused`,
    hint: 'Nothing of this transaction was applied. Remove the cause on the target, then run migrate --resume.',
  });
  if (refusesTheShape(cause)) {
    return new SchemaMisfit('TM2003', { object: of.table.display, message, hint: TARGET_CHANGED, cause }, null);
  }
  if (!refusesTheRow(cause)) return new MigrateError('TM5002', { side, object, message, hint, cause });
  return new TableDamage('TM5002', { side, object, message, hint: COPY_AGAIN, cause }, placeOf(of));
}
