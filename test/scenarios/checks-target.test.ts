import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import type { MigrationOptions } from '../../src/engine/options.ts';
import { replicaRole } from '../../src/providers/common/target-rights.ts';
import { targetSizeOutcome } from '../../src/providers/common/target-size.ts';
import { runCheck } from '../../src/providers/index.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { type TestDatabase, type TestDatabases, test } from '../support/databases.ts';
import { createSparseTable } from '../support/sparse-table.ts';
import { uriOf, withClient } from '../support/test-servers.ts';

const GIB = 1024 ** 3;

/** A role without any right in the database, and its connection string. */
async function stranger(databases: TestDatabases, database: TestDatabase): Promise<{ role: string; uri: string }> {
  const role = databases.role('stranger');
  await database.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  return { role, uri: uriOf(database.server, database.name, role, 'x') };
}

/** Runs the SQL inside a remedy's text. */
const applyText = (database: TestDatabase, fix: string) => database.admin(fix.slice(fix.indexOf(': ') + 2));

/** From now on this database claims to be on a server of another version. */
const pretendVersion = (database: TestDatabase, versionNumber: number) =>
  database.admin(`SET allow_system_table_mods = on;
    ALTER FUNCTION pg_catalog.current_setting(text) RENAME TO real_setting;
    CREATE FUNCTION pg_catalog.current_setting(name text) RETURNS text LANGUAGE sql STABLE AS
      $$ SELECT CASE name WHEN 'server_version_num' THEN '${versionNumber}' ELSE pg_catalog.real_setting(name) END $$`);

