import type pg from 'pg';
import { IDENTIFIES } from '../source/identity-index.ts';

/** What a table looks like, as far as a migration depends on it. `number`s and OIDs are those of the server it was read on. */
export interface TableShape {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** https://www.postgresql.org/docs/current/catalog-pg-class.html: `r` (also unlogged) or `p`. */
  readonly kind: 'r' | 'p';
  /** The partitioned table that it belongs to, and the rows it takes, in SQL. */
  readonly partition: { readonly of: number; readonly bound: string } | null;
  readonly identity: 'd' | 'n' | 'f' | 'i';
  /** Names of the columns by which UPDATE and DELETE tell their row; none with FULL, or when nothing identifies it. */
  readonly keys: readonly string[];
  /** Changes when the table is written anew; 0 for a partitioned one. */
  readonly file: number;
  readonly columns: readonly ColumnShape[];
}

export interface ColumnShape {
  /** Stays when the column gets another name or type. */
  readonly number: number;
  readonly name: string;
  /** As `format_type` writes it, with its modifier. */
  readonly type: string;
  readonly collation: string | null;
  readonly notNull: boolean;
  /** Expression of the default, or of a generated column. */
  readonly expression: string | null;
  /** Stored or virtual: https://www.postgresql.org/docs/current/ddl-generated-columns.html */
  readonly generated: '' | 's' | 'v';
  readonly identity: '' | 'a' | 'd';
  /** What rows that are older than the column hold, when that is one value: the default as it was then. */
  readonly missing: string | null;
}

/** The columns of the index that identifies rows; none when nothing does. */
const KEYS = `(SELECT coalesce(json_agg(a.attname ORDER BY k.n), '[]') FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, n)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE ${IDENTIFIES})`;

const SHAPES = `
SELECT json_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
         'partition', CASE WHEN c.relispartition THEN (SELECT json_build_object('of', h.inhparent::int8,
              'bound', pg_get_expr(c.relpartbound, c.oid)) FROM pg_inherits h WHERE h.inhrelid = c.oid) END,
         'identity', c.relreplident, 'keys', ${KEYS}, 'file', c.relfilenode::int8,
         'columns', (SELECT coalesce(json_agg(json_build_object('number', a.attnum, 'name', a.attname,
              'type', format_type(a.atttypid, a.atttypmod),
              'collation', CASE WHEN a.attcollation <> t.typcollation THEN
                 (SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname) FROM pg_collation co
                    JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) END,
              'notNull', a.attnotnull, 'expression', pg_get_expr(d.adbin, d.adrelid), 'generated', a.attgenerated,
              'identity', a.attidentity,
              'missing', CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END) ORDER BY a.attnum), '[]')
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))::text AS shape
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`;

const parse = (rows: readonly { shape: string }[]): TableShape[] =>
  rows.map(({ shape }) => JSON.parse(shape) as TableShape);

/** The tables with these OIDs that there are. */
export async function readShapes(client: pg.Client, oids: readonly number[]): Promise<TableShape[]> {
  const { rows } = await client.query<{ shape: string }>(
    `${SHAPES} WHERE c.oid = ANY ($1::oid[]) AND c.relkind IN ('r', 'p')`,
    [`{${oids.join(',')}}`],
  );
  return parse(rows);
}

/** The tables with these names that there are. */
export async function readShapesByName(
  client: pg.Client,
  names: readonly { readonly schema: string; readonly name: string }[],
): Promise<TableShape[]> {
  const { rows } = await client.query<{ shape: string }>(
    `${SHAPES} JOIN json_to_recordset($1::json) w(schema text, name text) ON w.schema = n.nspname AND w.name = c.relname
      WHERE c.relkind IN ('r', 'p')`,
    [JSON.stringify(names.map(({ schema, name }) => ({ schema, name })))],
  );
  return parse(rows);
}
