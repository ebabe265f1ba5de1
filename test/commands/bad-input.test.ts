import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { ErrorReport } from '../../src/errors/migrate-error.ts';
import type { TestDatabases } from '../support/databases.ts';
import { uriOf } from '../support/test-servers.ts';
import { type Finished, type Program, remains, TABLES, test } from './program.ts';

interface Expected {
  readonly exit: number;
  readonly code: string;
  readonly side: string;
  /** What the object and the message name between them. */
  readonly names: string | RegExp;
  readonly remedy: RegExp;
}

/** One clear error: on standard error for people, as one event for programs; nothing else; the right exit code. */
function expectError(finished: Finished, { exit, code, side, names, remedy }: Expected): ErrorReport {
  const events = finished.events.filter(({ type }) => type === 'error');
  expect(events, finished.stderr).toHaveLength(1);
  const { error } = events[0] as unknown as { error: ErrorReport };
  expect(error).toMatchObject({ code, side });
  expect(error.object, JSON.stringify(error)).toBeTruthy();
  expect(`${error.object} ${error.message}`).toMatch(names);
  expect(error.hint).toMatch(remedy);
  expect(finished.stderr).toBe(
    `${code} ${side}, ${error.object}: ${error.message}\n  → ${String(error.hint).replaceAll('\n', '\n    ')}\n`,
  );
  expect(finished.stderr).not.toMatch(/\n\s+at /);
  expect(finished.code).toBe(exit);
  return error;
}

/** `migrate --json` with bad input; whatever the error, nothing may be left on the servers and no lock in the directory. */
async function migrateFails(
  { program, databases }: { program: Program; databases: TestDatabases },
  expected: Expected & { env?: Record<string, string>; args?: string[] },
): Promise<void> {
  const before = await remains(databases);
  const finished = await program.run(['migrate', '--json', ...(expected.args ?? [])], { env: expected.env ?? {} });
  expectError(finished, expected);
  expect(await remains(databases)).toEqual(before);
  expect((await program.traces()).map(({ where }) => where)).not.toContainEqual(
    expect.stringMatching(/lock|sock|pgpass/),
  );
}

describe.concurrent('connection strings that lead nowhere', () => {
  test('a wrong URI', async ({ program, databases }) => {
    const env = { SOURCE: 'postgres://me:hush@host:port/db' };
    await migrateFails(
      { program, databases },
      { env, exit: 2, code: 'TM1003', side: 'source', names: /host.*port/, remedy: /./ },
    );
  });
  test('no URI at all', async ({ program, databases }) => {
    const env = { TARGET: '' };
    await migrateFails(
      { program, databases },
      {
        env,
        exit: 2,
        code: 'TM1002',
        side: 'target',
        names: /target/,
        remedy: /--target URI, or set TARGET or PGCOPYDB_TARGET_PGURI/,
      },
    );
  });
  test('a wrong password', async ({ program, databases }) => {
    const { server, name, owner } = databases.source;
    const env = { SOURCE: uriOf(server, name, owner, 'a-wrong-one') };
    await migrateFails(
      { program, databases },
      { env, exit: 1, code: 'TM1104', side: 'source', names: owner, remedy: /password/ },
    );
    expect(JSON.stringify(await program.traces())).not.toContain('a-wrong-one');
  });
  test('an engine of its own that ends before anybody could attach', async ({ program, databases }) => {
    const { server, name, owner } = databases.target;
    const env = { TARGET: uriOf(server, name, owner, 'a-wrong-one') };
    const attempts = ['one', 'two', 'three'].map((name) =>
      program.run(['snapshot', '--json', '--dir', join(program.root, name)], { env }),
    );
    for (const finished of await Promise.all(attempts)) {
      expectError(finished, { exit: 1, code: 'TM1104', side: 'target', names: owner, remedy: /password/ });
    }
    expect(await remains(databases)).toEqual([]);
    expect(JSON.stringify(await program.traces())).not.toContain('a-wrong-one');
  });
  test('an unknown host', async ({ program, databases }) => {
    const env = { TARGET: 'postgres://me@no-such-host.invalid/db' };
    await migrateFails(
      { program, databases },
      { env, exit: 1, code: 'TM1101', side: 'target', names: 'no-such-host.invalid', remedy: /host/ },
    );
  });
  test('TLS that the server refuses', async ({ program, databases }) => {
    const env = { SOURCE: `${databases.source.uri}?sslmode=require` };
    await migrateFails(
      { program, databases },
      { env, exit: 1, code: 'TM1107', side: 'source', names: databases.source.name, remedy: /ssl = on/ },
    );
  });
  test('a pooler in between', async ({ program, databases }) => {
    const { server, name, owner } = databases.source;
    await using between = await pooler(server);
    const env = { SOURCE: uriOf(between, name, owner, server.ownerPassword) };
    await migrateFails(
      { program, databases },
      { env, exit: 3, code: 'TM1204', side: 'source', names: /pooler/, remedy: /address of the server behind/ },
    );
  });
});

