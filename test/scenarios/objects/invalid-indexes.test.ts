import pg from 'pg';
import { describe, expect } from 'vitest';
import { startServer } from '../../../src/demo/server.ts';
import { check } from '../../support/check-context.ts';
import { compareDatabases } from '../../support/compare.ts';
import { type TestDatabases, test } from '../../support/databases.ts';
import { isInstalled, nativeOf } from '../../support/other-versions.ts';
import { Migration } from '../whole/migration.ts';

/** A partitioned table with an index that is made bit by bit: on the root and on one of two partitions. */
const BIT_BY_BIT = `
  CREATE TABLE e (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE e1 PARTITION OF e FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
  CREATE TABLE e2 PARTITION OF e FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
  INSERT INTO e VALUES (1, '2024-01-05'), (2, '2024-02-05');
  CREATE INDEX e_at ON ONLY e (at); CREATE INDEX e1_at ON e1 (at); ALTER INDEX e_at ATTACH PARTITION e1_at`;

const begin = async ({ source, target }: TestDatabases, options = {}) => {
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { skipRoles: true, ...options },
  });
  await migration.reached('replay');
  return migration;
};

const INVALID = `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid ORDER BY 1`;

async function expectSameAfterCutover(databases: TestDatabases, ignore: RegExp[] = []): Promise<void> {
  const { source, target } = databases;
  await using migration = await begin(databases);
  await migration.cutOver();
  expect((await migration.verify()).objects).toEqual([]);
  expect(await compareDatabases(source.superuserUri, target.superuserUri, { ignore })).toEqual([]);
}

