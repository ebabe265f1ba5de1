import { expect } from 'vitest';
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
