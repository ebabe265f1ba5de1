import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { check } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { uriOf, withClient } from '../support/test-servers.ts';

describe('on the source', () => {
  test('large objects', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-large-objects', input)).toMatchObject({ status: 'pass' });
    await source.query("SELECT lo_from_bytea(0, 'x'), lo_from_bytea(0, 'y')");
    expect(await check('source-large-objects', input)).toMatchObject({
      status: 'fail',
      code: 'TM1215',
      found: '2 large objects',
    });
  });

  test('unlogged, foreign and temporary tables', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-left-out', input)).toMatchObject({ status: 'pass' });
    await source.query('CREATE UNLOGGED TABLE cache (id int)');
    await source.admin(`CREATE FOREIGN DATA WRAPPER none; CREATE SERVER s FOREIGN DATA WRAPPER none;
      CREATE FOREIGN TABLE public.far (id int) SERVER s`);
    const client = await source.connect();
    await client.query('CREATE TEMP TABLE scratch (id int)');
    expect(await check('source-left-out', input)).toMatchObject({
      status: 'info',
      found: 'unlogged: public.cache; foreign: public.far; 1 temporary table',
    });
  });

  test('publications for all tables and event triggers', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    for (const id of ['source-all-tables-publications', 'source-event-triggers']) {
      expect(await check(id, input)).toMatchObject({ status: 'pass' });
    }
    await source.admin(`CREATE PUBLICATION "All!" FOR ALL TABLES;
      CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
      CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.watch()`);
    expect(await check('source-all-tables-publications', input)).toMatchObject({ status: 'warn', found: '"All!"' });
    expect(await check('source-event-triggers', input)).toMatchObject({
      status: 'info',
      found: '"watch" ON ddl_command_end',
    });
  });

  test('TimescaleDB is not there', async ({ databases: { source, target } }) => {
    expect(await check('postgres-no-timescaledb', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
  });
});

describe('the target', () => {
  test('that is not empty is named, and allowed when asked for', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('target-empty', input)).toMatchObject({ status: 'pass', found: 'empty' });
    // What is ours does not count.
    await target.query('CREATE SCHEMA tiger_migrate; CREATE TABLE tiger_migrate.progress (id int)');
    expect(await check('target-empty', input)).toMatchObject({ status: 'pass' });
    await target.query(`CREATE SCHEMA "Old stuff"; CREATE TABLE "Old stuff".t (id serial PRIMARY KEY); CREATE TABLE public.a ();
      CREATE VIEW public.v AS SELECT 1 AS x; CREATE SEQUENCE public.s; CREATE TYPE public.e AS ENUM ('x');
      CREATE FUNCTION public.f() RETURNS int LANGUAGE sql RETURN 1; CREATE PROCEDURE public.p() LANGUAGE sql AS ''`);
    const result = await check('target-empty', input);
    expect(result).toMatchObject({
      status: 'fail',
      code: 'TM1203',
      found:
        '2 tables ("Old stuff".t, public.a), 1 view (public.v), 1 sequence (public.s), 1 function (public.f), 1 procedure (public.p), 1 type (public.e), 1 schema ("Old stuff")',
    });
    expect(await check('target-empty', { ...input, options: { dropIfExists: true } })).toMatchObject({
      status: 'warn',
    });
    expect(await check('target-empty', { ...input, resuming: true })).toMatchObject({ status: 'pass' });
    expect(
      await check('target-empty', { ...input, options: { excludeSchema: ['public', 'Old stuff'] } }),
    ).toMatchObject({ status: 'pass' });
  });

  test('of another encoding or collation', async ({ databases: { source, target } }) => {
    await using server = await startServer({ name: 'encodings' });
    await withClient(server.uri('postgres'), async (client) => {
      for (const encoding of ['SQL_ASCII', 'LATIN1', 'UTF8']) {
        await client.query(
          `CREATE DATABASE ${encoding.toLowerCase()} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE '${encoding === 'UTF8' ? 'C' : 'POSIX'}' TEMPLATE template0`,
        );
      }
    });
    const encoding = async (from: string, to: string) =>
      (await check('encodings', { source: server.uri(from), target: server.uri(to) })).code ?? 'pass';
    expect(await encoding('utf8', 'utf8')).toBe('pass');
    expect(await encoding('latin1', 'utf8')).toBe('pass');
    expect(await encoding('latin1', 'latin1')).toBe('pass');
    expect(await encoding('utf8', 'latin1')).toBe('TM1213');
    expect(await encoding('sql_ascii', 'utf8')).toBe('TM1213');
    expect(await encoding('sql_ascii', 'sql_ascii')).toBe('TM1213');
    expect(await check('locales', { source: source.uri, target: target.uri })).toMatchObject({ status: 'pass' });
  });
});

describe('extensions', () => {
  test('that the target cannot have', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('target-extensions', input)).toMatchObject({ status: 'pass', found: 'the source uses none' });
    // No extension can be on one of two like servers only, so this one is made up.
    await source.admin(`INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
      VALUES (99999, 'made_up', 10, 11, false, '1.0')`);
    const result = await check('target-extensions', input);
    expect(result).toMatchObject({
      status: 'fail',
      code: 'TM1214',
      side: 'target',
      found: 'not available on the target: made_up',
    });
    expect(await check('target-extensions', { ...input, options: { skipExtensions: ['made_up'] } })).toMatchObject({
      status: 'info',
      found: 'skipped: made_up',
    });
    expect(await check('target-extensions', { ...input, options: { skipExtensions: 'all' } })).toMatchObject({
      status: 'info',
    });
    await source.admin('DELETE FROM pg_extension WHERE oid = 99999');
  });
});

describe('versions', () => {
  test('that go together', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-version', input)).toMatchObject({
      status: 'pass',
      found: expect.stringMatching(/^PostgreSQL \d+\.\d+$/),
    });
    expect(await check('target-version', input)).toMatchObject({ status: 'pass' });
  });
});

describe('tablespaces', () => {
  test('besides the default are told', async ({ databases: { source, target } }) => {
    expect(await check('source-tablespaces', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
    await using server = await startServer({ name: 'tablespaces' });
    await withClient(server.uri('postgres'), async (client) => {
      await client.query('SET allow_in_place_tablespaces = on');
      await client.query("CREATE TABLESPACE fast LOCATION ''");
    });
    const result = await check('source-tablespaces', {
      source: uriOf(server, 'postgres', server.superuser, server.password),
      target: target.uri,
    });
    expect(result).toMatchObject({ status: 'info', found: 'ignored: "fast"' });
  });
});
