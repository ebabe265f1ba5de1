import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { describe, expect, inject } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { type CompareOptions, compareDatabases } from '../support/compare.ts';
import { createDatabases, test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';
import { until } from '../support/wait.ts';

const gone = (path: string) =>
  access(path).then(
    () => false,
    () => true,
  );

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a throw-away server', () => {
  test('speaks on loopback only, takes SCRAM passwords and logical replication', async () => {
    await using server = await startServer({ name: 'plain', settings: { max_wal_senders: 3 } });
    await withClient(server.uri('postgres'), async (client) => {
      const { rows } = await client.query(
        `SELECT current_setting('wal_level') AS wal_level, current_setting('max_wal_senders') AS senders,
           current_setting('listen_addresses') AS addresses, current_setting('unix_socket_directories') AS sockets,
           current_setting('server_encoding') AS encoding, left(rolpassword, 13) AS password
         FROM pg_authid WHERE rolname = current_user`,
      );
      expect(rows).toEqual([
        {
          wal_level: 'logical',
          senders: '3',
          addresses: '127.0.0.1',
          sockets: '',
          encoding: 'UTF8',
          password: 'SCRAM-SHA-256',
        },
      ]);
    });
    const wrong = new pg.Client({ connectionString: server.uri('postgres', 'postgres', 'wrong') });
    await expect(wrong.connect()).rejects.toThrow(/password authentication failed/);
  });

  test('comes back after a restart and after a crash with the same port and data', async () => {
    await using server = await startServer({ name: 'restarted' });
    await withClient(server.uri('postgres'), (client) => client.query('CREATE TABLE t AS SELECT 1 AS n'));
    await server.restart('fast', { wal_level: 'replica' });
    await withClient(server.uri('postgres'), async (client) => {
      expect((await client.query('SHOW wal_level')).rows).toEqual([{ wal_level: 'replica' }]);
      await client.query('INSERT INTO t VALUES (2)');
    });
    await server.kill();
    await expect(new pg.Client({ connectionString: server.uri('postgres') }).connect()).rejects.toThrow(/ECONNREFUSED/);
    await server.restart();
    await withClient(server.uri('postgres'), async (client) => {
      expect((await client.query('SELECT n FROM t ORDER BY n')).rows).toEqual([{ n: 1 }, { n: 2 }]);
    });
    expect(await server.log()).toContain('automatic recovery in progress');
  });

  test('offers TLS that can be verified', async () => {
    await using server = await startServer({ name: 'tls', tls: true });
    const ca = await readFile(server.certificate ?? '', 'utf8');
    const client = new pg.Client({ connectionString: server.uri('postgres'), ssl: { ca, rejectUnauthorized: true } });
    await client.connect();
    const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    await client.end();
    expect(rows).toEqual([{ ssl: true }]);
  });

  test('that cannot start says why, and leaves nothing behind', async () => {
    const name = `broken${process.pid}`;
    const failure = startServer({ name, settings: { shared_preload_libraries: 'no_such_library' } });
    await expect(failure).rejects.toMatchObject({ code: 'TM8002', hint: expect.stringContaining('no_such_library') });
    const { directory } = await startServer({ name: 'neighbour' }).then(async (server) => {
      await server.stop();
      return server;
    });
    const left = (await readdir(join(directory, '..'))).filter((entry) => entry.includes(name));
    expect(left).toEqual([]);
  });

  test('is gone with its data after stop', async () => {
    const server = await startServer({ name: 'stopped' });
    await server.stop();
    await server.stop();
    expect(await gone(server.directory)).toBe(true);
    await expect(new pg.Client({ connectionString: server.uri('postgres') }).connect()).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe('when the process that started it ends, a throw-away server ends too', () => {
  const program = `
    import { readFile } from 'node:fs/promises';
    import { startServer } from ${JSON.stringify(pathToFileURL(join(inject('compiled'), 'demo', 'server.js')))};
    const server = await startServer({ name: 'orphan' });
    const postmaster = Number((await readFile(server.directory + '/data/postmaster.pid', 'utf8')).split('\\n')[0]);
    process.stdout.write(JSON.stringify({ directory: server.directory, postmaster }) + '\\n');
    process.stdin.on('data', () => process.exit(0));`;

  test.each([
    ['by kill -9', (pid: number) => process.kill(pid, 'SIGKILL')],
    ['by SIGTERM', (pid: number) => process.kill(pid, 'SIGTERM')],
    ['by Ctrl-C, which the terminal sends to the whole process group', (pid: number) => process.kill(-pid, 'SIGINT')],
    ['by itself', (_pid: number, exit: () => void) => exit()],
  ])('%s', async (_how, end) => {
    const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    const { directory, postmaster } = JSON.parse(line) as { directory: string; postmaster: number };
    expect(isAlive(postmaster)).toBe(true);

    const exited = once(owner, 'exit');
    end(owner.pid ?? 0, () => owner.stdin.write('exit\n'));
    await exited;

    await until(() => !isAlive(postmaster), { what: 'the end of the server' });
    await until(() => gone(directory), { what: 'the end of its directory' });
  });
});

describe('a pair of databases per test', () => {
  test('belongs to ordinary roles', async ({ databases: { source, target } }) => {
    const who = 'SELECT current_user AS name, rolsuper, rolreplication FROM pg_roles WHERE rolname = current_user';
    expect(await source.query(who)).toEqual([{ name: 'migrator', rolsuper: false, rolreplication: true }]);
    expect(await target.query(who)).toEqual([{ name: 'tsdbadmin', rolsuper: false, rolreplication: false }]);
    await target.query('SET session_replication_role = replica');
    await source.query('CREATE TABLE t (); CREATE EXTENSION hstore');
  });

  test('reports and removes what a test leaves behind', async ({ databases }) => {
    void databases;
    const own = await createDatabases();
    const { source } = own;
    await source.query(`SELECT pg_create_logical_replication_slot('${source.name}', 'pgoutput')`);
    await source.query('CREATE TABLE t ()');
    await source.query(`BEGIN; INSERT INTO t DEFAULT VALUES; PREPARE TRANSACTION '${source.name}'`);
    await source.admin(`CREATE ROLE "${source.name}_role"; GRANT SELECT ON t TO "${source.name}_role"`);
    await expect(own.drop()).rejects.toThrow(/slot .*prepared transaction .*role /s);
  });
});

describe('the comparison of two databases', () => {
  const objects = `
    CREATE SCHEMA "odd ""schema";
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TYPE pair AS (a int, b text);
    CREATE TYPE span AS RANGE (subtype = float8);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE parent (id int PRIMARY KEY, feeling mood, CONSTRAINT never CHECK (id > -5));
    CREATE TABLE child (id bigint GENERATED ALWAYS AS IDENTITY, parent int REFERENCES parent, price numeric,
      twice numeric GENERATED ALWAYS AS (price * 2) STORED, t timestamptz, f float8, p pair, r span, q positive);
    CREATE TABLE parts (at date, n int) PARTITION BY RANGE (at);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
    CREATE TABLE "odd ""schema"."Ta""ble" ("Co.l" text, secret text);
    CREATE TABLE empty ();
    CREATE SEQUENCE down INCREMENT -1;
    CREATE INDEX child_expression ON child ((price + 1)) WHERE price > 0;
    CREATE VIEW seen AS SELECT * FROM parent;
    CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM parent;
    CREATE TRIGGER noted BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION note();
    CREATE RULE ruled AS ON DELETE TO empty DO INSTEAD NOTHING;
    ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON parent USING (id > 0);
    CREATE STATISTICS stats ON id, parent FROM child;
    COMMENT ON COLUMN child.price IS 'of the thing';
    GRANT SELECT ON parent TO pg_monitor;
    GRANT UPDATE (price) ON child TO pg_monitor;
    INSERT INTO parent VALUES (1, 'ok'), (2, 'sad');
    INSERT INTO child (parent, price, t, f, p, r, q) VALUES (1, 1.50, 'infinity', 'NaN', '(1,x)', '[1,2)', 3),
      (2, NULL, '0044-03-15 BC', 1e-300, NULL, NULL, NULL), (NULL, 'NaN', NULL, '-0', NULL, 'empty', 1);
    INSERT INTO parts VALUES ('2024-05-05', 1), ('2030-05-05', 2);
    INSERT INTO empty DEFAULT VALUES;
    SELECT nextval('down');
    SELECT lo_from_bytea(4711, 'content');`;

  /** What is changed on the target, and a word of the sentence that must say so. */
  const changes: readonly [sql: string, sentence: RegExp][] = [
    [
      "UPDATE child SET t = t + interval '1 microsecond' WHERE id = 2",
      /rows of public\.child: differ: source 3, target 3/,
    ],
    ['DELETE FROM parts_rest', /rows of public\.parts_rest: differ: source 1, target 0\n.*only on the source/],
    ['INSERT INTO empty DEFAULT VALUES', /rows of public\.empty: differ: source 1, target 2/],
    ['INSERT INTO parent VALUES (4)', /rows of public\.kept: differ/],
    ['REFRESH MATERIALIZED VIEW kept WITH NO DATA', /relation public\.kept/],
    ["SELECT setval('child_id_seq', 2)", /sequence public\.child_id_seq: behind/],
    ["SELECT setval('down', -1, false)", /sequence public\.down: behind/],
    ['ALTER TABLE parent DISABLE TRIGGER noted', /trigger public\.parent\.noted/],
    ['ALTER TABLE parent DISABLE TRIGGER ALL', /trigger public\.parent \(internal\)/],
    ['DROP INDEX child_expression', /index public\.child_expression: missing/],
    ['ALTER TABLE child DROP CONSTRAINT child_parent_fkey', /constraint public\.child\.child_parent_fkey: missing/],
    [
      'ALTER TABLE parent DROP CONSTRAINT never, ADD CONSTRAINT never CHECK (id > -5) NOT VALID',
      /constraint public\.parent\.never: differs/,
    ],
    ['ALTER TABLE child ALTER id SET GENERATED BY DEFAULT', /column public\.child\.id: differs/],
    ['ALTER TABLE child ALTER price SET STORAGE EXTERNAL', /column public\.child\.price/],
    ['ALTER TABLE child ALTER t SET DEFAULT now()', /column public\.child\.t/],
    ["ALTER TYPE mood ADD VALUE 'good'", /type public\.mood: differs/],
    ['ALTER DOMAIN positive SET DEFAULT 1', /type public\.positive: differs/],
    ['CREATE OR REPLACE VIEW seen AS SELECT * FROM parent WHERE id > 0', /view public\.seen: differs/],
    ["CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'", /function/],
    ['ALTER POLICY mine ON parent USING (id > 1)', /policy public\.parent\.mine/],
    ['ALTER TABLE parent DISABLE ROW LEVEL SECURITY', /relation public\.parent: differs/],
    ['DROP RULE ruled ON empty', /rule public\.empty\.ruled: missing/],
    ['DROP STATISTICS stats', /statistics object public\.stats: missing/],
    ["COMMENT ON COLUMN child.price IS 'else'", /comment table column public\.child\.price/],
    ['REVOKE SELECT ON parent FROM pg_monitor', /privileges of relation public\.parent/],
    ['REVOKE UPDATE (price) ON child FROM pg_monitor', /privileges of column public\.child\.price/],
    ['ALTER TABLE parts DETACH PARTITION parts_rest', /partition public\.parts_rest/],
    ['ALTER TABLE "odd ""schema"."Ta""ble" RENAME TO "Ta.ble"', /relation "odd ""schema"\."Ta""ble": missing/],
    ['CREATE EXTENSION hstore', /extension hstore: only on the target/],
    ['CREATE TABLE extra ()', /relation public\.extra: only on the target/],
    ["SELECT lo_put(4711, 0, 'C')", /large object 4711/],
  ];

  test('finds equal what is equal, and names each kind of difference', async ({ databases: { source, target } }) => {
    for (const side of [source, target]) await side.admin(objects);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    await target.admin("SELECT setval('child_id_seq', 100); ALTER TABLE child REPLICA IDENTITY FULL");
    await target.admin('CREATE SCHEMA tiger_migrate; CREATE TABLE tiger_migrate.progress ()');
    for (const side of [source, target]) await side.admin("INSERT INTO parent VALUES (3, 'ok')");
    await target.admin('REFRESH MATERIALIZED VIEW kept');
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);

    for (const [sql, sentence] of changes) {
      const before = await compareDatabases(source.superuserUri, target.superuserUri);
      await target.admin(sql);
      const after = await compareDatabases(source.superuserUri, target.superuserUri);
      const found = after.filter((difference) => !before.includes(difference));
      expect(found.join('\n'), sql).toMatch(sentence);
    }
  });

  test('leaves out what it is told to', async ({ databases: { source, target } }) => {
    for (const side of [source, target]) await side.query('CREATE TABLE t (n int)');
    await source.query('INSERT INTO t VALUES (1)');
    const compare = (options: CompareOptions) => compareDatabases(source.superuserUri, target.superuserUri, options);
    expect(await compare({ skipRows: ['public.t'] })).toEqual([]);
    expect(await compare({ ignore: [/^rows of public\.t:/] })).toEqual([]);
    expect(await compare({})).toHaveLength(1);
  });
});

describe('waiting', () => {
  test('ends with what the condition gives, and tells what it waited for when that never comes', async () => {
    let calls = 0;
    const value = await until(() => {
      calls += 1;
      if (calls === 1) throw new Error('not there yet');
      return calls === 3 ? 'here' : null;
    });
    expect(value).toBe('here');
    await expect(until(() => false, { timeoutMs: 1, what: 'better times' })).rejects.toThrow(/1 ms .* better times/);
  });
});
