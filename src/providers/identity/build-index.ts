import type pg from 'pg';
import { type IndexNow, indexNow } from '../../engine/clean/identity-now.ts';
import { sqlState } from '../../engine/error-policy.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { ApplyOptions } from './apply.ts';
import { formatColumns } from './columns.ts';
import { createIndexSql, dropIndexSql } from './statements.ts';
import type { LackingTable } from './table.ts';

interface UniqueIndex {
  readonly table: LackingTable;
  readonly name: string;
  readonly columns: readonly string[];
  /** What the table has of that name. */
  readonly there: IndexNow | null;
}

/** An index that cannot be used is in nobody's way but ours; dropping it waits for whoever uses the table. */
const DROP_WAIT_MS = 5_000;

const UNIQUE_VIOLATION = '23505';

/**
 * Makes a unique index without blocking writers, or uses one that is there. It waits for old transactions as long as
 * they take: no `lock_timeout`, it would end the build half-done. Whatever ends it early, an index that is not valid is
 * dropped again. https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
 */
export async function buildUniqueIndex(source: pg.Client, index: UniqueIndex, options: ApplyOptions): Promise<void> {
  const { table, name, columns, there } = index;
  if (there?.valid) {
    if (there.unique && there.columns.join('\0') === columns.join('\0')) return;
    throw failure(index, `an index ${name} is there already, but not a unique one on (${formatColumns(columns)})`, {
      hint: 'Drop or rename that index, or choose another identity.',
    });
  }
  if (there !== null) await cancellable(source, dropIndexSql({ schema: table.schema, name }), options);
  try {
    await cancellable(source, createIndexSql(table, name, columns), options);
  } catch (error) {
    const left = await dropLeft(source, index);
    const interrupted = options.signal.aborted;
    if (!interrupted && sqlState(error) !== UNIQUE_VIOLATION) {
      throw failure(index, `the index could not be built: ${messageOf(error)}${left}`, { cause: error });
    }
    throw failure(
      index,
      interrupted
        ? `building the index was stopped; nothing was changed${left}`
        : `its rows are not unique by (${formatColumns(columns)}): ${detailOf(error)} Nothing was changed${left}`,
      {
        cause: error,
        hint: interrupted ? 'Apply again, or choose another identity.' : 'Name other columns (key e), or choose FULL.',
      },
    );
  }
  const built = await indexNow(source, table.oid, name);
  if (built?.valid) return;
  throw failure(index, `the name ${name} belongs to something else: the index could not be made`, {
    hint: 'Rename that, or choose another identity.',
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** `Key (id)=(7) is duplicated.` */
const detailOf = (error: unknown): string =>
  error instanceof Error && 'detail' in error && typeof error.detail === 'string'
    ? error.detail
    : `${messageOf(error)}.`;

const failure = (index: UniqueIndex, message: string, rest: { hint?: string; cause?: unknown }): MigrateError =>
  new MigrateError('TM1216', {
    side: 'source',
    object: displayName(index.table),
    message,
    hint: rest.hint ?? 'Choose another identity, or mend what the server says and apply again.',
    cause: rest.cause,
  });

/** Runs a statement that may take hours, and ends it on the server when the signal aborts. */
async function cancellable(source: pg.Client, sql: string, { signal, cancel }: ApplyOptions): Promise<void> {
  signal.throwIfAborted();
  let cancelled: Promise<void> | null = null;
  const abort = (): void => {
    cancelled = cancel();
    // Should that fail, the statement runs to its end.
    cancelled.catch(() => {});
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await source.query(sql);
  } finally {
    signal.removeEventListener('abort', abort);
    if (cancelled !== null) {
      await Promise.resolve(cancelled).catch(() => {});
      // A cancel that came too late for its statement ends this one.
      await source.query('SELECT 1').catch(() => {});
    }
  }
}

/** Says what is left when the half-built index cannot be dropped at once; empty: nothing. */
async function dropLeft(source: pg.Client, { table, name }: UniqueIndex): Promise<string> {
  const sql = dropIndexSql({ schema: table.schema, name });
  try {
    const left = await indexNow(source, table.oid, name);
    if (left === null || left.valid) return '';
    await source.query(`SET lock_timeout = ${DROP_WAIT_MS}`);
    await source.query(sql);
    return '';
  } catch {
    return `. What is built of it may be left: clean drops it, or: ${sql};`;
  } finally {
    await source.query('SET lock_timeout = 0').catch(() => {});
  }
}
