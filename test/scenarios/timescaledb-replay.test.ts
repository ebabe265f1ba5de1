import { describe, expect, test } from 'vitest';
import { Hypertables, NEWEST, NO_TIMESCALEDB, OLDEST } from './timescaledb/stage.ts';

/** Nine days, four devices, a row an hour; the first three days compressed. */
const METRICS = `
  CREATE TABLE metrics (time timestamptz NOT NULL, dev int NOT NULL, v float8, note text, PRIMARY KEY (time, dev));
  SELECT create_hypertable('metrics', by_range('time', interval '1 day'), create_default_indexes => false);
  INSERT INTO metrics SELECT t, d, extract(hour FROM t) + d, 'n' || d
    FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-09 23:00+00', '1 hour') t, generate_series(1, 4) d`;
const COMPRESSED = `${METRICS};
  ALTER TABLE metrics SET (timescaledb.compress, timescaledb.compress_segmentby = 'dev', timescaledb.compress_orderby = 'time');
  SELECT compress_chunk(c) FROM show_chunks('metrics', older_than => '2026-11-04 00:00+00'::timestamptz) c`;
const rowsAt = (time: string, note = 'late') =>
  `INSERT INTO metrics SELECT '${time}'::timestamptz, d, d, '${note}' FROM generate_series(11, 14) d`;

type Work = (stage: Hypertables) => Promise<unknown>;

/** The source does this while rows are copied. */
async function duringCopy(schema: string, work: Work | string, of: { version?: string } = {}): Promise<void> {
  await using stage = await Hypertables.create(of);
  await stage.on('source', schema);
  const migration = await stage.migrate({ waitForGo: true });
  await migration.untilSnapshot();
  await (typeof work === 'string' ? stage.on('source', work) : work(stage));
  await migration.go();
  await stage.cutOver(migration);
  expect(await stage.differences()).toEqual([]);
}

/** The source does this while it is followed, one after the other, each applied before the next. */
async function duringReplay(schema: string, steps: string[], of: { version?: string } = {}): Promise<void> {
  await using stage = await Hypertables.create(of);
  await stage.on('source', schema);
  const migration = await stage.migrate();
  for (const step of steps) {
    await stage.caughtUp(migration);
    await stage.on('source', step);
  }
  await stage.caughtUp(migration);
  await stage.cutOver(migration);
  expect(await stage.differences()).toEqual([]);
}

