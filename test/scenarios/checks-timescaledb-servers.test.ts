import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyFix } from '../support/apply-fix.ts';
import { check } from '../support/check-context.ts';
import { withClient } from '../support/test-servers.ts';
import { offered, realServer } from '../support/timescaledb/play.ts';
import { type RecordedStage, realStage, recordedStage, type StageDatabase } from '../support/timescaledb/stage.ts';
import { until } from '../support/wait.ts';

const provider = 'selfhosted-timescaledb' as const;

const asSuperuser = (source: StageDatabase, target: StageDatabase) => ({
  source: source.superuserUri,
  target: target.superuserUri,
  provider,
});

describe('given rows recorded from TimescaleDB 2.23.1', () => {
  let stage: RecordedStage;
  beforeAll(async () => {
    stage = await recordedStage('2.23.1');
  });
  afterAll(() => stage.stop());

  const version = (database: StageDatabase, to: string) =>
    database.admin(`UPDATE pg_extension SET extversion = '${to}' WHERE extname = 'timescaledb'`);

  test('versions of both sides are compared, and need not match', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const run = () => check('timescaledb-extension', { source: source.uri, target: target.uri, provider });
    expect(await run()).toMatchObject({ status: 'pass', found: '2.23.1 on both sides' });

    await version(source, '2.17.2');
    const older = await run();
    expect(older).toMatchObject({
      status: 'info',
      found: 'source 2.17.2, target 2.23.1: they differ, and need not match',
    });
    const at = `host=${stage.server.host} port=${stage.server.port} user=migrator dbname=${source.name}`;
    expect(older.fix).toContain(`psql "${at}" -X -c "ALTER EXTENSION timescaledb UPDATE"`);

    await version(source, '2.24.0');
    const newer = await run();
    expect(newer).toMatchObject({ status: 'warn', found: 'source 2.24.0, target 2.23.1: the target is older' });
    expect(newer.fix).toContain('offers nothing newer than 2.23.1');

    await source.admin("DELETE FROM pg_extension WHERE extname = 'timescaledb'");
    const none = await run();
    expect(none).toMatchObject({ status: 'warn', found: 'source none, target 2.23.1' });
    expect(none.fix).toContain('--provider selfhosted-postgres');
    await target.admin("DELETE FROM pg_extension WHERE extname = 'timescaledb'");
    expect(await run()).toMatchObject({ status: 'fail', code: 'TM1214', found: 'source none, target none' });
  });

  test('a source before 2.0 is refused, and before 2.16 where it compresses', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const input = { source: source.uri, target: target.uri, provider } as const;
    expect(await check('timescaledb-version', input)).toMatchObject({ status: 'pass', found: '2.23.1' });
    await version(source, '2.15.3');
    const silent = await check('timescaledb-compression-markers', input);
    expect(silent).toMatchObject({ status: 'fail', code: 'TM1210' });
    expect(silent.fix).toContain('install the package of TimescaleDB 2.16 or newer');
    await source.admin(`DELETE FROM timescaledb_information.hypertables WHERE compression_enabled`);
    expect(await check('timescaledb-compression-markers', input)).toMatchObject({
      status: 'pass',
      found: 'no hypertable is compressed',
    });
    await version(source, '1.7.5');
    expect(await check('timescaledb-version', input)).toMatchObject({ status: 'fail', code: 'TM1210', found: '1.7.5' });
  });

  test('what the configuration file sets is put right for all sessions at once', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const input = asSuperuser(source, target);
    await source.admin('ALTER SYSTEM SET timescaledb.enable_compression_wal_markers = off');
    await source.admin('SELECT pg_reload_conf()');
    const status = async (id: string) => (await check(id, input)).status;
    await until(async () => (await status('timescaledb-compression-markers')) === 'fail', { what: 'the reload' });
    for (const id of ['timescaledb-compression-markers', 'timescaledb-direct-batch-delete']) {
      const failed = await check(id, input);
      expect(failed).toMatchObject({ status: 'fail', code: 'TM1215', restart: null });
      expect(failed.apply?.sql).toEqual([expect.stringMatching(/^ALTER SYSTEM SET /), 'SELECT pg_reload_conf()']);
      // A session that is open has it too: nothing must reconnect.
      await withClient(source.superuserUri, async () => {
        await applyFix(failed, input);
        await until(async () => (await status(id)) === 'pass', { what: 'the reload' });
      });
    }
  });

  test('the Apache edition of the target lacks what the source uses', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const input = { source: source.uri, target: target.uri, provider } as const;
    expect(await check('timescaledb-license', input)).toMatchObject({ status: 'pass', found: 'timescale' });
    await target.admin(`ALTER DATABASE ${target.name} SET timescaledb.license = 'apache'`);
    expect(await check('timescaledb-license', input)).toMatchObject({
      status: 'fail',
      code: 'TM1214',
      found: 'apache; the source uses compression, continuous aggregates, policies or jobs',
    });
    expect(await check('timescaledb-license', { ...input, source: target.uri })).toMatchObject({ status: 'pass' });
  });

  test('distributed hypertables block', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const input = { source: source.uri, target: target.uri, provider } as const;
    expect((await check('timescaledb-distributed', input)).status).toBe('pass');
    // The column that said so was there before 2.14.
    await source.admin(`ALTER TABLE _timescaledb_catalog.hypertable ADD replication_factor smallint;
      UPDATE _timescaledb_catalog.hypertable SET replication_factor = 2 WHERE table_name = 'counters'`);
    const spread = await check('timescaledb-distributed', input);
    expect(spread).toMatchObject({ status: 'fail', code: 'TM1215', found: 'public.counters' });
    expect(spread.fix).toContain("create_hypertable('one_node', 'seq')");
  });

  test('compressed rows need the room that they take uncompressed', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const input = { source: source.uri, target: target.uri, provider } as const;
    expect((await check('target-disk', input)).status).toBe('info');
    await source.admin('UPDATE _timescaledb_catalog.compression_chunk_size SET uncompressed_heap_size = 1000000000000');
    expect((await check('timescaledb-size', input)).found).toContain('1.8 TiB uncompressed');
    expect(await check('target-disk', input)).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('about 1.8 TiB of tables and indexes will come'),
    });
  });

  test('names with quotes are quoted in what is to be run', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const input = { source: source.uri, target: target.uri, provider } as const;
    await source.admin(
      "UPDATE timescaledb_information.continuous_aggregates SET finalized = false, view_name = 'it''s by hour'",
    );
    expect((await check('timescaledb-aggregate-form', input)).fix).toContain(
      `CALL cagg_migrate('public."it''s by hour"',`,
    );
  });

  test('very many chunks are told, as are more than the target can lock', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    const input = { source: source.uri, target: target.uri, provider } as const;
    const grow = (to: number) =>
      source.admin(`INSERT INTO _timescaledb_catalog.chunk (id, hypertable_id, schema_name, table_name, dropped, status, osm_chunk, creation_time)
        SELECT 1000 + (SELECT max(id) FROM _timescaledb_catalog.chunk) + i, c.hypertable_id, schema_name, table_name, false, 0, false, now()
        FROM _timescaledb_catalog.chunk c, generate_series(1, ${to}) i WHERE c.id =
          (SELECT min(k.id) FROM _timescaledb_catalog.chunk k JOIN _timescaledb_catalog.hypertable h ON h.id = k.hypertable_id WHERE h.table_name = 'counters')`);
    expect((await check('timescaledb-size', input)).status).toBe('info');
    await grow(4000);
    const locks = await check('timescaledb-size', input);
    expect(locks.status).toBe('warn');
    expect(locks.found).toMatch(/the target has room for \d+ locks$/);
    expect(locks.fix).toContain('max_locks_per_transaction');
    await grow(6000);
    const many = await check('timescaledb-size', input);
    expect(many.status).toBe('warn');
    expect(many.found).toContain('4 hypertables, 10009 chunks');
    expect(many.fix).toContain("drop_chunks('public.counters', older_than => a value)");
  });

  test('sizes are estimated while a chunk is locked', async () => {
    await using source = await stage.create('sample');
    await using target = await stage.create('empty');
    await source.admin('ANALYZE');
    await withClient(source.superuserUri, async (client) => {
      await client.query('BEGIN; LOCK TABLE _timescaledb_internal._hyper_1_1_chunk IN ACCESS EXCLUSIVE MODE');
      const result = await check('timescaledb-size', { source: source.uri, target: target.uri, provider });
      expect(result.status).toBe('info');
      expect(result.found).toMatch(/^4 hypertables, 9 chunks \(2 compressed\), [\d.]+ KiB on the source/);
      await client.query('ROLLBACK');
    });
  });

  test('too few background workers on the target are told', async () => {
    await using source = await stage.create('sample');
    await using weak = await recordedStage('2.23.1', {
      'timescaledb.max_background_workers': 2,
      max_worker_processes: 4,
    });
    await using target = await weak.create('empty');
    const run = () => check('timescaledb-workers', asSuperuser(source, target));
    const few = await run();
    expect(few).toMatchObject({
      status: 'warn',
      found: 'timescaledb.max_background_workers = 2, max_worker_processes = 4; 6 jobs are scheduled on the source',
      restart: 'target',
    });
    expect(await check('timescaledb-workers', { source: source.uri, target: target.uri, provider })).toMatchObject({
      status: 'warn',
      apply: null,
      restart: 'target',
    });
    await applyFix(few, asSuperuser(source, target));
    await weak.server.restart();
    expect((await run()).status).toBe('pass');
  });
});

