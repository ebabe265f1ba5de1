import { KEEPER } from './stage.ts';

/** Midnight of a day of the plant; day 0 is the first. */
export const day = (number: number): string => `('2026-11-01 00:00+00'::timestamptz + ${number} * interval '1 day')`;

/** Two hypertables that an application's tables hang together with, one of odd names by numbers and by hash, one by an index, one without identity. */
const TABLES = `
  SET client_min_messages = error;
  CREATE SCHEMA "Odd ""x"; CREATE SCHEMA parts;
  CREATE TABLE devices (id int PRIMARY KEY, name text NOT NULL);
  INSERT INTO devices SELECT i, 'device ' || i FROM generate_series(1, 30) i;
  CREATE TABLE metrics (time timestamptz NOT NULL, dev int NOT NULL REFERENCES devices, n int NOT NULL, v float8, note text, PRIMARY KEY (time, dev));
  SELECT create_hypertable('metrics', by_range('time', interval '1 day'), create_default_indexes => false);
  CREATE INDEX metrics_dev ON metrics (dev, time DESC);
  INSERT INTO metrics SELECT t, d, d, extract(hour FROM t), 'n' || d FROM generate_series(${day(0)}, ${day(12)} - interval '1 hour', '1 hour') t, generate_series(1, 5) d;
  CREATE TABLE "Odd ""x"."T ""1" ("When, \\" bigint NOT NULL, "K:k" text NOT NULL, c int);
  SELECT create_hypertable('"Odd ""x"."T ""1"', 'When, \\', chunk_time_interval => 1000, partitioning_column => 'K:k', number_partitions => 3,
    associated_schema_name => 'parts', associated_table_prefix => 'part of "T"');
  ALTER TABLE "Odd ""x"."T ""1" REPLICA IDENTITY FULL;
  CREATE FUNCTION "Odd ""x"."Now"() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 100000::bigint';
  SELECT set_integer_now_func('"Odd ""x"."T ""1"', '"Odd ""x"."Now"');
  INSERT INTO "Odd ""x"."T ""1" SELECT i, 'k' || i % 7, i FROM generate_series(-1500, 4500) i;
  CREATE TABLE readings (at timestamp NOT NULL, tag text NOT NULL, v numeric);
  SELECT create_hypertable('readings', by_range('at', interval '12 hours'));
  CREATE UNIQUE INDEX readings_key ON readings (tag, at);
  ALTER TABLE readings REPLICA IDENTITY USING INDEX readings_key;
  INSERT INTO readings SELECT t AT TIME ZONE 'UTC', 'tag ' || d, d FROM generate_series(${day(0)}, ${day(5)}, '1 hour') t, generate_series(1, 3) d;
  CREATE TABLE log (day date NOT NULL, what text);
  SELECT create_hypertable('log', by_range('day', interval '7 days'));
  INSERT INTO log SELECT t, 'x' FROM generate_series(${day(0)}, ${day(20)}, '1 day') t;
  GRANT CREATE ON SCHEMA public TO ${KEEPER};
  SET ROLE ${KEEPER};
  CREATE TABLE kept (time timestamptz NOT NULL PRIMARY KEY, v int);
  SELECT create_hypertable('kept', by_range('time', interval '7 days'), create_default_indexes => false);
  INSERT INTO kept SELECT t, 1 FROM generate_series(${day(0)}, ${day(20)}, '1 day') t`;

const AGGREGATES = `
  SET client_min_messages = error;
  CREATE SCHEMA "Agg ""s";
  CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous) AS
    SELECT time_bucket('1 hour', time) AS bucket, dev, sum(n) AS n, count(*) AS "Count", max(v) FROM metrics GROUP BY 1, 2 WITH NO DATA;
  CREATE MATERIALIZED VIEW "Agg ""s"."Day's" WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT time_bucket('1 day', bucket) AS "Day", dev, sum(n) AS n, sum("Count") AS c FROM hourly GROUP BY 1, 2 WITH NO DATA;
  CREATE MATERIALIZED VIEW by_number WITH (timescaledb.continuous, timescaledb.create_group_indexes = false) AS
    SELECT time_bucket(100, "When, \\") AS b, count(*), sum(c) FROM "Odd ""x"."T ""1" GROUP BY 1 WITH NO DATA;
  CREATE INDEX "hourly ix" ON hourly ("Count");
  COMMENT ON VIEW hourly IS 'it''s hourly';
  CREATE VIEW on_it AS SELECT * FROM hourly WHERE dev = 1`;

