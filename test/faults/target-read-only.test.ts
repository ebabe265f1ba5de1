import { expect } from 'vitest';
import { Migration } from '../scenarios/whole/migration.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { OwnSource } from './own-source.ts';
import { waitingFor } from './waiting.ts';

const TABLES = `
CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text); CREATE TABLE c (id int PRIMARY KEY, v text);
INSERT INTO a SELECT g, 'a' FROM generate_series(1, 3000) g; INSERT INTO b SELECT g, 'b' FROM generate_series(1, 2000) g;
INSERT INTO c SELECT g, 'c' FROM generate_series(1, 1000) g`;
const OURS = `application_name LIKE 'tiger-migrate-tui %' AND datname = current_database()`;

/** A target as a provider makes it read-only, for all databases: sessions that are open notice, too. */
const everywhere = async (target: OwnSource, on: boolean) => {
  await target.query(
    `ALTER SYSTEM ${on ? 'SET default_transaction_read_only = on' : 'RESET default_transaction_read_only'}`,
  );
  await target.query('SELECT pg_reload_conf()');
  await until(
    async () =>
      (await target.query<{ v: string }>(`SELECT current_setting('default_transaction_read_only') AS v`))[0]?.v ===
      (on ? 'on' : 'off'),
  );
};
/** Takes effect in new sessions; those that are open keep what they had. */
const inDatabase = (target: OwnSource, on: boolean) =>
  target.query(
    `BEGIN READ WRITE; ALTER DATABASE app ${on ? 'SET default_transaction_read_only = on' : 'RESET default_transaction_read_only'}; COMMIT`,
  );

test('the target takes no writes for a while (25006) in copy, in replay and in the cut-over: told, and gone on with', async ({
  databases,
}) => {
  const { source } = databases;
  await source.query(TABLES);
  // A target's own server: the setting of a whole server is changed.
  await using target = await OwnSource.start('');
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: 'app',
    options: { tableJobs: 1 },
    waitForGo: true,
  });
  const { fails, well, caughtUp, drains } = waitingFor(migration);
  const whatFails = (what: RegExp) =>
    fails(what, { code: 'TM1113', message: expect.stringContaining('read-only transaction') });
  const dumped = `SELECT FROM pg_tables WHERE schemaname = 'tiger_migrate' AND tablename = 'object'`;
  const dumpedToo = `SELECT FROM tiger_migrate.object WHERE kind = 'phase' AND name = 'dump'`;
  await migration.until(
    async () => (await target.query(dumped)).length > 0 && (await target.query(dumpedToo)).length > 0,
    'the dump of the schema',
  );

  // Copy: the first table waits, and what comes behind it finds the target read-only.
  const holder = await target.connect();
  await holder.query('BEGIN; LOCK TABLE tiger_migrate.relation IN SHARE MODE');
  await migration.go();
  await until(async () => (await target.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0, {
    what: 'the copy to wait',
  });
  await everywhere(target, true);
  await holder.query('COMMIT');
  await whatFails(/^copying public\.[abc]$/);
  await everywhere(target, false);
  await well();
  await migration.reached('replay');
  await caughtUp();

  // Replay, the open session of the applier told by a reload.
  await everywhere(target, true);
  await source.query(`UPDATE a SET v = v || '1' WHERE id % 3 = 0; DELETE FROM b WHERE id % 5 = 0`);
  await whatFails(/^applying changes to the target$/);
  await everywhere(target, false);
  await well();

  // All sessions ended, new ones are read-only, and would stay so.
  await inDatabase(target, true);
  await target.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS}`);
  await source.query(
    `UPDATE a SET v = v || '2' WHERE id % 4 = 0; INSERT INTO c SELECT g FROM generate_series(2001, 3000) g`,
  );
  await whatFails(/^going on with the migration$/);
  await inDatabase(target, false);
  await well();
  await caughtUp();

  // Cut-over, the source frozen: it is given back instead of waiting for whoever made the target read-only.
  const locking = await target.connect();
  await locking.query('BEGIN; LOCK TABLE a');
  await source.query(`UPDATE a SET v = v || '3' WHERE id % 5 = 0`);
  await migration.requestCutover();
  await drains();
  await everywhere(target, true);
  await target.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS} AND application_name LIKE '% apply'`,
  );
  await migration.until(() => migration.of('error').length > 0, 'the cut-over to fail');
  expect(migration.of('error').at(-1)?.error).toMatchObject({ code: 'TM1113', side: 'target' });
  await until(
    () =>
      source.query(`UPDATE b SET v = v || '4' WHERE id % 7 = 0`).then(
        () => true,
        () => false,
      ),
    {
      what: 'the source to take writes again',
    },
  );
  await locking.query('ROLLBACK');
  await everywhere(target, false);
  await well();
  await caughtUp();
  await migration.cutOver();
  expect(await compareDatabases(source.superuserUri, target.uri)).toEqual([]);
});
