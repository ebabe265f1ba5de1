import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { describe, expect } from 'vitest';
import type { LivenessTimes } from '../../src/engine/liveness.ts';
import { Servers } from '../../src/engine/servers.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';

/** A minute in a second. */
const TIMES: LivenessTimes = { lookMs: 50, silentMs: 150, askMs: 300, unreachableLooks: 3 };

/** Sessions on the target, by way of a proxy. */
async function scene({ source, target }: TestDatabases) {
  const proxy = await TcpProxy.start(target.server);
  const ending = new AbortController();
  const servers = new Servers({
    source: parseConnectionString(source.uri, {}),
    target: parseConnectionString(proxy.uri(target.uri), {}),
    id: 'silent',
    signal: ending.signal,
    liveness: TIMES,
  });
  const open: pg.Client[] = [];
  const session = async (application: string) => {
    const client = await servers.onTarget(application);
    open.push(client);
    return client;
  };
  /** How often the server was asked about the others. */
  const asked = async () =>
    (await target.query(`SELECT FROM pg_stat_activity WHERE application_name LIKE '%silent watch'`)).length > 0;
  const close = async () => {
    ending.abort();
    for (const client of open) servers.destroy(client);
    await proxy[Symbol.asyncDispose]();
  };
  return { proxy, session, asked, [Symbol.asyncDispose]: close };
}

const rows = (count: number): string[] => Array.from({ length: count }, (_, at) => `${at}\n`);
const BROKEN = /gave no sign of life/;

describe('not taken for dead', () => {
  test('a statement that runs for long, sleeps, or waits for a lock', async ({ databases }) => {
    await using at = await scene(databases);
    await databases.target.query('CREATE TABLE t (id int)');
    const holder = await databases.target.connect();
    await holder.query('BEGIN; LOCK TABLE t');
    const [sleeping, waiting, computing] = [await at.session('a'), await at.session('b'), await at.session('c')];
    const work = Promise.all([
      sleeping.query('SELECT pg_sleep(1.5)'),
      waiting.query('BEGIN; LOCK TABLE public.t; COMMIT'),
      computing.query('SELECT count(*) FROM generate_series(1, 5000000)'),
    ]);
    await until(at.asked, { what: 'the question' });
    // By now the others have been asked about often.
    await holder.query('SELECT pg_sleep(1)');
    await holder.query('COMMIT');
    await work;
  });

  test('a COPY that waits for rows, and one whose rows we are slow to take', async ({ databases }) => {
    await using at = await scene(databases);
    await databases.target.query('CREATE TABLE t (id int)');
    const [into, out, clock] = [await at.session('into'), await at.session('out'), await at.session('clock')];
    const pause = async () => {
      await clock.query('SELECT pg_sleep(0.6)');
    };
    const slowRows = Readable.from(
      (async function* () {
        for (const row of rows(3)) {
          yield row;
          await pause();
        }
      })(),
    );
    await pipeline(slowRows, into.query(copyFrom('COPY public.t FROM STDIN')));
    expect(await databases.target.query('SELECT FROM t')).toHaveLength(3);
    let taken = 0;
    const slowReader = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _, done) => {
        taken += chunk.length;
        // So much only, that the server must wait.
        if (taken > 1_000_000 && taken < 1_100_000) void pause().then(() => done(), done);
        else done();
      },
    });
    await pipeline(
      out.query(copyTo(`COPY (SELECT repeat('x', 10000) FROM generate_series(1, 1500)) TO STDOUT`)),
      slowReader,
    );
    expect(taken).toBeGreaterThan(15_000_000);
  });

  test('a session on which nothing runs', async ({ databases }) => {
    await using at = await scene(databases);
    const [idle, clock] = [await at.session('idle'), await at.session('clock')];
    await idle.query('BEGIN');
    await clock.query('SELECT pg_sleep(1)');
    await idle.query('COMMIT');
  });
});

describe('found dead', () => {
  test('a session whose answer does not come, while the server can be asked', async ({ databases }) => {
    await using at = await scene(databases);
    const client = await at.session('mine');
    await at.proxy.inject('blackhole', /silent mine/);
    await expect(client.query('SELECT 1')).rejects.toThrow(BROKEN);
  });

  test('a session whose server can not be asked either', async ({ databases }) => {
    await using at = await scene(databases);
    const client = await at.session('mine');
    await at.proxy.inject('blackhole');
    await expect(client.query('SELECT 1')).rejects.toThrow(/the server can not be reached/);
  });

  test('a session that the server has ended without a word', async ({ databases }) => {
    await using at = await scene(databases);
    const client = await at.session('mine');
    const answer = expect(client.query('SELECT pg_sleep(600)')).rejects.toThrow(/the server has ended the session/);
    await until(at.asked, { what: 'the question' });
    await at.proxy.inject('blackhole', /silent mine/);
    await databases.target.admin(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%silent mine'`,
    );
    await answer;
  });

  test('a COPY whose last rows and end were sent at once, and do not arrive', async ({ databases }) => {
    await using at = await scene(databases);
    await databases.target.query('CREATE TABLE t (id int)');
    const client = await at.session('mine');
    const copy = client.query(copyFrom('COPY public.t FROM STDIN'));
    const outcome = expect(once(copy, 'finish')).rejects.toThrow(BROKEN);
    await until(
      async () =>
        (
          await databases.target.admin(
            `SELECT FROM pg_stat_activity WHERE application_name LIKE '%silent mine' AND state = 'active' AND wait_event = 'ClientRead'`,
          )
        ).length > 0,
      { what: 'the COPY to wait for rows' },
    );
    await at.proxy.inject('blackhole', /silent mine/);
    copy.end('1\n');
    await outcome;
  });

  test('a COPY whose rows do not arrive', async ({ databases }) => {
    await using at = await scene(databases);
    await databases.target.query('CREATE TABLE t (id int)');
    const client = await at.session('mine');
    const endless = Readable.from(
      (async function* () {
        for (let at = 0; ; at += 1) {
          yield `${at}\n`;
          await new Promise((resolve) => setImmediate(resolve));
        }
      })(),
    );
    const copy = expect(pipeline(endless, client.query(copyFrom('COPY public.t FROM STDIN')))).rejects.toThrow(BROKEN);
    await until(
      async () =>
        (await databases.target.query('SELECT FROM pg_stat_progress_copy WHERE bytes_processed > 0')).length > 0,
    );
    await at.proxy.inject('blackhole', /silent mine/);
    await copy;
  });
});
