import type pg from 'pg';
import { displayIdent, displayName } from '../../postgres/identifiers.ts';
import type { MigrationOptions } from '../options.ts';
import type { ArchiveEntry } from '../schema/archive.ts';
import type { SourceSchema } from '../schema/dump.ts';
import { type HypertableOption, partitionColumns } from './hypertable-option.ts';
import { takesForeignKeys } from './target-hypertables.ts';

/** What a plain table has and a hypertable can not have. */
export interface IncompatibleObject {
  readonly schema: string;
  readonly table: string;
  readonly kind:
    | 'unique index'
    | 'primary key'
    | 'unique constraint'
    | 'exclusion constraint'
    | 'foreign key'
    | 'check'
    | 'rule'
    | 'trigger';
  readonly name: string;
  /** Of an index: its columns; of a foreign key: those that it refers to. */
  readonly columns: readonly string[];
  /** The table that a foreign key is on, as SQL. */
  readonly referring: string | null;
  /** What pg_dump knows it by. */
  readonly classOid: number;
  readonly oid: number;
  /** A unique index on its columns and those that it lacks is there: on the target the rows are unique by these. */
  readonly widened: boolean;
  /** Its index says which row an UPDATE or DELETE of the source means. */
  readonly identifies: boolean;
}

/**
 * Unique, primary and exclusion indexes without every partition column, or over an expression; foreign keys from one hypertable to another;
 * checks that are not inherited; rules; row triggers with transition tables.
 * https://docs.tigerdata.com/use-timescale/latest/hypertables/hypertables-and-unique-indexes/
 */
const INCOMPATIBLE = `
WITH wanted AS (
  SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relreplident AS identity, w.columns
    FROM json_to_recordset($1::json) w(schema text, name text, columns json)
    JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
)
SELECT w.schema, w.name AS table, CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisexclusion THEN 'exclusion constraint'
         WHEN k.oid IS NULL THEN 'unique index' ELSE 'unique constraint' END AS kind, x.relname AS object,
       coalesce(covered.columns, '[]') AS columns, NULL AS referring, coalesce('pg_constraint'::regclass::oid, 0)::int8 AS constraint_class,
       k.oid::int8 AS constraint_oid, 'pg_class'::regclass::oid::int8 AS class, x.oid::int8 AS oid,
       CASE w.identity WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END AS identifies,
       EXISTS (SELECT FROM pg_index u WHERE u.indrelid = w.oid AND u.indisunique AND u.indisvalid AND u.indpred IS NULL AND u.indexprs IS NULL
          AND (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = w.oid AND a.attnum = ANY (u.indkey[0:u.indnkeyatts - 1]))
            = (SELECT array_agg(n.name ORDER BY n.name) FROM (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = w.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
                UNION SELECT json_array_elements_text(w.columns)::name) n(name))) AS widened
  FROM wanted w JOIN pg_index i ON i.indrelid = w.oid JOIN pg_class x ON x.oid = i.indexrelid
  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = w.oid AND k.contype IN ('p', 'u', 'x')
  CROSS JOIN LATERAL (SELECT json_agg(a.attname ORDER BY p.n)::text AS columns,
      count(*) FILTER (WHERE a.attname IN (SELECT json_array_elements_text(w.columns))) AS parts
     FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY p(attnum, n)
     JOIN pg_attribute a ON a.attrelid = w.oid AND a.attnum = p.attnum) covered
 WHERE (i.indisunique OR i.indisexclusion) AND covered.parts < json_array_length(w.columns)
UNION ALL
SELECT w.schema, w.name, 'foreign key', k.conname,
       (SELECT json_agg(a.attname)::text FROM unnest(k.confkey) f(attnum) JOIN pg_attribute a ON a.attrelid = w.oid AND a.attnum = f.attnum),
       k.conrelid::regclass::text, NULL, NULL, 'pg_constraint'::regclass::oid::int8, k.oid::int8, false, false
  FROM wanted w JOIN pg_constraint k ON k.confrelid = w.oid AND k.contype = 'f' AND k.conparentid = 0
 WHERE $2::boolean OR k.conrelid IN (SELECT oid FROM wanted)
    -- What it stands on goes.
    OR EXISTS (SELECT FROM json_array_elements_text(w.columns) p(name) WHERE NOT EXISTS (SELECT FROM unnest(k.confkey) f(attnum)
         JOIN pg_attribute a ON a.attrelid = w.oid AND a.attnum = f.attnum WHERE a.attname = p.name))
UNION ALL
SELECT w.schema, w.name, 'check', k.conname, '[]', NULL, NULL, NULL, 'pg_constraint'::regclass::oid::int8, k.oid::int8, false, false
  FROM wanted w JOIN pg_constraint k ON k.conrelid = w.oid AND k.contype = 'c' AND k.connoinherit
UNION ALL
SELECT w.schema, w.name, 'rule', r.rulename, '[]', NULL, NULL, NULL, 'pg_rewrite'::regclass::oid::int8, r.oid::int8, false, false
  FROM wanted w JOIN pg_rewrite r ON r.ev_class = w.oid
UNION ALL
SELECT w.schema, w.name, 'trigger', t.tgname, '[]', NULL, NULL, NULL, 'pg_trigger'::regclass::oid::int8, t.oid::int8, false, false
  FROM wanted w JOIN pg_trigger t ON t.tgrelid = w.oid AND NOT t.tgisinternal AND t.tgtype & 1 = 1
   AND (t.tgnewtable IS NOT NULL OR t.tgoldtable IS NOT NULL)
ORDER BY 1, 2, 3, 4`;

