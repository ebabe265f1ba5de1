import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { inReplay, untilGate } from './ddl.ts';
import { Migration } from './whole/migration.ts';

/** By which of our publications each table is published. */
const published = async (source: TestDatabase): Promise<Record<string, string>> => {
  const rows = await source.query<{ name: string; by: string }>(
    `SELECT tablename AS name, string_agg(CASE WHEN pubname LIKE '%_inserts' THEN 'inserts' ELSE 'all' END, ' ' ORDER BY 1) AS by
       FROM pg_publication_tables GROUP BY 1 ORDER BY 1`,
  );
  return Object.fromEntries(rows.map(({ name, by }) => [name, by]));
};

const damaged = (migration: Migration): string[] => [
  ...new Set(
    migration
      .of('table')
      .flatMap(({ relation, state, damage }) => (state === 'damaged' ? [`${relation} ${damage?.code}`] : [])),
  ),
];

/** The application's own statement works, within the next look. */
const untilTaken = (source: TestDatabase, sql: string) =>
  until(
    () =>
      source.query(sql).then(
        () => true,
        (error: unknown) => {
          expect(String(error)).toMatch(/replica identity/);
          return false;
        },
      ),
    { what: sql },
  );

describe('an identity that is lost while the migration runs', () => {
  const LOST: readonly [string, string][] = [
    ['its primary key is dropped', 'ALTER TABLE t DROP CONSTRAINT t_pkey'],
    ['it is set to NOTHING', 'ALTER TABLE t REPLICA IDENTITY NOTHING'],
    ['the index that it names is dropped', 'ALTER TABLE t REPLICA IDENTITY USING INDEX t_u; DROP INDEX t_u'],
    ['it names a generated column', 'ALTER TABLE t REPLICA IDENTITY USING INDEX t_g'],
    [
      'its key is deferrable',
      'ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED',
    ],
  ];
  test.for(LOST)('because %s: the application goes on, the table is damaged, and comes back with FULL', async ([
    ,
    sql,
  ], { databases }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL, v text, g int GENERATED ALWAYS AS (id + 1) STORED NOT NULL);
      CREATE UNIQUE INDEX t_u ON t (u); CREATE UNIQUE INDEX t_g ON t (g); INSERT INTO t (id, u) SELECT n, n FROM generate_series(1, 20) n;
      CREATE TABLE other (id int PRIMARY KEY, v text); INSERT INTO other SELECT generate_series(1, 20)`);
    await using migration = await inReplay(databases);
    await source.query(sql);
    await untilTaken(source, `UPDATE t SET v = 'b' WHERE id = 1`);
    await untilTaken(source, 'DELETE FROM t WHERE id = 2');
    await migration.until(() => damaged(migration).length > 0, 'the table to be damaged');
    expect(damaged(migration)).toEqual(['public.t TM5006']);
    await migration.until(async () => (await published(source)).t === 'inserts', 'the table to change its publication');
    await source.query(`UPDATE other SET v = 'c'; INSERT INTO t (id, u) VALUES (100, 100)`);
    await source.query(`ALTER TABLE t REPLICA IDENTITY FULL; UPDATE t SET v = 'd' WHERE id = 3`);
    await migration.resync('public.t');
    await untilGate(migration, 'damaged', true);
    await untilGate(migration, 'copied', true);
    expect(await published(source)).toEqual({ other: 'all', t: 'all' });
    await source.query(`UPDATE t SET v = 'e' WHERE id = 4; DELETE FROM t WHERE id = 5; UPDATE other SET v = 'e'`);
    // As after any change of a schema, the target has the old definition.
    await target.query(
      /DROP CONSTRAINT|DROP INDEX/.test(sql)
        ? sql.replace('ALTER TABLE t REPLICA IDENTITY USING INDEX t_u; ', '')
        : 'SELECT',
    );
    await untilGate(migration, 'schema', true);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('of one partition: the whole partitioned table is damaged, and published as before once the identity is back', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE TABLE p_2 PARTITION OF p DEFAULT; INSERT INTO p SELECT generate_series(1, 20)`);
    await using migration = await inReplay(databases);
    await source.query('ALTER TABLE p_2 REPLICA IDENTITY NOTHING');
    await untilTaken(source, `UPDATE p SET v = 'b' WHERE id = 15`);
    await source.query(`UPDATE p SET v = 'b' WHERE id = 5`);
    await migration.until(() => damaged(migration).length === 2, 'both partitions to be damaged');
    expect(damaged(migration).sort()).toEqual(['public.p_1 TM5006', 'public.p_2 TM5006']);
    await source.query('ALTER TABLE p_2 REPLICA IDENTITY DEFAULT');
    await migration.resync();
    await untilGate(migration, 'damaged', true);
    await untilGate(migration, 'copied', true);
    expect(await published(source)).toEqual({ p_1: 'all', p_2: 'all' });
    await source.query(
      `UPDATE p SET v = 'c' WHERE id IN (6, 16); CREATE TABLE p_3 PARTITION OF p FOR VALUES FROM (100) TO (200)`,
    );
    await target.query('CREATE TABLE p_3 PARTITION OF p FOR VALUES FROM (100) TO (200)');
    await source.query(`INSERT INTO p VALUES (150)`);
    await migration.until(async () => (await target.query('SELECT FROM p_3')).length === 1, 'the new partition');
    await source.query(`UPDATE p SET v = 'd' WHERE id = 150`);
    await untilGate(migration, 'damaged', true);
    await untilGate(migration, 'copied', true);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('before the copy: the application goes on, and the table is damaged once all are copied', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT generate_series(1, 9)`);
    await using migration = await Migration.start({
      source: source.uri,
      target: target.uri,
      targetDatabase: target.name,
      waitForGo: true,
    });
    await migration.untilSnapshot();
    await source.query('ALTER TABLE t REPLICA IDENTITY NOTHING');
    await untilTaken(source, `UPDATE t SET v = 'b' WHERE id = 1`);
    await migration.go();
    await migration.until(() => damaged(migration).length > 0, 'the table to be damaged');
    expect(damaged(migration)).toEqual(['public.t TM5006']);
    // Without an identity it comes back for inserts only, and that is told.
    await migration.resync();
    await untilGate(migration, 'damaged', true);
    await untilGate(migration, 'copied', true);
    expect(migration.warnings).toContain(
      'public.t has no replica identity: once it is copied, only its INSERT and TRUNCATE are replayed.',
    );
    expect(await published(source)).toEqual({ t: 'inserts' });
    await source.query('INSERT INTO t VALUES (100)');
    await migration.cutOver();
    expect(await target.query('SELECT * FROM t ORDER BY id')).toEqual(
      await source.query('SELECT * FROM t ORDER BY id'),
    );
  });
});
