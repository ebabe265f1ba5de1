import type pg from 'pg';
import { FIRST_NORMAL_OID } from '../../postgres/oids.ts';

const SITUATION = `
SELECT concat_ws(' ',
  (SELECT sum(hashtextextended(concat_ws('/', i.indexrelid, i.indrelid, i.indisvalid), 0))
     FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE c.oid >= ${FIRST_NORMAL_OID} AND c.relpersistence <> 't'),
  (SELECT sum(hashtextextended(concat_ws('/', k.oid, k.xmin), 0))
     FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    WHERE k.oid >= ${FIRST_NORMAL_OID} AND c.relpersistence IS DISTINCT FROM 't'),
  (SELECT sum(hashtextextended(concat_ws('/', g.oid, g.xmin), 0))
     FROM pg_catalog.pg_trigger g WHERE g.oid >= ${FIRST_NORMAL_OID} AND NOT g.tgisinternal),
  (SELECT sum(hashtextextended(concat_ws('/', p.oid, p.xmin), 0))
     FROM pg_catalog.pg_proc p WHERE p.oid >= ${FIRST_NORMAL_OID})) AS situation`;

/**
 * Changes when somebody alters on the target what a cut-over fails by: an index, a constraint, a trigger or a function. Temporary
 * tables, which replay itself makes, do not count.
 */
export async function targetSituation(target: pg.Client): Promise<string> {
  const { rows } = await target.query<{ situation: string }>(SITUATION);
  return rows[0]?.situation ?? '';
}
