import type pg from 'pg';
import { ofTimescaleDb, SYSTEM_SCHEMAS } from '../source/belongs.ts';
import { readRoots } from '../timescale/source-hypertables.ts';
import type { PartitionColumns } from '../timescale/target-hypertables.ts';

const NOT_OF_EXTENSION = (catalog: string) =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = o.oid AND d.deptype = 'e')`;

/** A chunk is called otherwise on either side, and so is what stands on it. $1: OIDs of hypertables. */
const NOT_OF_CHUNK = (relation: string) =>
  `NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = ${relation} AND h.inhparent = ANY ($1::oid[]))`;

/**
 * One line an object: what it is, whose it is, and its definition, where that has the same text on every version. Since 17
 * a partition shows its parent's identity columns as its own; since 18 each NOT NULL is a constraint, too. TimescaleDB before 2.23 has triggers of its own on hypertables.
 */
const OBJECTS = `
SELECT 'column' AS kind, format('%I.%I.%I', n.nspname, o.relname, a.attname) AS name,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
         CASE WHEN NOT o.relispartition THEN nullif(a.attidentity, '') END) AS definition
  FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace JOIN pg_attribute a ON a.attrelid = o.oid
 WHERE o.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND NOT ${SYSTEM_SCHEMAS}
   AND ${NOT_OF_EXTENSION('pg_class')} AND ${NOT_OF_CHUNK('o.oid')}
UNION ALL
SELECT CASE o.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index'
         WHEN 'I' THEN 'index' ELSE 'table' END, format('%I.%I', n.nspname, o.relname), ''
  FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
 WHERE o.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'i', 'I') AND o.relpersistence <> 't' AND NOT ${SYSTEM_SCHEMAS}
   AND ${NOT_OF_EXTENSION('pg_class')} AND ${NOT_OF_CHUNK('coalesce((SELECT x.indrelid FROM pg_index x WHERE x.indexrelid = o.oid), o.oid)')}
UNION ALL
SELECT 'constraint', format('%s.%I', o.conrelid::regclass, o.conname), CASE WHEN o.convalidated THEN '' ELSE 'NOT VALID' END
  FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
 WHERE o.conrelid <> 0 AND o.contype <> 'n' AND (o.contype <> 'f' OR o.conparentid = 0) AND NOT ${SYSTEM_SCHEMAS}
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = o.conrelid AND d.deptype = 'e')
   AND ${NOT_OF_CHUNK('o.conrelid')}
UNION ALL
SELECT 'trigger', format('%s.%I', o.tgrelid::regclass, o.tgname), o.tgenabled::text
  FROM pg_trigger o JOIN pg_class c ON c.oid = o.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_proc f ON f.oid = o.tgfoid JOIN pg_namespace fn ON fn.oid = f.pronamespace
 WHERE NOT o.tgisinternal AND NOT ${SYSTEM_SCHEMAS} AND NOT ${ofTimescaleDb('fn')} AND ${NOT_OF_CHUNK('o.tgrelid')}
UNION ALL
SELECT 'function', o.oid::regprocedure::text, '' FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace
 WHERE NOT ${SYSTEM_SCHEMAS} AND ${NOT_OF_EXTENSION('pg_proc')}
UNION ALL
SELECT 'policy', format('%s.%I', o.polrelid::regclass, o.polname), '' FROM pg_policy o
  JOIN pg_class c ON c.oid = o.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT ${SYSTEM_SCHEMAS}
UNION ALL
SELECT 'type', format_type(o.oid, NULL), '' FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace
 WHERE o.typtype IN ('e', 'd', 'r') AND NOT ${SYSTEM_SCHEMAS} AND ${NOT_OF_EXTENSION('pg_type')}`;

interface CompareOptions {
  readonly leftOut: (kind: string, name: string) => boolean;
  /** By which columns each hypertable of the target is partitioned. */
  readonly hypertables: PartitionColumns;
}

/** What the source has and the target lacks, or has otherwise, as sentences. */
export async function compareObjects(
  source: pg.Client,
  target: pg.Client,
  { leftOut, hypertables }: CompareOptions,
): Promise<string[]> {
  const read = async (client: pg.Client) => {
    const roots = await readRoots(client);
    const { rows } = await client.query<{ kind: string; name: string; definition: string }>(OBJECTS, [
      `{${[...roots].join(',')}}`,
    ]);
    return new Map(rows.map((row) => [`${row.kind} ${row.name}`, row]));
  };
  const [there, here] = [await read(source), await read(target)];
  // TimescaleDB makes it so: what decides in which chunk a row stands is never NULL.
  const notNull = new Set([...hypertables.values()].flatMap(({ time }) => `column ${time}`));
  const differences: string[] = [];
  for (const [key, object] of there) {
    if (leftOut(object.kind, object.name)) continue;
    const own = here.get(key);
    if (!own) differences.push(`${key} is missing on the target`);
    else if (notNull.has(key) && own.definition === `${object.definition} NOT NULL`) continue;
    else if (own.definition !== object.definition) {
      differences.push(`${key} is "${own.definition}" on the target, "${object.definition}" on the source`);
    }
  }
  return differences.sort();
}
