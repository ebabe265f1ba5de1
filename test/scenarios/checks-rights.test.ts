import { describe, expect } from 'vitest';
import { check } from '../support/check-context.ts';
import { type TestDatabase, type TestDatabases, test } from '../support/databases.ts';
import { uriOf, withClient } from '../support/test-servers.ts';

/** A role without any right in the database, and its connection string. */
async function stranger(databases: TestDatabases, database: TestDatabase): Promise<{ role: string; uri: string }> {
  const role = databases.role('stranger');
  await database.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  return { role, uri: uriOf(database.server, database.name, role, 'x') };
}

/** Runs the SQL inside a remedy's text. */
const applyText = (database: TestDatabase, fix: string) => database.admin(fix.slice(fix.indexOf(': ') + 2));

describe('on the source', () => {
  test('the right to publish', async ({ databases: { source, target }, databases }) => {
    await source.query(
      'CREATE SCHEMA "A b"; CREATE TABLE "A b"."T""1" (id int PRIMARY KEY); CREATE UNLOGGED TABLE u (id int)',
    );
    const { role, uri } = await stranger(databases, source);
    const input = { source: uri, target: target.uri };
    const result = await check('source-publication-right', input);
    expect(result).toMatchObject({ status: 'fail', code: 'TM1212' });
    expect(result.found).toContain('permission denied for database');
    expect(result.found).toContain('not the owner of "A b"."T""1"');
    expect(result.fix).toContain(`GRANT CREATE ON DATABASE "${source.name}" TO "${role}";`);
    expect(result.fix).toContain(`GRANT "${source.owner}" TO "${role}";`);
    expect(await check('source-publication-right', { ...input, options: { excludeSchema: ['A b'] } })).toMatchObject({
      found: expect.not.stringContaining('owner'),
    });
    await applyText(source, result.fix);
    expect(await check('source-publication-right', input)).toMatchObject({ status: 'pass' });
    await source.admin(`REVOKE ALL ON DATABASE ${source.name} FROM ${role}; REVOKE ${source.owner} FROM ${role}`);
    expect(await source.query('SELECT FROM pg_publication')).toEqual([]);
  });

  test('the right to read', async ({ databases: { source, target }, databases }) => {
    await source.query(`CREATE SCHEMA hidden; CREATE TABLE hidden.a (id int); CREATE TABLE public.b (id serial);
      CREATE MATERIALIZED VIEW public.m AS SELECT 1 AS x`);
    const { role, uri } = await stranger(databases, source);
    const input = { source: uri, target: target.uri };
    const result = await check('source-select-right', input);
    expect(result).toMatchObject({ status: 'fail', code: 'TM1212' });
    for (const name of ['hidden.a', 'public.b', 'public.b_id_seq', 'public.m']) expect(result.found).toContain(name);
    expect(await check('source-select-right', { ...input, options: { excludeTable: ['*'] } })).toMatchObject({
      status: 'pass',
    });
    await source.admin(`GRANT pg_read_all_data TO ${role}`);
    expect(await check('source-select-right', input)).toMatchObject({ status: 'pass' });
  });

  test('row-level security', async ({ databases: { source, target }, databases }) => {
    await source.query(`CREATE TABLE mine (id int); ALTER TABLE mine ENABLE ROW LEVEL SECURITY;
      CREATE TABLE forced (id int); ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
    const input = { source: source.uri, target: target.uri };
    const result = await check('source-row-security', input);
    expect(result).toMatchObject({
      status: 'fail',
      code: 'TM1212',
      found: 'policies apply to this role on public.forced',
    });
    const { uri, role } = await stranger(databases, source);
    expect((await check('source-row-security', { ...input, source: uri })).found).toContain(
      'public.forced, public.mine',
    );
    await source.admin(`ALTER ROLE ${role} BYPASSRLS`);
    expect(await check('source-row-security', { ...input, source: uri })).toMatchObject({ status: 'pass' });
  });
});

describe('for the cut-over', () => {
  test('the right to end sessions', async ({ databases: { source, target }, databases }) => {
    const { role, uri } = await stranger(databases, source);
    const input = { source: uri, target: target.uri, options: { freezeSource: true } };
    const other = await source.connect();
    expect(await check('source-freeze-right', { ...input, options: {} })).toMatchObject({ status: 'info' });
    const result = await check('source-freeze-right', input);
    expect(result).toMatchObject({ status: 'fail', code: 'TM1212' });
    expect(result.fix).toContain(
      `ALTER DATABASE "${source.name}" OWNER TO "${role}"; GRANT pg_signal_backend TO "${role}";`,
    );
    await source.admin(`GRANT pg_signal_backend, ${source.owner} TO ${role}`);
    expect(await check('source-freeze-right', input)).toMatchObject({ status: 'pass' });
    expect((await other.query('SHOW default_transaction_read_only')).rows).toEqual([
      { default_transaction_read_only: 'off' },
    ]);
  });
});

describe('on the target', () => {
  test('the right to create', async ({ databases: { source, target }, databases }) => {
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

  test('session_replication_role and CREATEROLE', async ({ databases: { source, target }, databases }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('target-replica-role', input)).toMatchObject({ status: 'pass' });
    expect(await check('target-create-roles', input)).toMatchObject({ status: 'pass' });
    const { role, uri } = await stranger(databases, target);
    expect(await check('target-replica-role', { ...input, target: uri })).toMatchObject({ status: 'warn' });
    expect(await check('target-create-roles', { ...input, target: uri })).toMatchObject({ status: 'warn' });
    expect(await check('target-create-roles', { ...input, target: uri, options: { skipRoles: true } })).toMatchObject({
      status: 'info',
    });
    await target.admin(`GRANT SET ON PARAMETER session_replication_role TO ${role}`);
    expect(await check('target-replica-role', { ...input, target: uri })).toMatchObject({ status: 'pass' });
    await target.admin(`REVOKE SET ON PARAMETER session_replication_role FROM ${role}`);
  });

  test('the probe leaves the session as it was', async ({ databases: { source, target } }) => {
    await check('target-replica-role', { source: source.uri, target: target.uri });
    await withClient(target.uri, async (client) => {
      expect((await client.query('SHOW session_replication_role')).rows).toEqual([
        { session_replication_role: 'origin' },
      ]);
    });
  });
});

describe('connections', () => {
  test('of a role with a limit', async ({ databases: { source, target }, databases }) => {
    const { role, uri } = await stranger(databases, source);
    const input = { source: uri, target: target.uri };
    expect(await check('source-connections', { ...input, options: { tableJobs: 128 } })).toMatchObject({
      status: 'pass',
    });
    await source.admin(`ALTER ROLE ${role} CONNECTION LIMIT 7`);
    // One is the check's own.
    expect(await check('source-connections', input)).toMatchObject({
      status: 'warn',
      found: expect.stringMatching(/^6 free/),
    });
    expect(await check('source-connections', { ...input, options: { tableJobs: 3 } })).toMatchObject({
      status: 'fail',
    });
    expect(await check('source-connections', { ...input, options: { tableJobs: 2 } })).toMatchObject({
      status: 'pass',
    });
  });
});
