import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../../src/demo/server.ts';
import type { MigrateError } from '../../../src/errors/migrate-error.ts';
import { connect, endQuietly } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { runChecks } from '../../../src/providers/index.ts';
import { type CheckInput, check, withCheckContext } from '../../support/check-context.ts';
import { withClient } from '../../support/test-servers.ts';
import { Migration } from '../whole/migration.ts';
import { RIGHTS } from './rights.ts';
import { SUPERUSER_OBJECTS } from './superuser-objects.ts';

/** Rights belong to whole servers here: these are this file's own. */
let source: DemoServer;
let target: DemoServer;
beforeAll(async () => {
  [source, target] = await Promise.all([
    startServer({ name: 'rights-source' }),
    startServer({ name: 'rights-target' }),
  ]);
  await withoutReplicationLines(source);
  await asSuperuser('source', 'postgres', "CREATE ROLE app; CREATE ROLE mover LOGIN REPLICATION PASSWORD 'x'");
  await asSuperuser('source', 'postgres', 'CREATE DATABASE shop OWNER app');
  await asSuperuser('target', 'postgres', "CREATE ROLE mover LOGIN PASSWORD 'x'; CREATE ROLE other");
  await asSuperuser('target', 'postgres', 'CREATE DATABASE shop');
  await asSuperuser(
    'source',
    'shop',
    `REVOKE ALL ON DATABASE shop FROM PUBLIC; GRANT CONNECT, CREATE ON DATABASE shop TO mover; GRANT app TO mover;
     REVOKE ALL ON SCHEMA public FROM PUBLIC; ALTER SCHEMA public OWNER TO app; SET ROLE app;
     CREATE SCHEMA "Stock"; CREATE TABLE public.orders (id serial PRIMARY KEY, v text); CREATE TABLE "Stock"."It""em" (id int PRIMARY KEY);
     CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) FROM public.orders; CREATE SEQUENCE "Stock".numbers;
     INSERT INTO public.orders (v) SELECT 'x' FROM generate_series(1, 100)`,
  );
  await asSuperuser(
    'target',
    'shop',
    `REVOKE ALL ON DATABASE shop FROM PUBLIC; GRANT CONNECT, CREATE, TEMPORARY ON DATABASE shop TO mover;
     REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO mover`,
  );
});
/** A connection for logical replication counts as one to the database: no line with the word replication is needed. */
async function withoutReplicationLines(server: DemoServer): Promise<void> {
  const file = join(server.directory, 'data', 'pg_hba.conf');
  const lines = (await readFile(file, 'utf8')).split('\n');
  const kept = lines.filter((line) => !/^\w+\s+replication\b/.test(line));
  expect(kept.length).toBeLessThan(lines.length);
  await writeFile(file, kept.join('\n'));
  await asSuperuser('source', 'postgres', 'SELECT pg_reload_conf()');
}

afterAll(async () => {
  await Promise.all([source.stop(), target.stop()]);
});

const serverOf = (side: 'source' | 'target') => (side === 'source' ? source : target);
const asSuperuser = (side: 'source' | 'target', database: string, sql: string) =>
  withClient(serverOf(side).uri(database), (client) => client.query(sql));

/** Rows without roles: those of the source belong to this file. */
const input = (options: CheckInput['options'] = {}): CheckInput => ({
  source: source.uri('shop', 'mover', 'x'),
  target: target.uri('shop', 'mover', 'x'),
  options: { skipRoles: true, ...options },
});

/** The statements that a remedy names; the alternatives behind `Or: ` are left. */
const statementsOf = (fix: string): string[] => fix.split(/\bOr(?: |: )/)[0]?.match(/\b(?:GRANT|ALTER) [^;]+;/g) ?? [];

describe('of all rights one is taken away: a check names what gives it back', () => {
  for (const right of RIGHTS) {
    test(`${right.side}: ${right.name}`, async () => {
      const look = () => check(right.check, input(right.options));
      await asSuperuser(right.side, 'shop', right.take);
      try {
        const { status = 'fail' } = right;
        const result = await look();
        expect(result).toMatchObject({ status });
        const statements = statementsOf(result.fix);
        expect(statements).toEqual(right.statements);
        for (const sql of statements) await asSuperuser(right.side, 'shop', sql);
        expect(await look()).toMatchObject({ status: 'pass' });
      } finally {
        if (right.afterwards) await asSuperuser(right.side, 'shop', right.afterwards);
      }
    });
  }
});

describe('objects that only a superuser may create are found before the schema is', () => {
  for (const [kind, make, drop, remedy] of SUPERUSER_OBJECTS) {
    test(kind, async () => {
      const look = (options: CheckInput['options'] = {}) => check('target-superuser-objects', input(options));
      await asSuperuser('source', 'shop', make);
      await asSuperuser('target', 'shop', 'CREATE EXTENSION IF NOT EXISTS postgres_fdw');
      try {
        const result = await look();
        expect(result).toMatchObject({ status: 'fail', code: 'TM1217', fix: expect.stringContaining(remedy) });
        expect(await check('target-superuser-objects', { ...input(), target: target.uri('shop') })).toMatchObject({
          status: 'pass',
        });
        // Where the remedy is SQL, it helps.
        const onSource = /ALTER (?:FUNCTION|ROUTINE) [^;]+;/.exec(result.fix)?.[0];
        const onTarget = /GRANT [^;]+;/.exec(result.fix)?.[0];
        for (const [side, sql] of [['source', onSource] as const, ['target', onTarget] as const]) {
          if (!sql) continue;
          await asSuperuser(side, 'shop', sql);
          expect(await look()).toMatchObject({ status: 'pass' });
        }
      } finally {
        await asSuperuser('source', 'shop', drop);
      }
      expect(await look()).toMatchObject({ status: 'pass', found: 'the source has none' });
    });
  }
});

