import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { applyFix } from '../support/apply-fix.ts';
import { check } from '../support/check-context.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { isInstalled, nativeOf } from '../support/other-versions.ts';
import { NORMALIZERS } from './search-path/migrate.ts';

const PLACE = `${NORMALIZERS} CREATE TABLE place (id int PRIMARY KEY, name text); INSERT INTO place SELECT i, 'r' || i FROM generate_series(1, 20) i;`;

const uris = ({ source, target }: TestDatabases) => ({ source: source.uri, target: target.uri });

describe('functions that need a search_path', () => {
  const EVALUATED = {
    'an index, inlined': 'CREATE INDEX place_name ON place (inlined_norm(name))',
    'an index': 'CREATE INDEX place_name ON place (outer_norm(name))',
    'a predicate': `CREATE INDEX place_name ON place (id) WHERE outer_norm(name) = 'R1'`,
    'a generated column': 'ALTER TABLE place ADD g text GENERATED ALWAYS AS (outer_norm(name)) STORED',
    'a check': `ALTER TABLE place ADD CONSTRAINT fine CHECK (outer_norm(name) <> 'BAD')`,
    'a domain': `CREATE DOMAIN loud AS text CONSTRAINT fine CHECK (outer_norm(VALUE) <> 'BAD'); CREATE TABLE d (l loud); INSERT INTO d VALUES ('x')`,
    'a partition key': `CREATE TABLE parted (v text) PARTITION BY LIST (inlined_norm(v))`,
    statistics: 'CREATE STATISTICS place_stats ON outer_norm(name), id FROM place',
    'a view below a materialized view': `CREATE VIEW v AS SELECT outer_norm(name) AS n FROM place; CREATE MATERIALIZED VIEW mv AS SELECT * FROM v`,
    'an operator': `CREATE FUNCTION alike(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_norm($1) = inner_norm($2); END';
      CREATE OPERATOR ~~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = alike); ALTER TABLE place ADD CONSTRAINT fine CHECK (name ~~~ name)`,
    'a function that hides it': `CREATE FUNCTION careful(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_norm($1); EXCEPTION WHEN OTHERS THEN RETURN NULL; END';
      CREATE INDEX place_name ON place (careful(name))`,
  };
  for (const [what, sql] of Object.entries(EVALUATED)) {
    test(`in ${what}, and not any more after the fix`, async ({ databases }) => {
      await databases.source.query(`${PLACE}${sql}`);
      const result = await check('source-search-path', uris(databases));
      expect(result.status, result.found).toBe('warn');
      expect(result.fix).toContain('SET search_path = "public", pg_temp');
      await applyFix(result, uris(databases));
      expect(await check('source-search-path', uris(databases))).toMatchObject({ status: 'pass', found: 'none' });
    });
  }

  test('are none where names have their schemas, a search_path is set, or nothing is evaluated', async ({
    databases,
  }) => {
    await databases.source.query(`CREATE FUNCTION inner_norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
      CREATE FUNCTION named(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT public.inner_norm($1)';
      CREATE FUNCTION fixed(text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = public AS 'SELECT inner_norm($1)';
      CREATE FUNCTION unused(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_norm($1); END';
      CREATE TABLE t (id int PRIMARY KEY, v text DEFAULT unused('x')); CREATE INDEX ON t (named(v)); CREATE INDEX ON t (fixed(v));
      CREATE MATERIALIZED VIEW mv AS SELECT named(v) FROM t; INSERT INTO t VALUES (1, 'a')`);
    expect(await check('source-search-path', uris(databases))).toMatchObject({ status: 'pass', found: 'none' });
  });

  test('are told not to be known where there are too many to try', async ({ databases }) => {
    await databases.source.query(`${PLACE} CREATE FUNCTION late(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN inner_norm($1); END';
      DO $$ BEGIN FOR i IN 1..301 LOOP EXECUTE format('CREATE MATERIALIZED VIEW mv_%s AS SELECT 1 AS n', to_char(i, 'FM000')); END LOOP; END $$;
      CREATE MATERIALIZED VIEW mv_999 AS SELECT late(name) FROM place`);
    expect(await check('source-search-path', uris(databases))).toMatchObject({
      status: 'warn',
      found:
        'none of the 300 that were tried; not tried, there are too many: materialized view public.mv_301, materialized view public.mv_999',
    });
  });

  test('do not count for what is left out', async ({ databases }) => {
    await databases.source.query(`${PLACE} CREATE INDEX place_name ON place (inlined_norm(name))`);
    const named = ['INDEX public.place_name', 'STATISTICS public.place_stats', 'MATERIALIZED VIEW public.mv'];
    const without = (options: object) => check('source-search-path', { ...uris(databases), options });
    expect((await without({ skipIndex: ['place_n*'] })).status).toBe('pass');
    expect((await without({ excludeTable: ['public.place'] })).status).toBe('pass');
    await databases.source.query(`CREATE STATISTICS place_stats ON outer_norm(name), id FROM place;
      CREATE MATERIALIZED VIEW mv AS SELECT outer_norm(name) AS n FROM place`);
    expect((await without({ leaveOut: named })).status).toBe('pass');
    expect((await without({ leaveOut: named.slice(1) })).found).toContain('index place_name');
  });

  test('are only planned and read where they would run with the rights of a superuser', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`${PLACE} CREATE TABLE ran (n int); CREATE INDEX place_name ON place (outer_norm(name));
      CREATE FUNCTION catches(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE EXCEPTION ''this ran''; END';
      ALTER TABLE place ADD CONSTRAINT fine CHECK (catches(name) <> '') NOT VALID`);
    const result = await check('source-search-path', { source: source.superuserUri, target: target.uri });
    expect(result).toMatchObject({ status: 'warn' });
    expect(result.found).toContain('index place_name of public.place (its function names inner_norm without a schema)');
    expect(result.found).not.toContain('this ran');
  });

  test('that find their names nowhere are refused, with the path that would do', async ({ databases }) => {
    const { source } = databases;
    await source.query(`CREATE SCHEMA lib; CREATE FUNCTION lib.norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
      SET search_path = public, lib; CREATE FUNCTION wrapped(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN norm($1); END';
      CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'); CREATE INDEX t_v ON t (wrapped(v))`);
    const result = await check('source-search-path', uris(databases));
    expect(result).toMatchObject({ status: 'fail', code: 'TM1222', apply: null });
    const given = `${source.uri}${source.uri.includes('?') ? '&' : '?'}options=-csearch_path%3Dpublic,lib`;
    expect((await check('source-search-path', { ...uris(databases), source: given })).status).toBe('warn');
  });

  test.skipIf(!isInstalled(17))('must have it for a target that takes the path away', async ({ databases }) => {
    await using server = await startServer({ name: 'path-17', native: nativeOf(17) });
    const input = { source: databases.source.uri, target: server.uri('postgres') };
    await databases.source.query(`${PLACE} ALTER TABLE place ADD g text GENERATED ALWAYS AS (outer_norm(name)) STORED`);
    expect((await check('source-search-path', input)).status).toBe('warn');
    await databases.source.query('CREATE INDEX place_name ON place (outer_norm(name))');
    const result = await check('source-search-path', input);
    expect(result).toMatchObject({ status: 'fail', code: 'TM1222' });
    await applyFix(result, input);
    expect((await check('source-search-path', input)).status).toBe('pass');
  });
});

