import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { pretendSetting } from '../support/pretend-setting.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';

describe('given a server that keeps little WAL for slots', () => {
  let server: DemoServer;
  let uri = '';
  const shownLimit = () =>
    withClient(
      uri,
      async (client) => (await client.query('SHOW max_slot_wal_keep_size')).rows[0].max_slot_wal_keep_size,
    );
  const setLimit = async (value: string) => {
    await withClient(uri, async (client) => {
      await client.query(`ALTER SYSTEM SET max_slot_wal_keep_size = '${value}'`);
      await client.query('SELECT pg_reload_conf()');
    });
    await until(async () => (await shownLimit()) === value, {
      what: `max_slot_wal_keep_size = ${value}`,
    });
  };
  beforeAll(async () => {
    server = await startServer({ name: 'keeps-little', settings: { max_slot_wal_keep_size: '1GB' } });
    uri = server.uri('postgres');
  });
  afterAll(() => server.stop());

  test('it is told how long the slot lives and how long the copy takes', async ({ databases: { target } }) => {
    const input = { source: uri, target: target.uri };
    const [result, disk] = await Promise.all([
      check('source-slot-wal-keep-size', input),
      check('source-wal-disk', input),
    ]);
    expect(result.found).toMatch(
      /^max_slot_wal_keep_size = 1GB: at [\d.]+ MiB\/s of WAL .*the slot is lost after about \d+ (min|s) without its engine; the copy takes \d+ s$/,
    );
    expect(result).toMatchObject({
      status: 'warn',
      apply: { side: 'source', sql: ['ALTER SYSTEM SET max_slot_wal_keep_size = -1', 'SELECT pg_reload_conf()'] },
    });
    expect(disk.found).toContain('1GB at most (max_slot_wal_keep_size)');

    await setLimit('32MB');
    expect(await check('source-slot-wal-keep-size', input)).toMatchObject({ status: 'fail', code: 'TM1201' });
    await setLimit('900GB');
    expect(await check('source-slot-wal-keep-size', input)).toMatchObject({ status: 'pass' });
  });

  test('the rate is the one that was measured where that is high', async ({ databases: { target } }) => {
    await setLimit('1GB');
    await withClient(uri, (client) => client.query("SELECT pg_stat_reset_shared('wal')"));
    // Its statistics are there when the session has ended.
    await withClient(uri, (client) =>
      client.query(
        "SELECT pg_logical_emit_message(false, 'x', repeat('x', 64 * 1024 * 1024)) FROM generate_series(1, 8)",
      ),
    );
    const result = await check('source-slot-wal-keep-size', { source: uri, target: target.uri });
    expect(result.found).toMatch(/at [\d.]+ MiB\/s of WAL the slot is lost/);
  });

  test('the remedy works', async ({ databases: { target } }) => {
    await setLimit('1GB');
    const input = { source: uri, target: target.uri };
    const { apply, fix } = await check('source-slot-wal-keep-size', input);
    expect(fix).toContain('fills the disk of the source: watch it');
    await withClient(uri, async (client) => {
      for (const sql of apply?.sql ?? ['no remedy']) await client.query(sql);
    });
    await until(async () => (await shownLimit()) === '-1', { what: 'no limit' });
    expect(await check('source-slot-wal-keep-size', input)).toMatchObject({ status: 'pass', found: 'no limit' });
    expect((await check('source-wal-disk', input)).found).not.toContain('at most');
  });

  test('a slot in use that lags far behind is told', async ({ databases: { target } }) => {
    await setLimit('100MB');
    const input = { source: uri, target: target.uri };
    await withClient(uri, async (reader) => {
      // A temporary slot counts as in use as long as its session lives.
      await reader.query("SELECT pg_create_logical_replication_slot('slow_reader', 'pgoutput', true)");
      expect(await check('source-lagging-slots', input)).toMatchObject({
        status: 'pass',
        found: 'none keeps more than 10.0 MiB',
      });
      await reader.query("SELECT pg_logical_emit_message(true, 'x', repeat('x', 12 * 1024 * 1024))");
      const result = await check('source-lagging-slots', input);
      expect(result.found).toMatch(/^slow_reader \(keeps 1\d\.\d MiB\)$/);
      expect(result.status).toBe('warn');
      expect(result.fix).toContain("slot_name IN ('slow_reader')");
      const query = /SELECT .*?\)\);/.exec(result.fix)?.[0] ?? 'no query';
      expect((await reader.query(query)).rows).toEqual([]);
    });
    expect(await check('source-lagging-slots', input)).toMatchObject({ status: 'pass' });
  });
});

