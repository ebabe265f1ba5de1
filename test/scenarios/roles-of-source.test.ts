import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import type { MigrationOptions } from '../../src/engine/options.ts';
import { bringServerProperties } from '../../src/engine/roles/carry.ts';
import { createProgressSchema, type MigrationRow } from '../../src/engine/target/progress-schema.ts';
import { INVALID_LSN } from '../../src/postgres/lsn.ts';
import { check } from '../support/check-context.ts';
import { compareDatabases } from '../support/compare.ts';
import { isInstalled, nativeOf, type OtherMajor } from '../support/other-versions.ts';
import { withClient } from '../support/test-servers.ts';
import { Migration } from './whole/migration.ts';

/** Roles belong to all databases of a server, so these tests have servers of their own. */
interface Pair {
  readonly source: DemoServer;
  readonly target: DemoServer;
}

async function startPair(from?: OtherMajor, to?: OtherMajor): Promise<Pair> {
  const [source, target] = await Promise.all([
    startServer({ name: 'roles-source', ...(from ? { native: nativeOf(from) } : {}) }),
    startServer({ name: 'roles-target', ...(to ? { native: nativeOf(to) } : {}) }),
  ]);
  await admin(source, 'postgres', `CREATE ROLE owner LOGIN REPLICATION PASSWORD 'o'`);
  await admin(target, 'postgres', `CREATE ROLE keeper LOGIN CREATEROLE CREATEDB PASSWORD 'k'`);
  return { source, target };
}

const stop = (pair: Pair) => Promise.all([pair.source.stop(), pair.target.stop()]);

const admin = <R extends pg.QueryResultRow>(server: DemoServer, database: string, sql: string): Promise<R[]> =>
  withClient(server.uri(database), async (client) => {
    const result = (await client.query<R>(sql)) as pg.QueryResult<R> | pg.QueryResult<R>[];
    return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
  });

let count = 0;
async function databases({ source, target }: Pair): Promise<string> {
  count += 1;
  const name = `d${count}`;
  await admin(source, 'postgres', `CREATE DATABASE ${name} OWNER owner`);
  await admin(target, 'postgres', `CREATE DATABASE ${name} OWNER keeper`);
  return name;
}

const uris = ({ source, target }: Pair, name: string, as: 'owner' | 'superuser' = 'owner') => ({
  source: as === 'owner' ? source.uri(name, 'owner', 'o') : source.uri(name),
  target: target.uri(name, 'keeper', 'k'),
});

