import { describe, expect } from 'vitest';
import { chooseJobs } from '../../src/engine/target/jobs.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { type TestDatabase, type TestDatabases, test } from '../support/databases.ts';
import { uriOf } from '../support/test-servers.ts';

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
    expect(await check('source-publication-right', { ...input, options: { plugin: 'test_decoding' } })).toMatchObject({
      status: 'pass',
      found: 'test_decoding needs no publication',
    });
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
    const [asSuperuser, asOwner] = result.fix.split('\nOr: ').map((line) => line.slice(line.indexOf(': ') + 2));
    await source.query(asOwner ?? '');
    expect(await check('source-select-right', input)).toMatchObject({ status: 'pass' });
    await source.query(`REVOKE ALL ON SCHEMA hidden FROM ${role}`);
    expect(await check('source-select-right', input)).toMatchObject({ status: 'fail' });
    await source.admin(asSuperuser ?? '');
    expect(await check('source-select-right', input)).toMatchObject({ status: 'pass' });
    await source.query(`REVOKE ALL ON ALL TABLES IN SCHEMA hidden, public FROM ${role};
      REVOKE ALL ON ALL SEQUENCES IN SCHEMA hidden, public FROM ${role}; REVOKE ALL ON SCHEMA public FROM ${role}`);
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

describe('connections', () => {
  test('of a role with a limit', async ({ databases: { source, target }, databases }) => {
    const { role, uri } = await stranger(databases, source);
    const input = { source: uri, target: target.uri };
    expect(await check('source-connections', { ...input, options: { tableJobs: 4 } })).toMatchObject({
      status: 'pass',
    });
    await source.admin(`ALTER ROLE ${role} CONNECTION LIMIT 9`);
    // One is the check's own, two are left to WAL senders; each table job needs one, and the migration four besides.
    const few = await check('source-connections', input);
    expect(few).toMatchObject({ status: 'warn', found: expect.stringMatching(/^6 free/) });
    expect(few.found).toContain(
      `the CONNECTION LIMIT of role "${role}"; 5 needed for 1 table job; with 13 free, 4 tables`,
    );
    // The engine chooses accordingly.
    expect(
      await withCheckContext(input, ({ source: from, target: to, options }) => chooseJobs(from, to, options)),
    ).toEqual({ tables: 1, indexes: 2 });
    const many = await check('source-connections', { ...input, options: { tableJobs: 3 } });
    expect(many).toMatchObject({ status: 'fail', code: 'TM1201' });
    expect(many.fix).toBe(
      `Use fewer jobs (--table-jobs 2), or end idle sessions on the source, or ALTER ROLE "${role}" CONNECTION LIMIT -1;`,
    );
    expect(await check('source-connections', { ...input, options: { tableJobs: 2 } })).toMatchObject({
      status: 'pass',
    });
    await source.admin(many.fix.slice(many.fix.indexOf('ALTER ROLE')));
    expect(await check('source-connections', { ...input, options: { tableJobs: 3 } })).toMatchObject({
      status: 'pass',
    });
  });

  test('of a database with a limit', async ({ databases: { source, target } }) => {
    await target.admin(`ALTER DATABASE ${target.name} CONNECTION LIMIT 5`);
    const input = { source: source.uri, target: target.uri };
    const result = await check('target-connections', { ...input, options: { tableJobs: 4, indexJobs: 2 } });
    expect(result).toMatchObject({ status: 'fail', side: 'target' });
    expect(result.found).toBe(
      `4 free within the CONNECTION LIMIT of database "${target.name}"; 12 needed for 4 table jobs and 2 index jobs`,
    );
    expect(await check('target-connections', input)).toMatchObject({ status: 'fail' });
    await target.admin(`ALTER DATABASE ${target.name} CONNECTION LIMIT 15`);
    expect(await check('target-connections', { ...input, options: { tableJobs: 4, indexJobs: 2 } })).toMatchObject({
      status: 'pass',
    });
  });
});
