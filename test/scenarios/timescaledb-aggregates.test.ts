import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { SHARE_WITH_REPLAY } from '../../src/engine/target/apply-lock.ts';
import { aggregatesOf, rowsOf } from '../support/timescaledb/contents.ts';
import { createPair, type RealDatabase } from '../support/timescaledb/pair.ts';
import { offered } from '../support/timescaledb/play.ts';
import { startMigration } from './timescaledb/start-migration.ts';
import type { Migration } from './whole/migration.ts';

/** Aggregates of all kinds: upon each other, real-time, by numbers, with odd names, with history older than the rows. */
const APPLICATION = `
  SET client_min_messages = error;
  CREATE TABLE metrics (time timestamptz NOT NULL, dev int NOT NULL, v float8, PRIMARY KEY (time, dev));
  SELECT create_hypertable('metrics', 'time', chunk_time_interval => interval '1 day', create_default_indexes => false);
  INSERT INTO metrics SELECT t, d, d FROM generate_series('2026-11-01'::timestamptz, '2026-11-10', '20 min') t, generate_series(1, 5) d;
  CREATE TABLE devices (id int PRIMARY KEY, name text);
  INSERT INTO devices SELECT i, 'd' || i FROM generate_series(1, 5) i;
  CREATE TABLE counts (n bigint NOT NULL, k text NOT NULL, c int);
  SELECT create_hypertable('counts', 'n', chunk_time_interval => 1000);
  ALTER TABLE counts REPLICA IDENTITY FULL;
  CREATE FUNCTION count_now() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT coalesce(max(n), 0) FROM public.counts';
  SELECT set_integer_now_func('counts', 'count_now');
  INSERT INTO counts SELECT i, 'k' || i % 7, i FROM generate_series(-500, 5500) i;
  CREATE SCHEMA "Agg ""s";
  CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous) AS
    SELECT time_bucket('1 hour', time) AS bucket, dev, avg(v) AS "Avg", count(*) c FROM metrics GROUP BY 1, 2 WITH NO DATA;
  CREATE MATERIALIZED VIEW "Agg ""s"."Day's" WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS
    SELECT time_bucket('1 day', bucket) AS "Day", dev, avg("Avg") AS a, sum(c) n FROM hourly GROUP BY 1, 2 WITH NO DATA;
  CREATE MATERIALIZED VIEW by_number WITH (timescaledb.continuous) AS
    SELECT time_bucket(100, n) AS b, count(*) FROM counts GROUP BY 1 WITH NO DATA;
  CREATE MATERIALIZED VIEW monthly WITH (timescaledb.continuous) AS
    SELECT time_bucket('1 month', time, 'Europe/Berlin') AS month, count(*) FROM metrics GROUP BY 1 WITH NO DATA;
  CREATE MATERIALIZED VIEW named WITH (timescaledb.continuous) AS
    SELECT time_bucket('1 hour', time) AS bucket, devices.id, devices.name, max(v) FROM metrics JOIN devices ON id = dev GROUP BY 1, 2 WITH NO DATA;
  CREATE MATERIALIZED VIEW never WITH (timescaledb.continuous) AS
    SELECT time_bucket('2 hours', time) AS bucket, count(*) FROM metrics GROUP BY 1 WITH NO DATA;
  CREATE INDEX "hourly ix" ON hourly ("Avg");
  COMMENT ON VIEW hourly IS 'it''s hourly';
  GRANT SELECT ON hourly TO PUBLIC;
  CREATE VIEW on_it AS SELECT * FROM hourly WHERE dev = 1;
  CREATE VIEW on_on_it AS SELECT count(*) FROM on_it;
  CREATE FUNCTION from_view() RETURNS SETOF on_it LANGUAGE sql AS 'SELECT * FROM public.on_it';
  CREATE MATERIALIZED VIEW kept AS SELECT dev, sum(c) FROM hourly GROUP BY 1;
  CREATE UNIQUE INDEX kept_dev ON kept (dev)`;

/** Each in a transaction of its own. The rows of the first days are gone then, and a sensor's clock was wrong. */
const LIFE = [
  "CALL refresh_continuous_aggregate('hourly', NULL, '2026-11-09')",
  `CALL refresh_continuous_aggregate('"Agg ""s"."Day''s"', NULL, '2026-11-08')`,
  "CALL refresh_continuous_aggregate('by_number', NULL, 5000)",
  "CALL refresh_continuous_aggregate('monthly', NULL, NULL)",
  "CALL refresh_continuous_aggregate('named', NULL, NULL)",
  "SELECT drop_chunks('metrics', older_than => '2026-11-03'::timestamptz)",
  "INSERT INTO metrics VALUES ('1970-01-01 00:30+00', 1, 1)",
  "CALL refresh_continuous_aggregate('hourly', '1970-01-01', '1970-01-02')",
  "CALL refresh_continuous_aggregate('named', '1970-01-01', '1970-01-02')",
  "CALL refresh_continuous_aggregate('monthly', '1969-11-01', '1970-03-01')",
  `CALL refresh_continuous_aggregate('"Agg ""s"."Day''s"', '1970-01-01', '1970-01-03')`,
];

const AGGREGATES = ['hourly', '"Agg ""s"."Day\'s"', 'by_number', 'monthly', 'named', 'never'];