describe('values of generated columns and checks', () => {
  const STALE = `CREATE FUNCTION nrm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
    CREATE TABLE stale (id int PRIMARY KEY, v text, g text GENERATED ALWAYS AS (nrm(v)) STORED); INSERT INTO stale VALUES (1, 'a'), (2, 'b'), (3, '1');`;
  const REPLACED = `CREATE OR REPLACE FUNCTION nrm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'`;

  test('that a function gives otherwise now', async ({ databases }) => {
    const { source } = databases;
    await source.query(STALE);
    expect((await check('source-stored-values', uris(databases))).status).toBe('pass');
    await source.query(REPLACED);
    const result = await check('source-stored-values', uris(databases));
    expect(result).toMatchObject({
      status: 'warn',
      found:
        'other values than their functions give now: generated column g of public.stale: 2 of the first 10000 rows',
    });
    await source.query(result.fix.slice(result.fix.indexOf('UPDATE')));
    expect((await check('source-stored-values', uris(databases))).status).toBe('pass');
  });

  test('of a type without equality, and of a partitioned table', async ({ databases }) => {
    await databases.source.query(`CREATE FUNCTION js(text) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT to_json(upper($1))';
      CREATE TABLE parted (id int, v text, j json GENERATED ALWAYS AS (js(v)) STORED) PARTITION BY RANGE (id);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1, 'a');
      CREATE OR REPLACE FUNCTION js(text) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT to_json(lower($1))'`);
    expect((await check('source-stored-values', uris(databases))).found).toContain(
      'generated column j of public.parted: 1 of',
    );
  });

  test('that are not looked at, because they would run with the rights of a superuser, are told', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`${STALE} ${REPLACED}`);
    expect(await check('source-stored-values', { source: source.superuserUri, target: target.uri })).toMatchObject({
      status: 'info',
      found: expect.stringMatching(/^not looked at, .*: generated column g of public\.stale$/),
    });
  });

  test('rows that a check refuses now', async ({ databases }) => {
    const { source } = databases;
    await source.query(`CREATE FUNCTION good(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
      CREATE TABLE t (id int PRIMARY KEY CHECK (good(id))); INSERT INTO t VALUES (1), (20);
      CREATE OR REPLACE FUNCTION good(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 10'`);
    const result = await check('source-stored-values', uris(databases));
    expect(result).toMatchObject({ status: 'fail', code: 'TM1215' });
    expect(result.found).toContain('check t_id_check of public.t: 1 of');
    await source.query('DELETE FROM t WHERE id = 1');
    expect((await check('source-stored-values', uris(databases))).status).toBe('pass');
  });
});

describe('search_path and extensions of the target', () => {
  test('the search_path of the database', async ({ databases }) => {
    const { source, target } = databases;
    expect((await check('target-search-path', uris(databases))).status).toBe('pass');
    await source.admin(`ALTER DATABASE "${source.name}" SET search_path = app, "Odd one"`);
    expect(await check('target-search-path', uris(databases))).toMatchObject({ status: 'info' });
    await target.admin(`ALTER DATABASE "${target.name}" OWNER TO "${target.server.superuser}"`);
    const result = await check('target-search-path', uris(databases));
    expect(result.status).toBe('warn');
    await target.admin(result.fix.slice(result.fix.indexOf('ALTER DATABASE')));
    expect((await check('target-search-path', uris(databases))).status).toBe('pass');
  });

  test('an extension in another schema', async ({ databases }) => {
    const { source, target } = databases;
    await source.admin('CREATE SCHEMA ext; CREATE EXTENSION unaccent SCHEMA ext');
    expect((await check('target-extension-schemas', uris(databases))).status).toBe('pass');
    await target.query('CREATE EXTENSION unaccent SCHEMA public');
    const result = await check('target-extension-schemas', uris(databases));
    expect(result).toMatchObject({ status: 'warn', found: 'unaccent in public instead of ext' });
    await applyFix(result, uris(databases));
    expect((await check('target-extension-schemas', uris(databases))).status).toBe('pass');
  });
});
