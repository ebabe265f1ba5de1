import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../../src/demo/server.ts';
import type { MigrationOptions } from '../../../src/engine/options.ts';
import { check } from '../../support/check-context.ts';
import { isInstalled, nativeOf } from '../../support/other-versions.ts';
import { withClient } from '../../support/test-servers.ts';
import { Migration } from '../whole/migration.ts';

const MAJORS = [12, 15, 18] as const;
type Major = (typeof MAJORS)[number];
const installed = isInstalled(12) && isInstalled(18);
const servers = new Map<Major, DemoServer>();

beforeAll(async () => {
  if (!installed) return;
  const start = async (major: Major) => {
    const native = major === 15 ? {} : { native: nativeOf(major) };
    const server = await startServer({ name: `refuses-${major}`, ...native });
    servers.set(major, server);
    await withClient(server.uri('postgres'), (client) =>
      client.query(
        "CREATE ROLE app LOGIN REPLICATION PASSWORD 'app'; CREATE ROLE tsdbadmin LOGIN CREATEROLE PASSWORD 'app'",
      ),
    );
  };
  await Promise.all(MAJORS.map(start));
});
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

interface Pair {
  readonly source: string;
  readonly sourceSuperuser: string;
  readonly target: string;
  readonly targetSuperuser: string;
  readonly targetDatabase: string;
}

let count = 0;
async function pair(from: Major, sql: string): Promise<Pair> {
  const [source, target] = [servers.get(from), servers.get(18)];
  if (!source || !target) throw new Error('no servers');
  count += 1;
  const name = `d${count}`;
  for (const [server, owner] of [
    [source, 'app'],
    [target, 'tsdbadmin'],
  ] as const) {
    await withClient(server.uri('postgres'), (client) => client.query(`CREATE DATABASE ${name} OWNER ${owner}`));
    await withClient(server.uri(name), (client) => client.query(`ALTER SCHEMA public OWNER TO ${owner}`));
  }
  await withClient(source.uri(name), async (client) => {
    await client.query(sql);
    // The ordinary owner migrates; what only a superuser may make was made by one.
    await client.query(`DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm')
        AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|information_schema') LOOP EXECUTE format('ALTER TABLE %s OWNER TO app', t); END LOOP; END $$;
      DO $$ DECLARE n name; BEGIN FOR n IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|information_schema|public' LOOP EXECUTE format('ALTER SCHEMA %I OWNER TO app', n); END LOOP; END $$`);
  });
  return {
    source: source.uri(name, 'app', 'app'),
    sourceSuperuser: source.uri(name),
    target: target.uri(name, 'tsdbadmin', 'app'),
    targetSuperuser: target.uri(name),
    targetDatabase: name,
  };
}

const ask = (of: Pair, options: Partial<MigrationOptions> = {}) =>
  check('target-schema', { ...of, options: { plugin: 'test_decoding', ...options } });

async function migrate(of: Pair, options: Partial<MigrationOptions>): Promise<Migration> {
  const migration = await Migration.start({
    ...of,
    options: { plugin: 'test_decoding', skipRoles: true, ...options },
  });
  await migration.reached('replay');
  await migration.cutOver();
  return migration;
}

/** Names of --leave-out that the remedy gives. */
const leaveOutOf = (fix: string): string[] => {
  const line = fix.split('\n').find((one) => one.includes('--leave-out ')) ?? '';
  return [...line.slice(line.indexOf('--leave-out ')).matchAll(/'([^']*)'/g)].map(([, name]) => name ?? '');
};

interface Case {
  readonly what: string;
  readonly from: Major;
  readonly sql: string;
  /** What is refused, each with the beginning of the server's words. */
  readonly refused: readonly string[];
  readonly leaveOut: readonly string[];
  readonly fix?: string;
  /** Goes with it. */
  readonly along?: readonly string[];
}

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v int, a int[]); INSERT INTO t VALUES (1, 5, ARRAY[1])';

