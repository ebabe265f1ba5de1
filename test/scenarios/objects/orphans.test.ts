import { describe, expect } from 'vitest';
import { check } from '../../support/check-context.ts';
import { compareDatabases } from '../../support/compare.ts';
import { type TestDatabases, test } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';

/** Keys whose rows were written while triggers did not fire. */
const ORPHANS = `
  CREATE TABLE par (id int PRIMARY KEY); CREATE TABLE chi (id int PRIMARY KEY, p int REFERENCES par);
  CREATE TABLE "two k" (a int, b text, PRIMARY KEY (a, b)); CREATE TABLE cto (id int PRIMARY KEY, a int, b text, CONSTRAINT "c f" FOREIGN KEY (a, b) REFERENCES "two k" MATCH FULL);
  CREATE TABLE good (id int PRIMARY KEY REFERENCES par);
  INSERT INTO par VALUES (1); INSERT INTO chi VALUES (1, 1), (9, NULL); INSERT INTO cto VALUES (1, NULL, NULL); INSERT INTO good VALUES (1)`;
const VIOLATING = `SET session_replication_role = replica; INSERT INTO chi VALUES (2, 777); INSERT INTO cto VALUES (2, 5, NULL), (3, 5, 'x')`;

const begin = async ({ source, target }: TestDatabases, options = {}, resume?: string) => {
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { skipRoles: true, ...options },
    ...(resume === undefined ? {} : { resume: { directory: resume } }),
  });
  await migration.reached('replay');
  return migration;
};

const violations = (migration: Migration) => migration.troubles.filter(({ code }) => code === 'TM6007');

for (const replicaRole of [true, false]) {
  describe(`rows that violate a valid key, on a target ${replicaRole ? 'with' : 'without'} replica role`, () => {
    const of = test.extend({ databaseOptions: { replicaRole } });

    of(
      'are named with key and rows while replay goes on; mended on the source, the cut-over succeeds',
      async ({ databases }) => {
        const { source, target } = databases;
        await source.query(ORPHANS);
        await source.admin(VIOLATING);
        await using migration = await begin(databases);
        await migration.until(() => violations(migration).length === 2, 'both keys to be told');
        const [first, second] = violations(migration).sort((a, b) => (a.object ?? '').localeCompare(b.object ?? ''));
        expect(first).toMatchObject({ policy: 'operator', object: 'public.chi.chi_p_fkey' });
        expect(first?.message).toContain('p = 777');
        expect(first?.hint).toContain("migrate --resume --leave-out 'FK CONSTRAINT public.chi chi_p_fkey'");
        expect(second?.object).toBe('public.cto."c f"');
        expect(second?.message).toContain('a = 5, b = null');
        expect(second?.message).toContain('a = 5, b = x');
        const healthy = () => migration.of('gate').findLast(({ id }) => id === 'healthy');
        await migration.until(() => healthy()?.ok === false, 'the gate to be closed');
        expect(migration.of('cutover')).toEqual([]);
        await source.query(`INSERT INTO par VALUES (777); DELETE FROM cto WHERE id > 1`);
        await migration.until(() => violations(migration).length === 0, 'the rows to fit');
        await migration.cutOver();
        expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
      },
    );

    of('arrive when the key is NOT VALID on the source by then, as the remedy writes it', async ({ databases }) => {
      const { source, target } = databases;
      await source.query(
        `CREATE TABLE par (id int PRIMARY KEY); CREATE TABLE chi (id int PRIMARY KEY, p int REFERENCES par ON DELETE CASCADE)`,
      );
      await source.admin('SET session_replication_role = replica; INSERT INTO chi VALUES (2, 777)');
      await using migration = await begin(databases);
      await migration.until(() => violations(migration).length === 1, 'the key to be told');
      const sql = /BEGIN; .*COMMIT;/.exec(violations(migration)[0]?.hint ?? '')?.[0] ?? 'no remedy';
      await source.query(sql);
      await migration.until(() => violations(migration).length === 0, 'the key to count as NOT VALID');
      await migration.cutOver();
      expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    });

    of('stay when the key is left out by migrate --resume', async ({ databases }) => {
      const { source, target } = databases;
      await source.query(ORPHANS);
      await source.admin('SET session_replication_role = replica; INSERT INTO chi VALUES (2, 777)');
      await using migration = await begin(databases);
      await migration.until(() => violations(migration).length === 1, 'the key to be told');
      await migration.stop();
      const leaveOut = ['FK CONSTRAINT public.chi chi_p_fkey'];
      await using resumed = await begin(databases, { leaveOut }, migration.directory);
      await resumed.cutOver();
      expect(resumed.warnings).toContain('Left out on request: FK CONSTRAINT public.chi chi_p_fkey');
      expect((await resumed.verify()).objects).toEqual([]);
      expect(
        await compareDatabases(source.superuserUri, target.superuserUri, {
          ignore: [/chi_p_fkey/, /\(internal\)/],
        }),
      ).toEqual([]);
    });
  });
}

