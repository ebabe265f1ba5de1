import { describe, expect, test } from 'vitest';
import { clean } from '../../src/engine/clean/clean.ts';
import { connect, destroy } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { compressionOf, jobsOf } from '../support/timescaledb/contents.ts';
import { createPair, type RealDatabase } from '../support/timescaledb/pair.ts';
import { atLeast, offered } from '../support/timescaledb/play.ts';
import { startMigration } from './timescaledb/start-migration.ts';

const APPLICATION = `
  SET client_min_messages = error;
  CREATE TABLE metrics (time timestamptz NOT NULL, "D ev" int NOT NULL, v float8, PRIMARY KEY (time, "D ev"));
  SELECT create_hypertable('metrics', 'time', chunk_time_interval => interval '1 day', create_default_indexes => false);
  INSERT INTO metrics SELECT t, d, d FROM generate_series('2026-11-01'::timestamptz, '2026-11-10', '2 hours') t, generate_series(1, 5) d;
  CREATE TABLE counts (n bigint NOT NULL, c int);
  SELECT create_hypertable('counts', 'n', chunk_time_interval => 1000);
  CREATE FUNCTION count_now() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT coalesce(max(n), 0) FROM public.counts';
  SELECT set_integer_now_func('counts', 'count_now');
  INSERT INTO counts SELECT i, i FROM generate_series(1, 2500) i;
  CREATE MATERIALIZED VIEW "Hourly 'x" WITH (timescaledb.continuous) AS
    SELECT time_bucket('1 hour', time) AS bucket, "D ev", avg(v) FROM metrics GROUP BY 1, 2 WITH NO DATA;
  CREATE MATERIALIZED VIEW by_number WITH (timescaledb.continuous) AS
    SELECT time_bucket(100, n) AS b, count(*) FROM counts GROUP BY 1 WITH NO DATA;
  SELECT add_retention_policy('metrics', interval '20 years', initial_start => '2027-01-01 03:00+00', timezone => 'Europe/Berlin');
  SELECT add_retention_policy('counts', 2000::bigint);
  SELECT add_reorder_policy('counts', 'counts_n_idx');
  SELECT add_continuous_aggregate_policy('"Hourly ''x"', interval '30 days', NULL, interval '1 hour');
  SELECT add_continuous_aggregate_policy('by_number', NULL, 100::bigint, interval '1 hour');
  CREATE PROCEDURE "Count rows"(job_id int, config jsonb) LANGUAGE sql AS 'SELECT 1';
  SELECT add_job('"Count rows"', '1 hour', config => '{"a": "it''s", "n": 9007199254740993}', initial_start => '2027-01-01 03:00+00', timezone => 'Europe/Berlin');
  SELECT add_job('"Count rows"', '2 hours', scheduled => false, fixed_schedule => false);
  SELECT alter_job(1000, max_retries => 7, max_runtime => interval '11 minutes', retry_period => interval '13 minutes', timezone => 'Europe/Berlin');
  SELECT alter_job(1001, scheduled => false)`;

/** From 2.16 on: what is compressed on an older one is refused. */
const COMPRESSION = `
  SET client_min_messages = error;
  ALTER TABLE metrics SET (timescaledb.compress, timescaledb.compress_segmentby = '"D ev"', timescaledb.compress_orderby = 'time DESC, v');
  ALTER MATERIALIZED VIEW "Hourly 'x" SET (timescaledb.compress);
  SELECT add_compression_policy('metrics', interval '7 days', schedule_interval => interval '5 hours');
  SELECT add_compression_policy('"Hourly ''x"', interval '60 days')`;

const scheduled = async ({ admin }: RealDatabase) =>
  (
    await admin<{ id: number }>(
      'SELECT job_id AS id FROM timescaledb_information.jobs WHERE scheduled AND job_id >= 1000 ORDER BY 1',
    )
  ).map(({ id }) => Number(id));

const open = (side: 'source' | 'target', uri: string) =>
  connect(parseConnectionString(uri, {}), { side, application: 'clean' });

/** Refreshes and the operator's own. */
const GOING_ON = [1003, 1004, 1005];

