import pg from 'pg';
import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { chooseJobs } from '../../src/engine/target/jobs.ts';
import { withClient } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { type TestDatabase, type TestDatabases, test } from '../support/databases.ts';
import { uriOf, withClient as withPlainClient } from '../support/test-servers.ts';

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

  test('membership of a superuser is never proposed', async ({ databases: { source, target }, databases }) => {
    await source.admin('CREATE TABLE public.theirs (id int PRIMARY KEY)');
    const { role, uri } = await stranger(databases, source);
    await source.query(`GRANT CREATE ON DATABASE ${source.name} TO ${role}`);
    const { fix } = await check('source-publication-right', { source: uri, target: target.uri });
    expect(fix).not.toContain('GRANT');
    expect(fix).toContain('a superuser: connect to the source as that role');
    expect(await check('source-publication-right', { source: source.superuserUri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
    await source.admin(`ALTER DATABASE ${source.name} OWNER TO ${source.server.superuser}`);
    const freeze = { source: uri, target: target.uri, options: { freezeSource: true } };
    expect((await check('source-freeze-right', freeze)).fix).toContain(
      `ALTER DATABASE "${source.name}" OWNER TO "${role}";`,
    );
    await source.admin(`ALTER DATABASE ${source.name} OWNER TO ${source.owner}`);
  });

  test('the right to read', async ({ databases: { source, target }, databases }) => {
    await source.query(`CREATE SCHEMA hidden; CREATE TABLE hidden.a (id int); CREATE TABLE public.b (id serial);
      CREATE MATERIALIZED VIEW public.m AS SELECT 1 AS x`);
    const { role, uri } = await stranger(databases, source);
    const input = { source: uri, target: target.uri };
    const result = await check('source-select-right', input);
    expect(result).toMatchObject({ status: 'fail', code: 'TM1212' });
    for (const name of ['hidden.a', 'public.b', 'public.b_id_seq']) expect(result.found).toContain(name);
    // Neither copied nor locked: refreshed.
    expect(result.found).not.toContain('public.m');
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

  test('of partitions does not matter where the partitioned table is left out', async ({
    databases: { source, target },
    databases,
  }) => {
    await source.query(`CREATE TABLE events (at int PRIMARY KEY) PARTITION BY RANGE (at);
      CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (at);
      CREATE TABLE events_1_1 PARTITION OF events_1 FOR VALUES FROM (0) TO (5)`);
    const { uri } = await stranger(databases, source);
    const input = { source: uri, target: target.uri, options: { excludeTable: ['public.events'] } };
    expect(await check('source-select-right', input)).toMatchObject({ status: 'pass' });
    expect((await check('source-publication-right', input)).found).not.toContain('owner');
    expect((await check('source-publication-right', { ...input, options: {} })).found).toContain('events_1_1');
  });

  test('to publish is not needed for tables without their rows', async ({
    databases: { source, target },
    databases,
  }) => {
    await source.query('CREATE TABLE log (id int PRIMARY KEY)');
    const { role, uri } = await stranger(databases, source);
    await source.query(`GRANT CREATE ON DATABASE ${source.name} TO ${role}`);
    const input = { source: uri, target: target.uri };
    expect(await check('source-publication-right', input)).toMatchObject({ status: 'fail' });
    const options = { skipTableData: ['public.log'] };
    expect(await check('source-publication-right', { ...input, options })).toMatchObject({ status: 'pass' });
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
    expect(result.fix).toContain(`GRANT "${source.owner}" TO "${role}"; GRANT pg_signal_backend TO "${role}";`);
    await source.admin(/GRANT .*;/.exec(result.fix)?.[0] ?? 'no remedy');
    expect(await check('source-freeze-right', input)).toMatchObject({ status: 'pass' });
    expect((await other.query('SHOW default_transaction_read_only')).rows).toEqual([
      { default_transaction_read_only: 'off' },
    ]);
  });

  test('the right to end sessions is not needed for streams of others, which are left alone', async ({
    databases: { source, target },
  }) => {
    const input = { source: source.uri, target: target.uri, options: { freezeSource: true } };
    const superuser = parseConnectionString(source.superuserUri, {});
    await withClient(superuser, { side: 'source', application: 'wizard', replication: 'database' }, async (stream) => {
      await stream.query('IDENTIFY_SYSTEM');
      expect(await check('source-freeze-right', input)).toMatchObject({ status: 'pass' });
    });
    await source.connect('superuser');
    expect(await check('source-freeze-right', input)).toMatchObject({ status: 'fail' });
  });
});

describe('connections', () => {
  test('of others count, whatever our role may see of them', async ({ databases: { target } }) => {
    await using server = await startServer({ name: 'few-connections', settings: { max_connections: 20 } });
    await withPlainClient(server.uri('postgres'), (client) => client.query("CREATE ROLE stranger LOGIN PASSWORD 'x'"));
    const input = { source: server.uri('postgres', 'stranger', 'x'), target: target.uri };
    const others = Array.from({ length: 10 }, () => new pg.Client(server.uri('postgres')));
    try {
      await Promise.all(others.map((client) => client.connect()));
      const jobs = await withCheckContext(input, ({ source: from, target: to, options }) =>
        chooseJobs(from, to, options),
      );
      expect(jobs.tables).toBe(1);
      expect((await check('source-connections', input)).found).toMatch(/^6 free within max_connections = 20;/);
      const many = { ...input, options: { tableJobs: 4 } };
      expect((await check('source-connections', many)).fix).not.toContain('standbys');
      // A standby has a WAL sender, too.
      const stream = { side: 'source', application: 'wizard', replication: 'database' } as const;
      await withClient(parseConnectionString(server.uri('postgres'), {}), stream, async () => {
        expect(await check('source-connections', many)).toMatchObject({
          status: 'fail',
          fix: expect.stringContaining('If there are standbys, raise it on them first.'),
        });
      });
    } finally {
      await Promise.all(others.map((client) => client.end()));
    }
  });

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