describe.skipIf(NO_TIMESCALEDB)('given hypertables on TimescaleDB itself', () => {
  test('new chunks during the copy', () => duringCopy(COMPRESSED, `${rowsAt('2026-11-20')}; ${rowsAt('2026-12-01')}`));

  test('new chunks during replay', () =>
    duringReplay(COMPRESSED, [rowsAt('2026-11-20'), `${rowsAt('2026-11-21')}; ${rowsAt('2026-11-20 05:00')}`]));

  test('late rows into compressed chunks', async () => {
    await duringCopy(COMPRESSED, rowsAt('2026-11-02 05:30'));
    await duringReplay(COMPRESSED, [rowsAt('2026-11-02 05:30')]);
  });

  const CHANGED = `
    UPDATE metrics SET v = -1 WHERE time >= '2026-11-02 00:00+00' AND time < '2026-11-02 03:00+00' AND dev = 2;
    DELETE FROM metrics WHERE time < '2026-11-01 06:00+00' AND dev = 3;
    DELETE FROM metrics WHERE dev = 4 AND time < '2026-11-03 00:00+00';
    INSERT INTO metrics VALUES ('2026-11-02 07:00+00', 1, -7, 'upserted'), ('2026-11-02 07:30+00', 1, -8, 'new')
      ON CONFLICT (time, dev) DO UPDATE SET v = excluded.v, note = excluded.note`;
  test('UPDATE, DELETE and upsert of compressed rows', async () => {
    await duringCopy(COMPRESSED, CHANGED);
    await duringReplay(COMPRESSED, [CHANGED, CHANGED]);
  });

  const FORMS = `
    SELECT compress_chunk(c) FROM show_chunks('metrics', older_than => '2026-11-06 00:00+00'::timestamptz, newer_than => '2026-11-04 00:00+00'::timestamptz) c;
    ${rowsAt('2026-11-01 01:30')};
    SELECT compress_chunk(c, recompress => true) FROM show_chunks('metrics', older_than => '2026-11-02 00:00+00'::timestamptz) c;
    SELECT decompress_chunk(c) FROM show_chunks('metrics', older_than => '2026-11-04 00:00+00'::timestamptz, newer_than => '2026-11-03 00:00+00'::timestamptz) c`;
  test('compress_chunk, recompression and decompress_chunk', async () => {
    await duringCopy(COMPRESSED, FORMS);
    await duringReplay(COMPRESSED, [FORMS, rowsAt('2026-11-03 01:30'), CHANGED]);
  });

  test('late rows and compressed ones that are put together, and rows that are compressed in place, before they are copied', async () => {
    const recompress = `SELECT compress_chunk(c, recompress => true) FROM show_chunks('metrics', older_than => '2026-11-03 00:00+00'::timestamptz) c`;
    await duringCopy(`${COMPRESSED}; ${rowsAt('2026-11-02 05:30')}`, recompress);
    await duringCopy(`${COMPRESSED}; ${rowsAt('2026-11-02 05:30')}`, `${recompress}; ${rowsAt('2026-11-02 07:30')}`);
    await duringCopy(
      COMPRESSED,
      `SET timescaledb.enable_delete_after_compression = on; SELECT compress_chunk(c) FROM show_chunks('metrics', newer_than => '2026-11-04 00:00+00'::timestamptz) c`,
    );
  });

  const EMPTIED = `TRUNCATE metrics; ${rowsAt('2026-11-02')}; ${rowsAt('2026-11-07')}`;
  test('TRUNCATE of a hypertable, and new chunks with the same boundaries', async () => {
    await duringCopy(COMPRESSED, EMPTIED);
    await duringReplay(COMPRESSED, [EMPTIED, 'TRUNCATE metrics', rowsAt('2026-11-02'), `BEGIN; ${EMPTIED}; COMMIT`]);
  });

  const DROPPED = `SELECT drop_chunks('metrics', older_than => '2026-11-05 00:00+00'::timestamptz)`;
  test('drop_chunks, and late rows that make a chunk with the same boundaries', async () => {
    await duringCopy(COMPRESSED, `${DROPPED}; ${rowsAt('2026-11-02')}`);
    await duringReplay(COMPRESSED, [`${DROPPED}; ${rowsAt('2026-11-02')}`, DROPPED, rowsAt('2026-11-02'), DROPPED]);
  });

  test('drop_chunks, and chunks with other boundaries in their place', () =>
    duringReplay(METRICS, [
      `${DROPPED}; SELECT set_chunk_time_interval('metrics', interval '12 hours'); ${rowsAt('2026-11-02')}; ${rowsAt('2026-11-02 13:00')}`,
    ]));

  test('a chunk that was made anew without a row takes over the place of the one before, once', async () => {
    await using stage = await Hypertables.create();
    await stage.on('source', METRICS);
    const migration = await stage.migrate();
    await stage.caughtUp(migration);
    const waiting = async () =>
      (await stage.on('target', 'SELECT count(*)::int AS count FROM tiger_migrate.relation WHERE takes_over'))[0]
        ?.count;
    const anew = (day: number) => `
      SELECT _timescaledb_functions.create_chunk('metrics', format('{"time": [%s, %s]}', f, f + 86400000000)::jsonb)
        FROM (SELECT extract(epoch FROM '2026-11-0${day} 00:00+00'::timestamptz)::bigint * 1000000 AS f) s`;
    await stage.on('source', `${DROPPED}; ${anew(3)}; ${anew(4)}; ${rowsAt('2026-11-02')}`);
    await stage.caughtUp(migration);
    expect(await waiting()).toBe(2);
    await stage.on('source', rowsAt('2026-11-03'));
    await stage.caughtUp(migration);
    expect(await waiting()).toBe(1);
    // A copy empties the place as well.
    await migration.resync('public.metrics');
    await migration.until(() => migration.of('phase').filter(({ phase }) => phase === 'replay').length > 1, 'replay');
    expect(await waiting()).toBe(0);
    await stage.on('source', rowsAt('2026-11-03 05:00'));
    await stage.caughtUp(migration);
    await stage.cutOver(migration);
    expect(await stage.differences()).toEqual([]);
  });

  test('a thousand chunks in one transaction', async () => {
    await duringReplay(METRICS, [
      `BEGIN; INSERT INTO metrics SELECT t, 1, 1, 'many' FROM generate_series('2020-01-01 00:00+00'::timestamptz, '2023-01-01 00:00+00', '1 day') t; COMMIT`,
    ]);
  });

  test('new chunks right before the cut-over', async () => {
    await using stage = await Hypertables.create();
    await stage.on('source', METRICS);
    const migration = await stage.migrate();
    await stage.caughtUp(migration);
    await stage.on('source', `${rowsAt('2026-11-20')}; ${rowsAt('2026-11-21')}`);
    await stage.cutOver(migration);
    expect(await stage.differences()).toEqual([]);
  });

  test('what a continuous aggregate keeps is passed over in silence', async () => {
    await using stage = await Hypertables.create();
    await stage.on(
      'source',
      `${METRICS};
       CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS
         SELECT time_bucket('1 day', time) AS day, dev, sum(v) FROM metrics GROUP BY 1, 2 WITH NO DATA`,
    );
    const refresh = async () => stage.on('source', `CALL refresh_continuous_aggregate('daily', NULL, NULL)`);
    const migration = await stage.migrate();
    await stage.caughtUp(migration);
    await refresh();
    await stage.on('source', `${rowsAt('2026-11-20')}; UPDATE metrics SET v = 5 WHERE dev = 2`);
    await refresh();
    await stage.on('source', 'TRUNCATE daily');
    await refresh();
    await stage.caughtUp(migration);
    expect(migration.warnings).toEqual([]);
    await stage.cutOver(migration);
    expect(await stage.differences()).toEqual([]);
  });

  test(`source ${OLDEST}, target ${NEWEST}`, () =>
    duringReplay(METRICS, [rowsAt('2026-11-20'), `${DROPPED}; ${rowsAt('2026-11-02')}`, EMPTIED], { version: OLDEST }));
});
