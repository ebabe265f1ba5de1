import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type DemoServer, startServer } from '../../../src/demo/server.ts';
import { closeIdentities, openIdentities } from '../../../src/engine/schema/restore.ts';
import { readTables } from '../../../src/engine/source/catalog.ts';
import { findClientTools } from '../../../src/postgres/client-tools.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { check } from '../../support/check-context.ts';
import { compareRows } from '../../support/compare/rows.ts';
import { SESSION_SETTINGS } from '../../support/compare/session.ts';
import { isInstalled, nativeOf, OTHER_MAJORS } from '../../support/other-versions.ts';
import { TARGET_OWNER, withClient } from '../../support/test-servers.ts';
import { Migration } from '../whole/migration.ts';
import { CHANGES, OBJECTS } from './smoke.ts';

const SOURCES = [12, 13, 14, 15] as const;
const TARGETS = [15, 16, 17, 18] as const;
const allInstalled = OTHER_MAJORS.every(isInstalled);

/** Started once for all pairs; each pair has databases of its own. */
const servers = new Map<number, DemoServer>();
beforeAll(async () => {
  if (!allInstalled) return;
  const start = async (major: (typeof OTHER_MAJORS)[number] | 15) => {
    const native = major === 15 ? {} : { native: nativeOf(major) };
    const server = await startServer({ name: `major-${major}`, ...native });
    servers.set(major, server);
    await admin(server.uri('postgres'), [
      "CREATE ROLE app LOGIN REPLICATION PASSWORD 'app'",
      `CREATE ROLE ${TARGET_OWNER} LOGIN CREATEROLE PASSWORD 'app'`,
    ]);
  };
  await Promise.all([15 as const, ...OTHER_MAJORS].map(start));
});
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

const admin = (uri: string, statements: readonly string[]) =>
  withClient(uri, async (client) => {
    for (const sql of statements) await client.query(sql);
  });

interface Side {
  readonly name: string;
  readonly uri: string;
  readonly superuserUri: string;
}

async function databaseOn(major: number, name: string, owner: string): Promise<Side> {
  const server = servers.get(major);
  if (!server) throw new Error(`no server of PostgreSQL ${major}`);
  await admin(server.uri('postgres'), [`CREATE DATABASE ${name} OWNER ${owner}`]);
  await admin(server.uri(name), [`ALTER SCHEMA public OWNER TO ${owner}`]);
  return { name, uri: server.uri(name, owner, 'app'), superuserUri: server.uri(name) };
}

/** A whole migration, and everything that differs afterwards. */
async function differences(source: Side, target: Side, plugin: 'pgoutput' | 'test_decoding'): Promise<string[]> {
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { plugin, skipRoles: true, tableJobs: 2 },
  });
  await migration.reached('replay');
  await withClient(source.uri, (client) => client.query(CHANGES));
  await migration.cutOver();
  const { tables, objects } = await migration.verify();
  const rows = await withClient(source.superuserUri, (ours) =>
    withClient(target.superuserUri, async (theirs) => {
      for (const side of [ours, theirs]) await side.query(SESSION_SETTINGS);
      return compareRows(ours, theirs);
    }),
  );
  return [
    ...migration.warnings.filter((text) => text !== 'Conditions overridden: a test'),
    ...tables.filter(({ equal }) => !equal).map(({ relation }) => relation),
    ...objects,
    ...rows,
  ];
}

describe('a source of', () => {
  for (const from of SOURCES) {
    const targets = TARGETS.filter((to) => to !== from);
    test.skipIf(!allInstalled)(`PostgreSQL ${from} migrates into ${targets.join(', ')}`, async () => {
      // All at once: most of their time they wait.
      const found = await Promise.all(
        targets.map(async (to) => {
          const name = `from_${from}_to_${to}`;
          const [source, target] = [await databaseOn(from, name, 'app'), await databaseOn(to, name, TARGET_OWNER)];
          await withClient(source.uri, (client) => client.query(OBJECTS));
          // Both decoders: 14 is the oldest release whose pgoutput sends messages.
          const plugin = from < 14 || (from === 14 && to === 15) ? 'test_decoding' : 'pgoutput';
          return { pair: name, differences: await differences(source, target, plugin) };
        }),
      );
      expect(found).toEqual(targets.map((to) => ({ pair: `from_${from}_to_${to}`, differences: [] })));
    });
  }
});

