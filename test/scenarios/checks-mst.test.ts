import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';
import { type Emulation, emulate } from './emulated-platform.ts';

const SERVICE: Emulation = {
  name: 'mst',
  user: 'tsdbadmin',
  attributes: 'REPLICATION',
  roles: ['_aiven'],
  extensions: ['timescaledb'],
  host: 'metrics-demo.a.timescaledb.io',
};

describe('given a Managed Service for TimescaleDB', () => {
  let server: DemoServer;
  beforeAll(async () => {
    server = await startServer({ name: 'mst' });
  });
  afterAll(() => server.stop());

  test('as it comes: nothing has to be tuned, and its user may replicate', async ({ databases: { target } }) => {
    await using there = await emulate(server, SERVICE);
    const input = { source: there.uri, target: target.uri, provider: 'mst' } as const;
    expect(await check('source-kind', input)).toMatchObject({ status: 'pass' });
    const tuning = await check('mst-tuning', input);
    expect(tuning).toMatchObject({ status: 'pass', found: expect.stringContaining('nothing has to be tuned') });
    expect(await check('mst-service-user', input)).toMatchObject({ status: 'pass', found: 'tsdbadmin, may replicate' });
    expect(await check('source-wal-level', input)).toMatchObject({ status: 'pass' });
  });

  test('another user is told to use that of the service', async ({ databases: { target } }) => {
    await using there = await emulate(server, { ...SERVICE, user: 'reporting', attributes: '' });
    const input = { source: there.uri, target: target.uri, provider: 'mst' } as const;
    expect(await check('mst-service-user', input)).toMatchObject({
      status: 'warn',
      found: 'reporting, without REPLICATION',
      fix: expect.stringContaining('Connect as tsdbadmin'),
    });
    expect(await check('source-replication-right', input)).toMatchObject({ status: 'fail', code: 'TM1206' });
    await withClient(server.uri('postgres'), (client) => client.query('ALTER ROLE reporting REPLICATION'));
    expect(await check('mst-service-user', input)).toMatchObject({ status: 'info' });
  });

  test('a service user that lost the right is told how to get it back', async ({ databases: { target } }) => {
    await using there = await emulate(server, { ...SERVICE, attributes: '' });
    const input = { source: there.uri, target: target.uri, provider: 'mst' } as const;
    const lost = await check('mst-service-user', input);
    expect(lost).toMatchObject({ status: 'warn', fix: expect.stringContaining('Users') });
    await withClient(server.uri('postgres'), (client) => client.query('ALTER ROLE tsdbadmin REPLICATION'));
    expect(await check('mst-service-user', input)).toMatchObject({ status: 'pass' });
  });

  test('aiven_extras is left out', async ({ databases: { target } }) => {
    await using there = await emulate(server, { ...SERVICE, extensions: ['timescaledb', 'aiven_extras'] });
    const input = { source: there.uri, target: target.uri, provider: 'mst' } as const;
    const extras = await check('source-provider-objects', input);
    expect(extras).toMatchObject({
      status: 'warn',
      found: 'of Managed Service for TimescaleDB: extensions aiven_extras',
      fix: expect.stringContaining('--skip-extensions aiven_extras'),
    });
    const options = { skipExtensions: ['aiven_extras'] };
    expect(await check('source-provider-objects', { ...input, options })).toMatchObject({ status: 'pass' });
  });

  test('that is not as it comes is told where to change it', async ({ databases: { target } }) => {
    await using there = await emulate(server, SERVICE);
    const input = { source: there.uri, target: target.uri, provider: 'mst' } as const;
    await server.restart('fast', { wal_level: 'replica', max_replication_slots: 1, wal_sender_timeout: '1s' });
    const tuning = await check('mst-tuning', input);
    expect(tuning).toMatchObject({ status: 'info', fix: expect.stringContaining('Advanced configuration') });
    const slots = await check('source-replication-slots', input);
    expect(slots.apply).toBeNull();
    expect(slots.fix).toContain('avn service update metrics-demo -c pg.max_replication_slots=');
    // The console wants the number, in the parameter's own unit.
    const timeout = await check('source-wal-sender-timeout', input);
    expect(timeout.fix).toContain('avn service update metrics-demo -c pg.wal_sender_timeout=60000');
    // What the one says the other must not gainsay.
    await server.restart('fast', { wal_level: 'logical', max_replication_slots: 2, wal_sender_timeout: 60_000 });
    expect(await check('source-replication-slots', input)).toMatchObject({ status: 'warn' });
    expect(await check('mst-tuning', input)).toMatchObject({ status: 'info' });
    await server.restart('fast', { wal_level: 'logical', max_replication_slots: 10, wal_sender_timeout: 60_000 });
    expect(await check('mst-tuning', input)).toMatchObject({ status: 'pass' });
    for (const id of ['source-replication-slots', 'source-wal-sender-timeout']) {
      expect(await check(id, input)).toMatchObject({ id, status: 'pass' });
    }
  });
});
