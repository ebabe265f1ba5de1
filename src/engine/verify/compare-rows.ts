import type pg from 'pg';
import { qualified } from '../../postgres/identifiers.ts';
import { queryAsOperator } from '../../postgres/search-path.ts';
import { sqlState } from '../error-policy.ts';
import type { SourceTable } from '../source/catalog.ts';
import type { RowHash } from './row-hash.ts';

export interface RowSum {
  readonly rows: string;
  /** Sum of the 64-bit hashes of all rows in text form: the same for the same rows in any order. */
  readonly hash: string;
}

type Compared = { readonly schema: string; readonly name: string; readonly kind: SourceTable['kind'] };

/** What a chunk has compressed, the chunks of a hypertable, and partitions, are not the table's own rows. */
const withChildren = ({ kind }: Compared): boolean =>
  kind === 'chunk' || kind === 'hypertable' || kind === 'partitioned';

/**
 * Counts and hashes the rows of one table, its children not included, but the chunks of a hypertable and what those have compressed. Both sides run with the same session settings, so
 * that a value has one text form. https://www.postgresql.org/docs/current/functions-comparisons.html
 */
export async function sumRows(client: pg.Client, table: Compared, hash: RowHash): Promise<RowSum> {
  if (hash.hasNames) await client.query('SET quote_all_identifiers = on');
  // To plan it, the server looks into the functions of the table's indexes.
  const { rows } = await queryAsOperator<{ rows: string; hash: string }>(
    client,
    `SELECT pg_catalog.count(*) AS rows, coalesce(pg_catalog.sum(${hash.sql}::pg_catalog."numeric"), 0) AS hash
       FROM ${withChildren(table) ? '' : 'ONLY '}${qualified(table)} t`,
  ).finally(() => (hash.hasNames ? client.query('SET quote_all_identifiers = off').catch(() => {}) : undefined));
  return { rows: rows[0]?.rows ?? '0', hash: rows[0]?.hash ?? '0' };
}

const INSUFFICIENT_PRIVILEGE = '42501';
const LOCK_TIMEOUT_MS = 5000;

/**
 * The same for a table of the target that forces its policies on its owner, too: the owner may look at all rows in a
 * transaction in which it does not, and which is rolled back. It holds an ACCESS EXCLUSIVE lock on the table meanwhile.
 * https://www.postgresql.org/docs/current/ddl-rowsecurity.html
 */
export async function sumRowsOfOwner(client: pg.Client, table: Compared, hash: RowHash): Promise<RowSum> {
  try {
    return await sumRows(client, table, hash);
  } catch (error) {
    if (sqlState(error) !== INSUFFICIENT_PRIVILEGE || !(await forcesPolicies(client, table))) throw error;
  }
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query(
      `ALTER TABLE ${withChildren(table) ? '' : 'ONLY '}${qualified(table)} NO FORCE ROW LEVEL SECURITY`,
    );
    return await sumRows(client, table, hash);
  } finally {
    await client.query('ROLLBACK');
  }
}

async function forcesPolicies(client: pg.Client, table: { schema: string; name: string }): Promise<boolean> {
  const { rows } = await client.query<{ forced: string }>(
    'SELECT relrowsecurity AND relforcerowsecurity AS forced FROM pg_class WHERE oid = to_regclass($1)',
    [qualified(table)],
  );
  return rows[0]?.forced === 't';
}
