import { expect } from 'vitest';
import { quoteIdent } from '../../../src/postgres/identifiers.ts';
import { type TestDatabases, test } from '../../support/databases.ts';
import { Migration, verifyAll } from '../whole/migration.ts';

const compare = async ({ source, target }: TestDatabases) =>
  (await verifyAll({ source: source.superuserUri, target: target.superuserUri, options: {} })).objects;

const both = async ({ source, target }: TestDatabases, sql: string) => {
  for (const side of [source, target]) await side.admin(sql);
};

test('an index that is not valid on the source is no difference, one that is not valid on the target is', async ({
  databases,
}) => {
  const { source, target } = databases;
  await both(databases, 'CREATE TABLE t (id int)');
  const invalid = `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bad'::regclass`;
  await source.admin(`CREATE INDEX bad ON t (id); ${invalid}`);
  expect(await compare(databases)).toEqual([]);
  await target.admin('CREATE INDEX bad ON t (id)');
  expect(await compare(databases)).toEqual([]);
  await source.admin('REINDEX INDEX bad');
  await target.admin(invalid);
  expect(await compare(databases)).toEqual([
    'index public.bad differs in valid: none on the source, "no" on the target',
  ]);
});

test('settings of the database, and of roles in it', async ({ databases }) => {
  const { source, target } = databases;
  const role = databases.role('one');
  await both(databases, `CREATE ROLE ${quoteIdent(role)}`);
  await source.admin(`ALTER DATABASE ${quoteIdent(source.name)} SET work_mem = '5MB'`);
  await source.admin(`ALTER ROLE ${quoteIdent(role)} IN DATABASE ${quoteIdent(source.name)} SET work_mem = '6MB'`);
  expect([...(await compare(databases))].sort()).toEqual([
    `setting work_mem of the database for role ${role} is null on the target, "6MB" on the source`,
    'setting work_mem of the database is null on the target, "5MB" on the source',
  ]);
  await target.admin(`ALTER DATABASE ${quoteIdent(target.name)} SET work_mem = '5MB'`);
  await target.admin(`ALTER ROLE ${quoteIdent(role)} IN DATABASE ${quoteIdent(target.name)} SET work_mem = '6MB'`);
  expect(await compare(databases)).toEqual([]);
});

test('a role with privileges that the target does not have is named once', async ({ databases }) => {
  const { source } = databases;
  await both(databases, 'CREATE TABLE t (id int); CREATE TABLE u (id int)');
  const role = databases.role('reader');
  await source.admin(`CREATE ROLE ${quoteIdent(role)}; GRANT SELECT ON t, u TO ${quoteIdent(role)}`);
  expect(await compare(databases)).toEqual([
    `role ${role} has privileges on 2 objects of the source and is missing on the target`,
  ]);
});

test("the target's own objects from before are not called extra, later ones are", async ({ databases }) => {
  const { source, target } = databases;
  await target.admin(`CREATE COLLATION of_provider (provider = libc, locale = 'C'); CREATE EXTENSION citext;
    ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO pg_monitor`);
  await source.query('CREATE TABLE t (id int PRIMARY KEY)');
  await using migration = await Migration.start({
    ...{ source: source.uri, target: target.uri, targetDatabase: target.name },
  });
  await migration.reached('replay');
  await migration.cutOver();
  expect((await migration.verify()).objects).toEqual([]);
  await target.admin(`CREATE EXTENSION hstore; CREATE VIEW later AS SELECT 1`);
  expect((await migration.verify()).objects).toEqual([
    'extension hstore is on the target only',
    'view public.later is on the target only',
  ]);
});
