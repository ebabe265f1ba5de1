import { describe, expect } from 'vitest';
import type { LivenessTimes } from '../../src/engine/liveness.ts';
import { Migration } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';

const TABLES = `
CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small SELECT g, 'a' FROM generate_series(1, 500) g;
CREATE TABLE big (id int PRIMARY KEY, small int REFERENCES small, v text); CREATE INDEX ON big (v);
INSERT INTO big SELECT g, g % 500 + 1, repeat('x', 100) FROM generate_series(1, 20000) g;
CREATE RULE quiet AS ON INSERT TO small DO ALSO NOTHING;
CREATE TABLE nothing_in_it (id int PRIMARY KEY)`;
const WORK = `INSERT INTO small SELECT max(id) + 1, 'new' FROM small; UPDATE big SET v = v || 'y' WHERE id % 100 = 0`;

/** The receiver asks for a sign of life once a second. */
const LIVENESS: LivenessTimes = { lookMs: 100, silentMs: 1500, askMs: 500, unreachableLooks: 2 };

/** A migration by way of two proxies, which waits behind its snapshot. */
async function scene({ source, target }: TestDatabases) {
  await source.query(TABLES);
  const proxies = { source: await TcpProxy.start(source.server), target: await TcpProxy.start(target.server) };
  const migration = await Migration.start({
    source: proxies.source.uri(source.uri),
    target: proxies.target.uri(target.uri),
    targetDatabase: target.name,
    options: { tableJobs: 2, indexJobs: 1, freezeSource: true },
    liveness: LIVENESS,
    waitForGo: true,
  });
  const close = async () => {
    for (const proxy of Object.values(proxies)) await proxy.inject('pass');
    await migration[Symbol.asyncDispose]();
    for (const proxy of Object.values(proxies)) await proxy[Symbol.asyncDispose]();
  };
  return { proxies, migration, [Symbol.asyncDispose]: close };
}

/** Takes a lock in the way of the migration, until `release`. */
async function hold(database: TestDatabases['target'], lock: string) {
  const client = await database.connect('superuser');
  await client.query(`BEGIN; ${lock}`);
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const waited = () =>
    until(
      async () =>
        (await database.admin('SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))', [rows[0]?.pid]))
          .length > 0,
      { what: `somebody to wait for ${lock}` },
    );
  return { waited, release: () => client.query('COMMIT') };
}

describe.each(['source', 'target'] as const)('the network to the %s', (side) => {
  test.for([
    'reset',
    'blackhole',
  ] as const)('%s in copy, in replay and in the cut-over: told while it lasts, all equal, the source never half frozen', async (fault, {
    databases,
  }) => {
    const { source, target } = databases;
    await using at = await scene(databases);
    const { migration } = at;
    const proxy = at.proxies[side];
    const fails = async () => {
      const before = migration.of('retry').length;
      await proxy.inject(fault);
      await migration.until(() => migration.of('retry').length > before, 'the fault to be noticed');
      const [trouble] = migration.troubles;
      expect(trouble).toMatchObject({ policy: 'retry', since: expect.stringMatching(/^20/) });
      await proxy.inject('pass');
    };
    const heals = () => migration.until(() => migration.troubles.length === 0, 'the trouble to go');
    /** It replays, and all tables stand at one position: since the last time that it had to begin again. */
    const replays = async () => {
      await heals();
      await migration.until(() => {
        const since = migration.events.findLastIndex(({ type }) => type === 'phase');
        const [phase, ...after] = migration.events.slice(since);
        const live = after.some((event) => event.type === 'gate' && event.id === 'copied' && event.ok);
        return phase?.type === 'phase' && phase.phase === 'replay' && live && migration.troubles.length === 0;
      }, 'replay to go on');
    };

    await migration.untilSnapshot();
    const copying = await hold(target, `SELECT FROM tiger_migrate.relation WHERE name = 'big' FOR UPDATE`);
    await migration.go();
    await copying.waited();
    await migration.until(
      () => migration.of('table').some((table) => table.relation === 'public.small' && table.state === 'copied'),
      'the other table',
    );
    await fails();
    await copying.release();
    await migration.reached('replay');
    await heals();
    const [small] = await target.query(`SELECT times_copied FROM tiger_migrate.relation WHERE name = 'small'`);
    expect(small?.times_copied, 'a table that is finished stays').toBe(1);

    await source.query(WORK);
    await fails();
    await source.query(WORK);
    await heals();
    await until(async () => (await target.query('SELECT FROM small')).length === 502, { what: 'the rows' });

    await replays();
    const cutting = await hold(target, 'LOCK TABLE small');
    await migration.requestCutover();
    await cutting.waited();
    await fails();
    await cutting.release();
    // Given up, and as if it had not been tried: the source takes writes, replay goes on.
    await until(() => source.query(WORK).then(() => true), { what: 'the source to take writes' });
    await heals();
    expect(await target.query('SELECT FROM pg_rules WHERE rulename = $1', ['quiet'])).toEqual([]);
    await until(async () => (await target.query('SELECT FROM small')).length === 503, { what: 'the rows' });
    await replays();
    await migration.cutOver();
    expect(migration.troubles).toEqual([]);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});
