import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { runChecks } from '../../src/providers/index.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';
import { emulate } from './emulated-platform.ts';

const INSTANCE = 'shop.c9akciq32.eu-west-1.rds.amazonaws.com';

/** A fresh RDS instance: no logical decoding, a master user that is no superuser. */
const startRds = (name: string) =>
  startServer({
    name,
    tls: true,
    settings: {
      wal_level: 'replica',
      wal_sender_timeout: '30s',
      'rds.extensions': 'pg_stat_statements',
      'rds.logical_replication': 'off',
      'rds.force_ssl': '1',
    },
  });
const master = (server: DemoServer, host = INSTANCE) =>
  emulate(server, { name: 'rds', user: 'shop_master', roles: ['rds_superuser', 'rds_replication'], host });

describe('given an RDS instance as it comes', () => {
  let server: DemoServer;
  beforeAll(async () => {
    server = await startRds('rds');
  });
  afterAll(() => server.stop());

  test('what must be done is told once, done by hand, and turns all green', async ({ databases: { target } }) => {
    await using there = await master(server);
    const input = { source: there.uri, target: target.uri, provider: 'rds' } as const;
    const walLevel = await check('source-wal-level', input);
    expect(walLevel).toMatchObject({ status: 'fail', apply: null, restart: 'source' });
    const logical = await check('rds-logical-replication', input);
    expect(logical).toMatchObject({
      status: 'fail',
      code: 'TM1205',
      found: 'rds.logical_replication = off, wal_level = replica',
      apply: null,
      restart: 'source',
    });
    expect(logical.fix).toContain('"WAL level" (source-wal-level)');
    expect(logical.fix).not.toContain('aws rds');
    const timeout = await check('rds-wal-sender-timeout', input);
    expect(timeout).toMatchObject({ status: 'warn', found: 'wal_sender_timeout = 30s', apply: null, restart: null });
    expect(timeout.fix).toContain('ParameterName=wal_sender_timeout,ParameterValue=0,ApplyMethod=immediate');
    expect((await check('source-replication-right', input)).fix).toContain('GRANT rds_replication TO "shop_master";');

    // What `aws rds modify-db-parameter-group` does, before the reboot that makes RDS set wal_level.
    await server.restart('fast', { 'rds.logical_replication': 'on', wal_sender_timeout: 0 });
    expect(await check('rds-wal-sender-timeout', input)).toMatchObject({ status: 'pass' });
    const unbooted = await check('rds-logical-replication', input);
    expect(unbooted).toMatchObject({ status: 'fail', restart: 'source' });
    expect(unbooted.found).toContain('has not been rebooted');
    expect(unbooted.fix).toContain('aws rds reboot-db-instance --db-instance-identifier shop --region eu-west-1');
    await server.restart('fast', { wal_level: 'logical' });
    // On RDS the grant of rds_replication has this effect.
    await withClient(server.uri('postgres'), (client) => client.query('ALTER ROLE shop_master REPLICATION'));
    for (const id of ['source-wal-level', 'rds-logical-replication', 'source-replication-right']) {
      expect(await check(id, input)).toMatchObject({ id, status: 'pass' });
    }
    // All of the tab: nothing blocks any more.
    const results = await withCheckContext(input, (context) => runChecks(context, () => undefined));
    expect(results.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(results.map(({ id }) => id)).not.toContain('source-wal-sender-timeout');
    expect(JSON.stringify(results)).not.toContain('hush');
    await server.restart('fast', { 'rds.logical_replication': 'off' });
    const switchedOff = await check('rds-logical-replication', input);
    expect(switchedOff).toMatchObject({ status: 'fail', restart: 'source' });
    expect(switchedOff.fix).toContain(
      'ParameterName=rds.logical_replication,ParameterValue=1,ApplyMethod=pending-reboot',
    );
  });

  test('TLS: told where the server insists on it and we have none', async ({ databases: { target } }) => {
    await using there = await master(server);
    const input = { target: target.uri, provider: 'rds' } as const;
    const off = await check('rds-force-ssl', { ...input, source: `${there.uri}&sslmode=disable` });
    expect(off).toMatchObject({ status: 'warn', found: expect.stringContaining('rds.force_ssl = 1') });
    const on = await check('rds-force-ssl', { ...input, source: `${there.uri}&sslmode=require` });
    expect(on).toMatchObject({ status: 'pass', found: expect.stringContaining('this connection has TLSv1.3') });
  });
});

describe('the endpoint', () => {
  let server: DemoServer;
  beforeAll(async () => {
    server = await startRds('endpoints');
  });
  afterAll(() => server.stop());

  test.for([
    [INSTANCE, 'pass', 'instance endpoint of shop, eu-west-1'],
    ['shop.cluster-c9.us-east-2.rds.amazonaws.com', 'pass', 'writer endpoint of shop, us-east-2'],
    ['shop.cluster-ro-c9.us-east-2.rds.amazonaws.com', 'warn', 'reader endpoint of shop, us-east-2'],
    ['shop.proxy-c9.us-east-2.rds.amazonaws.com', 'fail', 'proxy endpoint, us-east-2'],
    ['shop.example.com', 'info', 'shop.example.com is not a name of RDS'],
  ] as const)('%s: %s', async ([host, status, found], { databases: { target } }) => {
    await using there = await master(server, host);
    const result = await check('rds-endpoint', { source: there.uri, target: target.uri, provider: 'rds' });
    expect(result).toMatchObject({ status, found: expect.stringContaining(found) });
    if (status === 'fail') expect(result).toMatchObject({ code: 'TM1204', fix: expect.stringContaining('RDS Proxy') });
  });
});

describe('given a server that is not RDS', () => {
  test('the tab says so and its own checks hold back', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri, provider: 'rds' } as const;
    expect(await check('source-kind', input)).toMatchObject({
      status: 'warn',
      fix: expect.stringContaining('--provider selfhosted-postgres'),
    });
    expect(await check('rds-logical-replication', input)).toMatchObject({ status: 'info' });
    expect(await check('rds-force-ssl', input)).toMatchObject({ status: 'info' });
  });
});
