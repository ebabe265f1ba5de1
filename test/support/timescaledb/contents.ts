import type pg from 'pg';

/** Runs SQL as one who may see everything; the rows of the last statement. */
export type Query = <R extends pg.QueryResultRow>(sql: string) => Promise<R[]>;

/** The operator's name of the hypertable or the aggregate that `schema.name` is, or is behind. */
const named = (schema: string, name: string) =>
  `CASE WHEN ${name} IS NOT NULL THEN coalesce((SELECT format('%I.%I', v.view_schema, v.view_name) FROM timescaledb_information.continuous_aggregates v
     WHERE v.materialization_hypertable_schema = ${schema} AND v.materialization_hypertable_name = ${name}), format('%I.%I', ${schema}, ${name})) END`;

/** Numbers are each server's own. */
const unnumbered = (text: string) =>
  `regexp_replace(regexp_replace(${text}, '_materialized_hypertable_[0-9]+', '_x', 'g'), '_hyper_[0-9]+_[0-9]+_chunk', '_y', 'g')`;

const AGGREGATES = `
  SELECT v.view_schema, v.view_name, v.view_definition, v.materialized_only, d.time_interval::text, d.integer_interval::text,
         obj_description(to_regclass(format('%I.%I', v.view_schema, v.view_name)), 'pg_class') AS comment,
         (SELECT json_agg(i ORDER BY i)::text FROM (SELECT ${unnumbered('indexdef')} FROM pg_indexes
            WHERE schemaname = v.materialization_hypertable_schema AND tablename = v.materialization_hypertable_name) x (i)) AS indexes
    FROM timescaledb_information.continuous_aggregates v JOIN timescaledb_information.dimensions d
      ON d.hypertable_schema = v.materialization_hypertable_schema AND d.hypertable_name = v.materialization_hypertable_name AND d.dimension_number = 1
   ORDER BY 1, 2`;

/** Jobs as they are, without the numbers that are each server's own. */
const jobs = (place: string) => `
  SELECT json_build_array(b.proc_name, ${named('j.hypertable_schema', 'j.hypertable_name')}, b.schedule_interval, b.max_runtime, b.max_retries, b.retry_period,
      b.scheduled, b.fixed_schedule, b.config - 'hypertable_id' - 'mat_hypertable_id', b.initial_start, b.timezone, j.next_start)::text AS job
    FROM timescaledb_information.jobs j JOIN ${place} b ON b.id = j.job_id WHERE b.id >= 1000 ORDER BY 1`;

const COMPRESSION = `
  SELECT ${named('c.hypertable_schema', 'c.hypertable_name')} AS name, c.attname, c.segmentby_column_index, c.orderby_column_index, c.orderby_asc, c.orderby_nullsfirst
    FROM timescaledb_information.compression_settings c ORDER BY 1, 2`;

const DIMENSIONS = `
  SELECT h.hypertable_schema, h.hypertable_name, h.compression_enabled, d.dimension_number, d.column_name, d.column_type::text, d.dimension_type, d.time_interval::text,
         d.integer_interval::text, d.integer_now_func, d.num_partitions
    FROM timescaledb_information.hypertables h JOIN timescaledb_information.dimensions d USING (hypertable_schema, hypertable_name) ORDER BY 1, 2, 4`;

/** Indexes and keys of the hypertables and of the application's other tables. */
const OBJECTS = `
  SELECT c.oid::regclass::text AS name, x.definition FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid
      UNION ALL SELECT conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE conrelid = c.oid AND contype IN ('f', 'c', 'p', 'u')) x (definition)
   WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|_timescaledb_|information_schema|tiger_migrate)' AND NOT c.relispartition
     AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) ORDER BY 1, 2`;

/** Where the catalog of jobs is: before 2.25, and since. */
export async function placeOfJobs(query: Query): Promise<string> {
  const [row] = await query<{ place: string }>(
    `SELECT coalesce(to_regclass('_timescaledb_config.bgw_job'), to_regclass('_timescaledb_catalog.bgw_job'))::text AS place`,
  );
  return row?.place ?? '';
}

/** The jobs of the operator and their schedules, one JSON text each. */
export async function jobsOf(query: Query): Promise<string[]> {
  return (await query<{ job: string }>(jobs(await placeOfJobs(query)))).map(({ job }) => job);
}

/** Every column of every job, TimescaleDB's own included: what `alter_job` can change, and when it runs next. */
export async function jobsExactly(query: Query): Promise<unknown[]> {
  return query(
    `SELECT to_jsonb(b) AS job, to_jsonb(j) -> 'next_start' AS next_start FROM ${await placeOfJobs(query)} b
       LEFT JOIN timescaledb_information.jobs j ON j.job_id = b.id ORDER BY b.id`,
  );
}

export const compressionOf = (query: Query): Promise<unknown[]> => query(COMPRESSION);
export const aggregatesOf = (query: Query): Promise<unknown[]> => query(AGGREGATES);

/** What the operator has made of TimescaleDB in a database, besides rows: the same on both sides when all is well. */
export async function shapeOf(query: Query): Promise<Record<string, readonly unknown[]>> {
  return {
    dimensions: await query(DIMENSIONS),
    objects: await query(OBJECTS),
    aggregates: await aggregatesOf(query),
    compression: await compressionOf(query),
    jobs: await jobsOf(query),
  };
}

/** The rows of a relation, or of whatever stands behind FROM, as sorted text. */
export async function rowsOf(query: Query, relation: string): Promise<string[]> {
  return (await query<{ r: string }>(`SET timezone = 'UTC'; SELECT r::text AS r FROM ${relation} r ORDER BY 1`)).map(
    ({ r }) => r,
  );
}