async function migrate(
  pair: Pair,
  name: string,
  as: 'owner' | 'superuser' = 'owner',
  options: Partial<MigrationOptions> = {},
): Promise<Migration> {
  const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-roles-'));
  const migration = await Migration.start({ ...uris(pair, name, as), targetDatabase: name, directory, options });
  try {
    await migration.reached('replay');
    await migration.cutOver(false);
    return migration;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs what a check or a warning lists, as an administrator. */
const runListed = (pair: Pair, name: string, text: string): Promise<unknown> =>
  admin(pair.target, name, (text.match(/\b(?:ALTER|GRANT|REVOKE|COMMENT|CREATE ROLE)\b[^;]*;/g) ?? []).join('\n'));

const listedIn = (migration: Migration): string =>
  migration
    .of('warning')
    .map(({ text }) => text)
    .join('\n');

describe('roles of the operator', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => stop(pair));

  test('arrive whatever their names begin with', async () => {
    const name = await databases(pair);
    const names = [
      ...[
        'tiger_app',
        'aws_reporter',
        'rds_x',
        'rdsx',
        'azure_y',
        'neon_z',
        'tsdb_q',
        'tsdbx',
        'supabase_me',
        'aivenish',
      ],
      ...['aurora1', 'cloudsqlmine', 'anon', 'authenticator', 'replication', 'doadmins', 'pgx', 'PG_mine', 'postgres2'],
    ];
    await admin(pair.source, name, names.map((role) => `CREATE ROLE "${role}" LOGIN;`).join('\n'));
    expect(await check('target-create-roles', uris(pair, name))).toMatchObject({
      found: expect.stringContaining(`${names.length + 1} roles to create`),
    });
    await using _ = await migrate(pair, name);
    const there = await admin<{ rolname: string }>(pair.target, name, 'SELECT rolname FROM pg_roles WHERE rolcanlogin');
    const have = new Set(there.map(({ rolname }) => rolname));
    expect(names.filter((role) => !have.has(role))).toEqual([]);
  });

  test('stay behind with --skip-roles, with what is theirs alone, and so do skipped extensions', async () => {
    const name = await databases(pair);
    await admin(
      pair.source,
      name,
      `CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE ROLE skipped_reader; SET ROLE owner;
       CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'v');
       GRANT SELECT ON t TO skipped_reader; GRANT SELECT ON t TO PUBLIC; GRANT UPDATE (v) ON t TO skipped_reader;
       ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO skipped_reader;
       ALTER TABLE t ENABLE ROW LEVEL SECURITY;
       CREATE POLICY everybody ON t USING (true); CREATE POLICY readers ON t FOR SELECT TO skipped_reader USING (id > 0)`,
    );
    await using migration = await migrate(pair, name, 'owner', { skipRoles: true, skipExtensions: ['hstore'] });
    expect(await admin(pair.target, name, `SELECT FROM pg_roles WHERE rolname = 'skipped_reader'`)).toEqual([]);
    expect(await admin(pair.target, name, 'SELECT extname FROM pg_extension ORDER BY 1')).toEqual([
      { extname: 'citext' },
      { extname: 'plpgsql' },
    ]);
    const differences = await compareDatabases(pair.source.uri(name), pair.target.uri(name));
    expect(differences.map((text) => text.split(':')[0]).sort()).toEqual([
      'default privileges everywhere r',
      'extension hstore',
      'policy public.t.readers',
      'privileges of column public.t.v',
      'privileges of relation public.t',
    ]);
    expect(await admin(pair.target, name, `SELECT has_table_privilege('public', 't', 'SELECT') AS may`)).toEqual([
      { may: true },
    ]);
    // Told at the beginning, when the role can still be made, and again when it comes to it.
    const about = (kind: 'warning' | 'log') =>
      migration
        .of(kind)
        .map((event) => event.text)
        .filter((text) => text.includes('skipped_reader'));
    expect(about('warning')).toEqual([
      expect.stringContaining('Policies for roles that the target does not have'),
      expect.stringMatching(/^Left out: POLICY public\.t readers/),
    ]);
    expect(about('log')).toEqual([
      expect.stringMatching(/^Privileges of roles that the target does not have are left out: .* \(3 objects\)$/),
    ]);
  });

  test('that a provider has made stay behind on its servers, by their whole names, and are listed', async () => {
    await using source = await startServer({ name: 'roles-rds' });
    await admin(
      source,
      'postgres',
      `CREATE ROLE owner LOGIN REPLICATION PASSWORD 'o'; CREATE ROLE rdsadmin SUPERUSER; CREATE ROLE rds_superuser; CREATE ROLE rds_iam;
       CREATE ROLE rds_mine LOGIN IN ROLE rds_iam; CREATE ROLE anon`,
    );
    const rds = { source, target: pair.target };
    const name = await databases(rds);
    const input = uris(rds, name);
    const leftOut = 'rds_iam, rds_superuser, rdsadmin (of Amazon RDS)';
    expect(await check('source-not-migrated', input)).toMatchObject({
      status: 'info',
      found: `roles left out: ${leftOut}`,
    });
    expect((await check('target-create-roles', input)).found).toContain(
      'memberships left out: rds_mine in rds_iam (of Amazon RDS)',
    );
    await using migration = await migrate(rds, name);
    expect(migration.of('done')[0]?.summary.join('\n')).toContain(
      'Roles left out: rds_iam (of Amazon RDS), rds_superuser',
    );
    const found = await admin(
      pair.target,
      name,
      `SELECT rolname FROM pg_roles WHERE rolname ~ '^(rds|anon)' AND rolname !~ '^rds_?x$' ORDER BY 1`,
    );
    expect(found).toEqual([{ rolname: 'anon' }, { rolname: 'rds_mine' }]);
    // Where our role is a superuser the server is nobody's but the operator's.
    expect((await check('source-not-migrated', uris(rds, name, 'superuser'))).status).toBe('pass');
  });

  test('come with expiry, options of memberships, PostgreSQL’s groups, comments, settings and rights on parameters', async () => {
    const name = await databases(pair);
    await admin(
      pair.source,
      name,
      `CREATE ROLE expired LOGIN VALID UNTIL '2020-01-01 03:00:00+02' CONNECTION LIMIT 3; CREATE ROLE ever VALID UNTIL 'infinity';
       CREATE ROLE grp_a; CREATE ROLE grp_b IN ROLE grp_a; CREATE ROLE "Reader x" NOINHERIT CREATEDB; CREATE ROLE "writer""q" BYPASSRLS;
       GRANT grp_a TO "Reader x" WITH ADMIN OPTION; GRANT pg_monitor TO grp_b; GRANT pg_read_all_data TO "Reader x" WITH ADMIN OPTION;
       COMMENT ON ROLE "Reader x" IS 'it''s read \\ only'; ALTER ROLE grp_b SET work_mem = '7MB'; ALTER ROLE grp_b IN DATABASE ${name} SET search_path = 'x y', "$user";
       GRANT SET ON PARAMETER work_mem TO "Reader x"; GRANT SET, ALTER SYSTEM ON PARAMETER log_min_duration_statement TO grp_a WITH GRANT OPTION`,
    );
    const read = (server: DemoServer) =>
      admin(
        server,
        name,
        `SELECT r.rolname, r.rolinherit, r.rolcreatedb, r.rolcanlogin, r.rolbypassrls, r.rolconnlimit, nullif(r.rolvaliduntil, 'infinity') AS until,
           shobj_description(r.oid, 'pg_authid') AS comment, (SELECT array_agg(setconfig ORDER BY setdatabase)::text FROM pg_db_role_setting WHERE setrole = r.oid) AS settings,
           ARRAY(SELECT g.rolname || CASE WHEN m.admin_option THEN ' admin' ELSE '' END FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1) AS groups,
           ARRAY(SELECT concat(p.parname, ' ', a.privilege_type, a.is_grantable) FROM pg_parameter_acl p, aclexplode(p.paracl) a WHERE a.grantee = r.oid ORDER BY 1) AS parameters
         FROM pg_roles r WHERE rolname IN ('expired', 'ever', 'grp_a', 'grp_b', 'Reader x', 'writer"q') ORDER BY 1`,
      );
    const result = await check('target-create-roles', uris(pair, name));
    expect(result).toMatchObject({ status: 'warn' });
    // Told before, statement by statement, what only an administrator may give.
    for (const sql of [
      'ALTER ROLE "writer""q" BYPASSRLS;',
      'GRANT SET ON PARAMETER "work_mem" TO "Reader x";',
      'GRANT SET ON PARAMETER "log_min_duration_statement" TO "grp_a" WITH GRANT OPTION;',
      'GRANT ALTER SYSTEM ON PARAMETER "log_min_duration_statement" TO "grp_a" WITH GRANT OPTION;',
    ])
      expect(result.fix.split('\n')).toContain(sql);
    await using migration = await migrate(pair, name);
    expect(listedIn(migration)).toContain('The target refused: ALTER ROLE "writer""q" BYPASSRLS;');
    // Again at the end, and once it was run nothing is missing.
    const last = migration.of('warning').at(-1)?.text ?? '';
    expect(last).toContain('GRANT SET ON PARAMETER "work_mem" TO "Reader x";');
    await runListed(pair, name, last);
    expect(await read(pair.target)).toEqual(await read(pair.source));
    expect((await check('target-create-roles', uris(pair, name))).found).not.toMatch(/refused|left to/);
  });

  test('that are superusers or replicate come without that, can log in, and wait for their passwords', async () => {
    const name = await databases(pair);
    await admin(pair.source, name, 'CREATE ROLE chief SUPERUSER LOGIN; CREATE ROLE copier LOGIN REPLICATION');
    const result = await check('target-create-roles', uris(pair, name));
    expect(result.found).toMatch(/come without SUPERUSER: chief; come without REPLICATION: copier/);
    expect(result.fix.split('\n')).toContain('ALTER ROLE "copier" REPLICATION;');
    await admin(pair.target, name, `CREATE ROLE known LOGIN PASSWORD 'k'`);
    await admin(pair.source, name, 'CREATE ROLE known LOGIN');
    await using migration = await migrate(pair, name);
    expect(
      await admin(
        pair.target,
        name,
        `SELECT rolname, rolcanlogin, rolsuper, rolreplication FROM pg_roles WHERE rolname IN ('chief', 'copier') ORDER BY 1`,
      ),
    ).toEqual([
      { rolname: 'chief', rolcanlogin: true, rolsuper: false, rolreplication: false },
      { rolname: 'copier', rolcanlogin: true, rolsuper: false, rolreplication: false },
    ]);
    const done = migration.of('done')[0];
    expect(done?.roles_without_password).toEqual(expect.arrayContaining(['chief', 'copier']));
    expect(done?.roles_without_password).not.toContain('known');
    expect(done?.summary.join('\n')).toMatch(
      /without what no migration gives: chief \(SUPERUSER\), copier \(REPLICATION\)/,
    );
  });

  test('that were there before keep what they are, get what is for this database, and the rest is listed', async () => {
    const name = await databases(pair);
    await admin(
      pair.source,
      name,
      `CREATE ROLE webapp LOGIN CONNECTION LIMIT 5 VALID UNTIL '2031-01-01 00:00:00+00' CREATEDB; COMMENT ON ROLE webapp IS 'of the source';
       CREATE ROLE webgroup; GRANT webgroup TO webapp; ALTER ROLE webapp SET statement_timeout = '5s'; ALTER ROLE webapp SET work_mem = '9MB';
       ALTER ROLE webapp IN DATABASE ${name} SET search_path = app`,
    );
    await admin(
      pair.target,
      name,
      `CREATE ROLE webapp LOGIN PASSWORD 'w'; ALTER ROLE webapp SET work_mem = '9MB'; COMMENT ON ROLE webapp IS 'of the target'`,
    );
    const result = await check('target-create-roles', uris(pair, name));
    const statements = [
      `ALTER ROLE "webapp" CONNECTION LIMIT 5 VALID UNTIL '2031-01-01 00:00:00+00' CREATEDB;`,
      `COMMENT ON ROLE "webapp" IS 'of the source';`,
      `ALTER ROLE "webapp" SET "statement_timeout" TO '5s';`,
    ];
    expect(result.status).toBe('warn');
    expect(result.fix.split('\n')).toEqual(expect.arrayContaining(statements));
    expect(result.fix).not.toContain('work_mem');
    await using migration = await migrate(pair, name);
    for (const sql of statements) expect(listedIn(migration)).toContain(sql);
    const settings = () =>
      admin<{ text: string }>(
        pair.target,
        name,
        `SELECT concat(setdatabase <> 0, setconfig) AS text FROM pg_db_role_setting WHERE setrole = 'webapp'::regrole ORDER BY 1`,
      );
    expect(await settings()).toEqual([{ text: 'f{work_mem=9MB}' }, { text: 't{search_path=app}' }]);
    expect(await admin(pair.target, name, `SELECT rolconnlimit FROM pg_roles WHERE rolname = 'webapp'`)).toEqual([
      { rolconnlimit: -1 },
    ]);
    expect(await admin(pair.target, name, `SELECT pg_has_role('webapp', 'webgroup', 'MEMBER') AS member`)).toEqual([
      { member: true },
    ]);
    await runListed(pair, name, migration.of('warning').at(-1)?.text ?? '');
    expect(await settings()).toEqual([
      { text: 'f{work_mem=9MB,statement_timeout=5s}' },
      { text: 't{search_path=app}' },
    ]);
  });
});

