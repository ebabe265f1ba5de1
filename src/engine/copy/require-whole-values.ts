import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { queryAsOperator } from '../../postgres/search-path.ts';
import type { SourceTable } from '../source/catalog.ts';
import { type LimitedColumn, readLimitedColumns } from '../source/limited-columns.ts';
import { PipeError } from './pipe.ts';

/** Sees to it that the copy cuts no value: the target says nothing when it does. Once for each table, in the copy's snapshot. */
export class WholeValues {
  #columns: Promise<readonly LimitedColumn[]> | null = null;
  readonly #looked = new Map<number, Promise<void>>();

  /** Rejects with TM3001 when a value is longer in UTF8 than its type; with `PipeError` when the source does not answer. */
  async require(source: pg.Client, table: SourceTable): Promise<void> {
    this.#columns ??= readLimitedColumns(source).catch((error: unknown) => {
      this.#columns = null;
      throw error;
    });
    const columns = (await this.#columns).filter(({ relation }) => Number(relation) === table.oid);
    if (columns.length === 0) return;
    const looked = this.#looked.get(table.oid) ?? look(source, table, columns);
    this.#looked.set(table.oid, looked);
    await looked.catch((error: unknown) => {
      this.#looked.delete(table.oid);
      throw error;
    });
  }
}

async function look(source: pg.Client, table: SourceTable, columns: readonly LimitedColumn[]): Promise<void> {
  const found = columns.map(({ tooLong }, index) => `pg_catalog.bool_or(${tooLong}) AS c${index}`);
  const query = `SELECT ${found.join(', ')} FROM ONLY ${qualified(table)} t`;
  const rows = await inSavepoint(source, query).catch((error: unknown) => {
    throw new PipeError('source', error);
  });
  const long = columns.filter((_, index) => rows[0]?.[`c${index}`] === 't');
  if (long.length === 0) return;
  throw new MigrateError('TM3001', {
    side: 'source',
    object: displayName(table),
    message: `values are longer in UTF8 than their type: ${long.map(({ column }) => quoteIdent(column)).join(', ')}`,
    hint: 'Make these columns text on the source, or change the values, and begin again: the target would cut them.',
  });
}

/** The lock on the table goes with the savepoint, so that no ALTER TABLE waits for the whole copy. */
async function inSavepoint(source: pg.Client, query: string): Promise<Record<string, string>[]> {
  await source.query('SAVEPOINT tm_values');
  // To plan it, the server looks into the functions of the table's indexes.
  const { rows } = await queryAsOperator<Record<string, string>>(source, query);
  await source.query('ROLLBACK TO SAVEPOINT tm_values; RELEASE SAVEPOINT tm_values');
  return rows;
}
