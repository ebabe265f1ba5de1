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
  await migration.until(() => migration.of('snapshot').length > 0, 'the snapshot');
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

  test('thousands of chunks in one transaction', async () => {
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

  test(`source ${OLDEST}, target ${NEWEST}`, () =>
    duringReplay(METRICS, [rowsAt('2026-11-20'), `${DROPPED}; ${rowsAt('2026-11-02')}`, EMPTIED], { version: OLDEST }));
});
