import { describe, expect, test } from 'vitest';
import type { CutoverStep } from '../../src/engine/events.ts';
import { GOING_ON } from '../../src/engine/troubles.ts';
import { Migration } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';
import { OwnSource } from './own-source.ts';
import { holdAnswersToCommit, OURS, SERVER_FAULTS, type ServerFault } from './server-faults.ts';

const TABLES = `
CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1);
CREATE TABLE parent (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
CREATE TABLE child (id serial PRIMARY KEY, parent int NOT NULL REFERENCES parent, v text); CREATE INDEX ON child (v);
CREATE TABLE log (v text); ALTER TABLE log REPLICA IDENTITY FULL;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (NEW.v); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION note();
CREATE RULE quiet AS ON UPDATE TO log DO ALSO NOTHING;
INSERT INTO parent (v) SELECT 'p' || g FROM generate_series(1, 1000) g; INSERT INTO child (parent, v) SELECT id, v FROM parent`;

/** Tells a lost or a doubled write: the log has no key. */
const WRITE = `INSERT INTO parent (v) VALUES ('new');
INSERT INTO child (parent, v) SELECT max(id), 'new' FROM parent; UPDATE child SET v = v || 'y' WHERE id % 100 = 0`;

type Side = 'source' | 'target';
const IN_COPY: readonly [Side, ServerFault][] = [
  ['target', 'kill -9 of a backend'],
  ['source', 'fast restart'],
  ['target', 'kill -9 of the postmaster'],
  ['source', 'kill -9 of a backend'],
];
const IN_REPLAY: readonly [Side, ServerFault][] = [
  ['target', 'fast restart'],
  ['source', 'kill -9 of the postmaster'],
  ['target', 'kill -9 of a backend'],
  ['source', 'kill -9 of a backend'],
];
const IN_CUTOVER: readonly [Side, ServerFault, CutoverStep][] = [
  ['source', 'kill -9 of the postmaster', 'fence'],
  ['source', 'fast restart', 'drain'],
  ['target', 'immediate restart', 'drain'],
  ['source', 'immediate restart', 'objects'],
  ['target', 'fast restart', 'objects'],
  ['target', 'kill -9 of the postmaster', 'objects'],
  ['source', 'kill -9 of a backend', 'verify'],
  ['target', 'kill -9 of a backend', 'verify'],
];

interface Servers {
  readonly source: OwnSource;
  readonly target: OwnSource;
}

/** A lock of somebody else's in the way of the engine, for as long as this session lives. */
async function hold(at: OwnSource, lock: string, database = 'app') {
  const client = await at.connect(database);
  await client.query(`SET default_transaction_read_only = off; BEGIN; ${lock}`);
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return {
    waited: () => waits(at, `${rows[0]?.pid} = ANY (pg_blocking_pids(pid))`),
    release: () => client.end().catch(() => undefined),
  };
}

const waits = (at: OwnSource, how: string) =>
  until(() => asAdministrator(at, `SELECT FROM pg_stat_activity WHERE ${OURS} AND ${how}`), {
    what: `a session of ours: ${how}`,
  });

/** From another database: a fence ends sessions in its own. */
const asAdministrator = (at: OwnSource, sql: string) =>
  withClient(at.server.uri('postgres'), async (client) => ((await client.query(sql)).rowCount ?? 0) > 0);

/** Asks for the cut-over, and lets the engine come to one of its steps and no further. */
async function cutOverUpTo(step: CutoverStep | 'COMMIT', { source, target }: Servers, migration: Migration) {
  const ask = () => migration.requestCutover();
  const holding = async (held: ReturnType<typeof hold>) => {
    const lock = await held;
    await ask();
    await lock.waited();
    return lock;
  };
  const objects = () => hold(target, 'LOCK TABLE public.log IN ROW EXCLUSIVE MODE');
  const behindObjects = async (lock: string) => {
    const before = await holding(objects());
    const behind = await hold(target, lock);
    await before.release();
    await behind.waited();
    return behind;
  };
  switch (step) {
    case 'fence':
      return holding(hold(source, 'LOCK TABLE pg_db_role_setting IN SHARE MODE', 'postgres'));
    case 'drain': {
      const lock = await hold(target, 'LOCK TABLE public.log IN SHARE MODE');
      await source.query(`INSERT INTO log VALUES ('the last')`);
      return holding(Promise.resolve(lock));
    }
    case 'verify':
      return behindObjects('LOCK TABLE tiger_migrate.progress IN SHARE MODE');
    case 'COMMIT':
      return behindObjects(`SELECT FROM tiger_migrate.relation WHERE name = 'parent' FOR UPDATE`);
    default:
      return holding(objects());
  }
}

