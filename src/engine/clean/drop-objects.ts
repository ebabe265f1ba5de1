import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { SYSTEM_SCHEMAS } from '../source/belongs.ts';

const NOT_OF_EXTENSION = (catalog: string) =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = o.oid AND d.deptype = 'e')`;

/** The objects that can be dropped by name, with the statement that drops each. Partitions go with their parents. */
const DROPPABLE = `
SELECT CASE o.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
         WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind, format('%I.%I', n.nspname, o.relname) AS name,
       CASE o.relkind WHEN 'v' THEN 1 WHEN 'm' THEN 1 WHEN 'S' THEN 3 ELSE 2 END AS place
  FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
 WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND o.relpersistence <> 't' AND NOT ${SYSTEM_SCHEMAS}
   AND ${NOT_OF_EXTENSION('pg_class')}
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE o.relkind = 'S' AND d.classid = 'pg_class'::regclass
                    AND d.objid = o.oid AND d.deptype IN ('a', 'i'))
UNION ALL
SELECT CASE o.prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
       format('%I.%I(%s)', n.nspname, o.proname, pg_get_function_identity_arguments(o.oid)), 5
  FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace
 WHERE NOT ${SYSTEM_SCHEMAS} AND ${NOT_OF_EXTENSION('pg_proc')}
UNION ALL
SELECT CASE o.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, format('%I.%I', n.nspname, o.typname), 6
  FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace
 WHERE (o.typtype IN ('d', 'e', 'r') OR (o.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = o.typrelid
          AND c.relkind = 'c'))) AND NOT ${SYSTEM_SCHEMAS} AND ${NOT_OF_EXTENSION('pg_type')}
 ORDER BY place, kind, name`;

interface Droppable {
  readonly kind: string;
  readonly name: string;
}

const readDroppable = async (client: pg.Client): Promise<Droppable[]> =>
  (await client.query<Droppable>(DROPPABLE)).rows;
const describe = ({ kind, name }: Droppable): string => `${kind} ${name}`;

/**
 * Drops from the target what the source has too, by kind and name: what an earlier attempt created. What only the target
 * has stays; when it stands on something that would have to go, nothing is dropped and TM1203 names it. One transaction.
 */
export async function dropObjects(source: pg.Client, target: pg.Client): Promise<number> {
  const onSource = new Set((await readDroppable(source)).map(describe));
  const onTarget = await readDroppable(target);
  const both = onTarget.filter((object) => onSource.has(describe(object)));
  const onlyTarget = onTarget.map(describe).filter((object) => !onSource.has(object));
  await target.query('BEGIN');
  try {
    // CASCADE, for foreign keys and views among themselves; what is the target's own must survive it.
    for (const { kind, name } of both) await target.query(`DROP ${kind} IF EXISTS ${name} CASCADE`);
    const left = new Set((await readDroppable(target)).map(describe));
    const hit = onlyTarget.filter((object) => !left.has(object));
    if (hit.length > 0) {
      throw new MigrateError('TM1203', {
        side: 'target',
        object: hit[0],
        message: `objects that only the target has stand on those that would be dropped: ${hit.slice(0, 5).join(', ')}`,
        hint: 'Drop or move them yourself, or migrate into another database.',
      });
    }
    await target.query('COMMIT');
    return both.length;
  } catch (error) {
    await target.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
