import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../../src/demo/server.ts';
import { check } from '../../support/check-context.ts';
import { createDatabases, type TestDatabase, type TestDatabases } from '../../support/databases.ts';
import { isInstalled, nativeOf, type OtherMajor } from '../../support/other-versions.ts';
import { withClient } from '../../support/test-servers.ts';
import { LiveReplay } from '../apply/harness.ts';

const servers = new Map<OtherMajor, DemoServer>();
const MAJORS = ([12, 14, 16, 17, 18] as const).filter(isInstalled);
beforeAll(async () => {
  await Promise.all(
    MAJORS.map(async (major) =>
      servers.set(major, await startServer({ name: `generated-${major}`, native: nativeOf(major) })),
    ),
  );
});
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

/** A source of that release beside the target that all tests have. */
async function withSource(major: OtherMajor, work: (databases: TestDatabases) => Promise<void>): Promise<void> {
  const server = servers.get(major);
  if (!server) throw new Error(`no server of PostgreSQL ${major}`);
  const databases = await createDatabases();
  const name = databases.source.name;
  const open: pg.Client[] = [];
  await withClient(server.uri('postgres'), (client) => client.query(`CREATE DATABASE ${name}`));
  const uri = server.uri(name);
  const source = {
    ...{ name, uri, superuserUri: uri },
    connect: async () => {
      const client = new pg.Client({ connectionString: uri });
      client.on('error', () => undefined);
      await client.connect();
      open.push(client);
      return client;
    },
  } as unknown as TestDatabase;
  try {
    await work({ ...databases, source, target: databases.target } as TestDatabases);
  } finally {
    await Promise.all(open.map((client) => client.end()));
    await databases.drop();
  }
}

const KEYS = `
  CREATE TABLE gen (a int, g int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY, c text);
  CREATE TABLE pair (tenant int, mail text, low text GENERATED ALWAYS AS (lower(mail)) STORED, n int, PRIMARY KEY (tenant, low));
  CREATE TABLE whole (a int, g int GENERATED ALWAYS AS (a * 2) STORED, c text); ALTER TABLE whole REPLICA IDENTITY FULL;
  CREATE TABLE keyed (a int PRIMARY KEY, g int GENERATED ALWAYS AS (a * 2) STORED UNIQUE, c text)`;
const ROWS = `INSERT INTO gen (a, c) VALUES (1, 'c'), (2, 'c'); INSERT INTO pair (tenant, mail) VALUES (1, 'A'), (1, 'B');
  INSERT INTO whole (a, c) SELECT n / 2, 'c' FROM generate_series(1, 60) n; INSERT INTO keyed (a) SELECT generate_series(1, 60)`;
const CHANGES = `UPDATE whole SET c = 'u' WHERE a % 2 = 0; DELETE FROM whole WHERE a = 3; UPDATE keyed SET c = 'u', a = a + 100 WHERE a % 3 = 0; DELETE FROM keyed WHERE a = 1`;
const OF_KEYS = `UPDATE gen SET c = 'u'; DELETE FROM gen WHERE a = 1; UPDATE pair SET n = 1; DELETE FROM pair WHERE mail = 'A'`;
const VIRTUAL = `
  CREATE TABLE virtual_key (a int PRIMARY KEY, g int GENERATED ALWAYS AS (a * 2) VIRTUAL, c text);
  CREATE TABLE virtual_full (a int NOT NULL, g int GENERATED ALWAYS AS (a * 2) VIRTUAL, c text); ALTER TABLE virtual_full REPLICA IDENTITY FULL`;

describe.skipIf(MAJORS.length === 0)('keys with generated columns, on PostgreSQL', () => {
  for (const major of MAJORS) {
    for (const plugin of ['pgoutput', 'test_decoding'] as const) {
      if (plugin === 'pgoutput' && major < 14) continue;
      test(`${major}, ${plugin}: no statement of the application fails, and what is replayed is equal`, () =>
        withSource(major, async (databases) => {
          await using live = await LiveReplay.start(databases, { plugin, tables: KEYS, rows: ROWS });
          await live.source.query(CHANGES);
          await live.expectEqual();
          await live.source.query(OF_KEYS);
          await live.drain();
          expect(live.events.filter(({ type }) => type === 'table')).toEqual([]);
          const { rows } = await live.target.query(
            `SELECT (SELECT count(*) FROM gen WHERE c = 'c')::int AS gen, (SELECT count(*) FROM pair WHERE n IS NULL)::int AS pair`,
          );
          expect(rows).toEqual([{ gen: 2, pair: 2 }]);
        }));
    }
  }

  test.skipIf(!isInstalled(18))(
    '18: an identity that becomes a generated one damages its table, and no UPDATE fails',
    () =>
      withSource(18, async (databases) => {
        await using live = await LiveReplay.start(databases, { tables: KEYS, rows: ROWS });
        await live.source.query(
          'ALTER TABLE keyed ALTER g SET NOT NULL; ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_g_key',
        );
        await live.source.query(`UPDATE keyed SET c = 'v'`);
        expect(await live.damage()).toMatchObject({ relation: 'public.keyed', damage: { code: 'TM5006' } });
      }),
  );

  test.skipIf(!isInstalled(18))('18: FULL with a virtual column is no identity; another key beside one is', () =>
    withSource(18, async (databases) => {
      const { source, target } = databases;
      const client = await source.connect();
      await client.query(
        `${VIRTUAL}; INSERT INTO virtual_full (a) VALUES (1), (2); INSERT INTO virtual_key (a) VALUES (1), (2)`,
      );
      const found = await check('source-replica-identity', { source: source.uri, target: target.uri });
      expect(found).toMatchObject({
        status: 'fail',
        code: 'TM1216',
        found: expect.stringContaining(
          'public.virtual_full (it has the virtual generated column g, which FULL would have to send)',
        ),
        fix: expect.not.stringContaining('FULL'),
      });
      expect(found.found).not.toContain('virtual_key');
      await client.query('DROP TABLE virtual_full, virtual_key');
      await databases.target.query(VIRTUAL.replaceAll('VIRTUAL', 'STORED'));
      await client.query(VIRTUAL);
      await using live = await LiveReplay.start(databases, { tables: 'SELECT' });
      await live.source.query(
        `INSERT INTO virtual_full (a) VALUES (1), (2); INSERT INTO virtual_key (a) VALUES (1), (2)`,
      );
      await live.source.query(
        `UPDATE virtual_full SET c = 'u'; DELETE FROM virtual_full WHERE a = 2; UPDATE virtual_key SET c = 'u'; DELETE FROM virtual_key WHERE a = 1`,
      );
      await live.drain();
      expect((await live.target.query('SELECT * FROM virtual_key')).rows).toEqual([{ a: 2, g: 4, c: 'u' }]);
      expect((await live.target.query('SELECT a, g FROM virtual_full ORDER BY a')).rows).toEqual([
        { a: 1, g: 2 },
        { a: 2, g: 4 },
      ]);
    }),
  );
});
