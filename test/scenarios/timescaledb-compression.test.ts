import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { EventPayload } from '../../src/engine/events.ts';
import { compressChunks } from '../../src/engine/timescale/compress-chunks.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { withClient } from '../support/test-servers.ts';
import { realServer } from '../support/timescaledb/play.ts';
import { until } from '../support/wait.ts';
import { Hypertables, NO_TIMESCALEDB, OLDEST } from './timescaledb/stage.ts';
import type { Migration } from './whole/migration.ts';

const day = (number: number) => `date_trunc('day', now()) - ${number} * interval '1 day'`;

/** Chunks of a day, three weeks of them, with a policy that takes those older than a week. */
const BY_POLICY = `
  CREATE TABLE m (time timestamptz NOT NULL, dev int NOT NULL, v int, PRIMARY KEY (time, dev));
  SELECT create_hypertable('m', by_range('time', interval '1 day'), create_default_indexes => false);
  INSERT INTO m SELECT t, d, 1 FROM generate_series(${day(20)}, now(), '10 min') t, generate_series(1, 5) d;
  ALTER TABLE m SET (timescaledb.compress, timescaledb.compress_segmentby = 'dev', timescaledb.compress_orderby = 'time');
  SELECT add_compression_policy('m', interval '7 days', initial_start => '2037-01-01')`;

/** Ten chunks, three of them compressed, without a policy. */
const BY_HAND = `
  CREATE TABLE by_hand (n bigint NOT NULL, v text);
  SELECT create_hypertable('by_hand', by_range('n', 100), create_default_indexes => false);
  INSERT INTO by_hand SELECT n, repeat('x', 100) FROM generate_series(0, 999) n;
  ALTER TABLE by_hand SET (timescaledb.compress);
  SELECT compress_chunk(c) FROM show_chunks('by_hand', older_than => 300) c`;

/** Whole numbers, counted from a function; a policy that rests; one by the age of chunks, which are all new on the target; an aggregate. */
const OTHERS = `
  CREATE FUNCTION now_is() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1000::bigint';
  CREATE TABLE counts (n bigint NOT NULL, v int);
  SELECT create_hypertable('counts', by_range('n', 100), create_default_indexes => false);
  SELECT set_integer_now_func('counts', 'now_is');
  INSERT INTO counts SELECT n, 1 FROM generate_series(0, 999) n;
  ALTER TABLE counts SET (timescaledb.compress);
  SELECT add_compression_policy('counts', 600::bigint, initial_start => '2037-01-01');
  CREATE TABLE resting (time timestamptz NOT NULL);
  SELECT create_hypertable('resting', by_range('time', interval '1 day'));
  INSERT INTO resting SELECT generate_series(${day(20)}, now(), '1 hour');
  ALTER TABLE resting SET (timescaledb.compress);
  SELECT alter_job(add_compression_policy('resting', interval '7 days'), scheduled => false);
  CREATE TABLE by_age (time timestamptz NOT NULL);
  SELECT create_hypertable('by_age', by_range('time', interval '1 day'));
  INSERT INTO by_age SELECT generate_series(${day(20)}, now(), '1 hour');
  ALTER TABLE by_age SET (timescaledb.compress);
  SELECT add_compression_policy('by_age', compress_created_before => interval '7 days', initial_start => '2037-01-01');
  SELECT compress_chunk(c) FROM show_chunks('by_age', older_than => interval '19 days') c;
  CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS
    SELECT time_bucket('1 day', time) AS day, dev, sum(v) FROM m GROUP BY 1, 2 WITH NO DATA;
  SELECT set_chunk_time_interval((SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass
    FROM timescaledb_information.continuous_aggregates), interval '1 day')`;
const AGGREGATE = `
  CALL refresh_continuous_aggregate('daily', NULL, ${day(0)});
  ALTER MATERIALIZED VIEW daily SET (timescaledb.compress);
  SELECT compress_chunk(c) FROM show_chunks('daily', older_than => interval '18 days') c`;

/** How many chunks are compressed on the target, of each hypertable or aggregate. */
async function compressed(stage: Hypertables): Promise<Record<string, number>> {
  const rows = await stage.on(
    'target',
    `SELECT coalesce(v.view_name, c.hypertable_name) AS name, count(*)::int AS count FROM timescaledb_information.chunks c
       LEFT JOIN timescaledb_information.continuous_aggregates v ON v.materialization_hypertable_name = c.hypertable_name
      WHERE c.is_compressed GROUP BY 1`,
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]));
}

const chunksOf = async (stage: Hypertables, relation: string): Promise<string[]> =>
  (await stage.on('target', `SELECT c::text AS name FROM show_chunks('${relation}') c`)).map(({ name }) =>
    String(name),
  );

