import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import { HAS_IDENTITY } from './identity-index.ts';

/**
 * The server refuses every UPDATE and DELETE of a table that is published for them and has lost its replica identity. That would be
 * our doing: so such a table goes to the publication for inserts, and is copied again later.
 * https://www.postgresql.org/docs/current/logical-replication-publication.html
 */

/**
 * Entries of the publication $1 by which some table without identity is published for UPDATE and DELETE. What an identity is stands in
 * `HAS_IDENTITY`; here it is written for all tables at once, which takes a tenth of the time with 10,000 of them.
 */
const LACKING = `
WITH generated AS MATERIALIZED (
  SELECT attrelid, attnum, attgenerated FROM pg_attribute WHERE attrelid >= 16384 AND attgenerated <> '' AND NOT attisdropped
), usable AS MATERIALIZED (
  SELECT i.indrelid, i.indisprimary, i.indisreplident FROM pg_index i
   WHERE (i.indisprimary OR i.indisreplident) AND i.indisvalid AND i.indimmediate AND i.indrelid >= 16384 AND (i.indrelid NOT IN (SELECT attrelid FROM generated)
     OR NOT EXISTS (SELECT FROM generated g WHERE g.attrelid = i.indrelid AND g.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])))
), lacking AS MATERIALIZED (
  SELECT c.oid, c.relispartition FROM pg_class c WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384 AND CASE c.relreplident
     WHEN 'f' THEN c.oid IN (SELECT attrelid FROM generated WHERE attgenerated = 'v')
     WHEN 'd' THEN c.oid NOT IN (SELECT indrelid FROM usable WHERE indisprimary)
     WHEN 'i' THEN c.oid NOT IN (SELECT indrelid FROM usable WHERE indisreplident) ELSE true END
), published AS (
  SELECT l.oid FROM lacking l WHERE NOT l.relispartition
  UNION
  SELECT a.relid FROM lacking l CROSS JOIN LATERAL pg_partition_ancestors(l.oid) a WHERE l.relispartition
), entry AS (
  SELECT r.prrelid AS oid, p.pubname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname IN ($1, $2)
)
SELECT c.oid::text AS oid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned, EXISTS (SELECT FROM entry i
         WHERE i.pubname = $2 AND i.oid IN (SELECT c.oid UNION ALL SELECT a.relid FROM pg_partition_ancestors(c.oid) a)) AS "insertsToo"
  FROM published l JOIN entry e ON e.oid = l.oid AND e.pubname = $1 JOIN pg_class c ON c.oid = l.oid JOIN pg_namespace n ON n.oid = c.relnamespace`;

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
