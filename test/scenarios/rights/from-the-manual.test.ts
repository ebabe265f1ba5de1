import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { clean } from '../../../src/engine/clean/clean.ts';
import { connect, endQuietly } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { quoteIdent } from '../../../src/postgres/identifiers.ts';
import { compareDatabases } from '../../support/compare.ts';
import { type TestDatabase, type TestDatabases, test } from '../../support/databases.ts';
import { uriOf } from '../../support/test-servers.ts';
import { CHANGES, OBJECTS } from '../versions/smoke.ts';
import { createApplicationDatabase } from '../whole/application-database.ts';
import { Migration } from '../whole/migration.ts';
import { startApplication } from '../whole/writers.ts';

const MANUAL = join(import.meta.dirname, '..', '..', '..', 'docs', 'rights.md');

/** Runs a block of SQL of the manual, known by its first line, as a superuser; with the names of this test put in. */
async function paste(
  database: TestDatabase,
  title: string,
  names: { readonly owner: string; readonly migrator: string },
): Promise<void> {
  const blocks = [...(await readFile(MANUAL, 'utf8')).matchAll(/```sql\n-- (.*)\n([^`]*)```/g)];
  const sql = blocks.find((block) => block[1] === title)?.[2];
  if (sql === undefined) throw new Error(`the manual has no SQL for: ${title}`);
  await database.admin(
    sql
      .replaceAll(/\bshop\b/g, quoteIdent(database.name))
      .replaceAll(/\bshop_owner\b/g, quoteIdent(names.owner))
      .replaceAll(/\bmigrator\b/g, quoteIdent(names.migrator)),
  );
}

const uriAs = (database: TestDatabase, user: string): string =>
  uriOf(database.server, database.name, user, 'choose-one');

/** Its own rights are not migrated. */
const besides = (migrator: string) => ({ ignore: [new RegExp(`^privileges of (?:.|\\n)*${migrator} `)] });

/** What is left on the source after `clean`, by the same role. */
async function leftAfterClean({ source, target }: TestDatabases, migrator: string): Promise<unknown[]> {
  const clients = await Promise.all(
    ([source, target] as const).map((database, at) =>
      connect(parseConnectionString(uriAs(database, migrator), {}), {
        side: at === 0 ? 'source' : 'target',
        application: 'clean',
      }),
    ),
  );
  try {
    await clean(clients[0] ?? null, clients[1] ?? null, null);
  } finally {
    await Promise.all(clients.map(endQuietly));
  }
  return source.admin(
    `SELECT slot_name::text AS name FROM pg_replication_slots WHERE database = current_database() UNION ALL SELECT pubname FROM pg_publication`,
  );
}

test('the roles that the manual makes: REPLICATION and ownership on the source, no CREATEROLE and no session_replication_role on the target', async ({
  databases,
}) => {
  const { source, target } = databases;
  const { ownerUri, roles } = await createApplicationDatabase(databases);
  const names = { owner: roles.owner, migrator: databases.role('migrator') };
  await paste(source, 'source', names);
  await paste(source, 'source, where policies are forced', names);
  await paste(source, 'source, for --freeze-source', names);
  await paste(target, 'target', names);
  // The administrator of the target makes the roles, as the manual says.
  await target.admin(`CREATE ROLE ${quoteIdent(roles.reader)} NOLOGIN CONNECTION LIMIT 5;
    CREATE ROLE ${quoteIdent(roles.writer)} LOGIN NOINHERIT IN ROLE ${quoteIdent(roles.reader)}`);
  await using application = await startApplication(ownerUri, 11);
  await using migration = await Migration.start({
    source: uriAs(source, names.migrator),
    target: uriAs(target, names.migrator),
    targetDatabase: target.name,
    options: { tableJobs: 3, freezeSource: true, skipRoles: true },
  });
  await migration.reached('replay');
  const { transactions } = application.stats;
  await migration.until(() => application.stats.transactions > transactions + 200, 'writes during replay');
  await migration.cutOver();
  await application.done;
  expect(application.stats.errors).toEqual([]);
  expect(migration.warnings).toEqual(['Conditions overridden: a test']);
  expect(await compareDatabases(source.superuserUri, target.superuserUri, besides(names.migrator))).toEqual([]);
  expect(await migration.verify()).toMatchObject({ objects: [], equal: true });
  expect(await leftAfterClean(databases, names.migrator)).toEqual([]);
});

test('the roles that the manual makes: reading alone with test_decoding, and a target that has all that is better', async ({
  databases,
}) => {
  const { source, target } = databases;
  const names = { owner: source.owner, migrator: databases.role('migrator') };
  await source.query(OBJECTS);
  await paste(source, 'source, with --plugin test_decoding', names);
  await source.admin(`GRANT USAGE ON SCHEMA kinds TO ${names.migrator}`);
  await source.admin(`ALTER ROLE ${names.migrator} BYPASSRLS`);
  await paste(target, 'target', names);
  await paste(target, 'target, better', names);
  await using migration = await Migration.start({
    source: uriAs(source, names.migrator),
    target: uriAs(target, names.migrator),
    targetDatabase: target.name,
    options: { plugin: 'test_decoding', skipRoles: true },
  });
  await migration.reached('replay');
  await source.query(CHANGES);
  await migration.cutOver(false);
  expect(migration.warnings).toEqual(['Conditions overridden: a test']);
  expect(await compareDatabases(source.superuserUri, target.superuserUri, besides(names.migrator))).toEqual([]);
  expect(await migration.verify()).toMatchObject({ objects: [], equal: true });
  expect(await leftAfterClean(databases, names.migrator)).toEqual([]);
  await target.admin(`REVOKE SET ON PARAMETER session_replication_role FROM ${names.migrator}`);
});