describe.concurrent('databases that can not be migrated', () => {
  test('source = target, even with --drop-if-exists', async ({ program, databases }) => {
    const { source } = databases;
    await source.query(TABLES);
    const env = { TARGET: source.uri.replace('127.0.0.1', 'localhost') };
    const expected = { env, exit: 3, code: 'TM1202', side: 'target', names: source.name, remedy: /another database/ };
    await migrateFails({ program, databases }, { ...expected, args: ['--drop-if-exists'] });
    expect(await source.query('SELECT count(*)::int AS rows FROM orders')).toEqual([{ rows: 1000 }]);
  });
  test('a target that is not empty: says what is there', async ({ program, databases }) => {
    await databases.target.query('CREATE TABLE invoices (id int); CREATE VIEW open_invoices AS SELECT * FROM invoices');
    await migrateFails(
      { program, databases },
      {
        exit: 3,
        code: 'TM1203',
        side: 'target',
        names: /invoices.*open_invoices/,
        remedy: /another.*--drop-if-exists/,
      },
    );
    expect(await databases.target.query('SELECT 1 FROM invoices')).toEqual([]);
  });
  test('a role that may not replicate', async ({ program, databases }) => {
    const { source } = databases;
    const role = databases.role('reader');
    await source.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'hush-hush' IN ROLE ${source.owner}`);
    const env = { SOURCE: uriOf(source.server, source.name, role, 'hush-hush') };
    await migrateFails(
      { program, databases },
      {
        env,
        exit: 3,
        code: 'TM1206',
        side: 'source',
        names: /replica/i,
        remedy: new RegExp(`ALTER ROLE "${role}" REPLICATION`),
      },
    );
    expect(JSON.stringify(await program.traces())).not.toContain('hush-hush');
  });
});

describe.concurrent('this machine', () => {
  test('client tools are missing', async ({ program, databases }) => {
    const env = { TIGER_MIGRATE_PG_BIN: program.root };
    await migrateFails(
      { program, databases },
      {
        env,
        exit: 3,
        code: 'TM1211',
        side: 'local',
        names: /pg_dump and pg_restore/,
        remedy: /apt-get install.*dnf install.*brew install/,
      },
    );
  });
  test('a work directory that can not be made', async ({ program, databases }) => {
    const args = ['--dir', '/proc/nothing/here'];
    await migrateFails(
      { program, databases },
      { args, exit: 1, code: 'TM1302', side: 'local', names: '/proc/nothing', remedy: /--dir/ },
    );
  });
  test('a work directory that is a file', async ({ program, databases }) => {
    const path = join(program.root, 'file');
    await writeFile(path, 'mine');
    await migrateFails(
      { program, databases },
      { args: ['--dir', path], exit: 1, code: 'TM1302', side: 'local', names: /not a directory/, remedy: /--dir/ },
    );
  });
  test('a directory that holds other things, however private', async ({ program, databases }) => {
    await mkdir(program.directory, { mode: 0o700 });
    await writeFile(join(program.directory, 'thesis.tex'), 'mine');
    await migrateFails(
      { program, databases },
      { exit: 1, code: 'TM1302', side: 'local', names: /thesis\.tex/, remedy: /empty or a new directory/ },
    );
  });
});

/** Stands between like PgBouncer in session mode: hands on everything but gives the client a cancel key of its own. */
async function pooler(server: {
  host: string;
  port: number;
}): Promise<{ host: string; port: number } & AsyncDisposable> {
  const proxy = createServer((client) => {
    const backend = connectSocket(server.port, server.host);
    for (const socket of [client, backend]) {
      socket.on('error', () => undefined).on('close', () => [client, backend].map((one) => one.destroy()));
    }
    client.pipe(backend);
    backend.on('data', (chunk) => {
      const at = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (at >= 0) chunk.writeInt32BE(123_456_789, at + 5);
      client.write(chunk);
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    host: '127.0.0.1',
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