test('such objects do not count when they are left out by the option that the trial names', async () => {
  await asSuperuser(
    'source',
    'shop',
    `CREATE OPERATOR CLASS public.own_order FOR TYPE int4 USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4);
     CREATE FUNCTION public.tight(int) RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'; CREATE TYPE public.shell_only`,
  );
  try {
    const { fix } = await check('target-schema', input());
    const leaveOut = [...(/--leave-out (.*)/.exec(fix)?.[1] ?? '').matchAll(/'([^']+)'/g)].map(([, name]) => `${name}`);
    expect(leaveOut).toHaveLength(3);
    for (const id of ['source-leave-out', 'target-superuser-objects', 'target-schema'])
      expect((await check(id, input({ leaveOut }))).status, id).not.toBe('fail');
    const some = leaveOut.filter((name) => !name.startsWith('FUNCTION'));
    expect(await check('target-superuser-objects', input({ leaveOut: some }))).toMatchObject({
      status: 'fail',
      found: expect.stringMatching(/^leakproof function public\.tight\(integer\) \([^)]*\)$/),
    });
  } finally {
    await asSuperuser(
      'source',
      'shop',
      'DROP OPERATOR FAMILY public.own_order USING btree; DROP FUNCTION public.tight; DROP TYPE public.shell_only',
    );
  }
});

test('a role with no right at all gets what the checks ask for, and nothing else, and migrates with it', async () => {
  await asSuperuser('source', 'postgres', "CREATE ROLE newcomer PASSWORD 'n'");
  await asSuperuser('target', 'postgres', "CREATE ROLE newcomer PASSWORD 'n'");
  await asSuperuser('target', 'postgres', 'CREATE DATABASE warehouse');
  await asSuperuser(
    'target',
    'warehouse',
    'REVOKE ALL ON DATABASE warehouse FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC',
  );
  const uris = { source: source.uri('shop', 'newcomer', 'n'), target: target.uri('warehouse', 'newcomer', 'n') };
  const given: string[] = [];
  const give = async (side: 'source' | 'target', fix: string) => {
    for (const sql of statementsOf(fix)) {
      given.push(`${side}: ${sql}`);
      await asSuperuser(side, side === 'source' ? 'shop' : 'warehouse', sql);
    }
  };
  for (const side of ['source', 'target'] as const) {
    for (let refused: MigrateError | null = null, tries = 0; tries < 3; tries += 1) {
      refused = await connect(parseConnectionString(uris[side], {}), { side, application: 'test' }).then(
        async (client) => {
          await endQuietly(client);
          return null;
        },
        (error: MigrateError) => error,
      );
      if (!refused) break;
      await give(side, refused.hint ?? '');
    }
  }
  const failures = async () =>
    (
      await withCheckContext({ ...uris, options: { skipRoles: true } }, (context) =>
        runChecks(context, () => undefined),
      )
    ).filter(({ status }) => status === 'fail');
  for (let round = 0; round < 3; round += 1) {
    for (const { side, fix } of await failures()) if (side !== 'local') await give(side, fix);
  }
  expect(await failures()).toEqual([]);
  expect(given).toEqual([
    'source: ALTER ROLE "newcomer" LOGIN;',
    'source: GRANT CONNECT ON DATABASE "shop" TO "newcomer";',
    'target: ALTER ROLE "newcomer" LOGIN;',
    'target: GRANT CONNECT ON DATABASE "warehouse" TO "newcomer";',
    // Taken from everybody by the tests before.
    'source: GRANT EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message(boolean,text,bytea) TO "newcomer";',
    'source: GRANT EXECUTE ON FUNCTION pg_catalog.pg_logical_emit_message(boolean,text,text) TO "newcomer";',
    'source: GRANT EXECUTE ON FUNCTION pg_catalog.pg_export_snapshot() TO "newcomer";',
    'source: GRANT SELECT ON pg_catalog.pg_stat_activity TO "newcomer";',
    'target: GRANT USAGE ON SCHEMA "public" TO "newcomer";',
    'target: GRANT CREATE ON DATABASE "warehouse" TO "newcomer";',
    'target: GRANT TEMPORARY ON DATABASE "warehouse" TO "newcomer";',
    'target: GRANT CREATE ON SCHEMA public TO "newcomer";',
    'source: ALTER ROLE "newcomer" REPLICATION;',
    'source: GRANT CREATE ON DATABASE "shop" TO "newcomer";',
    'source: GRANT "app" TO "newcomer";',
    'source: GRANT pg_read_all_data TO "newcomer";',
  ]);
  await using migration = await Migration.start({ ...uris, targetDatabase: 'warehouse', options: { skipRoles: true } });
  await migration.reached('replay');
  await asSuperuser(
    'source',
    'shop',
    `UPDATE public.orders SET v = 'y' WHERE id < 9; DELETE FROM public.orders WHERE id = 9`,
  );
  await migration.cutOver(false);
  expect(migration.warnings).toEqual(['Conditions overridden: a test']);
  const { tables, objects } = await migration.verify();
  expect(tables.filter(({ equal }) => !equal)).toEqual([]);
  // Only the owner of a schema that was there before grants rights on it.
  expect(objects).toEqual([expect.stringMatching(/^schema public differs in privileges: .*role mover: USAGE/)]);
});
