import { expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { Migration } from './whole/migration.ts';

test('sessions that are ended before there is a snapshot: told as that and not as a defect, nothing is left behind', async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query('CREATE TABLE a (id integer PRIMARY KEY)');
  // The slot waits for transactions that have written.
  const writer = await source.connect();
  await writer.query('BEGIN; INSERT INTO a VALUES (1)');
  const migration = await Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name });
  await using _ = migration;
  await migration.reached('snapshot');
  await until(
    async () =>
      (await source.admin('SELECT 1 FROM pg_replication_slots WHERE database = current_database()')).length > 0,
    { what: 'a slot that waits' },
  );
  await source.admin(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
      AND application_name LIKE 'tiger-migrate-tui %'`,
  );
  await writer.query('COMMIT');
  const failure = await migration.ended;
  expect(failure?.code).toBe('TM1109');
  expect(failure?.message).toMatch(/terminating connection|connection error|Connection terminated/);
});

test('the session that holds the snapshot is ended in the copy: what is open is copied in a newer one', async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query(`DO $$ BEGIN FOR n IN 1..200 LOOP
    EXECUTE format('CREATE TABLE a%s (id integer PRIMARY KEY); INSERT INTO a%s SELECT generate_series(1, 20)', n, n);
  END LOOP; END $$`);
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { tableJobs: 1 },
  });
  await using _ = migration;
  await migration.until(() => migration.of('table').some(({ state }) => state === 'copied'), 'the first table');
  await source.query('DELETE FROM a200 WHERE id <= 10; INSERT INTO a1 VALUES (2000)');
  // As the source's restart ends them; the worker comes back and finds no snapshot.
  await source.admin(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
      AND application_name ~ '^tiger-migrate-tui [^ ]+ (snapshot|copy 0)$'`,
  );
  await migration.cutOver(false);
  expect(migration.warnings.filter((text) => text.startsWith('Interrupted'))).toEqual([
    expect.stringContaining('the snapshot of the copy is gone'),
  ]);
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});
