import type pg from 'pg';
import { ofTimescaleDb } from '../../engine/source/belongs.ts';

const MOST_PER_EXTENSION = 50;

/**
 * What stands on extensions of the database: columns, indexes, functions … as PostgreSQL describes them, by the
 * extension's name. What a function's text calls is not known to PostgreSQL.
 * https://www.postgresql.org/docs/current/catalog-pg-depend.html
 */
export async function whatUses(
  client: pg.Client,
  extensions: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await client.query<{ name: string; users: string }>(
    `SELECT e.extname AS name, (array_to_json(array_agg(DISTINCT u.object)))::text AS users
     FROM pg_extension e CROSS JOIN LATERAL (
       SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS object
       FROM pg_depend m JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
       WHERE m.refclassid = 'pg_catalog.pg_extension'::regclass AND m.refobjid = e.oid AND m.deptype = 'e'
         AND d.deptype IN ('n', 'a') AND d.classid NOT IN ('pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass)
         -- The extension's own, and what is part of that, as the rule of a view.
         AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = d.classid AND o.objid = d.objid AND (o.deptype = 'e'
           OR (o.deptype IN ('i', 'a') AND EXISTS (SELECT FROM pg_depend w
             WHERE w.classid = o.refclassid AND w.objid = o.refobjid AND w.deptype = 'e'))))
         -- The inner tables of TimescaleDB come and go with the operator's own.
         AND NOT (d.classid = 'pg_catalog.pg_class'::regclass
           AND d.objid IN (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${ofTimescaleDb('n')}))
       LIMIT ${MOST_PER_EXTENSION}) u
     WHERE e.extname = ANY ($1) GROUP BY e.extname`,
    [extensions],
  );
  return new Map(rows.map(({ name, users }) => [name, JSON.parse(users) as string[]]));
}