const CASES: readonly Case[] = [
  {
    what: 'a view on columns of a catalog that are gone',
    from: 15,
    sql: `${TABLE}; CREATE SCHEMA mon; CREATE VIEW mon.bg AS SELECT checkpoints_timed FROM pg_stat_bgwriter; CREATE VIEW mon.uses AS SELECT * FROM mon.bg;
      CREATE MATERIALIZED VIEW mon.mv AS SELECT datname, daticulocale FROM pg_database; CREATE INDEX mv_name ON mon.mv (datname); CREATE VIEW mon.fine AS SELECT relname FROM pg_class`,
    refused: ['VIEW mon.bg (column', 'MATERIALIZED VIEW mon.mv (column'],
    leaveOut: ['VIEW mon.bg', 'MATERIALIZED VIEW mon.mv'],
    along: ['VIEW mon.uses', 'INDEX mon.mv_name'],
  },
  {
    what: 'a foreign key between a default and a non-deterministic collation',
    from: 15,
    sql: `CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE TABLE customer (code text COLLATE ci PRIMARY KEY); INSERT INTO customer VALUES ('Abc');
      CREATE TABLE orders (id int PRIMARY KEY, code text REFERENCES customer); INSERT INTO orders VALUES (1, 'abc')`,
    refused: ['FK CONSTRAINT public.orders orders_code_fkey (foreign key constraint'],
    leaveOut: ['FK CONSTRAINT public.orders orders_code_fkey'],
    fix: 'give both columns of the key the same collation',
  },
  {
    what: 'an aggregate over array_cat',
    from: 12,
    sql: `${TABLE}; CREATE AGGREGATE flat(anyarray) (sfunc = array_cat, stype = anyarray, initcond = '{}');
      CREATE AGGREGATE gathered(anyelement) (sfunc = array_append, stype = anyarray, initcond = '{}'); CREATE VIEW fv AS SELECT flat(a) AS f FROM t`,
    refused: ['AGGREGATE public.flat(anyarray) (', 'AGGREGATE public.gathered(anyelement) ('],
    leaveOut: ['AGGREGATE public.flat(anyarray)', 'AGGREGATE public.gathered(anyelement)'],
    fix: 'anycompatiblearray',
    along: ['VIEW public.fv'],
  },
  {
    what: 'postfix operators and factorial',
    from: 12,
    sql: `${TABLE}; CREATE VIEW fact AS SELECT id, v ! AS f FROM t; CREATE VIEW pre AS SELECT !! v AS f FROM t;
      CREATE FUNCTION mine(int) RETURNS int LANGUAGE sql AS 'SELECT $1'; CREATE OPERATOR !# (leftarg = int, procedure = mine)`,
    refused: ['VIEW public.fact (', 'VIEW public.pre (', 'OPERATOR public.!# ('],
    leaveOut: ['OPERATOR public.!#', 'VIEW public.fact', 'VIEW public.pre'],
    fix: 'there are no postfix operators',
  },
  {
    what: 'a view that writes a factorial',
    from: 12,
    sql: `${TABLE}; CREATE VIEW fact AS SELECT id, v ! AS f, !! v AS g FROM t`,
    refused: ['VIEW public.fact ('],
    leaveOut: ['VIEW public.fact'],
    fix: 'factorial(n)',
  },
  {
    what: 'a shell type',
    from: 15,
    sql: `${TABLE}; CREATE TYPE shell_t; COMMENT ON TYPE shell_t IS 'left behind'`,
    refused: ['TYPE public.shell_t (must be superuser'],
    leaveOut: ['TYPE public.shell_t'],
    fix: 'is a shell type',
  },
  {
    what: 'a removed function in a view, a default of a column and an index',
    from: 15,
    sql: `${TABLE}; CREATE FUNCTION pg_catalog.gone(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
      CREATE VIEW old AS SELECT gone(id) AS g FROM t; CREATE INDEX t_gone ON t (gone(v)); CREATE VIEW over_old AS SELECT * FROM old`,
    refused: ['VIEW public.old (function', 'INDEX public.t_gone (function'],
    leaveOut: ['VIEW public.old', 'INDEX public.t_gone'],
    along: ['VIEW public.over_old'],
  },
];

