import type pg from 'pg';
import { TIMESCALEDB_FUNCTION_SCHEMAS } from '../source/belongs.ts';

/** What a hypertable is partitioned by. */
export interface Dimension {
  readonly column: string;
  /** Of a range: microseconds for times, whole numbers for integers; as text, for it may be any 64-bit number. Null: by hash. */
  readonly interval: string | null;
  /** Of a hash. */
  readonly partitions: number | null;
  /** Turns the column's value into what is partitioned; null: the usual one. */
  readonly function: Name | null;
  /** Says what time it is, for integer times. */
  readonly integerNow: Name | null;
}

interface Name {
  readonly schema: string;
  readonly name: string;
}

export interface HypertableDefinition extends Name {
  readonly oid: number;
  /** The first is the one by time. */
  readonly dimensions: readonly Dimension[];
  /** Columns whose minimum and maximum are kept for each chunk, to skip it. */
  readonly skipping: readonly string[];
}

/**
 * The catalog of dimensions is the same from 2.14 to the newest, and names the schemas of functions, which the view does not.
 * `chunk_column_stats` came with 2.16. Rows of hypertables are told apart by what they hold: their columns come and go.
 */
const DEFINITIONS = `
WITH hypertable AS (SELECT to_jsonb(h) AS j FROM _timescaledb_catalog.hypertable h)
SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name,
       (SELECT json_agg(json_build_object('column', d.column_name, 'interval', d.interval_length::text, 'partitions', d.num_slices,
           'function', CASE WHEN d.partitioning_func IS NOT NULL AND d.partitioning_func_schema NOT IN (${TIMESCALEDB_FUNCTION_SCHEMAS})
              THEN json_build_object('schema', d.partitioning_func_schema, 'name', d.partitioning_func) END,
           'integerNow', CASE WHEN d.integer_now_func IS NOT NULL
              THEN json_build_object('schema', d.integer_now_func_schema, 'name', d.integer_now_func) END) ORDER BY d.id)
          FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = (h.j ->> 'id')::int)::text AS dimensions,
       h.j ->> 'id' AS id
  FROM hypertable h JOIN pg_class c ON c.oid = to_regclass(coalesce(h.j ->> 'relid', format('%I.%I', h.j ->> 'schema_name', h.j ->> 'table_name')))
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = ANY ($1::oid[])`;

const SKIPPING = `SELECT to_jsonb(s) ->> 'hypertable_id' AS id, array_to_json(array_agg(DISTINCT to_jsonb(s) ->> 'column_name'))::text AS columns
  FROM _timescaledb_catalog.chunk_column_stats s GROUP BY 1`;

/** How these hypertables are partitioned. */
export async function readDefinitions(client: pg.Client, oids: readonly number[]): Promise<HypertableDefinition[]> {
  if (oids.length === 0) return [];
  const { rows } = await client.query<Record<'oid' | 'schema' | 'name' | 'dimensions' | 'id', string>>(DEFINITIONS, [
    `{${oids.join(',')}}`,
  ]);
  const known = await client.query<{ there: string }>(
    `SELECT to_regclass('_timescaledb_catalog.chunk_column_stats') IS NOT NULL AS there`,
  );
  const skipping =
    known.rows[0]?.there === 't' ? (await client.query<{ id: string; columns: string }>(SKIPPING)).rows : [];
  return rows.map((row) => ({
    oid: Number(row.oid),
    schema: row.schema,
    name: row.name,
    dimensions: JSON.parse(row.dimensions) as Dimension[],
    skipping: JSON.parse(skipping.find(({ id }) => id === row.id)?.columns ?? '[]') as string[],
  }));
}