describe('a source that is newer than pg_dump', () => {
  for (const major of [16, 17, 18] as const) {
    test.skipIf(!allInstalled)(`PostgreSQL ${major}: nothing is begun, and the package is named`, async () => {
      const older = (await findClientTools(process.env)).find(({ version }) => version.major < major);
      if (!older) throw new Error('no pg_dump here is old enough');
      const source = await databaseOn(major, `newer_${major}`, 'app');
      const target = await databaseOn(18, `newer_${major}_target`, TARGET_OWNER);
      vi.stubEnv('TIGER_MIGRATE_PG_BIN', dirname(older.pgDump));
      try {
        const uris = { source: source.uri, target: target.uri };
        expect(await check('local-client-tools', uris)).toMatchObject({
          status: 'fail',
          code: 'TM1211',
          found: expect.stringContaining(`is older than the source, PostgreSQL ${major}.`),
          fix: expect.stringContaining(`apt-get install postgresql-client-${major} `),
        });
        await using migration = await Migration.start({ ...uris, targetDatabase: target.name });
        expect(await migration.ended).toMatchObject({ code: 'TM1211' });
        expect(migration.of('phase').map(({ phase }) => phase)).toEqual(['checks', 'failed']);
      } finally {
        vi.unstubAllEnvs();
      }
      await withClient(source.uri, async (client) => {
        const { rows } = await client.query(
          'SELECT slot_name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication',
        );
        expect(rows).toEqual([]);
      });
    });
  }
});

test.skipIf(!allInstalled)(
  'PostgreSQL 17: identity columns of partitions are opened and closed with their parent',
  async () => {
    const database = await databaseOn(17, 'identities', TARGET_OWNER);
    await withClient(database.uri, (client) =>
      client.query(`CREATE TABLE p (id int GENERATED ALWAYS AS IDENTITY, v int) PARTITION BY RANGE (v);
        CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (v); CREATE TABLE p_1_1 PARTITION OF p_1 DEFAULT;
        CREATE SCHEMA tiger_migrate;
        CREATE TABLE tiger_migrate.object (kind text, name text, detail text, PRIMARY KEY (kind, name))`),
    );
    const kinds = () =>
      withClient(database.uri, async (client) => {
        const sql = `SELECT attidentity::text FROM pg_attribute WHERE attname = 'id' AND attrelid IN ('p'::regclass, 'p_1'::regclass, 'p_1_1'::regclass)`;
        return (await client.query<{ attidentity: string }>(sql)).rows.map(({ attidentity }) => attidentity);
      });
    expect(await kinds()).toEqual(['a', 'a', 'a']);
    const client = await connect(parseConnectionString(database.uri, {}), { side: 'target', application: 'test' });
    try {
      await openIdentities(client, await readTables(client));
      expect(await kinds()).toEqual(['d', 'd', 'd']);
      await closeIdentities(client);
      expect(await kinds()).toEqual(['a', 'a', 'a']);
    } finally {
      destroy(client);
    }
  },
);

test.skipIf(!allInstalled)(
  'PostgreSQL 16: a group that is there takes members only by a right over it, which a check names',
  async () => {
    const [from, to] = [servers.get(13), servers.get(16)];
    if (!from || !to) throw new Error('no servers');
    const source = await databaseOn(13, 'groups', 'app');
    const target = await databaseOn(16, 'groups', TARGET_OWNER);
    await admin(from.uri('postgres'), [
      'CREATE ROLE "Team"',
      'CREATE ROLE kept',
      'CREATE ROLE one IN ROLE "Team", kept',
    ]);
    await admin(to.uri('postgres'), ['CREATE ROLE "Team"', 'CREATE ROLE kept', 'CREATE ROLE one IN ROLE kept']);
    const roles = () => check('target-create-roles', { source: source.uri, target: target.uri });
    const refused = await roles();
    expect(refused).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('refused: members of Team: permission denied to grant role "Team"'),
      fix: expect.stringMatching(/^As a superuser of the target: GRANT "Team" TO "tsdbadmin" WITH ADMIN OPTION; or /),
    });
    await admin(to.uri('postgres'), [/GRANT .*;/.exec(refused.fix)?.[0] ?? 'no remedy']);
    expect((await roles()).found).not.toContain('refused');
    // A membership that is there already is not granted again, which would need that right, too.
    await using migration = await Migration.start({
      ...{ source: source.uri, target: target.uri, targetDatabase: target.name },
      options: { plugin: 'test_decoding' },
    });
    await migration.reached('replay');
    expect(migration.of('warning').map(({ text }) => text)).toEqual([]);
    const members = await withClient(target.superuserUri, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT g.rolname AS name FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
          WHERE u.rolname = 'one' ORDER BY 1`,
      );
      return rows.map(({ name }) => name);
    });
    expect(members).toEqual(['Team', 'kept']);
  },
);