/** Without them a table is what it was, less strict: they may be left out on request. A rule or trigger does something. */
export const mayBeLeftOut = ({ kind }: Pick<IncompatibleObject, 'kind'>): boolean =>
  kind !== 'check' && kind !== 'rule' && kind !== 'trigger';

/** What these tables have that they can't have as hypertables. `noForeignKeys`: the target's TimescaleDB, before 2.16, takes none to a hypertable. */
export async function readIncompatible(
  source: pg.Client,
  hypertables: readonly HypertableOption[],
  noForeignKeys: boolean,
): Promise<IncompatibleObject[]> {
  if (hypertables.length === 0) return [];
  const wanted = hypertables.map((one) => ({ schema: one.schema, name: one.name, columns: partitionColumns(one) }));
  const { rows } = await source.query<Record<string, string | null>>(INCOMPATIBLE, [
    JSON.stringify(wanted),
    String(noForeignKeys),
  ]);
  return rows.map((row) => ({
    schema: row.schema ?? '',
    table: row.table ?? '',
    kind: row.kind as IncompatibleObject['kind'],
    name: row.object ?? '',
    columns: JSON.parse(row.columns ?? '[]') as string[],
    referring: row.referring ?? null,
    classOid: Number(row.constraint_oid === null ? row.class : row.constraint_class),
    oid: Number(row.constraint_oid ?? row.oid),
    widened: row.widened === 't',
    identifies: row.identifies === 't',
  }));
}

/** The schema without these objects, and without what stands on them; and what that is. */
export function withoutIncompatible(
  schema: SourceSchema,
  incompatible: readonly IncompatibleObject[],
): { schema: SourceSchema; leftOut: ArchiveEntry[] } {
  const named = new Set(incompatible.filter(mayBeLeftOut).map(({ classOid, oid }) => `${classOid}:${oid}`));
  const gone = new Set<number>();
  const leftOut: ArchiveEntry[] = [];
  const keep = (entry: ArchiveEntry): boolean => {
    if (!named.has(`${entry.classOid}:${entry.oid}`) && !entry.dependencies.some((id) => gone.has(id))) return true;
    gone.add(entry.dumpId);
    leftOut.push(entry);
    return false;
  };
  const kept = { preData: schema.preData.filter(keep), postData: schema.postData.filter(keep) };
  return { schema: kept, leftOut };
}

/** What was left out on request, as `kind name` of the comparison of objects. */
export async function namesOfIncompatible(
  source: pg.Client,
  target: pg.Client,
  { hypertables, skipHypertableIncompatibleObjects }: MigrationOptions,
): Promise<ReadonlySet<string>> {
  if (!skipHypertableIncompatibleObjects || hypertables.length === 0) return new Set();
  const noForeignKeys = !(await takesForeignKeys(target));
  const objects = await readIncompatible(source, hypertables, noForeignKeys);
  return new Set(
    objects.filter(mayBeLeftOut).flatMap(({ schema, table, name, referring }) => {
      const on = referring ?? displayName({ schema, name: table });
      return [`constraint ${on}.${displayIdent(name)}`, `index ${displayName({ schema, name })}`];
    }),
  );
}
