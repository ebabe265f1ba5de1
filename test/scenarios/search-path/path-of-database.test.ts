import { describe, expect } from 'vitest';
import { readSearchPath } from '../../../src/engine/search-path.ts';
import { connect, endQuietly } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { type TestDatabase, test } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';
import { migrateStory, NORMALIZERS } from './migrate.ts';

async function pathOf(uri: string) {
  const settings = parseConnectionString(uri, {});
  const client = await connect(settings, { side: 'source', application: 'test' });
  try {
    return await readSearchPath(client, settings, { side: 'source', application: 'test' });
  } finally {
    await endQuietly(client);
  }
}

const setOn = (database: TestDatabase, value: string) =>
  database.admin(`ALTER DATABASE "${database.name}" SET search_path = ${value}`);

describe('the search_path of a database', () => {
  test('is the server’s, its own, or the connection string’s; never that of our role', async ({
    databases: { source },
  }) => {
    const role = `"${source.owner}"`;
    expect(await pathOf(source.uri)).toEqual({ names: ['$user', 'public'], path: ['public'], from: 'server' });
    await source.query(`CREATE SCHEMA ${role}`);
    expect((await pathOf(source.uri)).path).toEqual([source.owner, 'public']);
    await source.admin(`ALTER ROLE ${role} IN DATABASE "${source.name}" SET search_path = nowhere`);
    expect(await pathOf(source.uri)).toMatchObject({ names: ['$user', 'public'], from: 'server' });
    await setOn(source, `"Odd, ""name""", Public, "$user", pg_catalog, pg_temp`);
    expect(await pathOf(source.uri)).toEqual({
      names: ['Odd, "name"', 'public', '$user', 'pg_catalog', 'pg_temp'],
      path: ['Odd, "name"', 'public', source.owner],
      from: 'database',
    });
    const given = `${source.uri}${source.uri.includes('?') ? '&' : '?'}options=-csearch_path%3Dapp`;
    expect(await pathOf(given)).toEqual({ names: ['app'], path: ['app'], from: 'connection string' });
    await setOn(source, `''`);
    expect((await pathOf(source.uri)).path).toEqual([]);
  });

  test('is in force for functions in other schemas, also when the target’s session has another', async ({
    databases,
  }) => {
    const { source } = databases;
    await setOn(source, 'app, "Lib 1"');
    await migrateStory(databases, {
      searchPath: 'app, "Lib 1"',
      made: `CREATE SCHEMA app; CREATE SCHEMA "Lib 1";
        CREATE FUNCTION "Lib 1".norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
        CREATE FUNCTION app.wrapped(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT norm($1)';
        CREATE FUNCTION app.fixed(text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = "Lib 1" AS 'SELECT norm($1)';
        CREATE TABLE app.t (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (app.wrapped(v)) STORED);
        CREATE INDEX ON app.t (app.wrapped(v)); CREATE INDEX ON app.t (app.fixed(v)); INSERT INTO app.t VALUES (1, 'a'), (2, 'b')`,
      meanwhile: `INSERT INTO app.t VALUES (3, 'c'); UPDATE app.t SET v = 'z' WHERE id = 1`,
      replayed: `INSERT INTO app.t SELECT i, 'r' FROM generate_series(10, 100) i; DELETE FROM app.t WHERE id = 2; UPDATE app.t SET v = v || '!' WHERE id > 20`,
    });
  });

  test('an extension’s function in a schema of its own', async ({ databases }) => {
    const { source, target } = databases;
    for (const database of [source, target]) {
      await database.admin(
        'CREATE SCHEMA ext; CREATE EXTENSION unaccent SCHEMA ext; CREATE EXTENSION earthdistance SCHEMA ext CASCADE',
      );
      await database.admin(`GRANT ALL ON SCHEMA ext TO "${database.owner}"`);
    }
    await setOn(source, 'public, ext');
    await migrateStory(databases, {
      searchPath: 'public, ext',
      made: `CREATE FUNCTION f_unaccent(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS 'SELECT lower(unaccent($1))';
        CREATE TABLE place (id int PRIMARY KEY, name text, lat float8, lon float8);
        INSERT INTO place SELECT i, 'Éa' || i, i % 80, i % 170 FROM generate_series(1, 500) i;
        CREATE INDEX place_name ON place (f_unaccent(name)); CREATE INDEX place_earth ON place USING gist (ext.ll_to_earth(lat, lon))`,
      meanwhile: 'UPDATE place SET lat = lat + 1 WHERE id < 200',
      replayed: 'UPDATE place SET lat = lat + 1 WHERE id < 200; DELETE FROM place WHERE id > 450',
      options: { splitTablesLargerThan: 16 * 1024 },
      ignore: [/schema ext/],
    });
  });
});

