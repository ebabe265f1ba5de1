import { afterAll, beforeAll, describe, expect, inject } from 'vitest';
import { type DemoServer, startServer } from '../../../src/demo/server.ts';
import { beginMigration } from '../../../src/engine/begin.ts';
import { migrationOptionsSchema } from '../../../src/engine/options.ts';
import { Servers } from '../../../src/engine/servers.ts';
import { quotesNumbers } from '../../../src/engine/source/wal2json.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { check } from '../../support/check-context.ts';
import { type TestDatabases, test } from '../../support/databases.ts';
import { withClient } from '../../support/test-servers.ts';
import { installedFor, settingsFor, WAL2JSON } from '../../support/wal2json.ts';
import { LiveReplay } from '../apply/harness.ts';
import { MODES } from '../apply/modes.ts';
import { Migration } from '../whole/migration.ts';

const present = inject('wal2json');
const plugin = 'wal2json';

test.skipIf(present === null)('wal2json is installed: every scenario of test/scenarios/apply runs with it', () => {
  expect(MODES.filter(({ stream }) => stream.plugin === plugin)).toHaveLength(2);
});

test.skipIf(present !== 'quoted')('NaN and infinity by wal2json 2.6 or newer', async ({ databases }) => {
  await using live = await LiveReplay.start(databases, {
    plugin,
    binary: true,
    tables: 'CREATE TABLE t (id int PRIMARY KEY, f real, d double precision, n numeric)',
  });
  await live.transaction(`INSERT INTO t VALUES (1, 'NaN', '-Infinity', 'Infinity'), (2, NULL, 'NaN', 'NaN'), (3, '-0', 1, NULL);
    UPDATE t SET n = '-Infinity' WHERE id = 3`);
  await live.expectEqual();
  expect(
    await check('source-wal2json', { source: databases.source.uri, target: databases.target.uri, options: { plugin } }),
  ).toMatchObject({
    status: 'pass',
    found: expect.not.stringContaining('before 2.6'),
  });
});

/** Debian's, where it is installed: an old one, most likely. */
const DEBIAN = installedFor(15) ?? WAL2JSON;

