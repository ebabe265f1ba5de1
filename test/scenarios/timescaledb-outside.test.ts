import { describe, expect, test } from 'vitest';
import { Hypertables, NEWEST, NO_TIMESCALEDB } from './timescaledb/stage.ts';

describe.skipIf(NO_TIMESCALEDB)('given what the stream of hypertables does not show', () => {
  test(`merge_chunks and split_chunk on TimescaleDB ${NEWEST}: told, and copied again`, async () => {
    await using stage = await Hypertables.create();
    await stage.on(
      'source',
      `CREATE TABLE m (time timestamptz NOT NULL, v int, PRIMARY KEY (time));
       SELECT create_hypertable('m', by_range('time', interval '1 day'));
       INSERT INTO m SELECT t, 1 FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-08 23:00+00', '1 hour') t`,
    );
    const chunks = (await stage.on('source', `SELECT c::text FROM show_chunks('m') c ORDER BY 1`)).map(
      ({ c }) => `${c}`,
    );
    const migration = await stage.migrate({ waitForGo: true });
    await migration.untilSnapshot();
    // During the copy: what was not copied yet is copied as it is by then.
    await stage.on('source', `CALL merge_chunks('${chunks[0]}', '${chunks[1]}')`);
    await stage.on('source', `CALL split_chunk('${chunks[2]}')`);
    await stage.on('source', `UPDATE m SET v = 2`);
    await migration.go();
    await stage.caughtUp(migration);
    expect(migration.warnings).toEqual([]);
    // During replay.
    await stage.on('source', `CALL merge_chunks('${chunks[3]}', '${chunks[4]}')`);
    await stage.on('source', `CALL split_chunk('${chunks[5]}')`);
    await stage.on('source', `UPDATE m SET v = 3`);
    await migration.until(() => migration.warnings.length >= 3, 'the warnings');
    expect(migration.warnings.join('\n')).toContain('(a chunk of public.m) is damaged');
    expect(migration.warnings.join('\n')).toContain('TM5005');
    await migration.resync();
    await migration.until(
      () => migration.of('phase').filter(({ phase }) => phase === 'replay').length > 1,
      'replay again',
    );
    await stage.caughtUp(migration);
    await stage.on('source', `UPDATE m SET v = 4`);
    await stage.cutOver(migration);
    expect(await stage.differences()).toEqual([]);
  });

  test('rows that were written in compressed form: told, and copied again', async () => {
    await using stage = await Hypertables.create();
    await stage.on(
      'source',
      `CREATE TABLE m (time timestamptz NOT NULL, dev int, v int);
       SELECT create_hypertable('m', by_range('time', interval '1 day'));
       ALTER TABLE m SET (timescaledb.compress, timescaledb.compress_segmentby = 'dev', timescaledb.compress_orderby = 'time');
       ALTER TABLE m REPLICA IDENTITY FULL;
       INSERT INTO m SELECT t, 1, 1 FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-03 23:00+00', '1 hour') t;
       SELECT compress_chunk(c) FROM show_chunks('m') c`,
    );
    const migration = await stage.migrate();
    await stage.caughtUp(migration);
    await stage.on(
      'source',
      `SET timescaledb.enable_compressed_direct_batch_delete = on; DELETE FROM m WHERE dev = 1 AND time < '2026-11-02 00:00+00'`,
    );
    await migration.until(() => migration.warnings.length > 0, 'the warning');
    expect(migration.warnings[0]).toContain('(a chunk of public.m) is damaged');
    await stage.on(
      'source',
      `SET timescaledb.enable_direct_compress_insert = on;
       INSERT INTO m SELECT t, 2, 1 FROM generate_series('2026-11-09 00:00+00'::timestamptz, '2026-11-09 23:59+00', '1 minute') t`,
    );
    await migration.until(() => migration.warnings.length > 1, 'the second warning');
    await migration.resync();
    await migration.until(
      () => migration.of('phase').filter(({ phase }) => phase === 'replay').length > 1,
      'replay again',
    );
    await stage.caughtUp(migration);
    await stage.cutOver(migration);
    expect(await stage.differences()).toEqual([]);
  });
});
