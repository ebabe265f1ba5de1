import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

/** Migrates `before`; `meanwhile` runs on the source in replay, before the cut-over. */
async function migrated(databases: TestDatabases, sql: { before: string; meanwhile: string }): Promise<Migration> {
  const { source, target } = databases;
  await source.query(sql.before);
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
  });
  await migration.reached('replay');
  await source.query(sql.meanwhile);
  await migration.cutOver();
  return migration;
}

/** What logical decoding does not carry is brought by the cut-over, or said. */
describe('at the cut-over', () => {
  test('unlogged tables are copied again', async ({ databases }) => {
    await using migration = await migrated(databases, {
      before: `CREATE UNLOGGED TABLE u (id int PRIMARY KEY, v text); INSERT INTO u SELECT g, 'a' FROM generate_series(1, 100) g;
        CREATE TABLE anchor (id int PRIMARY KEY)`,
      meanwhile: `UPDATE u SET v = 'b' WHERE id % 2 = 0; DELETE FROM u WHERE id % 3 = 0; INSERT INTO u VALUES (1000, 'c')`,
    });
    expect(await databases.target.query('SELECT count(*)::int AS n, max(id) AS last FROM u')).toEqual([
      { n: 68, last: 1000 },
    ]);
    expect(await compareDatabases(databases.source.uri, databases.target.uri)).toEqual([]);
    expect(migration.of('error')).toEqual([]);
  });

  test('materialized views are refreshed, also those upon others, and one that never was stays so', async ({
    databases,
  }) => {
    await using migration = await migrated(databases, {
      before: `CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10);
        CREATE MATERIALIZED VIEW z_sums AS SELECT sum(id) AS sum FROM t; CREATE UNIQUE INDEX ON z_sums (sum);
        CREATE MATERIALIZED VIEW a_upon AS SELECT sum + 1 AS more FROM z_sums;
        CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA`,
      meanwhile: 'INSERT INTO t VALUES (1000); REFRESH MATERIALIZED VIEW z_sums; REFRESH MATERIALIZED VIEW a_upon',
    });
    expect(await databases.target.query('SELECT (TABLE z_sums)::int AS sum, (TABLE a_upon)::int AS more')).toEqual([
      { sum: 1055, more: 1056 },
    ]);
    expect(await databases.target.query(`SELECT relispopulated AS full FROM pg_class WHERE relname = 'never'`)).toEqual(
      [{ full: false }],
    );
    expect(migration.of('error')).toEqual([]);
  });

  test('sequences are never behind the source: serial, identity, free, cycling, downwards, and never called', async ({
    databases,
  }) => {
    await using migration = await migrated(databases, {
      before: `CREATE TABLE t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5), v text);
        CREATE SEQUENCE free CACHE 20; CREATE SEQUENCE down INCREMENT -3 START -1; CREATE SEQUENCE round MAXVALUE 3 CYCLE;
        CREATE SEQUENCE fresh START 7; CREATE SEQUENCE "big One" MINVALUE 1 START 9223372036854775000;
        INSERT INTO t (v) SELECT 'a' FROM generate_series(1, 10)`,
      meanwhile: `INSERT INTO t (v) SELECT 'b' FROM generate_series(1, 7); SELECT nextval('free'), nextval('down'), nextval('down'), nextval('"big One"');
        SELECT nextval('round') FROM generate_series(1, 5)`,
    });
    const next = `SELECT nextval('t_id_seq') AS id, nextval('t_n_seq') AS n, nextval('down') AS down, nextval('round') AS round,
      nextval('fresh') AS fresh, nextval('"big One"') AS big`;
    const source = await databases.source.connect();
    // The cut-over has frozen it.
    await source.query('SET default_transaction_read_only = off');
    expect(await databases.target.query(next)).toEqual((await source.query(next)).rows);
    // Twenty values of it were in the cache of a session that is gone.
    const [{ free } = { free: 0 }] = await databases.target.query<{ free: number }>(
      `SELECT nextval('free')::int AS free`,
    );
    expect(free).toBeGreaterThan(1);
    expect(migration.of('error')).toEqual([]);
  });

  test('foreign and temporary tables are left out, and the rest arrives', async ({ databases }) => {
    const { source, target } = databases;
    await source.admin(`CREATE EXTENSION postgres_fdw; CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw;
      GRANT USAGE ON FOREIGN SERVER away TO ${source.owner}`);
    await target.admin(
      `CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${target.owner}`,
    );
    const temporary = await source.connect();
    await temporary.query('CREATE TEMPORARY TABLE passing (id int PRIMARY KEY); INSERT INTO passing VALUES (1)');
    await using migration = await migrated(databases, {
      before: 'CREATE TABLE t (id int PRIMARY KEY); CREATE FOREIGN TABLE outside (id int) SERVER away',
      meanwhile: 'INSERT INTO t VALUES (1)',
    });
    expect(await target.query('TABLE t')).toEqual([{ id: 1 }]);
    expect(await target.query(`SELECT count(*)::int AS n FROM pg_class WHERE relname = 'passing'`)).toEqual([{ n: 0 }]);
    expect(migration.of('plan')[0]?.tables.map(({ relation }) => relation)).toEqual(['public.t']);
  });
});