describe.skipIf(DEBIAN === null)('wal2json before 2.6', () => {
  let server: DemoServer;
  let isOld = false;
  beforeAll(async () => {
    server = await startServer({ name: 'wal2json', settings: settingsFor(DEBIAN) });
    isOld = !(await withClient(server.uri('postgres'), quotesNumbers));
    await withClient(server.uri('postgres'), (client) =>
      client.query(`CREATE ROLE app LOGIN REPLICATION PASSWORD 'app'`),
    );
  });
  afterAll(() => server.stop());

  const sourceWith = async ({ target }: TestDatabases, sql: string) => {
    const name = target.name.replace('_target', '_old');
    await withClient(server.uri('postgres'), (client) => client.query(`CREATE DATABASE ${name} OWNER app`));
    const uri = server.uri(name, 'app', 'app');
    await withClient(server.uri(name), (client) => client.query('ALTER SCHEMA public OWNER TO app'));
    const query = (text: string) => withClient(uri, async (client) => client.query(text));
    await query(sql);
    return { uri, query, superuserUri: server.uri(name) };
  };
  const migrate = ({ target }: TestDatabases, source: string, options = {}) =>
    Migration.start({
      source,
      target: target.uri,
      targetDatabase: target.name,
      options: { plugin, skipRoles: true, ...options },
    });

  /** Whole where wal2json writes PostgreSQL's own text: in domains, arrays, composites and ranges. */
  const WHOLE = `CREATE DOMAIN num AS numeric; CREATE DOMAIN flt AS float8; CREATE TYPE pair AS (x float4, y numeric);
    CREATE TABLE whole (id int PRIMARY KEY, a num, b flt, c float8[], d numeric[], e pair, f numrange, g pair[],
      h float8 GENERATED ALWAYS AS ('NaN'::float8) STORED)`;
  const LOST = `CREATE TABLE lost (id int PRIMARY KEY, f4 float4, f8 double precision); CREATE TABLE parts (n numeric(9, 2)) PARTITION BY RANGE (n);
    CREATE TABLE parts_1 PARTITION OF parts DEFAULT`;
  const ROWS = (
    id: number,
  ) => `INSERT INTO whole VALUES (${id}, 'NaN', '-Infinity', '{NaN,Infinity,-0}', '{NaN,-Infinity}', '(NaN,Infinity)',
    '[1.0,Infinity]', '{"(-Infinity,NaN)"}')`;

  test('is refused before anything is made, with the columns that would lose NaN', async ({ databases, skip }) => {
    skip(!isOld, 'the installed one is newer');
    const { uri, query } = await sourceWith(databases, `${WHOLE}; ${LOST}`);
    const columns = 'public.lost.f4, public.lost.f8, public.parts.n';
    const options = { plugin } as const;
    expect(await check('source-wal2json', { source: uri, target: databases.target.uri, options })).toMatchObject({
      status: 'fail',
      code: 'TM4008',
      found: expect.stringContaining(columns),
      fix: expect.stringContaining('2.6'),
    });
    await using stopped = await migrate(databases, uri);
    expect(await stopped.ended).toMatchObject({ code: 'TM4008', side: 'source' });
    // Behind the checks' back: the engine looks for itself.
    const of = { source: parseConnectionString(uri, {}), target: parseConnectionString(databases.target.uri, {}) };
    const servers = new Servers({ ...of, id: 'old', signal: new AbortController().signal });
    const [source, target] = [await servers.onSource('test'), await servers.onTarget('test')];
    const asked = { ...migrationOptionsSchema.parse({}), plugin } as const;
    await expect(
      beginMigration(servers, { id: 'old', source, target, options: asked, replicaRole: false, emit: () => {} }),
    ).rejects.toMatchObject({ code: 'TM4008', object: columns });
    for (const client of [source, target]) servers.destroy(client);
    expect((await query('SELECT FROM pg_replication_slots')).rows).toEqual([]);
    expect(await databases.target.query(`SELECT to_regnamespace('tiger_migrate') AS ours`)).toEqual([{ ours: null }]);
  });

  test('moves a database without such columns, excluded tables apart, and sets sequences that a TRUNCATE restarted', async ({
    databases,
    skip,
  }) => {
    skip(!isOld, 'the installed one is newer');
    const { uri, query } = await sourceWith(
      databases,
      `${WHOLE}; ${LOST}; ${ROWS(1)}; CREATE TABLE "we""ird\n" (id serial PRIMARY KEY, "a""b" text);
       CREATE TABLE child (id int REFERENCES "we""ird\n"); INSERT INTO "we""ird\n" ("a""b") SELECT 'x' FROM generate_series(1, 100)`,
    );
    const excludeTable = ['public.lost', 'public.parts'];
    const input = { source: uri, target: databases.target.uri, options: { plugin, excludeTable } as const };
    expect(await check('source-wal2json', input)).toMatchObject({
      status: 'pass',
      found: expect.stringContaining('before 2.6'),
    });
    await using migration = await migrate(databases, uri, { excludeTable });
    await migration.reached('replay');
    await query(`${ROWS(2)}; UPDATE whole SET id = 3 WHERE id = 1; INSERT INTO lost VALUES (1, 'NaN', 1); INSERT INTO parts VALUES ('NaN');
      TRUNCATE "we""ird\n", child RESTART IDENTITY; INSERT INTO "we""ird\n" ("a""b") VALUES ('one'), ('two'); INSERT INTO child VALUES (1)`);
    await migration.cutOver();
    const verified = await migration.verify();
    expect(verified.tables.filter((table) => !table.equal)).toEqual([]);
    const rows = await databases.target.query(
      'SELECT id, a::text, b::text, c::text, d::text, e::text, f::text, g::text FROM whole ORDER BY 1',
    );
    expect(rows.map((row) => Object.values(row).join(' '))).toEqual(
      [2, 3].map(
        (id) =>
          `${id} NaN -Infinity {NaN,Infinity,-0} {NaN,-Infinity} (NaN,Infinity) [1.0,Infinity] {"(-Infinity,NaN)"}`,
      ),
    );
    expect(await databases.target.query(`SELECT nextval('"we""ird\n_id_seq"')::int AS next`)).toEqual([{ next: 3 }]);
  });

  test('stops before the first row with such a column when it is added later', async ({ databases, skip }) => {
    skip(!isOld, 'the installed one is newer');
    databases.allow('slot');
    const { uri, query } = await sourceWith(databases, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
    await using migration = await migrate(databases, uri);
    await migration.reached('replay');
    await databases.target.query('ALTER TABLE t ADD n numeric');
    await query(`INSERT INTO t VALUES (1, 'before')`);
    await query(`ALTER TABLE t ADD n numeric; INSERT INTO t VALUES (2, 'after', 'NaN')`);
    expect(await migration.ended).toMatchObject({ code: 'TM4008', side: 'source', object: 'public.t.n' });
    expect(await databases.target.query('SELECT id, n FROM t')).toEqual([{ id: 1, n: null }]);
  });
});

describe.skipIf(present === null)('what wal2json does not write', () => {
  const quoted = present === 'quoted';

  test('an identity that was gone for a moment only: the UPDATE that it left out stops replay', async ({
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, {
      plugin,
      binary: quoted,
      tables: 'CREATE TABLE t (id int CONSTRAINT t_key PRIMARY KEY, v text)',
      rows: `INSERT INTO t VALUES (1, 'a')`,
    });
    await live.transaction(`UPDATE t SET v = 'b'; ALTER TABLE t DROP CONSTRAINT t_key; UPDATE t SET v = 'lost';
      ALTER TABLE t ADD CONSTRAINT t_key PRIMARY KEY (id)`);
    await live.transaction(`INSERT INTO t VALUES (2, 'after')`);
    const error = await live.failure();
    expect(error).toMatchObject({ code: 'TM2003', object: 'public.t' });
    expect(error.message).toMatch(/replica identity/);
    expect((await live.target.query('SELECT v FROM t')).rows).toEqual([{ v: 'a' }]);
  });

  test('a row of 50 MB with quotes, line breaks and control characters, of which the next UPDATE shows nothing', async ({
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, {
      plugin,
      binary: quoted,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text, n int)',
    });
    await live.transaction(
      `INSERT INTO t VALUES (1, repeat(E'0123456789 "quoted" \\\\ \\n\\t\\x01 \u00e4\u{1F600}', 1600000), 1)`,
    );
    await live.transaction('UPDATE t SET n = 2; UPDATE t SET id = 2');
    await live.drain();
    const sum = async (client: typeof live.source) =>
      (await client.query('SELECT id, n, octet_length(v) AS bytes, md5(v) AS sum FROM t')).rows;
    const rows = await sum(live.source);
    expect(await sum(live.target)).toEqual(rows);
    expect(rows).toMatchObject([{ id: 2, n: 2 }]);
    expect(rows[0].bytes).toBeGreaterThan(50_000_000);
  });

  test('subtransactions, and one that was prepared', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      plugin,
      binary: quoted,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text)',
    });
    await live.transaction(`INSERT INTO t VALUES (1, 'a'); SAVEPOINT one; UPDATE t SET v = 'never'; ROLLBACK TO one; SAVEPOINT two;
      INSERT INTO t SELECT g, 'b' FROM generate_series(2, 200) g; RELEASE two; SAVEPOINT three; DELETE FROM t WHERE id % 2 = 0`);
    await live.source.query(
      `BEGIN; INSERT INTO t VALUES (1000, 'prepared'); UPDATE t SET v = 'p' WHERE id = 1; PREPARE TRANSACTION '${live.slot}'`,
    );
    await live.transaction(`INSERT INTO t VALUES (1001, 'before it')`);
    await live.drain();
    expect((await live.target.query('SELECT id FROM t WHERE id >= 1000')).rows).toEqual([{ id: 1001 }]);
    await live.source.query(`COMMIT PREPARED '${live.slot}'`);
    await live.expectEqual();
  });
});

describe('wal2json that is not there, or not allowed', () => {
  test('is named by checks, with what to do', async ({ databases: { target } }) => {
    await using server = await startServer({ name: 'no-wal2json', settings: { dynamic_library_path: '$libdir' } });
    const input = { source: server.uri('postgres'), target: target.uri, options: { plugin } as const };
    expect(await check('source-wal2json', input)).toMatchObject({ status: 'fail', code: 'TM4009' });
    expect(await check('source-replication-right', input)).toMatchObject({
      status: 'fail',
      fix: expect.stringContaining('postgresql-NN-wal2json'),
    });
    expect(await check('source-wal2json', { ...input, options: {} })).toMatchObject({
      status: 'pass',
      found: expect.stringContaining('pgoutput'),
    });
  });
});
