import type pg from 'pg';
import { qualified } from '../../postgres/identifiers.ts';

/** A column of a target's table, as its catalog has it. */
export interface TargetColumn {
  readonly name: string;
  /** OID and modifier of its type, as declared. */
  readonly typeOid: number;
  readonly modifier: number;
  /** As `format_type` writes it, without the modifier. */
  readonly type: string;
  /** The type below all domains. */
  readonly baseType: string;
  readonly baseOid: number;
  readonly generated: boolean;
  /** An INSERT without it is refused. */
  readonly mustBeSent: boolean;
  /** `OPERATOR(schema.=)`, the equality that an index serves; null where none does. */
  readonly equals: string | null;
  /** Leads an index. */
  readonly indexed: boolean;
}

/** What has to be known of a table of the target before rows can go there. */
export interface TargetTable {
  readonly oid: number;
  readonly columns: readonly TargetColumn[];
  /** Column names of every unique index that identifies each row at any moment: whole, immediate, on plain columns that are never NULL. */
  readonly keys: readonly (readonly string[])[];
}

/** Bounds the memory: tables may have 1,600 columns. */
const COLUMNS_AT_ONCE = 10_000;

const OIDS = `
SELECT to_regclass(w.name)::oid::text AS oid, (SELECT c.relnatts FROM pg_class c WHERE c.oid = to_regclass(w.name)) AS columns
  FROM json_array_elements_text($1::json) WITH ORDINALITY w(name, n) ORDER BY w.n`;

const COLUMNS = `
WITH RECURSIVE base(oid, root) AS (
  SELECT t.oid, t.oid FROM pg_type t JOIN pg_attribute a ON a.atttypid = t.oid WHERE a.attrelid = ANY ($1::oid[])
  UNION
  SELECT t.typbasetype, b.root FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT a.attrelid::text AS "table", a.attname AS name, a.atttypid AS oid, a.atttypmod AS modifier,
       format_type(a.atttypid, -1) AS type, format_type(bt.oid, -1) AS base_type, bt.oid AS base_oid,
       a.attgenerated <> '' AS generated, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS must_be_sent,
       served.equals, coalesce(served.leads, false) AS indexed
  FROM pg_attribute a JOIN base b ON b.root = a.atttypid JOIN pg_type bt ON bt.oid = b.oid AND bt.typtype <> 'd'
  LEFT JOIN LATERAL (
    SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) AS equals, k.position = 1 AS leads
      FROM pg_index i
      CROSS JOIN LATERAL unnest(i.indkey, i.indclass) WITH ORDINALITY k(attnum, opclass, position)
      JOIN pg_opclass c ON c.oid = k.opclass
      JOIN pg_amop ao ON ao.amopfamily = c.opcfamily AND ao.amoplefttype = c.opcintype
                     AND ao.amoprighttype = c.opcintype AND ao.amopstrategy = 3
      JOIN pg_am am ON am.oid = ao.amopmethod AND am.amname = 'btree'
      JOIN pg_operator o ON o.oid = ao.amopopr
      JOIN pg_namespace n ON n.oid = o.oprnamespace
     WHERE i.indrelid = a.attrelid AND i.indisvalid AND i.indpred IS NULL AND k.attnum = a.attnum
     ORDER BY k.position LIMIT 1) served ON true
 WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum`;

const KEYS = `
SELECT i.indrelid::text AS "table",
       to_json(ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, n)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.n))::text AS names,
       (SELECT bool_and(a.attnotnull) FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k(attnum)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) AS not_null
  FROM pg_index i
 WHERE i.indrelid = ANY ($1::oid[]) AND i.indisunique AND i.indimmediate AND i.indisvalid
   AND i.indpred IS NULL AND i.indexprs IS NULL
 ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, i.indexrelid`;

interface ColumnRow {
  table: string;
  name: string;
  oid: string;
  modifier: string;
  type: string;
  base_type: string;
  base_oid: string;
  generated: string;
  must_be_sent: string;
  equals: string | null;
  indexed: string;
}

/**
 * Looks up tables by name, in three queries however many they are: the first, and as many more as have
 * `COLUMNS_AT_ONCE` columns together. Null for one that does not exist; all are quoted and qualified.
 */
export async function readTargetTables(
  client: pg.Client,
  names: readonly { readonly schema: string; readonly name: string }[],
): Promise<(TargetTable | null)[]> {
  // All prepared: to plan them takes longer than to run them.
  const found = await client.query<{ oid: string | null; columns: string | null }>({
    name: 'tm_target_oids',
    text: OIDS,
    values: [JSON.stringify(names.map(qualified))],
  });
  let room = COLUMNS_AT_ONCE;
  const some = found.rows.filter((row, index) => {
    room -= Number(row.columns);
    return index === 0 || room >= 0;
  });
  const oids = `{${some.flatMap(({ oid }) => oid ?? []).join(',')}}`;
  const columns = await client.query<ColumnRow>({ name: 'tm_target_columns', text: COLUMNS, values: [oids] });
  const keys = await client.query<{ table: string; names: string; not_null: string }>({
    name: 'tm_target_keys',
    text: KEYS,
    values: [oids],
  });
  const tables = new Map(
    some.flatMap(({ oid }) => (oid ? [[oid, { columns: [] as TargetColumn[], keys: [] as string[][] }]] : [])),
  );
  for (const row of columns.rows) tables.get(row.table)?.columns.push(columnOf(row));
  for (const { table, names: key, not_null } of keys.rows) {
    if (not_null === 't') tables.get(table)?.keys.push(JSON.parse(key) as string[]);
  }
  return some.map(({ oid }) => {
    const table = oid === null ? undefined : tables.get(oid);
    return table ? { oid: Number(oid), ...table } : null;
  });
}

const columnOf = (row: ColumnRow): TargetColumn => ({
  name: row.name,
  typeOid: Number(row.oid),
  modifier: Number(row.modifier),
  type: row.type,
  baseType: row.base_type,
  baseOid: Number(row.base_oid),
  generated: row.generated === 't',
  mustBeSent: row.must_be_sent === 't',
  equals: row.equals,
  indexed: row.indexed === 't',
});