describe('what belongs to the database itself', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => stop(pair));

  const properties = async (server: DemoServer, name: string) =>
    (
      await admin(
        server,
        name,
        `SELECT datconnlimit, shobj_description(d.oid, 'pg_database') AS comment,
           ARRAY(SELECT concat(coalesce(r.rolname, 'PUBLIC'), ' ', a.privilege_type, a.is_grantable) FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) a
             LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> datdba ORDER BY 1) AS acl FROM pg_database d WHERE datname = '${name}'`,
      )
    )[0];

  const shape = (name: string) =>
    `REVOKE CONNECT, TEMP ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO appro; GRANT TEMP ON DATABASE ${name} TO appro WITH GRANT OPTION;
     COMMENT ON DATABASE ${name} IS 'prod'; ALTER DATABASE ${name} CONNECTION LIMIT 17`;

  test('comes along where our role owns the database', async () => {
    const name = await databases(pair);
    await admin(pair.source, name, 'CREATE ROLE appro LOGIN');
    await admin(pair.source, name, `${shape(name)}; CREATE TABLE t (id int PRIMARY KEY); GRANT ALL ON t TO owner`);
    await admin(pair.source, name, 'ALTER TABLE t OWNER TO owner');
    expect(await check('target-database-properties', uris(pair, name))).toMatchObject({
      status: 'pass',
      found: expect.stringMatching(/privileges on the database.*connection limit/),
    });
    await using migration = await migrate(pair, name);
    expect(await properties(pair.target, name)).toEqual(await properties(pair.source, name));
    expect(listedIn(migration)).not.toContain('DATABASE');
  });

  test('is listed with its statements where it does not, before and at the end', async () => {
    const name = await databases(pair);
    await admin(pair.source, name, shape(name));
    await admin(
      pair.target,
      name,
      `ALTER DATABASE ${name} OWNER TO postgres; GRANT ALL ON DATABASE ${name} TO keeper; GRANT ALL ON SCHEMA public TO keeper`,
    );
    const result = await check('target-database-properties', uris(pair, name));
    expect(result.status).toBe('warn');
    expect(result.fix.split('\n')).toEqual(
      expect.arrayContaining([
        `REVOKE CONNECT ON DATABASE "${name}" FROM PUBLIC;`,
        `REVOKE TEMPORARY ON DATABASE "${name}" FROM PUBLIC;`,
        `GRANT CONNECT ON DATABASE "${name}" TO "appro";`,
        `COMMENT ON DATABASE "${name}" IS 'prod';`,
        `ALTER DATABASE "${name}" CONNECTION LIMIT 17;`,
      ]),
    );
    await using migration = await migrate(pair, name);
    await runListed(pair, name, migration.of('warning').at(-1)?.text ?? '');
    const { acl, ...rest } = (await properties(pair.target, name)) as { acl: string[] };
    const wanted = (await properties(pair.source, name)) as { acl: string[] };
    expect({ ...rest, acl: acl.filter((text) => !text.startsWith('keeper ')) }).toEqual(wanted);
  });

  test('a limit that the target has is not changed, and said', async () => {
    const name = await databases(pair);
    await admin(pair.source, name, `ALTER DATABASE ${name} CONNECTION LIMIT 40`);
    await admin(pair.target, name, `ALTER DATABASE ${name} CONNECTION LIMIT 60`);
    expect((await check('target-database-properties', uris(pair, name))).fix).toContain(
      `ALTER DATABASE "${name}" CONNECTION LIMIT 40;`,
    );
    await using migration = await migrate(pair, name);
    expect(await properties(pair.target, name)).toMatchObject({ datconnlimit: 60 });
    expect(listedIn(migration)).toContain(`ALTER DATABASE "${name}" CONNECTION LIMIT 40;`);
  });

  test('rights on objects of the server and of extensions are listed, and equal once the list was run', async () => {
    const name = await databases(pair);
    const extension = 'CREATE EXTENSION hstore';
    await admin(pair.target, name, extension);
    await admin(
      pair.source,
      name,
      `${extension}; CREATE ROLE svc LOGIN; GRANT SELECT ON pg_catalog.pg_authid TO svc; REVOKE ALL ON FUNCTION pg_catalog.pg_sleep(float8) FROM PUBLIC;
       GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO svc WITH GRANT OPTION; GRANT SELECT (rolname) ON pg_catalog.pg_authid TO svc;
       REVOKE EXECUTE ON FUNCTION public.slice(hstore, text[]) FROM PUBLIC; REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC; GRANT USAGE ON LANGUAGE plpgsql TO svc, owner`,
    );
    const result = await check('target-system-privileges', uris(pair, name));
    expect(result).toMatchObject({ status: 'warn', found: expect.stringContaining('not made') });
    for (const sql of [
      'GRANT SELECT ON TABLE pg_catalog.pg_authid TO "svc";',
      'GRANT SELECT ("rolname") ON TABLE pg_catalog.pg_authid TO "svc";',
      'REVOKE EXECUTE ON FUNCTION pg_sleep(double precision) FROM PUBLIC;',
      'GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO "svc" WITH GRANT OPTION;',
      'REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;',
    ])
      expect(result.fix.split('\n')).toContain(sql);
    expect(result.fix).toContain('slice');
    await using migration = await migrate(pair, name);
    const last = migration.of('warning').at(-1)?.text ?? '';
    expect(last).toContain('REVOKE EXECUTE ON FUNCTION pg_sleep(double precision) FROM PUBLIC;');
    await runListed(pair, name, last);
    expect(await check('target-system-privileges', uris(pair, name))).toMatchObject({ status: 'pass' });
  });

  test('default privileges of roles that ours is no member of are listed, and equal once the list was run', async () => {
    const name = await databases(pair);
    await admin(
      pair.source,
      name,
      `CREATE ROLE maker; CREATE ROLE "taker x"; CREATE SCHEMA made AUTHORIZATION owner;
       ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA made GRANT SELECT, UPDATE ON TABLES TO "taker x" WITH GRANT OPTION;
       ALTER DEFAULT PRIVILEGES FOR ROLE maker REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT USAGE ON SCHEMAS TO PUBLIC;
       ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT USAGE ON SEQUENCES TO "taker x"; ALTER DEFAULT PRIVILEGES FOR ROLE maker REVOKE USAGE ON TYPES FROM PUBLIC`,
    );
    const result = await check('target-default-privileges', uris(pair, name));
    expect(result.status).toBe('warn');
    expect(result.fix.split('\n')).toEqual(
      expect.arrayContaining([
        'ALTER DEFAULT PRIVILEGES FOR ROLE "maker" IN SCHEMA "made" GRANT SELECT ON TABLES TO "taker x" WITH GRANT OPTION;',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "maker" REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "maker" GRANT USAGE ON SCHEMAS TO PUBLIC;',
      ]),
    );
    await using migration = await migrate(pair, name);
    await runListed(pair, name, migration.of('warning').at(-1)?.text ?? '');
    expect(await check('target-default-privileges', uris(pair, name))).toMatchObject({ status: 'pass' });
    // Those of our own role come by themselves.
    await admin(pair.target, name, 'GRANT maker TO keeper');
    await admin(pair.source, name, 'ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT SELECT ON TABLES TO "taker x"');
    expect(await check('target-default-privileges', uris(pair, name))).toMatchObject({ status: 'pass' });
  });

  test('subscriptions and publications are told, with what to run', async () => {
    const name = await databases(pair);
    await admin(
      pair.source,
      name,
      `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE SCHEMA s; CREATE PUBLICATION "mine x" FOR TABLE t WHERE (id > 1), TABLES IN SCHEMA s WITH (publish = 'insert, update');
       CREATE PUBLICATION "without v" FOR TABLE ONLY t (id);
       ALTER TABLE t OWNER TO owner; ALTER SCHEMA s OWNER TO owner`,
    );
    await admin(
      pair.source,
      name,
      `CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1 dbname=up' PUBLICATION p WITH (connect = false, slot_name = none);
       CREATE SUBSCRIPTION more CONNECTION 'host=127.0.0.1 port=1 dbname=up' PUBLICATION p WITH (connect = false, slot_name = up_slot)`,
    );
    const subscribed = await check('source-subscriptions', uris(pair, name));
    expect(subscribed.fix.split('\n')).toContain('ALTER SUBSCRIPTION "more" SET (slot_name = NONE);');
    expect(subscribed.fix).not.toContain('ALTER SUBSCRIPTION "feed" SET');
    expect(subscribed.fix).toContain(`WITH (create_slot = false, slot_name = 'up_slot', copy_data = false);`);
    expect(subscribed).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('"feed"'),
      fix: expect.stringContaining('CREATE SUBSCRIPTION "feed" CONNECTION'),
    });
    const published = await check('source-publications', uris(pair, name));
    expect(published.found).toContain('"mine x"');
    const sql = published.fix.split('\n').filter((line) => line.startsWith('CREATE PUBLICATION'));
    expect(sql).toEqual([
      `CREATE PUBLICATION "mine x" FOR TABLE ONLY public.t WHERE ((id > 1)), TABLES IN SCHEMA s WITH (publish = 'insert, update');`,
      'CREATE PUBLICATION "without v" FOR TABLE ONLY public.t (id);',
    ]);
    await admin(pair.source, name, `DROP PUBLICATION "mine x", "without v"; ${sql.join(' ')}`);
    await admin(pair.source, name, 'ALTER SUBSCRIPTION more SET (slot_name = NONE); DROP SUBSCRIPTION more');
    await admin(pair.source, name, 'DROP SUBSCRIPTION feed');
  });
});