for (const version of offered.length > 0 ? offered : ['of any version']) {
  const compresses = atLeast(version, '2.16');
  const application = compresses ? `${APPLICATION}; ${COMPRESSION}` : APPLICATION;
  const all = [1000, 1002, ...GOING_ON, ...(compresses ? [1007, 1008] : [])];
  describe.skipIf(offered.length === 0)(`jobs of TimescaleDB ${version}`, () => {
    test('rest while the migration can be resumed, and are as before once it is done, on both sides', async () => {
      await using pair = await createPair(version);
      const { source, target } = pair;
      await source.query(application);
      const before = await jobsOf(source.admin);
      expect(await scheduled(source)).toEqual(all);
      await using migration = await startMigration(pair);
      await migration.reached('replay');
      expect(await scheduled(source)).toEqual(GOING_ON);
      expect(await scheduled(target)).toEqual([]);

      await migration.stop();
      expect(await scheduled(source)).toEqual(GOING_ON);
      // Somebody means well.
      await source.query("SELECT alter_job(1000, scheduled => true, timezone => 'Europe/Berlin')");
      await using again = await startMigration(pair, { directory: migration.directory });
      await again.reached('replay');
      expect(await scheduled(source)).toEqual(GOING_ON);
      await again.cutOver(false);

      expect(again.warnings.filter((text) => !text.startsWith('Conditions overridden'))).toEqual([]);
      expect(await jobsOf(source.admin)).toEqual(before);
      expect(await jobsOf(target.admin)).toEqual(before);
      expect(await compressionOf(target.admin)).toEqual(await compressionOf(source.admin));
      expect((await again.verify()).objects).toEqual([]);
      await target.query(
        'SELECT alter_job((SELECT min(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000), max_retries => 3)',
      );
      expect((await again.verify()).objects).toEqual([
        expect.stringMatching(/^refresh policy of public.+ is missing on the target, or otherwise there$/),
      ]);
    });

    test('a migration that is given up sets them going again by clean', async () => {
      await using pair = await createPair(version);
      const { source, target } = pair;
      await source.query(application);
      await using migration = await startMigration(pair);
      await migration.reached('replay');
      await migration.stop();
      expect(await scheduled(source)).toEqual(GOING_ON);
      const [from, to] = await Promise.all([open('source', source.uri), open('target', target.uri)]);
      const removed = await clean(from, to, null).finally(() => [from, to].map(destroy));
      expect(removed).toContain(`source: the pause of jobs ${all.filter((id) => !GOING_ON.includes(id)).join(', ')}`);
      expect(await scheduled(source)).toEqual(all);
    });

    test('one whose owner is another is refused before anything is begun, and nothing stays paused', async () => {
      await using pair = await createPair(version);
      const { source, target } = pair;
      await source.query(application);
      await source.admin(
        `SET ROLE jobkeeper; CREATE TABLE kept (time timestamptz NOT NULL); SELECT create_hypertable('kept', 'time');
         SELECT add_retention_policy('kept', interval '20 years')`,
      );
      await using migration = await startMigration(pair);
      expect((await migration.ended)?.code).toBe('TM1212');
      expect(await scheduled(source)).toEqual([...all, compresses ? 1009 : 1007]);
      expect(await target.query(`SELECT FROM pg_namespace WHERE nspname = 'tiger_migrate'`)).toEqual([]);
    });

    test('a freeze leaves the scheduler alone, which is another role’s, and ends a job that writes', async () => {
      await using pair = await createPair(version);
      const { source, target } = pair;
      await source.query(`CREATE TABLE counts (n int PRIMARY KEY);
        CREATE PROCEDURE write_slowly(job_id int, config jsonb) LANGUAGE plpgsql AS
          'BEGIN INSERT INTO public.counts VALUES (1); PERFORM pg_sleep(600); END'`);
      await using migration = await startMigration(pair);
      await migration.reached('replay');
      await source.admin('SELECT _timescaledb_functions.start_background_workers()');
      await source.query("SELECT add_job('write_slowly', '1 day')");
      const running = (name: string) => async () =>
        (
          await source.admin(
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '${name}'`,
          )
        ).length > 0;
      await migration.until(running('Background Worker Scheduler'), 'the scheduler');
      await migration.until(running('User-Defined Action'), 'the job');
      await migration.cutOver(true);

      expect(migration.of('error')).toEqual([]);
      expect(await running('Background Worker Scheduler')()).toBe(true);
      for (const side of [source, target]) expect(await side.query('SELECT n FROM counts')).toEqual([]);
    });
  });
}