describe.skipIf(offered.length === 0)('given TimescaleDB itself', () => {
  test('the extension is made on the target', async () => {
    const [newest = ''] = offered.slice(-1);
    const stage = realStage(realServer, newest);
    await using source = await stage.create('sample');
    await using target = await stage.create('bare');
    const run = () => check('timescaledb-extension', { source: source.uri, target: target.uri, provider });
    const missing = await run();
    expect(missing).toMatchObject({ status: 'warn', found: `source ${newest}, target none, but the server has it` });
    await applyFix(missing, { source: source.uri, target: target.uri });
    expect((await run()).status).not.toBe('warn');

    // A source that has its functions elsewhere: views and defaults call them there.
    await using elsewhere = await stage.create('bare');
    await elsewhere.admin('CREATE SCHEMA ts; CREATE EXTENSION timescaledb SCHEMA ts');
    await using other = await stage.create('bare');
    const uris = { source: elsewhere.uri, target: other.uri };
    await applyFix(await check('timescaledb-extension', { ...uris, provider }), uris);
    expect(await other.query("SELECT to_regprocedure('ts.show_tablespaces(regclass)')::text AS there")).toEqual([
      { there: 'ts.show_tablespaces(regclass)' },
    ]);

    await using foreign = await stage.create('bare');
    await foreign.admin(`ALTER DATABASE ${foreign.name} OWNER TO jobkeeper`);
    expect(await check('timescaledb-extension', { source: source.uri, target: foreign.uri, provider })).toMatchObject({
      status: 'fail',
      code: 'TM1214',
      apply: null,
    });
  });
});

describe.skipIf(offered.length < 2)('given two versions of TimescaleDB', () => {
  test('the command that is shown updates the source', async () => {
    const [oldest = ''] = offered;
    await using source = await realStage(realServer, oldest).create('sample');
    await using target = await realStage(realServer, offered.at(-1) ?? '').create('empty');
    const input = asSuperuser(source, target);
    const before = await check('timescaledb-extension', input);
    expect(before.status).toBe('info');
    const command = before.fix.split('\n').at(-1) ?? '';
    const env = { ...process.env, PGPASSWORD: decodeURIComponent(new URL(realServer).password) };
    await promisify(execFile)('sh', ['-c', command], { env });
    expect((await check('timescaledb-extension', input)).status).toBe('pass');
    expect((await check('timescaledb-compression-markers', input)).status).toBe('pass');
  });
});
