import { expect } from 'vitest';
import { Migration } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';

const TABLE = `
CREATE TABLE big (id int PRIMARY KEY, v text); CREATE INDEX big_v ON big (v);
INSERT INTO big SELECT g, repeat('x', 100) FROM generate_series(1, 3000) g`;

/** Whoever marks a part copied waits for an advisory lock. */
const WAITING = `
CREATE FUNCTION tiger_migrate.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN new; END';
CREATE TRIGGER wait BEFORE INSERT ON tiger_migrate.part FOR EACH ROW EXECUTE FUNCTION tiger_migrate.wait();
ALTER TABLE tiger_migrate.part ENABLE ALWAYS TRIGGER wait`;
const WAITERS = `SELECT FROM pg_stat_activity WHERE application_name ~ ' copy \\d$' AND cardinality(pg_blocking_pids(pid)) > 0`;

test("the answer to the COMMIT of a table's last part is lost: its indexes are built all the same", async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query(TABLE);
  await using proxy = await TcpProxy.start(target.server);
  await using migration = await Migration.start({
    source: source.uri,
    target: proxy.uri(target.uri),
    targetDatabase: target.name,
    options: { tableJobs: 2, splitTablesLargerThan: 300_000 },
    waitForGo: true,
  });
  await migration.untilSnapshot();
  const holder = await target.connect('superuser');
  await holder.query(`${WAITING}; SELECT pg_advisory_lock(42)`);
  await migration.go();
  await until(async () => (await target.admin(WAITERS)).length === 2, { what: 'both parts to be copied' });
  const swallowed = proxy.swallowAnswerTo('COMMIT', { passing: 1, only: / copy \d\0/ });
  await holder.query('SELECT pg_advisory_unlock(42)');
  await swallowed;
  await migration.until(() => migration.of('gate').some(({ id, ok }) => id === 'copied' && ok), 'replay');
  expect(migration.of('table').filter(({ state, ms }) => state === 'copied' && ms !== undefined)).toHaveLength(1);
  await migration.cutOver();
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});
