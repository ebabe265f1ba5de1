import { expect } from 'vitest';
import { type TestDatabases, test } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { LiveReplay } from './harness.ts';

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int PRIMARY KEY, v int)';
const ROWS =
  'INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g; INSERT INTO u SELECT g, 0 FROM generate_series(1, 100) g';
const WHAT = 'applying changes to the target';

const retries = (live: LiveReplay) => live.events.filter((event) => event.type === 'retry' && event.what === WHAT);
const healed = (live: LiveReplay) =>
  until(() => live.events.some((event) => event.type === 'healed' && event.what === WHAT), {
    what: 'the trouble to go',
  });
const APPLIER = `application_name LIKE 'tiger-migrate-tui % apply'`;
const applierWaits = ({ target }: TestDatabases) =>
  until(
    async () =>
      (
        await target.query(
          `SELECT FROM pg_stat_activity WHERE ${APPLIER} AND datname = current_database() AND wait_event_type = 'Lock'`,
        )
      ).length > 0,
    { what: 'the applier to wait' },
  );

test('a deadlock on the target that hits the applier: told, done again, nothing doubled', async ({ databases }) => {
  await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
  const other = await databases.target.connect('superuser');
  // The other session looks for deadlocks later than the applier, so that it is the applier that is ended.
  await other.query(`SET deadlock_timeout = '10min'; BEGIN; UPDATE u SET v = v WHERE id = 1`);
  await live.transaction('UPDATE t SET v = 1 WHERE id = 1; UPDATE u SET v = 1 WHERE id = 1');
  await applierWaits(databases);
  await other.query('UPDATE t SET v = v WHERE id = 1');
  await until(() => retries(live).length > 0, { what: 'the deadlock' });
  expect(retries(live)[0]).toMatchObject({
    policy: 'retry',
    error: { code: 'TM5003', message: expect.stringContaining('deadlock detected') },
  });
  await other.query('ROLLBACK');
  await live.expectEqual();
  await healed(live);
  expect(await live.changesApplied()).toBe(2);
});

test('a target whose role is serializable by default: our sessions are not, so that nothing fails to serialize', async ({
  databases,
}) => {
  const { target } = databases;
  await target.admin(
    `ALTER ROLE ${target.owner} IN DATABASE ${target.name} SET default_transaction_isolation = 'serializable'`,
  );
  await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
  const other = await target.connect('superuser');
  await other.query('BEGIN; UPDATE t SET v = v WHERE id = 1');
  await live.transaction('UPDATE t SET v = 1');
  await applierWaits(databases);
  // Serializable, the applier would end here with 40001.
  await other.query('COMMIT');
  await live.expectEqual();
  expect(retries(live)).toEqual([]);
});

test('a right that was taken away on the target: replay waits for it, says so, and goes on by itself', async ({
  databases,
}) => {
  const { target } = databases;
  await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
  await live.drain();
  await target.query(`REVOKE UPDATE ON t FROM ${target.owner}`);
  await live.transaction('UPDATE t SET v = 1 WHERE id = 1');
  await until(() => retries(live).length > 0, { what: 'the refusal' });
  expect(retries(live)[0]).toMatchObject({
    policy: 'operator',
    error: {
      code: 'TM1212',
      message: expect.stringContaining('permission denied'),
      hint: expect.stringContaining('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON public.t TO'),
    },
  });
  await target.query(`GRANT UPDATE ON t TO ${target.owner}`);
  await live.expectEqual();
  await healed(live);
  expect(await live.changesApplied()).toBe(1);
});

test('no connection free on the target for a while: told, and gone on with', async ({ databases }) => {
  const { target } = databases;
  await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
  await live.drain();
  await target.admin(`ALTER DATABASE ${target.name} CONNECTION LIMIT 0`);
  await target.admin(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${APPLIER} AND datname = current_database()`,
  );
  await live.transaction('UPDATE t SET v = 1 WHERE id = 1');
  await until(
    () => retries(live).some((event) => event.type === 'retry' && event.error.message.includes('too many connections')),
    {
      what: 'the refusal',
    },
  );
  expect(retries(live).at(-1)).toMatchObject({ policy: 'retry', error: { code: 'TM1110', side: 'target' } });
  await target.admin(`ALTER DATABASE ${target.name} CONNECTION LIMIT -1`);
  await live.expectEqual();
  await healed(live);
  expect(await live.changesApplied()).toBe(1);
});

test('timeouts that the target’s role is given meanwhile (statement, lock, idle): none ends our sessions', async ({
  databases,
}) => {
  const { target } = databases;
  await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
  await live.drain();
  const timeouts = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout'];
  for (const name of timeouts) {
    await target.admin(`ALTER ROLE ${target.owner} IN DATABASE ${target.name} SET ${name} = '100ms'`);
  }
  // The next session of the applier begins under these settings.
  await target.admin(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${APPLIER} AND datname = current_database()`,
  );
  const other = await target.connect('superuser');
  await other.query('BEGIN; LOCK TABLE t');
  await live.transaction('UPDATE t SET v = 1 WHERE id = 1');
  await applierWaits(databases);
  await other.query('SELECT pg_sleep(0.5)');
  await other.query('COMMIT');
  await live.expectEqual();
  expect(retries(live)).toHaveLength(1);
});

test('a statement of the applier that somebody cancels: told, done again, nothing doubled', async ({ databases }) => {
  await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
  const other = await databases.target.connect('superuser');
  await other.query('BEGIN; LOCK TABLE t');
  await live.transaction('UPDATE t SET v = 1 WHERE id = 1');
  await applierWaits(databases);
  await databases.target.admin(
    `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE ${APPLIER} AND datname = current_database()`,
  );
  await until(() => retries(live).length > 0, { what: 'the end of the statement' });
  await other.query('COMMIT');
  await live.expectEqual();
  await healed(live);
  expect(await live.changesApplied()).toBe(1);
});
