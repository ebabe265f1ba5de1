import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import { HAS_IDENTITY } from './identity-index.ts';

/**
 * The server refuses every UPDATE and DELETE of a table that is published for them and has lost its replica identity. That would be
 * our doing: so such a table goes to the publication for inserts, and is copied again later.
 * https://www.postgresql.org/docs/current/logical-replication-publication.html
 */

/** `LACKING` gives the entries of the publication $1 by which some table without identity is published for UPDATE and DELETE. */
const LACKING = `
WITH entry AS MATERIALIZED (
  SELECT r.prrelid AS oid, c.relkind, n.nspname, c.relname, c.relispartition FROM pg_publication_rel r
    JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE p.pubname = $1
), member AS (
  SELECT e.oid AS entry, e.oid FROM entry e WHERE e.relkind = 'r'
  UNION ALL
  SELECT e.oid, t.relid::oid FROM entry e CROSS JOIN LATERAL pg_partition_tree(e.oid) t WHERE e.relkind = 'p' AND t.isleaf
)
SELECT e.oid::text AS oid, e.nspname AS schema, e.relname AS name, e.relkind = 'p' AS partitioned, EXISTS (
         SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_partition_ancestors(e.oid) a ON a.relid = r.prrelid
          WHERE p.pubname = $2) AS "insertsToo"
  FROM entry e WHERE e.oid IN (SELECT m.entry FROM member m JOIN pg_class c ON c.oid = m.oid
   WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND NOT ${HAS_IDENTITY})`;

/** A look must not wait: the next one comes. Below `deadlock_timeout`. */
const LOCK_TIMEOUT_MS = 300;
/** lock_not_available, deadlock_detected; undefined_table, invalid_schema_name, undefined_object: dropped meanwhile. */
const LATER = new Set(['55P03', '40P01', '42P01', '3F000', '42704']);

/** Tables that are published for inserts only from now on: their names. Those that are locked wait for the next look. */
export async function guardApplication(source: pg.Client, publications: readonly string[]): Promise<string[]> {
  const [all, inserts] = publications;
  if (all === undefined || inserts === undefined) return [];
  const { rows } = await source.query<Record<string, string>>(LACKING, [all, inserts]);
  const moved: string[] = [];
  for (const { schema = '', name = '', partitioned, insertsToo } of rows) {
    const only = `TABLE ${partitioned === 't' ? '' : 'ONLY '}${qualified({ schema, name })}`;
    const add = insertsToo === 't' ? '' : `; ALTER PUBLICATION ${quoteIdent(inserts)} ADD ${only}`;
    try {
      await source.query(
        `BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; ALTER PUBLICATION ${quoteIdent(all)} DROP ${only}${add}; COMMIT`,
      );
      moved.push(displayName({ schema, name }));
    } catch (error) {
      await source.query('ROLLBACK');
      if (!LATER.has(sqlState(error) ?? '')) throw error;
    }
  }
  return moved;
}

/** Of the tables with these OIDs those of which no UPDATE and DELETE can be published. */
export async function withoutIdentity(source: pg.Client, oids: readonly number[]): Promise<Set<number>> {
  const { rows } = await source.query<{ oid: string }>(
    `SELECT c.oid::int8 AS oid FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'r' AND NOT ${HAS_IDENTITY}`,
    [`{${oids.join(',')}}`],
  );
  return new Set(rows.map(({ oid }) => Number(oid)));
}
