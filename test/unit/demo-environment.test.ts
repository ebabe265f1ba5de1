import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Demo, startDemo } from '../../src/demo/environment.ts';
import { seededRandom } from '../../src/demo/random.ts';
import { createShop } from '../../src/demo/shop.ts';
import { readShopFacts, SHOP_TRANSACTIONS } from '../../src/demo/shop-transactions.ts';
import { startWriters } from '../../src/demo/writers.ts';
import { compareDatabases } from '../support/compare.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';

/** The demo starts servers of its own, so these tests share one, and each puts back what it has changed. */
let demo: Demo;
beforeAll(async () => {
  demo = await startDemo({ scale: 0.01, rate: 100 });
});
afterAll(async () => {
  await demo?.stop();
});

const asSuperuser = <R extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
  withClient(demo.source.uri('shop'), async (client) => (await client.query<R>(sql, values)).rows);

describe('the demo', () => {
  test('gives connection strings of roles that are no superusers but may do what a migration must', async () => {
    const who = 'SELECT rolname, rolsuper, rolreplication, rolcreaterole FROM pg_roles WHERE rolname = current_user';
    await withClient(demo.sourceUri, async (client) => {
      expect((await client.query(who)).rows).toEqual([
        { rolname: 'shop_owner', rolsuper: false, rolreplication: true, rolcreaterole: false },
      ]);
      await client.query(`SELECT pg_create_logical_replication_slot('probe', 'pgoutput')`);
      await client.query(`SELECT pg_drop_replication_slot('probe')`);
      const foreign = await client.query(
        `SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace
         AND relowner <> 'shop_owner'::regrole AND relkind IN ('r', 'p', 'S', 'v', 'm')`,
      );
      expect(foreign.rows).toEqual([]);
    });
    await withClient(demo.targetUri, async (client) => {
      expect((await client.query(who)).rows).toEqual([
        { rolname: 'tsdbadmin', rolsuper: false, rolreplication: false, rolcreaterole: true },
      ]);
      await client.query('SET session_replication_role = replica');
    });
  });

  test('writes without errors', async () => {
    const before = demo.writers?.stats().transactions ?? 0;
    await until(() => (demo.writers?.stats().transactions ?? 0) > before + 50, { what: 'fifty transactions' });
    expect(demo.writers?.stats()).toMatchObject({
      errors: 0,
      disconnects: 0,
      lastError: null,
      fenced: false,
      writing: 4,
    });
  });
});

describe('the shop', () => {
  test('is the same for the same scale and date', async () => {
    const now = new Date('2025-03-31T22:00:00Z');
    const uris = await Promise.all(
      ['one', 'two'].map(async (name) => {
        await withClient(demo.target.uri('postgres'), (client) => client.query(`CREATE DATABASE ${name}`));
        const uri = demo.target.uri(name);
        await withClient(uri, (client) => createShop(client, { scale: 0.01, now }));
        return uri;
      }),
    );
    expect(await compareDatabases(uris[0] ?? '', uris[1] ?? '')).toEqual([]);
  });

  test('has a row in every table, toasted values and rows in the default partition', async () => {
    const uri = demo.target.uri('stocked');
    await withClient(demo.target.uri('postgres'), (client) => client.query('CREATE DATABASE stocked'));
    await withClient(uri, async (client) => {
      await createShop(client, { scale: 0.01, now: new Date('2025-03-31T22:00:00Z') });
      const empty = await client.query(
        `SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND reltuples = 0 AND relnamespace IN
           ('public'::regnamespace, '"Back Office"'::regnamespace)`,
      );
      // The partition of the month to come waits for its first order.
      expect(empty.rows).toEqual([{ oid: 'orders_2025_04' }]);
      const toasted = await client.query(
        'SELECT count(*)::int > 0 AS some FROM products WHERE pg_column_size(description) > 2000',
      );
      expect(toasted.rows).toEqual([{ some: true }]);
      expect((await client.query('SELECT count(*)::int > 0 AS some FROM orders_default')).rows).toEqual([
        { some: true },
      ]);
    });
  });

  test('survives a dump and a restore unchanged', async () => {
    const run = promisify(execFile);
    await using origin = await startDemo({ scale: 0.01, rate: 0 });
    const target = origin.target.uri('tsdb');
    await withClient(target, (client) => client.query('CREATE ROLE shop_app; CREATE ROLE shop_reader'));
    const dump = await run('pg_dump', ['--no-owner', '-d', origin.sourceUri], { maxBuffer: 1e9 });
    const restore = run('psql', ['-qX', '-v', 'ON_ERROR_STOP=1', '-d', origin.targetUri]);
    restore.child.stdin?.end(dump.stdout);
    await restore;
    expect(await compareDatabases(origin.source.uri('shop'), target)).toEqual([]);
  });
});

describe('the writers', () => {
  test.each(SHOP_TRANSACTIONS)('can always $name', async (transaction) => {
    const random = seededRandom(7);
    await withClient(demo.sourceUri, async (client) => {
      const facts = await readShopFacts(client);
      for (let round = 0; round < 10; round += 1) {
        await client.query('BEGIN');
        await transaction.run((sql, values = []) => client.query(sql, [...values]), random, facts);
        await client.query('COMMIT');
      }
    });
  });

  test('finish their transactions when stopped, and close their connections', async () => {
    const writers = await startWriters({
      uri: demo.sourceUri,
      rate: Number.POSITIVE_INFINITY,
      connections: 2,
      seed: 9,
    });
    await until(() => writers.stats().transactions >= 20, { what: 'twenty transactions' });
    await writers.stop();
    expect(writers.stats()).toMatchObject({ writing: 0, errors: 0, disconnects: 0, fenced: false });
    const sessions = () => asSuperuser(`SELECT pid FROM pg_stat_activity WHERE usename = 'shop_owner'`);
    await until(async () => (await sessions()).length === 0, { what: 'the end of the sessions' });
  });

  test('go on after the server has crashed and come back', async () => {
    await using writers = await startWriters({ uri: demo.sourceUri, rate: 50, connections: 2 });
    await until(() => writers.stats().transactions > 5, { what: 'the first transactions' });
    await demo.source.restart('immediate');
    const before = writers.stats().transactions;
    await until(() => writers.stats().transactions > before + 5, { what: 'transactions after the crash' });
    expect(writers.stats()).toMatchObject({ fenced: false, errors: 0, writing: 2 });
  });

  test('count as fenced when the database becomes read-only and their sessions are ended by its owner', async () => {
    await withClient(demo.sourceUri, async (client) => {
      await client.query('ALTER DATABASE shop SET default_transaction_read_only = on');
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop_app'`);
    });
    await demo.writers?.done;
    expect(demo.writers?.stats()).toMatchObject({ fenced: true, writing: 0, errors: 0 });
    await withClient(demo.source.uri('postgres'), (client) =>
      client.query('ALTER DATABASE shop RESET default_transaction_read_only'),
    );
  });
});