/** Only what lies around the objects: pg_dump is older than these servers. */
async function bringOnly(pair: Pair, name: string): Promise<void> {
  const at = uris(pair, name);
  await withClient(at.source, (source) =>
    withClient(at.target, async (target) => {
      await createProgressSchema(target, MIGRATION, INVALID_LSN);
      await bringServerProperties(
        { source, target, options: { skipRoles: false, excludeSchema: [] } },
        () => undefined,
      );
    }),
  );
}

const MIGRATION: MigrationRow = {
  ...{ id: 'x', sourceSystem: '', sourceTimeline: '', sourceDatabase: '', slot: '', publications: [], options: '{}' },
  ...{ phase: 'schema', binaryStream: false, replicaRole: false },
};

describe.skipIf(!isInstalled(16) || !isInstalled(14))('options of memberships between major releases', () => {
  test('16 to 16: INHERIT, SET and ADMIN come along; 16 to 15: what would give more is left to an administrator', async () => {
    const newer = await startPair(16, 16);
    await using older = await startServer({ name: 'roles-15' });
    try {
      await admin(older, 'postgres', `CREATE ROLE keeper LOGIN CREATEROLE CREATEDB PASSWORD 'k'`);
      const name = await databases(newer);
      await admin(older, 'postgres', `CREATE DATABASE ${name} OWNER keeper`);
      await admin(
        newer.source,
        name,
        `CREATE ROLE g1; CREATE ROLE g2; CREATE ROLE g3; CREATE ROLE m LOGIN; CREATE ROLE n NOINHERIT LOGIN;
         GRANT g1 TO m WITH INHERIT FALSE, SET TRUE; GRANT g2 TO m WITH ADMIN TRUE, INHERIT TRUE, SET FALSE; GRANT g3 TO m;
         GRANT g1 TO n WITH INHERIT TRUE; GRANT g2 TO n`,
      );
      const read = (server: DemoServer) =>
        admin(
          server,
          name,
          `SELECT u.rolname AS member, g.rolname AS grp, a.admin_option, a.inherit_option, a.set_option FROM pg_auth_members a
             JOIN pg_roles u ON u.oid = a.member JOIN pg_roles g ON g.oid = a.roleid WHERE u.rolname IN ('m', 'n') ORDER BY 1, 2`,
        );
      expect((await check('target-create-roles', uris(newer, name))).found).not.toContain('refused');
      await bringOnly(newer, name);
      expect(await read(newer.target)).toEqual(await read(newer.source));
      const down = { source: newer.source, target: older };
      const result = await check('target-create-roles', uris(down, name));
      expect(result.status).toBe('warn');
      for (const sql of ['GRANT "g1" TO "m";', 'GRANT "g2" TO "m" WITH ADMIN OPTION;', 'GRANT "g1" TO "n";'])
        expect(result.fix.split('\n')).toContain(sql);
      expect(result.fix).not.toContain('"g3"');
    } finally {
      await stop(newer);
    }
  });
});
