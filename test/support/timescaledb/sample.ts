/**
 * A small database with something of everything that TimescaleDB has: what the recorded rows were recorded from. Run by a
 * superuser; `migrator` owns the database, `jobkeeper` one hypertable with a policy.
 */
export const SAMPLE = `
  GRANT ALL ON SCHEMA public TO migrator, jobkeeper;
  SET ROLE migrator;
  CREATE TABLE public.metrics (time timestamptz NOT NULL, device int NOT NULL, value float8);
  SELECT create_hypertable('public.metrics', 'time', chunk_time_interval => interval '1 day');
  INSERT INTO public.metrics SELECT t, d, d FROM generate_series(timestamptz '2026-01-01', '2026-01-04 23:00', interval '1 hour') t, generate_series(1, 5) d;
  ALTER TABLE public.metrics SET (timescaledb.compress, timescaledb.compress_segmentby = 'device', timescaledb.compress_orderby = 'time DESC');
  SELECT compress_chunk(c) FROM show_chunks('public.metrics', older_than => timestamptz '2026-01-03 12:00') c;
  SELECT add_compression_policy('public.metrics', interval '7 days');
  SELECT add_retention_policy('public.metrics', interval '20 years');
  CREATE TABLE public.counters (seq bigint NOT NULL, name text NOT NULL, n bigint, PRIMARY KEY (seq, name));
  SELECT create_hypertable('public.counters', 'seq', chunk_time_interval => 1000);
  INSERT INTO public.counters SELECT i, 'c' || i % 7, i FROM generate_series(1, 2500) i;
  CREATE TABLE public.readings (time timestamptz NOT NULL, sensor text NOT NULL, v int);
  SELECT create_hypertable('public.readings', 'time');
  CREATE UNIQUE INDEX readings_sensor_time ON public.readings (sensor, time);
  INSERT INTO public.readings SELECT timestamptz '2026-02-01' + i * interval '1 hour', 's' || i % 3, i FROM generate_series(1, 250) i;
  SELECT add_reorder_policy('public.readings', 'readings_sensor_time');
  CREATE MATERIALIZED VIEW public.metrics_hourly WITH (timescaledb.continuous) AS
    SELECT time_bucket('1 hour', time) AS bucket, device, avg(value) FROM public.metrics GROUP BY 1, 2 WITH NO DATA;
  SELECT add_continuous_aggregate_policy('public.metrics_hourly', interval '30 days', interval '1 hour', interval '1 hour');
  CREATE PROCEDURE public.count_rows(job_id int, config jsonb) LANGUAGE sql AS 'SELECT 1';
  SELECT add_job('public.count_rows', '1 hour');
  RESET ROLE;
  SET ROLE jobkeeper;
  CREATE TABLE public.kept (time timestamptz NOT NULL, v int);
  SELECT create_hypertable('public.kept', 'time');
  SELECT add_retention_policy('public.kept', interval '20 years');
  RESET ROLE`;

/** The tables of the sample without TimescaleDB, for its rows to be shown over. */
export const PLAIN_SAMPLE = `
  GRANT ALL ON SCHEMA public TO migrator, jobkeeper;
  SET ROLE migrator;
  CREATE TABLE public.metrics (time timestamptz NOT NULL, device int NOT NULL, value float8);
  CREATE TABLE public.counters (seq bigint NOT NULL, name text NOT NULL, n bigint, PRIMARY KEY (seq, name));
  CREATE TABLE public.readings (time timestamptz NOT NULL, sensor text NOT NULL, v int);
  CREATE UNIQUE INDEX readings_sensor_time ON public.readings (sensor, time);
  RESET ROLE;
  SET ROLE jobkeeper;
  CREATE TABLE public.kept (time timestamptz NOT NULL, v int);
  RESET ROLE`;