describe('an index that is invalid on the source', () => {
  test('on a partitioned table, attached in part: it is so on the target, and the cut-over succeeds', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(BIT_BY_BIT);
    await expectSameAfterCutover(databases);
    expect(await target.query(INVALID)).toEqual([{ name: 'e_at' }]);
  });

  test('on a partitioned table below another: each level is as on the source', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`${BIT_BY_BIT}; CREATE TABLE e3 PARTITION OF e FOR VALUES FROM ('2024-03-01') TO ('2024-04-01') PARTITION BY LIST (id);
      CREATE TABLE e3a PARTITION OF e3 DEFAULT; INSERT INTO e VALUES (5, '2024-03-05');
      CREATE INDEX e3_v ON ONLY e3 (at DESC); CREATE INDEX e3a_v ON e3a (at DESC); ALTER INDEX e3_v ATTACH PARTITION e3a_v;
      CREATE INDEX e_v ON ONLY e (at DESC); ALTER INDEX e_v ATTACH PARTITION e3_v`);
    await expectSameAfterCutover(databases);
    expect((await target.query(INVALID)).map(({ name }) => name)).toEqual(expect.arrayContaining(['e_at', 'e_v']));
  });

  test('of a primary key and a unique constraint on the root only', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`CREATE TABLE u (id int NOT NULL, k int NOT NULL, v text) PARTITION BY RANGE (k);
      CREATE TABLE u1 PARTITION OF u FOR VALUES FROM (0) TO (10); CREATE TABLE u2 PARTITION OF u DEFAULT;
      ALTER TABLE u REPLICA IDENTITY FULL; ALTER TABLE u1 REPLICA IDENTITY FULL; ALTER TABLE u2 REPLICA IDENTITY FULL;
      INSERT INTO u VALUES (1, 1, 'a'), (2, 20, 'b');
      ALTER TABLE ONLY u ADD PRIMARY KEY (id, k); ALTER TABLE ONLY u ADD CONSTRAINT u_both UNIQUE (k, v);
      ALTER TABLE u1 ADD CONSTRAINT u1_both UNIQUE (k, v); ALTER INDEX u_both ATTACH PARTITION u1_both`);
    await expectSameAfterCutover(databases);
    expect(await target.query(INVALID)).toEqual([{ name: 'u_both' }, { name: 'u_pkey' }]);
  });

  test('left behind by CREATE INDEX CONCURRENTLY: it is absent, check says so, and verify does not miss it', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query('CREATE TABLE d (id int PRIMARY KEY, v int); INSERT INTO d VALUES (1, 7), (2, 7)');
    await source.query('CREATE UNIQUE INDEX CONCURRENTLY "d v" ON d (v)').catch(() => undefined);
    await source.admin(`CREATE INDEX d_v_ccnew ON d (v);
      UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid = 'd_v_ccnew'::regclass`);
    const told = await check('source-invalid-objects', { source: source.uri, target: target.uri });
    expect(told).toMatchObject({ status: 'info' });
    expect(told.found).toContain('absent on the target: index public."d v", index public.d_v_ccnew');
    expect(told.fix).toContain('REINDEX INDEX CONCURRENTLY "public"."d v";');
    expect(told.fix).toContain('DROP INDEX CONCURRENTLY "public"."d_v_ccnew";');
    await expectSameAfterCutover(databases, [/d v|d_v_ccnew/]);
    expect(await target.query(INVALID)).toEqual([]);
  });

  test('that becomes valid meanwhile: the cut-over names the statements before its fence, and succeeds after them', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(BIT_BY_BIT);
    await using migration = await begin(databases);
    await source.query('CREATE INDEX "e2 at" ON e2 (at); ALTER INDEX e_at ATTACH PARTITION "e2 at"');
    await migration.requestCutover(true);
    const refused = () => migration.of('error').find(({ error }) => error.code === 'TM6005');
    await migration.until(() => refused() !== undefined, 'the refusal');
    expect(migration.of('cutover').filter(({ step }) => step !== 'fence')).toEqual([]);
    const statements = (refused()?.error.hint ?? '').split('\n').filter((line) => line.endsWith(';'));
    expect(statements).toEqual([
      'CREATE INDEX "e2 at" ON public.e2 USING btree (at);',
      'ALTER INDEX "public"."e_at" ATTACH PARTITION "public"."e2 at";',
    ]);
    for (const sql of statements) await target.query(sql);
    await migration.cutOver();
    expect(await target.query(INVALID)).toEqual([]);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('check names what arrives invalid, and constraints that arrive NOT VALID', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`${BIT_BY_BIT}; CREATE TABLE p (id int PRIMARY KEY, v int); INSERT INTO p VALUES (1, -1);
      ALTER TABLE p ADD CONSTRAINT "v > 0" CHECK (v > 0) NOT VALID; CREATE DOMAIN dd AS int; ALTER DOMAIN dd ADD CONSTRAINT pos CHECK (VALUE > 0) NOT VALID;
      CREATE TABLE c (p int); INSERT INTO c VALUES (9); ALTER TABLE c ADD CONSTRAINT c_p FOREIGN KEY (p) REFERENCES p NOT VALID;
      ALTER TABLE e ADD CONSTRAINT later CHECK (id > 3) NOT VALID`);
    const told = await check('source-invalid-objects', { source: source.uri, target: target.uri });
    expect(told).toMatchObject({ status: 'info' });
    expect(told.found).toContain('invalid on the target too: index public.e_at');
    expect(told.found).toContain(
      'NOT VALID on the target too: c_p on public.c, pos on public.dd, later on public.e, "v > 0" on public.p',
    );
    expect(told.fix).toContain('ALTER TABLE "public"."p" VALIDATE CONSTRAINT "v > 0";');
    expect(told.fix).toContain('ALTER DOMAIN "public"."dd" VALIDATE CONSTRAINT "pos";');
    expect(told.found).not.toContain('public.e1');
  });

  test.skipIf(!isInstalled(18))('18: a constraint that is NOT ENFORCED is none of them', async ({ databases }) => {
    await using newer = await startServer({ name: 'not-enforced', native: nativeOf(18) });
    const client = new pg.Client(newer.uri('postgres'));
    await client.connect();
    await client
      .query('CREATE TABLE t (id int, CONSTRAINT soft CHECK (id > 0) NOT ENFORCED)')
      .finally(() => client.end());
    const told = await check('source-invalid-objects', {
      source: newer.uri('postgres'),
      target: databases.target.uri,
    });
    expect(told).toMatchObject({ status: 'pass' });
  });
});