describe('the target', () => {
  test('that is not empty is named, and allowed when asked for', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('target-empty', input)).toMatchObject({ status: 'pass', found: 'empty' });
    // What is ours does not count.
    await target.query('CREATE SCHEMA tiger_migrate; CREATE TABLE tiger_migrate.migration (source_timeline int)');
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

  test('of another encoding', async () => {
    await using server = await startServer({ name: 'encodings' });
    await withClient(server.uri('postgres'), async (client) => {
      for (const encoding of ['SQL_ASCII', 'LATIN1', 'UTF8']) {
        await client.query(
          `CREATE DATABASE ${encoding.toLowerCase()} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
        );
      }
    });
    const encoding = async (from: string, to: string, options: Partial<MigrationOptions> = {}) =>
      (await check('encodings', { source: server.uri(from), target: server.uri(to), options })).code ?? 'pass';
    expect(await encoding('utf8', 'utf8')).toBe('pass');
    expect(await encoding('latin1', 'utf8')).toBe('pass');
    expect(await encoding('latin1', 'latin1')).toBe('pass');
    // Its text is in the encoding of the database, and nobody converts it.
    expect(await encoding('latin1', 'utf8', { plugin: 'test_decoding' })).toBe('TM1213');
    expect(await encoding('utf8', 'utf8', { plugin: 'test_decoding' })).toBe('pass');
    expect(await encoding('utf8', 'latin1')).toBe('TM1213');
    expect(await encoding('utf8', 'sql_ascii')).toBe('TM1213');
    expect(await encoding('sql_ascii', 'utf8')).toBe('TM1213');
    expect(await encoding('sql_ascii', 'sql_ascii')).toBe('TM1213');
  });

  test('of another collation, or that lacks one', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('locales', input)).toMatchObject({ status: 'pass' });
    const [other] = await target.admin<{ locale: string }>(
      `SELECT collcollate AS locale FROM pg_collation WHERE collprovider = 'c' AND collcollate <> 'C' AND pg_encoding_to_char(collencoding) = 'UTF8' LIMIT 1`,
    );
    const become = (locale: string) =>
      target.admin(`UPDATE pg_database SET datcollate = $1 WHERE datname = current_database()`, [locale]);
    await become(other?.locale ?? '');
    expect(await check('locales', input)).toMatchObject({
      status: 'warn',
      found: `source C/C, target ${other?.locale}/C`,
    });
    await become('C');
    // The same names, and yet another order of text.
    await target.admin(
      "UPDATE pg_database SET datlocprovider = 'i', daticulocale = 'de-DE' WHERE datname = current_database()",
    );
    expect(await check('locales', input)).toMatchObject({
      status: 'warn',
      found: 'source C/C, target C/C (ICU de-DE)',
    });
    await target.admin(
      "UPDATE pg_database SET datlocprovider = 'c', daticulocale = NULL WHERE datname = current_database()",
    );
    // A name of PostgreSQL's own that the target's operating system does not have.
    await source.admin(`SET allow_system_table_mods = on;
      CREATE COLLATION pg_catalog."xx_YY.utf8" (LOCALE = 'C');
      CREATE TABLE public.names (id int, name text COLLATE "xx_YY.utf8")`);
    expect(await check('locales', input)).toMatchObject({
      status: 'fail',
      code: 'TM1213',
      found: expect.stringContaining('"xx_YY.utf8" (public.names.name)'),
    });
    expect(await check('locales', { ...input, options: { excludeTable: ['names'] } })).toMatchObject({
      status: 'pass',
    });
    await source.admin('ALTER TABLE public.names ALTER COLUMN name TYPE text COLLATE "C"');
    expect(await check('locales', input)).toMatchObject({ status: 'pass' });
  });
});

describe('versions', () => {
  test('of one major release go together', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-version', input)).toMatchObject({
      status: 'pass',
      found: expect.stringMatching(/^PostgreSQL \d+\.\d+$/),
    });
    expect(await check('target-version', input)).toMatchObject({ status: 'pass' });
  });

  test('a source that is too old', async ({ databases: { source, target } }) => {
    await pretendVersion(source, 130020);
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-version', input)).toMatchObject({
      status: 'fail',
      code: 'TM1210',
      found: 'PostgreSQL 13.20; pgoutput needs 14 or newer',
      fix: expect.stringContaining('--plugin test_decoding'),
    });
    expect(await check('source-version', { ...input, provider: 'mst' })).toMatchObject({ status: 'pass' });
    expect(await check('source-version', { ...input, options: { plugin: 'test_decoding' } })).toMatchObject({
      status: 'pass',
    });
    // A newer target is what such a source needs, and fine.
    expect(await check('target-version', input)).toMatchObject({
      status: 'pass',
      found: expect.stringContaining('a newer major release is fine'),
    });
  });

  test('a source that is too old for every plugin', async ({ databases: { source, target } }) => {
    await pretendVersion(source, 110020);
    const input = { source: source.uri, target: target.uri, options: { plugin: 'test_decoding' } as const };
    expect(await check('source-version', input)).toMatchObject({
      status: 'fail',
      found: 'PostgreSQL 11.20; 12 or newer is needed',
    });
  });

  test('a target older than the source', async ({ databases: { source, target } }) => {
    await pretendVersion(source, 170004);
    expect(await check('target-version', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'fail',
      code: 'TM1210',
      found: expect.stringContaining('the source is 17.4: going back to an older major release is not possible'),
      fix: expect.stringContaining('PostgreSQL 17 or newer'),
    });
  });
});

describe('rights', () => {
  test('to create', async ({ databases: { source, target }, databases }) => {
    await source.query('CREATE TABLE public.t (id int)');
    const { role, uri } = await stranger(databases, target);
    await target.admin(`REVOKE TEMPORARY ON DATABASE ${target.name} FROM public`);
    const input = { source: source.uri, target: uri };
    const result = await check('target-create-right', input);
    expect(result).toMatchObject({ status: 'fail', code: 'TM1212' });
    expect(result.found).toMatch(/^schemas: .*temporary tables: .*schema public: /);
    await applyText(target, result.fix);
    expect(await check('target-create-right', input)).toMatchObject({ status: 'pass' });
    expect(await target.admin("SELECT FROM pg_namespace WHERE nspname LIKE 'tiger%'")).toEqual([]);
    await target.admin(`REVOKE ALL ON DATABASE ${target.name} FROM ${role}; REVOKE ALL ON SCHEMA public FROM ${role}`);
  });

  test('public is needed only where the source uses it', async ({ databases: { source, target }, databases }) => {
    await source.query('CREATE SCHEMA s; CREATE TABLE s.t (id int)');
    const { role, uri } = await stranger(databases, target);
    await target.admin(`GRANT CREATE ON DATABASE ${target.name} TO ${role}`);
    expect(await check('target-create-right', { source: source.uri, target: uri })).toMatchObject({ status: 'pass' });
    await target.admin(`REVOKE ALL ON DATABASE ${target.name} FROM ${role}`);
  });

  test('to set session_replication_role', async ({ databases: { source, target }, databases }) => {
    const input = { source: source.uri, target: target.uri };
    await withCheckContext(input, async (context) => {
      expect(await runCheck(replicaRole, context)).toMatchObject({ status: 'pass' });
      // Trying leaves the session as it was.
      const { rows } = await context.target.query('SHOW session_replication_role');
      expect(rows).toEqual([{ session_replication_role: 'origin' }]);
    });
    const { role, uri } = await stranger(databases, target);
    expect(await check('target-replica-role', { ...input, target: uri })).toMatchObject({ status: 'warn' });
    await target.admin(`GRANT SET ON PARAMETER session_replication_role TO ${role}`);
    expect(await check('target-replica-role', { ...input, target: uri })).toMatchObject({ status: 'pass' });
    await target.admin(`REVOKE SET ON PARAMETER session_replication_role FROM ${role}`);
  });
});

describe('the size of the target', () => {
  test('of a server that nobody has tuned cannot be told', async ({ databases: { source, target } }) => {
    expect(await check('target-size', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'info',
      found: expect.stringContaining('cannot be told: shared_buffers = 128MB'),
    });
  });

  test('is estimated, and weighed against what will come', async () => {
    await using small = await startServer({ name: 'small', settings: { shared_buffers: '64MB' } });
    const input = { source: small.uri('postgres'), target: small.uri('template1') };
    expect(await check('target-size', input)).toMatchObject({
      status: 'info',
      found: expect.stringMatching(
        /^an estimate.*256\.0 MiB of memory.*max_parallel_workers = \d+, max_worker_processes = \d+$/,
      ),
    });
    expect(await check('target-disk', input)).toMatchObject({ status: 'info' });

    await createSparseTable(small, 'postgres', 420);
    expect(await check('target-size', input)).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('about 420.0 GiB will come'),
    });
    const disk = await check('target-disk', input);
    expect(disk).toMatchObject({
      status: 'warn',
      found: 'about 420.0 GiB of tables and indexes will come, in a copy of about 72 min',
    });
    expect(disk.fix).toContain('that you are going to migrate 420.0 GiB');
    for (const options of [{ excludeTable: ['large'] }, { skipTableData: ['public.*'] }]) {
      expect(await check('target-disk', { ...input, options })).toMatchObject({ status: 'info' });
    }
  });

  test('of 32 GiB is what is recommended', () => {
    const hints = { parallelWorkers: 8, workerProcesses: 19, coming: 420 * GIB };
    expect(targetSizeOutcome({ ...hints, sharedBuffers: 8 * GIB }).status).toBe('pass');
    expect(targetSizeOutcome({ ...hints, sharedBuffers: 7 * GIB }).status).toBe('pass');
    expect(targetSizeOutcome({ ...hints, sharedBuffers: 4 * GIB }).status).toBe('warn');
    expect(targetSizeOutcome({ ...hints, sharedBuffers: 4 * GIB, coming: 49 * GIB }).status).toBe('info');
  });
});
