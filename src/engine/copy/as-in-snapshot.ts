import type pg from 'pg';
import type { SourceTable } from '../source/catalog.ts';

/**
 * Snapshots don't hold for TRUNCATE: a table that was truncated (or rewritten) since looks empty in them, and changes
 * from before would meet no rows. What the catalog holds in the snapshot is compared with what the server uses now,
 * under the lock of the COPY. https://www.postgresql.org/docs/current/mvcc-caveats.html
 */
export async function isAsInSnapshot(source: pg.Client, table: SourceTable): Promise<boolean> {
  // Copied once more at the cut-over, whatever happens until then.
  if (table.kind === 'unlogged') return true;
  const { rows } = await source.query<{ same: string }>(
    `SELECT count(*) = cardinality($1::oid[]) AND bool_and(relfilenode IS NOT DISTINCT FROM pg_relation_filenode(oid)) AS same
       FROM pg_class WHERE oid = ANY ($1::oid[])`,
    [`{${table.compressedOid === null ? table.oid : `${table.oid},${table.compressedOid}`}}`],
  );
  return rows[0]?.same === 't';
}