describe('the schema, tried on a newer release', () => {
  for (const { what, from, sql, refused, leaveOut, fix, along } of CASES) {
    test.skipIf(!installed)(`${from} to 18: ${what}: check names it, and its way out works`, async () => {
      const of = await pair(from, sql);
      const told = await ask(of);
      expect(told).toMatchObject({ status: 'fail', code: 'TM1223' });
      for (const one of refused) expect(told.found).toContain(one);
      const names = leaveOutOf(told.fix);
      expect([...names].sort()).toEqual([...leaveOut].sort());
      if (fix) expect(told.fix).toContain(fix);
      for (const one of along ?? []) expect(told.fix).toContain(one);
      // Nothing is left behind on the target.
      expect(await check('target-empty', of)).toMatchObject({ status: 'pass' });
      expect(await ask(of, { leaveOut: names })).toMatchObject({ status: 'pass' });
      const named = await check('source-leave-out', { ...of, options: { leaveOut: names } });
      expect(named.status).toBe('info');
      for (const one of [...leaveOut, ...(along ?? [])]) expect(named.found).toContain(one);
      await using migration = await migrate(of, { leaveOut: names });
      for (const one of leaveOut) expect(migration.warnings).toContain(`Left out on request: ${one}`);
      const { tables, objects } = await migration.verify();
      expect(tables.filter(({ equal }) => !equal)).toEqual([]);
      expect(objects).toEqual([]);
    });
  }

  test.skipIf(!installed)(
    '12 to 18: a table whose default calls what is gone is named with its own option',
    async () => {
      const of = await pair(
        12,
        `${TABLE}; CREATE FUNCTION pg_catalog.gone(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
       CREATE TABLE with_default (id int PRIMARY KEY, v int DEFAULT gone(1)); CREATE VIEW on_it AS SELECT * FROM with_default`,
      );
      const told = await ask(of);
      expect(told).toMatchObject({ status: 'fail', code: 'TM1223' });
      expect(told.found).toContain('TABLE public.with_default (function');
      expect(told.fix).toContain("--exclude-table 'public.with_default'");
      expect(await ask(of, { excludeTable: ['public.with_default'] })).toMatchObject({
        status: 'info',
        found: expect.stringContaining('left out with what is excluded: VIEW public.on_it'),
      });
    },
  );

  test.skipIf(!installed)('15 to 18: bodies of functions are looked into, as the source would', async () => {
    const of = await pair(
      15,
      `${TABLE}; CREATE FUNCTION buffers() RETURNS bigint LANGUAGE sql AS 'SELECT buffers_backend FROM pg_stat_bgwriter';
       CREATE FUNCTION fine() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t'; CREATE FUNCTION parsed() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
       SET check_function_bodies = off; CREATE FUNCTION never_worked() RETURNS int LANGUAGE sql AS 'SELECT nothing FROM nowhere'`,
    );
    const told = await ask(of);
    expect(told).toMatchObject({ status: 'warn' });
    expect(told.found).toContain(
      'the target refuses the body of FUNCTION public.buffers() (column "buffers_backend" does not exist)',
    );
    expect(told.found).not.toMatch(/fine|parsed|never_worked/);
  });

  test.skipIf(!installed)('15 to 18: names that have become reserved words arrive, wherever they stand', async () => {
    const of = await pair(
      15,
      `CREATE TABLE audit (id int PRIMARY KEY, system_user text DEFAULT 'x' CHECK (system_user <> ''), any_value int); INSERT INTO audit VALUES (1, 'joe', 2);
       CREATE INDEX ON audit (system_user) WHERE system_user IS NOT NULL; CREATE VIEW system_user AS SELECT a.system_user FROM audit a;
       CREATE FUNCTION json_scalar(system_user text) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT json_scalar.system_user; END;
       CREATE TABLE child (id int PRIMARY KEY REFERENCES audit (id), json text GENERATED ALWAYS AS (id::text) STORED); INSERT INTO child VALUES (1);
       COMMENT ON COLUMN audit.system_user IS 'who'; GRANT SELECT (system_user) ON audit TO PUBLIC;
       ALTER TABLE audit ENABLE ROW LEVEL SECURITY; CREATE POLICY system_user ON audit USING (system_user IS NOT NULL)`,
    );
    expect(await ask(of)).toMatchObject({ status: 'pass' });
    await using migration = await migrate(of, {});
    expect(migration.warnings).toEqual(['Conditions overridden: a test']);
    expect((await migration.verify()).tables.filter(({ equal }) => !equal)).toEqual([]);
    const rows = await withClient(of.targetSuperuser, (client) =>
      client.query('SELECT "system_user" FROM public.audit'),
    );
    expect(rows.rows).toEqual([{ system_user: 'joe' }]);
  });
});

describe('--leave-out', () => {
  test.skipIf(!installed)(
    'a name that matches nothing, or that a table needs, fails the check and begins nothing',
    async () => {
      const of = await pair(
        15,
        `${TABLE}; CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE moody (id int PRIMARY KEY, m mood)`,
      );
      const unknown = await check('source-leave-out', { ...of, options: { leaveOut: ['VIEW public.nothing'] } });
      expect(unknown).toMatchObject({
        status: 'fail',
        code: 'TM1224',
        found: expect.stringContaining('VIEW public.nothing'),
      });
      const needed = await check('source-leave-out', { ...of, options: { leaveOut: ['TYPE public.mood'] } });
      expect(needed).toMatchObject({
        status: 'fail',
        code: 'TM1224',
        fix: expect.stringContaining("--exclude-table 'public.moody'"),
      });
      await using migration = await Migration.start({
        ...of,
        options: { plugin: 'test_decoding', skipRoles: true, leaveOut: ['VIEW public.nothing'] },
      });
      expect(await migration.ended).toMatchObject({ code: 'TM1224' });
    },
  );
});
