import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';

describe('given a server that is not set up for logical decoding', () => {
  let server: DemoServer;
  let uri = '';
  beforeAll(async () => {
    server = await startServer({
      name: 'low',
      settings: {
        wal_level: 'replica',
        max_replication_slots: 0,
        max_wal_senders: 1,
        max_slot_wal_keep_size: '1GB',
        wal_sender_timeout: '1s',
        max_connections: 8,
      },
    });
    uri = server.uri('postgres');
    await withClient(uri, (client) => client.query("CREATE ROLE plain LOGIN PASSWORD 'x'"));
  });
  afterAll(() => server.stop());

  test('wal_level is told, with the SQL for a superuser only', async ({ databases: { target } }) => {
    const result = await check('source-wal-level', { source: uri, target: target.uri });
    expect(result).toMatchObject({
      status: 'fail',
      code: 'TM1205',
      found: 'wal_level = replica',
      apply: { side: 'source', sql: ['ALTER SYSTEM SET wal_level = logical'], restart: true },
    });
    const plain = server.uri('postgres', 'plain', 'x');
    const ordinary = await check('source-wal-level', { source: plain, target: target.uri });
    expect(ordinary).toMatchObject({ status: 'fail', apply: null });
    expect(ordinary.fix).toContain('ALTER SYSTEM SET wal_level = logical; Then restart');
  });

  test('the remedy is in the words of the provider', async ({ databases: { target } }) => {
    const rds = await check('source-wal-level', { source: uri, target: target.uri, provider: 'rds' });
    expect(rds.fix).toContain('rds.logical_replication = 1');
    expect(rds.apply).toBeNull();
  });

  test('slots, WAL senders, limits and timeouts are told', async ({ databases: { target } }) => {
    const input = { source: uri, target: target.uri };
    expect(await check('source-replication-slots', input)).toMatchObject({
      status: 'fail',
      code: 'TM1207',
      found: '0 of 0 free',
    });
    expect(await check('source-wal-senders', input)).toMatchObject({
      status: 'fail',
      code: 'TM1208',
      found: '1 of 1 free',
    });
    expect(await check('source-slot-wal-keep-size', input)).toMatchObject({
      status: 'warn',
      found: 'max_slot_wal_keep_size = 1GB',
      apply: { sql: ['ALTER SYSTEM SET max_slot_wal_keep_size = -1', 'SELECT pg_reload_conf()'], restart: false },
    });
    expect(await check('source-wal-sender-timeout', input)).toMatchObject({
      status: 'warn',
      found: 'wal_sender_timeout = 1s',
    });
    expect(await check('source-connections', input)).toMatchObject({ status: 'fail', code: 'TM1201' });
    expect(await check('source-replication-right', input)).toMatchObject({ status: 'info' });
  });

  test('the remedies work', async ({ databases: { target } }) => {
    const input = { source: uri, target: target.uri };
    const ids = [
      'source-wal-level',
      'source-replication-slots',
      'source-wal-senders',
      'source-slot-wal-keep-size',
      'source-wal-sender-timeout',
    ];
    for (const id of ids) {
      const { apply } = await check(id, input);
      await withClient(uri, async (client) => {
        for (const sql of apply?.sql ?? ['no remedy']) await client.query(sql);
      });
    }
    await server.restart();
    for (const id of [...ids, 'source-replication-right']) {
      expect(await check(id, input)).toMatchObject({ id, status: 'pass' });
    }
  });
});

describe('the right to replicate', () => {
  // A server of its own: creating a slot waits for the transactions of everybody on the server.
  let server: DemoServer;
  beforeAll(async () => {
    server = await startServer({ name: 'replication-right' });
  });
  afterAll(() => server.stop());

  test('is tried, and nothing is left behind', async ({ databases: { target } }) => {
    await withClient(server.uri('postgres'), (client) => client.query("CREATE ROLE reader LOGIN PASSWORD 'x'"));
    const input = { source: server.uri('postgres'), target: target.uri };
    expect(await check('source-replication-right', input)).toMatchObject({ status: 'pass' });
    const reader = server.uri('postgres', 'reader', 'x');
    const refused = await check('source-replication-right', { ...input, source: reader });
    expect(refused).toMatchObject({ status: 'fail', code: 'TM1206' });
    expect(refused.fix).toBe('As a superuser: ALTER ROLE "reader" REPLICATION;');
    const onRds = await check('source-replication-right', { ...input, source: reader, provider: 'rds' });
    expect(onRds.fix).toContain('GRANT rds_replication');
    await withClient(server.uri('postgres'), async (client) => {
      expect((await client.query('SELECT FROM pg_replication_slots')).rows).toEqual([]);
    });
  });

  test('does not wait for ever behind an open transaction', async ({ databases: { target } }) => {
    await withClient(server.uri('postgres'), async (writer) => {
      await writer.query('CREATE TABLE t (id int)');
      await writer.query('BEGIN; INSERT INTO t VALUES (1)');
      const { rows } = await writer.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const result = await check('source-replication-right', { source: server.uri('postgres'), target: target.uri });
      expect(result.status).toBe('warn');
      expect(result.fix).toContain(`process ${rows[0]?.pid}`);
      expect((await writer.query('SELECT FROM pg_replication_slots')).rows).toEqual([]);
    });
  });
});

describe('what stands in the way on the source', () => {
  test('prepared transactions', async ({ databases: { source, target }, databases }) => {
    databases.allow('prepared transaction');
    await source.query('CREATE TABLE t (id int)');
    const writer = await source.connect();
    await writer.query('BEGIN; INSERT INTO t VALUES (1)');
    await writer.query(`PREPARE TRANSACTION '${source.name} it''s mine'`);
    const result = await check('source-open-transactions', { source: source.uri, target: target.uri });
    expect(result.status).toBe('warn');
    expect(result.found).toContain(`"${source.name} it's mine" in ${source.name}`);
    await writer.query(`ROLLBACK PREPARED '${source.name} it''s mine'`);
  });

  test('slots left behind', async ({ databases: { source, target }, databases }) => {
    databases.allow('slot');
    const slot = `tiger_migrate_${source.name}`;
    await source.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, 'pgoutput']);
    const input = { source: source.uri, target: target.uri };
    const result = await check('source-inactive-slots', input);
    expect(result.status).toBe('warn');
    expect(result.found).toMatch(new RegExp(`${slot} \\(keeps [\\d.]+ (B|KiB|MiB|GiB)\\)`));
    // The migration's own slot is no surprise when it goes on.
    expect((await check('source-inactive-slots', { ...input, resuming: true })).found).not.toContain(slot);
    await source.query('SELECT pg_drop_replication_slot($1)', [slot]);
  });
});
