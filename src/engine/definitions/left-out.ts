import type pg from 'pg';
import { qualified } from '../../postgres/identifiers.ts';
import { matchesAny } from '../../postgres/patterns.ts';
import { hasExclusions } from '../engine.ts';
import type { MigrationOptions } from '../options.ts';
import type { LeftOutObject } from '../schema/leave-out.ts';
import { readSequencesOf, readTables, selection } from '../source/catalog.ts';
import type { Entries, Entry } from './entry.ts';

/**
 * What depends on the objects of `$1` ("catalog:oid"), and on what depends on those. The rule of a view is the view. The index of a
 * partitioned table and those of its partitions are left out together.
 */
const DEPENDENTS = `
WITH RECURSIVE gone(classid, objid) AS (
  SELECT split_part(o, ':', 1)::regclass::oid, split_part(o, ':', 2)::oid FROM unnest($1::text[]) o
  UNION
  SELECT y.classid, y.objid FROM gone g CROSS JOIN LATERAL (
    SELECT x.classid, x.objid FROM pg_depend d CROSS JOIN LATERAL (
        SELECT d.classid, d.objid WHERE d.classid NOT IN ('pg_rewrite'::regclass, 'pg_attrdef'::regclass)
        UNION ALL SELECT 'pg_rewrite'::regclass, d.objid WHERE d.classid = 'pg_rewrite'::regclass
        UNION ALL SELECT 'pg_class'::regclass, r.ev_class FROM pg_rewrite r
           WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN') x
      WHERE d.refclassid = g.classid AND d.refobjid = g.objid AND d.deptype IN ('n', 'a', 'i', 'P', 'S')
    UNION ALL
    SELECT 'pg_class'::regclass, h.inhparent FROM pg_inherits h JOIN pg_class i ON i.oid = h.inhparent AND i.relkind = 'I'
     WHERE g.classid = 'pg_class'::regclass AND h.inhrelid = g.objid) y)
SELECT c.relname || ':' || g.objid AS object FROM gone g JOIN pg_class c ON c.oid = g.classid`;

/**
 * Which objects of the source the options have left out, with all that can not be there without them. Their definitions are
 * not compared. `onRequest`: those that `--leave-out` names.
 */
export async function readLeftOut(
  source: pg.Client,
  entries: Entries,
  options: MigrationOptions,
  onRequest: readonly LeftOutObject[],
): Promise<(entry: Entry) => boolean> {
  const { skipExtensions, skipIndex, excludeSchema } = options;
  const skipped = (entry: Entry): boolean =>
    entry.kind === 'extension' && (skipExtensions === 'all' || skipExtensions.includes(entry.name[0] ?? ''));
  const extensions = skipExtensions === 'all' || skipExtensions.length > 0;
  if (!hasExclusions(options) && skipIndex.length === 0 && !extensions && onRequest.length === 0) return skipped;
  const named = await objectsOf(source, onRequest);
  const excluded = (await readTables(source)).filter((table) => selection(table, options) === 'excluded');
  const names = new Set([...excluded, ...(await readSequencesOf(source, excluded))].map(qualified));
  const first = [...entries.values()].filter(
    (entry) =>
      skipped(entry) ||
      named.has(objectOf(entry)) ||
      (entry.catalog === 'pg_class' &&
        names.has(qualified({ schema: entry.name[0] ?? '', name: entry.name[1] ?? '' }))) ||
      (entry.kind === 'schema' && excludeSchema.includes(entry.name[0] ?? '')) ||
      (isIndex(entry) && matchesAny(skipIndex, { schema: '', name: entry.name.at(-1) ?? '' })),
  );
  const { rows } = await source.query<{ object: string }>(DEPENDENTS, [first.map(objectOf)]);
  const all = new Set([...first.map(objectOf), ...rows.map(({ object }) => object)]);
  return (entry) => all.has(objectOf(entry));
}

/** As `objectOf` spells them. The OIDs of catalogs are the same on all servers. */
async function objectsOf(client: pg.Client, objects: readonly LeftOutObject[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ object: string }>(
    `SELECT c.relname || ':' || o.oid AS object FROM json_to_recordset($1::json) AS o("classOid" oid, oid oid)
       JOIN pg_class c ON c.oid = o."classOid"`,
    [JSON.stringify(objects.map(({ classOid, oid }) => ({ classOid, oid })))],
  );
  return new Set(rows.map(({ object }) => object));
}

const objectOf = ({ catalog, oid }: Entry): string => `${catalog}:${oid}`;

/** Also the constraint that an index is made for. */
const isIndex = ({ kind, fields }: Entry): boolean =>
  kind === 'index' || (kind === 'constraint' && ['p', 'u', 'x'].includes(fields.type ?? ''));