/** From here on there are rows, and is written: what its operator drops, and what was dropped before, lies below. */
export const FIRST = { day: 3, number: 0 };

/** What its operator calls again and again: no range reaches to where the rows are gone. */
export const REFRESHES = [
  `CALL refresh_continuous_aggregate('hourly', ${day(FIRST.day)}, ${day(11)})`,
  `CALL refresh_continuous_aggregate('"Agg ""s"."Day''s"', ${day(FIRST.day)}, ${day(10)})`,
  `CALL refresh_continuous_aggregate('by_number', ${FIRST.number}, 4000)`,
];

/** Each in a transaction of its own: the rows of the first two days are gone then, and the aggregates hold them. */
const LIFE = [
  `CALL refresh_continuous_aggregate('hourly', NULL, ${day(11)})`,
  `CALL refresh_continuous_aggregate('"Agg ""s"."Day''s"', NULL, ${day(10)})`,
  "CALL refresh_continuous_aggregate('by_number', NULL, 4000)",
  `SELECT drop_chunks('metrics', older_than => ${day(2)})`,
  `SELECT drop_chunks('"Odd ""x"."T ""1"', older_than => -1000)`,
];

const COMPRESSION = `
  SET client_min_messages = error;
  ALTER TABLE metrics SET (timescaledb.compress, timescaledb.compress_segmentby = 'dev', timescaledb.compress_orderby = 'time DESC, n');
  ALTER TABLE "Odd ""x"."T ""1" SET (timescaledb.compress, timescaledb.compress_segmentby = '"K:k"', timescaledb.compress_orderby = '"When, \\"');
  ALTER MATERIALIZED VIEW hourly SET (timescaledb.compress);
  SELECT compress_chunk(c) FROM show_chunks('metrics', older_than => ${day(7)}) c;
  SELECT compress_chunk(c) FROM show_chunks('"Odd ""x"."T ""1"', older_than => 2000) c;
  SELECT add_compression_policy('metrics', interval '7 days', schedule_interval => interval '5 hours');
  SELECT add_compression_policy('hourly', interval '90 days')`;

const JOBS = `
  SET client_min_messages = error;
  SELECT add_retention_policy('metrics', interval '20 years', initial_start => '2027-01-01 03:00+00', timezone => 'Europe/Berlin');
  SELECT add_retention_policy('"Odd ""x"."T ""1"', 200000::bigint);
  SELECT add_reorder_policy('readings', 'readings_key');
  SELECT add_continuous_aggregate_policy('hourly', interval '60 days', NULL, interval '1 hour');
  SELECT add_continuous_aggregate_policy('by_number', NULL, 100::bigint, interval '1 hour');
  CREATE PROCEDURE "Odd ""x"."Count rows"(job_id int, config jsonb) LANGUAGE sql AS 'SELECT 1';
  SELECT add_job('"Odd ""x"."Count rows"', '1 hour', config => '{"a": "it''s", "n": 9007199254740993}', initial_start => '2027-01-01 03:00+00', timezone => 'Europe/Berlin');
  SELECT add_job('"Odd ""x"."Count rows"', '2 hours', scheduled => false, fixed_schedule => false);
  SELECT alter_job(job_id, max_retries => 7, max_runtime => interval '11 minutes', retry_period => interval '13 minutes', next_start => '2027-01-02 03:00+00',
      timezone => 'Europe/Berlin') FROM timescaledb_information.jobs WHERE hypertable_name = 'metrics' AND proc_name = 'policy_retention';
  SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE proc_name = 'policy_reorder';
  GRANT USAGE ON SCHEMA "Odd ""x" TO ${KEEPER};
  SET ROLE ${KEEPER};
  SELECT add_retention_policy('kept', interval '20 years');
  SELECT add_job('"Odd ""x"."Count rows"', '3 hours')`;

/**
 * A database with all that TimescaleDB has: what makes it, to be run one after the other. `compressed`: sources from 2.16 on; what is compressed
 * on an older one is refused.
 */
export const plant = ({ compressed }: { readonly compressed: boolean }): string[] => [
  TABLES,
  AGGREGATES,
  ...LIFE,
  JOBS,
  ...(compressed ? [COMPRESSION] : []),
];
