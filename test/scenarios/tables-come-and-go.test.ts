import { expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

test('tables that are truncated, rewritten, dropped or created between snapshot and copy', async ({ databases }) => {
  const { source, target } = databases;
  await source.query(`
    CREATE TABLE truncated (id int PRIMARY KEY, v text); CREATE TABLE truncated_parts (id int, v text) PARTITION BY RANGE (id);
    CREATE TABLE truncated_1 PARTITION OF truncated_parts DEFAULT; ALTER TABLE truncated_1 REPLICA IDENTITY FULL;
    CREATE TABLE big (id int PRIMARY KEY, v text); CREATE TABLE rewritten (id int PRIMARY KEY, v text);
    CREATE TABLE dropped (id serial PRIMARY KEY, v text); CREATE VIEW on_dropped AS SELECT * FROM dropped;
    CREATE TABLE untouched (id int PRIMARY KEY, v text);
    INSERT INTO truncated SELECT g, 'v' FROM generate_series(1, 100) g; INSERT INTO truncated_parts TABLE truncated;
    INSERT INTO big SELECT g, repeat('v', 100) FROM generate_series(1, 5000) g; INSERT INTO rewritten TABLE truncated;
    INSERT INTO dropped TABLE truncated; INSERT INTO untouched TABLE truncated`);
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { splitTablesLargerThan: 64 * 1024 },
    waitForGo: true,
  });
  // The dump is made by now: the phase after it waits.
  await migration.untilSnapshot();
  await migration.until(
    async () => (await target.query(`SELECT FROM tiger_migrate.object WHERE name = 'dump'`)).length > 0,
    'the dump',
  );
  for (const table of ['truncated', 'truncated_parts', 'big', 'rewritten', 'untouched']) {
    await source.query(`UPDATE ${table} SET v = 'u' WHERE id % 2 = 0; DELETE FROM ${table} WHERE id % 5 = 0`);
  }
  await source.query(
    "TRUNCATE truncated, truncated_parts, big; INSERT INTO big VALUES (1, 'after'); DELETE FROM truncated",
  );
  await source.query(`UPDATE dropped SET v = 'u'; INSERT INTO truncated VALUES (7, 'after')`);
  await source.query(
    'DROP TABLE dropped CASCADE; CREATE TABLE created (id int PRIMARY KEY); INSERT INTO created VALUES (1)',
  );
  await source.query('VACUUM FULL rewritten');
  await source.query(`UPDATE rewritten SET v = 'w' WHERE id < 50`);
  await migration.go();
  await migration.reached('replay');
  await source.query(
    `INSERT INTO truncated VALUES (8, 'later'); UPDATE big SET v = 'later'; DELETE FROM rewritten WHERE id < 20`,
  );
  await migration.cutOver();

  const differences = await compareDatabases(source.superuserUri, target.superuserUri);
  expect(differences.filter((text) => !/dropped/.test(text)).map((text) => text.split(':')[0])).toEqual([
    'relation public.created',
    'column public.created.id',
    'constraint public.created.created_pkey',
    'index public.created_pkey',
    'privileges of relation public.created',
  ]);
  expect(differences.filter((text) => /dropped/.test(text) && !/only on the target/.test(text))).toEqual([]);
  expect(migration.warnings).toEqual([
    expect.stringContaining('public.dropped was dropped on the source'),
    expect.stringContaining('DROP VIEW IF EXISTS "public"."on_dropped";'),
    'Conditions overridden: a test',
    expect.stringContaining('Created on the source after the migration had begun, and not migrated: public.created'),
  ]);
  expect(migration.of('log').map((event) => event.text)).toContainEqual(
    expect.stringMatching(/^Truncated or rewritten since the snapshot, copied in a newer one: .*public\.big/),
  );
  // The others are copied once only.
  expect(
    await target.query(
      `SELECT name, times_copied FROM tiger_migrate.relation WHERE name = 'untouched' OR copy_rows = false ORDER BY 1`,
    ),
  ).toEqual([
    { name: 'dropped', times_copied: 0 },
    { name: 'truncated_parts', times_copied: 0 },
    { name: 'untouched', times_copied: 1 },
  ]);
});

test('a prepared transaction keeps the cut-over from being done', async ({ databases }) => {
  const { source, target } = databases;
  await source.query('CREATE TABLE t (id int PRIMARY KEY)');
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
  });
  await migration.reached('replay');
  const client = await source.connect();
  for (const sql of ['BEGIN', 'INSERT INTO t VALUES (1)', `PREPARE TRANSACTION 'two phases'`]) await client.query(sql);
  await migration.requestCutover();
  await migration.until(() => migration.of('error').length > 0, 'the cut-over to fail');
  expect(migration.of('error')[0]?.error).toMatchObject({
    code: 'TM6001',
    message: expect.stringContaining('two phases'),
  });
  await source.query(`COMMIT PREPARED 'two phases'`);
  await migration.cutOver();
  expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
});

test('a partition that is created meanwhile, without identity, keeps the changes of the application allowed', async ({
  databases,
}) => {
  const { source, target } = databases;
  // No primary key that a new partition would inherit: the identity is that of the present partitions only.
  await source.query(`
    CREATE TABLE log (id int, v text) PARTITION BY LIST (id); CREATE TABLE log_1 PARTITION OF log FOR VALUES IN (1);
    ALTER TABLE log REPLICA IDENTITY FULL; ALTER TABLE log_1 REPLICA IDENTITY FULL; INSERT INTO log VALUES (1, 'a'), (1, 'b')`);
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
  });
  await migration.reached('replay');
  await source.query(`UPDATE log SET v = 'changed' WHERE v = 'a'; DELETE FROM log WHERE v = 'b'`);
  await migration.until(
    async () => JSON.stringify(await target.query('SELECT v FROM log')) === '[{"v":"changed"}]',
    'the changes of the partition that has an identity',
  );
  await source.query('CREATE TABLE log_2 PARTITION OF log FOR VALUES IN (2)');
  await source.query(
    `INSERT INTO log VALUES (2, 'c'); UPDATE log SET v = 'd' WHERE id = 2; DELETE FROM log WHERE id = 2`,
  );
  expect(await source.query('SELECT v FROM log')).toEqual([{ v: 'changed' }]);
  databases.allow('slot');
});