describe('rows that violate another constraint', () => {
  test('of a domain that is NOT VALID arrive, and it stays so', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`CREATE DOMAIN dd AS int; CREATE TABLE ud (id int PRIMARY KEY, d dd, ds dd[]); INSERT INTO ud VALUES (1, -5, ARRAY[-1]);
      ALTER DOMAIN dd ADD CONSTRAINT pos CHECK (VALUE > 0) NOT VALID`);
    await using migration = await begin(databases);
    await source.query(`INSERT INTO ud VALUES (2, 3, '{1}'); UPDATE ud SET id = 3 WHERE id = 2`);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('a valid CHECK whose function changed since: the copy stops with a way out that works', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`CREATE FUNCTION fine(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
      CREATE TABLE checked (id int PRIMARY KEY, v int CONSTRAINT "is fine" CHECK (fine(v)));
      -- The check before looks at the first rows only.
      INSERT INTO checked SELECT g, 1 FROM generate_series(1, 10001) g; INSERT INTO checked VALUES (20000, -1);
      CREATE OR REPLACE FUNCTION fine(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 0'`);
    const uris = { source: source.uri, target: target.uri, targetDatabase: target.name, options: { skipRoles: true } };
    await using migration = await Migration.start(uris);
    const failure = await migration.ended;
    expect(failure).toMatchObject({ code: 'TM3001' });
    expect(failure?.hint).toContain('ALTER TABLE "public"."checked" DROP CONSTRAINT "is fine";');
    await target.query('ALTER TABLE "public"."checked" DROP CONSTRAINT "is fine";');
    await using resumed = await begin(databases, {}, migration.directory);
    await resumed.cutOver();
    const { tables, objects } = await resumed.verify();
    expect(tables.every(({ equal }) => equal)).toBe(true);
    expect(objects).toEqual([expect.stringContaining('is fine')]);
  });

  test('a unique index whose rows are not unique: the index stops with a way out that works', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(
      'CREATE TABLE uni (id int PRIMARY KEY, v int); INSERT INTO uni VALUES (1, 1), (2, 2); CREATE UNIQUE INDEX uni_v ON uni (v)',
    );
    // As a collation that changed leaves it: the index does not know of the row.
    await source.admin(
      `UPDATE pg_index SET indisready = false, indislive = false WHERE indexrelid = 'uni_v'::regclass`,
    );
    await source.query('INSERT INTO uni VALUES (3, 1)');
    await source.admin(`UPDATE pg_index SET indisready = true, indislive = true WHERE indexrelid = 'uni_v'::regclass`);
    const uris = { source: source.uri, target: target.uri, targetDatabase: target.name, options: { skipRoles: true } };
    await using migration = await Migration.start(uris);
    const failure = await migration.ended;
    expect(failure).toMatchObject({ code: 'TM3002' });
    expect(failure?.hint).toContain('corrupt');
    expect(failure?.hint).toContain("migrate --resume --leave-out 'INDEX public.uni_v'");
    await using resumed = await begin(databases, { leaveOut: ['INDEX public.uni_v'] }, migration.directory);
    await resumed.cutOver();
    expect(await resumed.verify()).toMatchObject({ equal: true });
  });
});

describe('check', () => {
  test('looks for such rows in small tables', async ({ databases: { source, target } }) => {
    await source.query(ORPHANS);
    const uris = { source: source.uri, target: target.uri };
    expect(await check('source-orphans', uris)).toMatchObject({ status: 'pass' });
    await source.admin(VIOLATING);
    const told = await check('source-orphans', uris);
    expect(told).toMatchObject({ status: 'warn' });
    expect(told.found).toContain('public.chi.chi_p_fkey (p = 777)');
    expect(told.found).toContain('public.cto."c f" (a = 5, b = null; a = 5, b = x)');
    expect(told.fix).toContain("--leave-out 'FK CONSTRAINT public.chi chi_p_fkey'");
    const leaveOut = ['FK CONSTRAINT public.chi chi_p_fkey', 'FK CONSTRAINT public.cto c f'];
    expect(await check('source-orphans', { ...uris, options: { leaveOut } })).toMatchObject({ status: 'pass' });
  });

  test('names keys to tables whose rows are left out', async ({ databases: { source, target } }) => {
    await source.query(ORPHANS);
    const told = (leaveOut: string[]) =>
      check('source-orphans', {
        ...{ source: source.uri, target: target.uri },
        options: { skipTableData: ['par', 'good'], leaveOut },
      });
    const found = 'refers to a table whose rows are left out: public.chi.chi_p_fkey to public.par';
    expect(await told([])).toMatchObject({ status: 'warn', found });
    const key = 'FK CONSTRAINT public.chi chi_p_fkey';
    expect((await told([])).fix).toContain(`--leave-out '${key}'`);
    expect((await told([key])).status).toBe('pass');
  });
});
