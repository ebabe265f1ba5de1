import type pg from 'pg';
import type { SourceTable } from '../source/catalog.ts';

const FILES = `SELECT count(*) = cardinality($1::oid[]) AND bool_and(relfilenode IS NOT DISTINCT FROM pg_relation_filenode(oid)) AS same
  FROM pg_class WHERE oid = ANY ($1::oid[])`;

/**
 * TimescaleDB looks for rows in the forms that a chunk's status names (1, compressed; 8, others, too), the newest one, whatever the
 * snapshot: what was recompressed since is looked for among the compressed rows only, although the snapshot has it beside them.
 */
const FORMS = `SELECT now & 9 = 9 OR now & 9 = $2::int & 9 AS same
  FROM (SELECT CASE WHEN pg_relation_filenode($1::oid) IS NOT NULL THEN _timescaledb_functions.chunk_status($1::oid::regclass) END AS now) s`;

/**
 * Snapshots don't hold for TRUNCATE: a table that was truncated (or rewritten) since looks empty in them, and changes
 * from before would meet no rows. What the catalog holds in the snapshot is compared with what the server uses now,
 * under the lock of the COPY. https://www.postgresql.org/docs/current/mvcc-caveats.html
 */
export async function isAsInSnapshot(source: pg.Client, table: SourceTable): Promise<boolean> {
  // Copied once more at the cut-over, whatever happens until then.
  if (table.kind === 'unlogged') return true;
  const { rows } = await source.query<{ same: string }>(FILES, [
    `{${table.compressedOid === null ? table.oid : `${table.oid},${table.compressedOid}`}}`,
  ]);
  return rows[0]?.same === 't' && (await hasForms(source, table));
}

/** Whether a SELECT finds a chunk's rows in the forms that they have in the snapshot; true of all other tables. */
export async function hasForms(source: pg.Client, { oid, chunkStatus }: SourceTable): Promise<boolean> {
  if (chunkStatus === null) return true;
  const { rows } = await source.query<{ same: string }>(FORMS, [String(oid), String(chunkStatus)]);
  return rows[0]?.same === 't';
}
