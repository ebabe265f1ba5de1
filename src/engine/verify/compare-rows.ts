import type pg from 'pg';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';

export interface RowSum {
  readonly rows: string;
  /** Sum of the 64-bit hashes of all rows in text form: the same for the same rows in any order. */
  readonly hash: string;
}

/**
 * Counts and hashes the rows of one table, its children not included. Both sides run with the same session settings, so
 * that a value has one text form. https://www.postgresql.org/docs/current/functions-comparisons.html
 */
export async function sumRows(
  client: pg.Client,
  table: { schema: string; name: string },
  columns: readonly string[],
): Promise<RowSum> {
  const row =
    columns.length === 0 ? `''` : `ROW(${columns.map((column) => `t.${quoteIdent(column)}`).join(', ')})::text`;
  const { rows } = await client.query<{ rows: string; hash: string }>(
    `SELECT count(*) AS rows, coalesce(sum(hashtextextended((${row}) COLLATE "C", 0)::numeric), 0) AS hash
       FROM ONLY ${qualified(table)} t`,
  );
  return { rows: rows[0]?.rows ?? '0', hash: rows[0]?.hash ?? '0' };
}