/** As users find it in the views. */
const shapeOf = async ({ query }: RealDatabase) => ({
  views: await aggregatesOf(query),
  granted: await query(`SELECT has_table_privilege('jobkeeper', 'public.hourly', 'SELECT') AS granted`),
});

const isFilled = ({ text }: { readonly text: string }) => /^Continuous aggregate .* filled in /.test(text);

const filled = (migration: Migration) =>
  migration.until(
    () =>
      migration
        .of('gate')
        .filter(({ id }) => id === 'aggregates')
        .at(-1)?.ok === true,
    'aggregates to be filled',
  );

for (const version of offered.length > 0 ? offered : ['of any version']) {
  describe.skipIf(offered.length === 0)(`continuous aggregates of TimescaleDB ${version}`, () => {
    test('arrive with what stands on them, their history, and what changed during replay', async () => {
      await using pair = await createPair(version);
      const { source, target } = pair;
      await source.query(APPLICATION);
      for (const sql of LIFE) await source.query(sql);
      await using migration = await startMigration(pair);
      await filled(migration);
      const history = await rowsOf(
        target.query,
        `(SELECT * FROM hourly WHERE bucket BETWEEN '2026-11-01' AND '2026-11-02 23:00')`,
      );
      expect(history.length).toBe(240);
      // Late rows, into buckets that were filled, and a refresh on the source, whose own rows are no changes.
      await source.query(
        `INSERT INTO metrics VALUES ('2026-11-05 12:01+00', 1, 100); DELETE FROM metrics WHERE time = '2026-11-06' AND dev = 2;
         DELETE FROM counts WHERE n = 42; INSERT INTO metrics VALUES ('2026-11-09 12:01+00', 1, 100)`,
      );
      for (const call of [`'hourly', '2026-11-03', '2026-11-10'`, `'"Agg ""s"."Day''s"', '2026-11-03', '2026-11-09'`]) {
        await source.query(`CALL refresh_continuous_aggregate(${call})`);
      }
      await source.query(`CALL refresh_continuous_aggregate('by_number', NULL, 5000)`);
      await source.query(`CALL refresh_continuous_aggregate('named', '2026-11-03', '2026-11-10')`);
      await source.query('REFRESH MATERIALIZED VIEW kept');
      await migration.cutOver(false);

      expect(migration.of('error')).toEqual([]);
      expect(await shapeOf(target)).toEqual(await shapeOf(source));
      for (const relation of [...AGGREGATES, 'on_it', 'on_on_it', 'from_view()', 'kept']) {
        expect(await rowsOf(target.query, relation), relation).toEqual(await rowsOf(source.query, relation));
      }
      expect((await migration.verify()).objects).toEqual([]);
      // As if something had been lost.
      const [{ storage } = { storage: '' }] = await target.query<{ storage: string }>(
        `SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS storage
           FROM timescaledb_information.continuous_aggregates WHERE view_name = 'by_number'`,
      );
      await target.query(`DELETE FROM ${storage}`);
      expect((await migration.verify()).objects).toEqual([
        expect.stringMatching(
          /^continuous aggregate public.by_number differs: 0 rows on the target, \d+ on the source$/,
        ),
      ]);
    });

    test('stopped beside replay and resumed: filled once, and what changed meanwhile is refreshed', async () => {
      await using pair = await createPair(version);
      const { source, target } = pair;
      await source.query(APPLICATION);
      for (const sql of LIFE) await source.query(sql);
      await using migration = await startMigration(pair);
      await filled(migration);
      await migration.stop();
      const late = `INSERT INTO metrics VALUES ('2026-11-05 12:01+00', 1, 100); DELETE FROM counts WHERE n = 42`;
      await source.query(late);
      await using again = await startMigration(pair, { directory: migration.directory });
      await again.reached('replay');
      await again.cutOver(false);

      const texts = again.of('log').map(({ text }) => text);
      expect(texts.filter((text) => /filled in/.test(text))).toEqual([]);
      for (const call of [`'hourly', '2026-11-03', '2026-11-09'`, `'by_number', NULL, 5000`]) {
        await source.query(`CALL refresh_continuous_aggregate(${call})`);
      }
      for (const relation of ['hourly', 'by_number']) {
        expect(await rowsOf(target.query, relation), relation).toEqual(await rowsOf(source.query, relation));
      }
    });

    test('filled with no transaction of replay open: what commits at that moment would be neither seen nor noted', async () => {
      await using pair = await createPair(version);
      const { source, target } = pair;
      await source.query(APPLICATION);
      for (const sql of LIFE) await source.query(sql);
      // As replay does, from before the tables are there.
      const replay = new pg.Client({ connectionString: target.uri });
      await replay.connect();
      try {
        await replay.query(`BEGIN; ${SHARE_WITH_REPLAY}`);
        await using migration = await startMigration(pair);
        const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '% aggregates' AND wait_event = 'advisory'`;
        const begun = () => target.query(waiting).then((rows) => rows.length > 0 || migration.of('log').some(isFilled));
        await migration.until(begun, 'the first aggregate to be begun');
        expect(migration.of('log').filter(isFilled)).toEqual([]);
        await replay.query('COMMIT');
        await filled(migration);
      } finally {
        await replay.end();
      }
    });
  });
}