describe('either server restarted or killed at any moment', () => {
  test('fast and immediate restart, kill -9 of the postmaster and of a backend, of source and target, in copy, in replay and in each step of the cut-over: gone on with, the source never left frozen, all equal', {
    timeout: 600_000,
  }, async () => {
    await using source = await OwnSource.start(TABLES);
    await using target = await OwnSource.start('', { settings: { max_prepared_transactions: 2 } });
    const servers = { source, target };
    await using migration = await Migration.start({
      source: source.uri,
      target: target.uri,
      targetDatabase: 'app',
      options: { tableJobs: 2, indexJobs: 1, freezeSource: true },
      waitForGo: true,
    });
    const retries = (what = '') => migration.of('retry').filter((event) => event.what.includes(what)).length;
    const befalls = async (side: Side, fault: ServerFault) => {
      const before = retries();
      await SERVER_FAULTS[fault](servers[side]);
      await migration.until(() => retries() > before, `${fault} of the ${side} to be noticed`);
    };
    /** As all sessions of the server were ended, the migration begins again from what is done. */
    const interrupts = async (side: Side, fault: ServerFault, held: Awaited<ReturnType<typeof hold>>) => {
      const before = retries(GOING_ON);
      await befalls(side, fault);
      await held.release();
      await migration.until(() => retries(GOING_ON) > before, `${fault} of the ${side} to interrupt it`);
    };
    const rows = async (database: OwnSource) => (await database.query('SELECT FROM log')).length;
    const replays = async () => {
      await migration.until(() => {
        const since = migration.events.findLastIndex((event) => event.type === 'retry' && event.what === GOING_ON);
        const live = migration.events
          .slice(since)
          .some((event) => event.type === 'gate' && event.id === 'copied' && event.ok);
        return live && migration.troubles.length === 0;
      }, 'replay to go on');
      await migration.until(async () => (await rows(target)) === (await rows(source)), 'the rows');
    };

    await migration.untilSnapshot();
    const beginning = await hold(target, `SELECT FROM tiger_migrate.relation WHERE name = 'child' FOR UPDATE`);
    await migration.go();
    await beginning.waited();
    // A prepared transaction holds its locks whatever becomes of the server.
    await target.query(`BEGIN; LOCK TABLE public.child IN SHARE MODE; PREPARE TRANSACTION 'hold'`);
    await beginning.release();
    for (const [side, fault] of IN_COPY) {
      await waits(target, `0 = ANY (pg_blocking_pids(pid))`);
      await befalls(side, fault);
    }
    await waits(target, `0 = ANY (pg_blocking_pids(pid))`);
    await target.query(`COMMIT PREPARED 'hold'`);
    await replays();
    const [small] = await target.query(`SELECT times_copied FROM tiger_migrate.relation WHERE name = 'small'`);
    expect(small?.times_copied, 'a table that is finished stays').toBe(1);

    for (const [side, fault] of IN_REPLAY) {
      const batch = await hold(target, 'LOCK TABLE public.log IN SHARE MODE');
      await source.query(WRITE);
      await batch.waited();
      await interrupts(side, fault, batch);
      await source.query(WRITE);
      await replays();
    }

    for (const [side, fault, step] of IN_CUTOVER) {
      const held = await cutOverUpTo(step, servers, migration);
      await migration.until(() => {
        const last = migration.of('cutover').at(-1);
        return last?.step === step && last.state === 'running';
      }, step);
      await interrupts(side, fault, held);
      // Given up, and as if it had not been tried: the source takes writes, replay goes on.
      await migration.until(
        () =>
          source.query(WRITE).then(
            () => true,
            () => false,
          ),
        `the source to take writes after ${fault} of the ${side} in ${step}`,
      );
      expect(await target.query(`SELECT FROM pg_rules WHERE rulename = 'quiet'`)).toEqual([]);
      await replays();
    }
    expect(migration.of('done')).toEqual([]);
    expect(migration.of('error').filter(({ error }) => error.code === 'TM9001')).toEqual([]);
    expect(migration.warnings).toContainEqual(expect.stringContaining('given back as soon as it can be reached'));
    expect(migration.warnings).not.toContainEqual(expect.stringContaining('is still read-only'));

    // Committed, but nobody could say so: the one fault after which it is done.
    const held = await cutOverUpTo('COMMIT', servers, migration);
    const answers = await holdAnswersToCommit(target);
    await held.release();
    await waits(target, `query = 'COMMIT' AND wait_event = 'SyncRep' AND application_name LIKE '% control'`);
    await answers.kill();
    expect(await migration.ended).toBe(null);
    expect(migration.of('done')).toHaveLength(1);
    expect(await target.query(`SELECT FROM pg_rules WHERE rulename = 'quiet'`)).toHaveLength(1);
    expect(await compareDatabases(source.uri, target.uri)).toEqual([]);
  });
});