/** Warnings without the one that every cut-over of these tests gives. */
const warnings = (migration: Migration) =>
  migration.warnings.filter((text) => !text.startsWith('Conditions overridden'));

/** Somebody who has an open transaction on a chunk of the target. */
async function holding(stage: Hypertables, chunk: string): Promise<pg.Client> {
  const session = await stage.session('target');
  await session.query(`BEGIN; LOCK TABLE ${chunk} IN ROW SHARE MODE`);
  return session;
}

/** Resolves when everything is compressed but `count` chunks. */
const allBut = (migration: Migration, count: number) =>
  migration.until(
    () => migration.of('compression').some((at) => at.chunks_done === at.chunks_total - count),
    'the other chunks',
  );

describe.skipIf(NO_TIMESCALEDB)('compression after the cut-over', () => {
  test('as it was on the source, and as the policies of the target would, the oldest first, and no more', async () => {
    await using stage = await Hypertables.create();
    await stage.on('source', `${BY_POLICY}; ${BY_HAND}; ${OTHERS}`);
    for (const statement of AGGREGATE.split(';')) await stage.on('source', statement);
    await using migration = await stage.migrate();
    await stage.cutOver(migration);

    expect(warnings(migration)).toEqual([]);
    const byAge = await stage.on('source', `SELECT FROM show_chunks('by_age', older_than => interval '19 days')`);
    const ofDaily = await stage.on('source', `SELECT FROM show_chunks('daily', older_than => interval '18 days')`);
    expect(await compressed(stage)).toEqual({
      m: 13,
      by_hand: 3,
      counts: 4,
      by_age: byAge.length,
      daily: ofDaily.length,
    });
    const told = migration.of('compression');
    const total = 20 + byAge.length + ofDaily.length;
    expect(told.map(({ chunks_done }) => chunks_done)).toEqual(Array.from({ length: total + 1 }, (_, at) => at));
    expect(told.at(-1)).toMatchObject({ state: 'done', chunks_total: total, chunk: null });
    expect(told.at(-1)?.bytes_before).toBeGreaterThan(100_000);
    const ofM = told.filter(({ relation }) => relation === 'public.m').map(({ chunk }) => chunk);
    expect(ofM).toEqual((await chunksOf(stage, 'm')).slice(0, 13));
    const types = migration.events.map(({ type }) => type);
    expect(types.indexOf('compression')).toBeGreaterThan(types.lastIndexOf('phase'));
    expect(await stage.differences()).toEqual([]);
    expect((await migration.verify()).equal).toBe(true);
  });

  test('not at all with --no-compress, and without a word where nothing is to be compressed', async () => {
    await using stage = await Hypertables.create({ options: { compress: false } });
    await stage.on('source', BY_HAND);
    await using migration = await stage.migrate();
    await stage.cutOver(migration);
    expect(migration.of('compression')).toEqual([]);
    expect(await compressed(stage)).toEqual({});

    await using none = await Hypertables.create();
    await none.on('source', `${BY_POLICY}; DELETE FROM m WHERE time < ${day(2)}; SELECT drop_chunks('m', ${day(5)})`);
    await using other = await none.migrate();
    await none.cutOver(other);
    expect(other.of('compression')).toEqual([]);
  });

  test('on a target of an older TimescaleDB', async () => {
    await using stage = await Hypertables.create({ targetVersion: OLDEST });
    await stage.on('source', `${BY_POLICY}; ${BY_HAND}`);
    await using migration = await stage.migrate();
    await stage.cutOver(migration);
    expect(warnings(migration)).toEqual([]);
    expect(await compressed(stage)).toEqual({ m: 13, by_hand: 3 });
    expect(await stage.differences()).toEqual([]);
  });

  test('a chunk that the application holds comes last, and one that somebody else compresses meanwhile counts', async () => {
    await using stage = await Hypertables.create();
    await stage.on('source', BY_POLICY);
    await using migration = await stage.migrate();
    await stage.caughtUp(migration);
    const [first, second] = await chunksOf(stage, 'm');
    const application = await holding(stage, `${first}`);
    const policy = await stage.session('target');
    await migration.requestCutover(false);
    await migration.until(() => migration.of('compression').length > 0, 'compression');
    // As the policy's job does it, while we wait for the first.
    await policy.query(`BEGIN; SELECT compress_chunk('${second}')`);
    await allBut(migration, 2);
    await policy.query('COMMIT');
    await allBut(migration, 1);
    await migration.until(() => migration.of('compression').at(-1)?.chunks_held === 1, 'that to be told');
    // A target that restarts: the session is lost, and opened again.
    await stage.on(
      'target',
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% compress' AND datname = current_database()`,
    );
    await migration.until(() => migration.of('healed').length > 0, 'another session');
    await application.query('COMMIT');
    expect(await migration.ended).toBe(null);
    expect(warnings(migration)).toEqual([]);
    expect(await compressed(stage)).toEqual({ m: 13 });
  });

  test('a chunk that is held for ever is left alone and told with what to run', async () => {
    await using stage = await Hypertables.create();
    await stage.on('source', BY_HAND);
    await using migration = await stage.migrate();
    await stage.caughtUp(migration);
    const [first] = await chunksOf(stage, 'by_hand');
    const application = await holding(stage, `${first}`);
    await migration.requestCutover(false);
    await allBut(migration, 1);
    await migration.stop();
    expect(await migration.ended).toBe(null);
    expect(migration.of('compression').at(-1)).toMatchObject({ state: 'stopped', chunks_done: 2, chunks_total: 3 });

    const events: { type: string; text?: string }[] = [];
    const id = (await stage.on('target', 'SELECT id FROM tiger_migrate.migration'))[0]?.id;
    await compressChunks({
      id: String(id),
      source: parseConnectionString(stage.source, {}),
      target: parseConnectionString(stage.target, {}),
      emit: (event) => events.push(event),
      signal: new AbortController().signal,
      pauseMs: () => 1,
    });
    const [warning] = events.filter(({ type }) => type === 'warning');
    expect(warning?.text).toContain('Not compressed: a chunk of public.by_hand: others hold it.');
    const statement = warning?.text?.split('run on the target: ')[1];
    await application.query('COMMIT');
    await stage.on('target', String(statement));
    expect(await compressed(stage)).toEqual({ by_hand: 3 });
  });

  test('while a policy runs it is left alone, and its run is no failed one', async () => {
    await using stage = await Hypertables.create({ options: { compress: false } });
    await stage.on('source', BY_POLICY);
    await using migration = await stage.migrate();
    await stage.cutOver(migration);
    const [first] = await chunksOf(stage, 'm');
    const application = await holding(stage, `${first}`);
    const superuser = Object.assign(new URL(realServer), { pathname: new URL(stage.target).pathname }).href;
    const job = `FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'`;
    await stage.on('target', `SELECT alter_job(job_id, next_start => now()) ${job}`);
    await withClient(superuser, (client) => client.query('SELECT _timescaledb_functions.start_background_workers()'));
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name ~ '\\['`;
    await until(async () => (await stage.on('target', waiting)).length > 0, { what: 'the policy to run' });

    const events: EventPayload[] = [];
    const id = (await stage.on('target', 'SELECT id FROM tiger_migrate.migration'))[0]?.id;
    const compressing = compressChunks({
      id: String(id),
      source: parseConnectionString(stage.source, {}),
      target: parseConnectionString(stage.target, {}),
      emit: (event) => events.push(event),
      signal: new AbortController().signal,
      pauseMs: () => 1,
    });
    await until(() => events.filter(({ type }) => type === 'compression').length > 150, { what: 'many rounds' });
    expect(await compressed(stage)).toEqual({});
    await application.query('COMMIT');
    await compressing;
    expect(await compressed(stage)).toEqual({ m: 13 });
    expect(events.at(-1)).toMatchObject({ type: 'compression', state: 'done', chunks_done: 13, chunks_held: 0 });
    const stats = `SELECT last_run_status AS status FROM timescaledb_information.job_stats s JOIN timescaledb_information.jobs j USING (job_id) WHERE proc_name = 'policy_compression'`;
    await until(async () => (await stage.on('target', stats))[0]?.status === 'Success', { what: 'its success' });
  });

  test('what the target refuses is told, and nothing else than that chunk is left', async () => {
    await using stage = await Hypertables.create();
    await stage.on('source', BY_HAND);
    await using migration = await stage.migrate();
    await stage.caughtUp(migration);
    const [, second] = await chunksOf(stage, 'by_hand');
    await stage.on('target', `SELECT _timescaledb_functions.freeze_chunk('${second}')`);
    await stage.cutOver(migration);
    expect(await compressed(stage)).toEqual({ by_hand: 2 });
    expect(warnings(migration)).toEqual([
      expect.stringMatching(/^Not compressed: a chunk of public\.by_hand: .+frozen/),
    ]);

    await stage.on('target', `SELECT _timescaledb_functions.unfreeze_chunk('${second}')`);
    await using again = await stage.migrate({ directory: migration.directory });
    expect(await again.ended).toBe(null);
    expect(await compressed(stage)).toEqual({ by_hand: 3 });
    expect(again.of('compression').at(-1)).toMatchObject({ state: 'done', chunks_done: 3, chunks_total: 3 });
    await using third = await stage.migrate({ directory: migration.directory });
    expect((await third.ended)?.code).toBe('TM1305');
    expect(third.of('phase')).toEqual([]);
  });
});
