import type pg from 'pg';
import { expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { withClient } from '../support/test-servers.ts';
import { Migration } from './whole/migration.ts';

/** Runs SQL as the superuser of a server of this test's own: roles belong to all databases of a server. */
const admin = (server: DemoServer, database: string, sql: string): Promise<pg.QueryResultRow[]> =>
  withClient(server.uri(database), async (client) => (await client.query(sql)).rows);

/** What `ALTER … SET` has left, in words. */
const settings = async (server: DemoServer, database: string): Promise<string[]> => {
  const rows = await admin(
    server,
    database,
    `SELECT concat_ws(' ', r.rolname, CASE WHEN s.setdatabase <> 0 THEN 'here' END, c.setting) AS text
      FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) c(setting)
     ORDER BY 1`,
  );
  return rows.map((row) => row.text as string);
};

const roles = (server: DemoServer, database: string) =>
  admin(
    server,
    database,
    `SELECT rolname, rolcanlogin, rolinherit, rolcreatedb, rolcreaterole, rolconnlimit, rolpassword IS NOT NULL AS password,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = a.oid ORDER BY 1) AS groups
     FROM pg_authid a WHERE rolname !~ '^(pg_|postgres|owner|tsdbadmin)' ORDER BY 1`,
  );

test('roles and settings come along, without passwords', async () => {
  await using source = await startServer({ name: 'roles-source', settings: { wal_level: 'logical' } });
  await using target = await startServer({ name: 'roles-target' });
  await admin(source, 'postgres', `CREATE ROLE owner LOGIN REPLICATION PASSWORD 'o'`);
  await admin(source, 'postgres', 'CREATE DATABASE here OWNER owner');
  await admin(target, 'postgres', `CREATE ROLE tsdbadmin LOGIN CREATEROLE PASSWORD 't'; CREATE ROLE present LOGIN`);
  await admin(target, 'postgres', 'CREATE DATABASE there OWNER tsdbadmin');
  await admin(
    source,
    'here',
    `CREATE ROLE team NOLOGIN; CREATE ROLE present CREATEDB CREATEROLE; CREATE ROLE chief SUPERUSER;
     CREATE ROLE "App x" LOGIN NOINHERIT CREATEDB CONNECTION LIMIT 7 PASSWORD 'secret' IN ROLE team, present;
     ALTER ROLE "App x" SET search_path = "$user", "it's, ""odd""", public; ALTER ROLE "App x" SET statement_timeout = '5s';
     ALTER ROLE "App x" IN DATABASE here SET DateStyle = 'SQL, DMY'; ALTER ROLE "App x" IN DATABASE here SET app.tenant = 'a';
     ALTER ROLE present SET work_mem = '5MB'; ALTER ROLE team SET log_min_duration_statement = 0;
     ALTER DATABASE here SET search_path = app, public; ALTER DATABASE here SET TimeZone = 'Europe/Oslo'`,
  );
  await using migration = await Migration.start({
    source: source.uri('here', 'owner', 'o'),
    target: target.uri('there', 'tsdbadmin', 't'),
    targetDatabase: 'there',
  });
  await migration.reached('replay');
  await migration.cutOver();

  // Superusers come as ordinary roles; of a role that was there nothing changes but its members.
  const expected = (await roles(source, 'here')).map((role) =>
    role.rolname === 'present'
      ? { ...role, rolcanlogin: true, rolcreatedb: false, rolcreaterole: false }
      : { ...role, password: false },
  );
  expect(await roles(target, 'there')).toEqual(expected);
  const taken = [
    'App x here DateStyle=SQL, DMY',
    `App x search_path="$user", "it's, ""odd""", public`,
    'App x statement_timeout=5s',
    'here TimeZone=Europe/Oslo',
    'here search_path=app, public',
  ];
  expect((await settings(source, 'here')).filter((text) => taken.includes(text))).toEqual(taken);
  expect(await settings(target, 'there')).toEqual(taken);
  // What only a superuser may set.
  const warnings = migration.of('warning').map((event) => event.text);
  for (const name of ['log_min_duration_statement', 'app.tenant']) {
    const told = warnings.some((text) => text.startsWith('The target refused settings') && text.includes(name));
    expect(told, name).toBe(true);
  }
  expect(JSON.stringify(migration.events)).not.toContain('secret');
});
