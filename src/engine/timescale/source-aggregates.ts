import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import { recordObject } from '../target/progress-schema.ts';
import { hasTimescale } from './source-hypertables.ts';

interface Name {
  readonly schema: string;
  readonly name: string;
}

/** A continuous aggregate of the source, as it was when the schema was dumped. */
export interface Aggregate extends Name {
  /** Of the view that users see. */
  readonly oid: number;
  /** The query that it was made with, names qualified. */
  readonly definition: string;
  /** Rows that are not materialized yet are left out of the view. */
  readonly materializedOnly: boolean;
  /** The hypertable that it reads: another aggregate's storage, where it stands upon one. */
  readonly on: Name;
  /** The hypertable that holds what is materialized. */
  readonly storage: Name;
  /** The storage's columns. */
  readonly columns: readonly string[];
  /** The column of the buckets, and its type as `format_type` names it. */
  readonly bucket: string;
  readonly bucketType: string;
  /** Width of a bucket: an interval, or a whole number; null where the catalog does not tell. */
  readonly width: string | null;
  /** Of the storage's chunks: microseconds for times, whole numbers for integers. */
  readonly interval: string | null;
  readonly indexes: readonly AggregateIndex[];
}

export interface AggregateIndex {
  readonly name: string;
  /** What follows USING: method, columns, and the rest. */
  readonly using: string;
}

/** The relation of a row of the catalog of hypertables, whose columns are others in other versions. */
const RELATION = `to_regclass(coalesce(to_jsonb(h) ->> 'relid', format('%I.%I', to_jsonb(h) ->> 'schema_name', to_jsonb(h) ->> 'table_name')))`;

/** Every index of the storage with what follows USING. */
export const INDEXES = (relation: string): string => `(SELECT coalesce(json_agg(json_build_object('name', x.relname,
    'using', substr(pg_get_indexdef(x.oid), strpos(pg_get_indexdef(x.oid), ' USING ') + 7)) ORDER BY x.oid), '[]')
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = ${relation})`;

/** Before 2.15 buckets of one width have no function in the catalog but a number here, of microseconds for times; -1 for others. */
const FIXED_WIDTH = `(SELECT CASE WHEN d.column_type = ANY ('{smallint,integer,bigint}'::regtype[]) THEN w ELSE (w || ' microseconds')::interval::text END
  FROM (SELECT to_jsonb(a) ->> 'bucket_width' FROM _timescaledb_catalog.continuous_agg a WHERE a.mat_hypertable_id = h.id) x (w) WHERE w::int8 > 0)`;

/** Names as users see them stand in the view; `view_definition` is qualified when `search_path` is empty. */
const AGGREGATES = `
SELECT json_build_object('oid', c.oid::int8, 'schema', v.view_schema, 'name', v.view_name,
    'definition', v.view_definition, 'materializedOnly', v.materialized_only,
    'on', json_build_object('schema', v.hypertable_schema, 'name', v.hypertable_name),
    'storage', json_build_object('schema', v.materialization_hypertable_schema, 'name', v.materialization_hypertable_name),
    'columns', (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = m.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'bucket', d.column_name, 'bucketType', format_type(d.column_type, NULL),
    'width', coalesce((SELECT to_jsonb(f) ->> 'bucket_width' FROM _timescaledb_catalog.continuous_aggs_bucket_function f WHERE f.mat_hypertable_id = h.id),
      ${FIXED_WIDTH}),
    'interval', d.interval_length::text, 'indexes', ${INDEXES('m.oid')})::text AS aggregate
  FROM timescaledb_information.continuous_aggregates v
  JOIN pg_namespace n ON n.nspname = v.view_schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = v.view_name
  JOIN pg_namespace mn ON mn.nspname = v.materialization_hypertable_schema
  JOIN pg_class m ON m.relnamespace = mn.oid AND m.relname = v.materialization_hypertable_name
  JOIN _timescaledb_catalog.hypertable h ON ${RELATION} = m.oid
  JOIN LATERAL (SELECT * FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = h.id ORDER BY d.id LIMIT 1) d ON true
 ORDER BY c.oid`;

/** Those of the session's snapshot, each behind the one that it stands upon. */
export async function readAggregates(source: pg.Client): Promise<Aggregate[]> {
  if (!(await hasTimescale(source))) return [];
  const { rows } = await source.query<{ aggregate: string }>(AGGREGATES);
  return bottomUp(rows.map(({ aggregate }) => JSON.parse(aggregate) as Aggregate));
}

/** Sorted so that each comes behind the one that it stands upon. */
export function bottomUp(all: readonly Aggregate[]): Aggregate[] {
  const storages = new Map(all.map((one) => [displayName(one.storage), one]));
  const sorted = new Set<Aggregate>();
  const add = (one: Aggregate): void => {
    if (sorted.has(one)) return;
    const below = storages.get(displayName(one.on));
    if (below && below !== one) add(below);
    sorted.add(one);
  };
  for (const one of all) add(one);
  return [...sorted];
}

const KIND = 'aggregate of the source';

/** Remembers them on the target, instead of those before: the source may alter or drop them after the dump was made. */
export async function recordAggregates(target: pg.Client, aggregates: readonly Aggregate[]): Promise<void> {
  await target.query('DELETE FROM tiger_migrate.object WHERE kind = $1', [KIND]);
  for (const one of aggregates) await recordObject(target, KIND, displayName(one), JSON.stringify(one));
}

export async function recordedAggregates(target: pg.Client): Promise<Aggregate[]> {
  const { rows } = await target.query<{ detail: string }>('SELECT detail FROM tiger_migrate.object WHERE kind = $1', [
    KIND,
  ]);
  return bottomUp(rows.map(({ detail }) => JSON.parse(detail) as Aggregate).sort((a, b) => a.oid - b.oid));
}