test('stays what it was at the beginning, also when the engine is stopped and resumed', async ({ databases }) => {
  const { source, target } = databases;
  await source.query(`${NORMALIZERS} CREATE TABLE place (id int PRIMARY KEY, name text, g text GENERATED ALWAYS AS (outer_norm(name)) STORED);
    CREATE INDEX place_name ON place (inlined_norm(name)); INSERT INTO place SELECT i, 'r' FROM generate_series(1, 500) i`);
  const input = { source: source.uri, target: target.uri, targetDatabase: target.name, options: { skipRoles: true } };
  const first = await Migration.start({ ...input, waitForGo: true });
  await first.untilSnapshot();
  await first.stop();
  await setOn(source, 'nowhere');
  await using second = await Migration.start({ ...input, resume: { directory: first.directory } });
  await second.reached('replay');
  await source.query(
    `SET search_path = public; UPDATE place SET name = 'x' WHERE id < 300; DELETE FROM place WHERE id > 400`,
  );
  await second.cutOver();
  const rows = 'SET search_path = public; SELECT count(*)::int AS n FROM place WHERE g = upper(name)';
  expect(await target.query(rows)).toEqual([{ n: 400 }]);
});

describe('names of ours', () => {
  test('are not caught by operators and functions of the database', async ({ databases }) => {
    const caught = (name: string, types: string) =>
      `CREATE FUNCTION ${name}(${types}) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''caught''; END'`;
    await migrateStory(databases, {
      searchPath: `''`,
      made: `${caught('catch_small', 'smallint, integer')}; CREATE OPERATOR = (LEFTARG = smallint, RIGHTARG = integer, FUNCTION = catch_small);
        ${caught('catch_tid', 'tid, tid')}; CREATE OPERATOR >= (LEFTARG = tid, RIGHTARG = tid, FUNCTION = catch_tid);
        CREATE OPERATOR = (LEFTARG = tid, RIGHTARG = tid, FUNCTION = catch_tid);
        ${caught('catch_name', 'name, text')}; CREATE OPERATOR = (LEFTARG = name, RIGHTARG = text, FUNCTION = catch_name);
        ${caught('catch_big', 'bigint, numeric')}; CREATE OPERATOR + (LEFTARG = bigint, RIGHTARG = numeric, FUNCTION = catch_big);
        ${caught('hashtextextended', 'text, integer')}; ${caught('count', 'text')}; ${caught('to_regclass', 'varchar')};
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'r' FROM generate_series(1, 2000) i; CREATE INDEX ON t (lower(v));
        CREATE TABLE f (v text, w json); ALTER TABLE f REPLICA IDENTITY FULL; INSERT INTO f SELECT 'r', '1' FROM generate_series(1, 50);
        CREATE TABLE public.pg_class (oid int PRIMARY KEY); INSERT INTO public.pg_class VALUES (1)`,
      meanwhile: `UPDATE t SET v = 'x' WHERE id < 100; DELETE FROM f WHERE ctid IN (SELECT ctid FROM f LIMIT 40)`,
      replayed: `UPDATE t SET v = 'x' WHERE id < 100; DELETE FROM t WHERE id > 1500; UPDATE t SET id = 9999 WHERE id = 1; UPDATE f SET v = 'y'`,
      options: { splitTablesLargerThan: 32 * 1024 },
    });
  });
});