describe('the disk of the source', () => {
  test('is told by what an hour leaves there, and by what is there for those who may ask', async ({
    databases: { source, target },
  }) => {
    const input = { source: source.uri, target: target.uri };
    const [ordinary, superuser, rds] = await Promise.all([
      check('source-wal-disk', input),
      check('source-wal-disk', { ...input, source: source.superuserUri }),
      check('source-wal-disk', { ...input, provider: 'rds' }),
    ]);
    expect(ordinary.status).toBe('info');
    expect(ordinary.found).toMatch(
      /^an hour without the engine leaves about \d+\.\d GiB there, at [\d.]+ MiB\/s of WAL/,
    );
    expect(ordinary.found).not.toContain('pg_wal holds');
    expect(superuser.found).toMatch(/; pg_wal holds [\d.]+ (MiB|GiB) now$/);
    expect(rds.fix).toContain('FreeStorageSpace');
  });
});

describe('settings of newer releases', () => {
  test('idle_replication_slot_timeout', async ({ databases: { source, target } }) => {
    expect(await check('source-idle-slot-timeout', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
    await using server = await startServer({ name: 'idle-timeout' });
    const uri = server.uri('postgres');
    await withClient(uri, async (client) => {
      for (const name of ['none', 'short', 'day']) await client.query(`CREATE DATABASE ${name}`);
    });
    await pretendSetting(server.uri('none'), 'idle_replication_slot_timeout', '0', 's');
    await pretendSetting(server.uri('short'), 'idle_replication_slot_timeout', '30', 's');
    await pretendSetting(server.uri('day'), 'idle_replication_slot_timeout', '24', 'h');
    const on = (database: string) =>
      check('source-idle-slot-timeout', { source: server.uri(database), target: target.uri });
    expect(await on('none')).toMatchObject({ status: 'pass', found: 'no limit' });
    expect(await on('short')).toMatchObject({
      status: 'fail',
      code: 'TM1201',
      found: expect.stringContaining('idle_replication_slot_timeout = 30s'),
      apply: { sql: ['ALTER SYSTEM SET idle_replication_slot_timeout = 0', 'SELECT pg_reload_conf()'], restart: false },
    });
    expect(await on('day')).toMatchObject({ status: 'warn' });
  });

  test('output_plugin_libraries', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-output-plugin', input)).toMatchObject({ status: 'pass' });
    await using server = await startServer({ name: 'plugins' });
    await pretendSetting(server.uri('postgres'), 'output_plugin_libraries', 'wal2json, test_decoding', null);
    const strict = { ...input, source: server.uri('postgres') };
    expect(await check('source-output-plugin', { ...strict, provider: 'selfhosted-timescaledb' })).toMatchObject({
      status: 'pass',
      found: 'test_decoding is allowed',
    });
    expect(await check('source-output-plugin', { ...strict, options: { plugin: 'test_decoding' } })).toMatchObject({
      status: 'pass',
    });
    await pretendSetting(server.uri('template1'), 'output_plugin_libraries', 'pgoutput, test_decoding', null);
    const byDefault = { ...input, source: server.uri('template1'), options: { plugin: 'wal2json' } as const };
    expect(await check('source-output-plugin', byDefault)).toMatchObject({
      status: 'fail',
      code: 'TM1206',
      found: "output_plugin_libraries = 'pgoutput, test_decoding' leaves out wal2json",
      apply: {
        sql: [
          "ALTER SYSTEM SET output_plugin_libraries = pgoutput, 'test_decoding', 'wal2json'",
          'SELECT pg_reload_conf()',
        ],
      },
    });
    expect(await check('source-output-plugin', strict)).toMatchObject({
      status: 'fail',
      code: 'TM1206',
      found: "output_plugin_libraries = 'wal2json, test_decoding' leaves out pgoutput",
      apply: {
        sql: [
          "ALTER SYSTEM SET output_plugin_libraries = 'wal2json', 'test_decoding', pgoutput",
          'SELECT pg_reload_conf()',
        ],
      },
    });
  });
});
