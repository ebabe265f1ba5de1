import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { connect, endQuietly } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { uriOf, withClient } from '../support/test-servers.ts';

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
        wal_sender_timeout: '1s',
        old_snapshot_threshold: '1h',
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
    expect(ordinary.fix).toContain('As a superuser: ALTER SYSTEM SET wal_level = logical;');
    expect(ordinary.fix).toContain('Restart the server');
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
    expect(await check('source-old-snapshot-threshold', input)).toMatchObject({
      status: 'fail',
      found: 'old_snapshot_threshold = 1h',
      apply: { sql: ['ALTER SYSTEM SET old_snapshot_threshold = -1'], restart: true },
      restart: 'source',
    });
    expect(await check('source-wal-sender-timeout', input)).toMatchObject({
      status: 'warn',
      found: 'wal_sender_timeout = 1s',
    });
    expect(await check('source-connections', input)).toMatchObject({ status: 'fail', code: 'TM1201' });
    expect(await check('source-replication-right', input)).toMatchObject({
      status: 'info',
      fix: expect.stringContaining('Put right what the checks'),
    });
  });

  test('the remedies work', async ({ databases: { target } }) => {
    const input = { source: uri, target: target.uri };
    const ids = [
      'source-wal-level',
      'source-replication-slots',
      'source-wal-senders',
      'source-old-snapshot-threshold',
      'source-wal-sender-timeout',
      'source-connections',
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

describe('slots and WAL senders', () => {
  test('that are few are enough as long as nothing happens', async ({ databases: { target } }) => {
    await using few = await startServer({ name: 'few', settings: { max_replication_slots: 1, max_wal_senders: 2 } });
    const input = { source: few.uri('postgres'), target: target.uri };
    expect(await check('source-replication-slots', input)).toMatchObject({ status: 'warn', found: '1 of 1 free' });
    expect(await check('source-wal-senders', input)).toMatchObject({ status: 'warn', found: '2 of 2 free' });
    // The slot of a migration that goes on is there already.
    await withClient(few.uri('postgres'), (client) =>
      client.query("SELECT pg_create_logical_replication_slot('tiger_migrate_x', 'pgoutput')"),
    );
    expect(await check('source-replication-slots', input)).toMatchObject({ status: 'fail', found: '0 of 1 free' });
    expect(await check('source-replication-slots', { ...input, resuming: true })).toMatchObject({ status: 'warn' });
    // Somebody else streams: where there is one there may be standbys.
    const settings = parseConnectionString(few.uri('postgres'), {});
    const other = await connect(settings, { side: 'source', application: 'other', replication: 'database' });
    const senders = await check('source-wal-senders', input);
    expect(senders).toMatchObject({ status: 'fail', code: 'TM1208', found: '1 of 2 free' });
    expect(senders.fix).toContain('If there are standbys, raise it on them first.');
    await endQuietly(other);
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

  test('needs the output plugin, too', async ({ databases: { target } }) => {
    await using bare = await startServer({ name: 'bare', settings: { dynamic_library_path: '/nowhere' } });
    const result = await check('source-replication-right', { source: bare.uri('postgres'), target: target.uri });
    expect(result).toMatchObject({ status: 'fail', code: 'TM1206' });
    expect(result.found).toMatch(/^the output plugin pgoutput is not installed on the source: /);
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
    expect(result.fix).toContain(`ROLLBACK PREPARED '${source.name} it''s mine';`);
    await writer.query(`ROLLBACK PREPARED '${source.name} it''s mine'`);
  });

  test('transactions of others, as far as their age is hidden', async ({
    databases: { source, target },
    databases,
  }) => {
    const role = databases.role('watcher');
    await source.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await source.query('CREATE TABLE t (id int)');
    const input = { source: uriOf(source.server, source.name, role, 'x'), target: target.uri };
    const writer = await source.connect();
    await writer.query('BEGIN; INSERT INTO t VALUES (1)');
    const { rows } = await writer.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const process = `process ${rows[0]?.pid} of ${source.owner}`;
    const result = await check('source-open-transactions', input);
    expect(result.status).toBe('warn');
    expect(result.found).toContain(`${process} (writing, since when is hidden from this role)`);
    expect(result.fix).toContain(`SELECT pg_terminate_backend(${rows[0]?.pid});`);
    const grant = result.fix.split('\n').at(-1) ?? '';
    expect(grant).toContain(`GRANT pg_read_all_stats TO "${role}";`);
    await source.admin(grant.slice(grant.indexOf(': ') + 2));
    // It is not a long one.
    expect((await check('source-open-transactions', input)).found).not.toContain(process);
    await writer.query('ROLLBACK');
  });

  test('a transaction with savepoints is one transaction', async ({ databases: { source, target }, databases }) => {
    const role = databases.role('watcher');
    await source.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    await source.query('CREATE TABLE t (id int)');
    const writer = await source.connect();
    await writer.query(
      'BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a; INSERT INTO t VALUES (2); SAVEPOINT b; INSERT INTO t VALUES (3)',
    );
    const { rows } = await writer.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const { found } = await check('source-open-transactions', {
      source: uriOf(source.server, source.name, role, 'x'),
      target: target.uri,
    });
    expect(found.split(`process ${rows[0]?.pid} `)).toHaveLength(2);
    await writer.query('ROLLBACK');
  });

  test('slots left behind', async ({ databases: { source, target }, databases }) => {
    databases.allow('slot');
    const slot = `tiger_migrate_${source.name}`;
    await source.query('SELECT pg_create_logical_replication_slot($1, $2)', [slot, 'pgoutput']);
    const input = { source: source.uri, target: target.uri };
    const result = await check('source-inactive-slots', input);
    expect(result.status).toBe('warn');
    expect(result.found).toMatch(new RegExp(`${slot} \\(keeps [\\d.]+ (B|KiB|MiB|GiB); pgoutput in ${source.name}\\)`));
    expect(result.fix).toContain(`SELECT pg_drop_replication_slot('${slot}');`);
    // The migration's own slot is no surprise when it goes on.
    expect((await check('source-inactive-slots', { ...input, resuming: true })).found).not.toContain(slot);
    await source.query('SELECT pg_drop_replication_slot($1)', [slot]);
  });
});
