import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { gate, inReplay, obey, openChanges, untilGate, untilTold } from './ddl.ts';

const statesOf = (name: string) => `SELECT schema, state, copy_lsn FROM tiger_migrate.relation WHERE name = '${name}'`;

describe('DDL on the source while replay runs', () => {
  test('RENAME TABLE and SET SCHEMA: replay goes on into the old name until the target has the new one', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE SCHEMA "other place"; CREATE TABLE renamed (id int PRIMARY KEY, v text); CREATE TABLE moved (id int PRIMARY KEY, v text);
      INSERT INTO renamed SELECT g, 'a' FROM generate_series(1, 50) g; INSERT INTO moved TABLE renamed`);
    await using migration = await inReplay(databases);
    await source.query(`INSERT INTO renamed VALUES (51, 'before')`);
    await source.query(`ALTER TABLE renamed RENAME TO "new name"; ALTER TABLE moved SET SCHEMA "other place"`);
    await source.query(
      `INSERT INTO "new name" VALUES (52, 'after'); UPDATE "other place".moved SET v = 'b' WHERE id = 7`,
    );
    await untilTold(migration, 'table-renamed', 'public.renamed');
    await migration.until(
      async () => (await target.query(`SELECT FROM renamed WHERE id = 52`)).length === 1,
      'replay to go on into the old name',
    );
    await untilGate(migration, 'schema', false);
    expect(gate(migration, 'schema')?.detail).toContain('public.');
    await obey(migration, target);
    await source.query(`DELETE FROM "new name" WHERE id = 52; INSERT INTO "other place".moved VALUES (60, 'last')`);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('DROP TABLE: told, the target’s copy is not touched, the cut-over not locked', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(
      `CREATE TABLE dropped (id int PRIMARY KEY); CREATE TABLE kept (id int PRIMARY KEY); INSERT INTO dropped VALUES (1)`,
    );
    await using migration = await inReplay(databases);
    await source.query('INSERT INTO dropped VALUES (2); DROP TABLE dropped; INSERT INTO kept VALUES (1)');
    await untilTold(migration, 'table-dropped', 'public.dropped');
    expect(openChanges(migration)).toMatchObject([{ locks: false, sql: ['DROP TABLE "public"."dropped";'] }]);
    await untilGate(migration, 'schema', true);
    await migration.cutOver();
    expect(await target.query('SELECT id FROM dropped ORDER BY 1')).toEqual([{ id: 1 }, { id: 2 }]);
    expect(migration.of('done')[0]?.summary.join('\n')).toMatch(/Left on the target as it was: public\.dropped/);
  });

  test('CREATE TABLE: made on the target as told it is copied and taken in; excluded ones stay out', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`CREATE TABLE old (id int PRIMARY KEY); CREATE SCHEMA aside`);
    await using migration = await inReplay(databases, { excludeTable: ['left_*'], excludeSchema: ['aside'] });
    await source.query(`
      CREATE TABLE left_out (id int PRIMARY KEY); INSERT INTO left_out VALUES (1); CREATE TABLE aside.t (id int PRIMARY KEY);
      CREATE TABLE "new one" (id serial PRIMARY KEY, at timestamptz DEFAULT now(), n int GENERATED ALWAYS AS (length(v)) STORED, v text UNIQUE);
      CREATE INDEX ON "new one" (at); INSERT INTO "new one" (v) SELECT 'v' || g FROM generate_series(1, 100) g;
      CREATE TABLE keyless (v text); INSERT INTO keyless VALUES ('a'), ('b')`);
    await untilTold(migration, 'table-created', 'public."new one"');
    await untilGate(migration, 'schema', false);
    // It writes since before the table is published, and commits afterwards: the copy must hold its row.
    const writer = await source.connect();
    await writer.query(`BEGIN; INSERT INTO "new one" (v) VALUES ('since before')`);
    const obeyed = obey(migration, target);
    await migration.until(
      async () => (await source.query(`SELECT FROM pg_publication_tables WHERE tablename = 'new one'`)).length === 1,
      'the table to be published',
    );
    await writer.query(`INSERT INTO "new one" (v) VALUES ('meanwhile'); COMMIT`);
    await obeyed;
    await source.query(`INSERT INTO "new one" (v) VALUES ('after'); UPDATE "new one" SET v = 'changed' WHERE id = 3; DELETE FROM "new one" WHERE id = 4;
      INSERT INTO keyless VALUES ('c'); DELETE FROM keyless WHERE v = 'nothing'; INSERT INTO old VALUES (1)`);
    const published = await source.query(`SELECT tablename AS name FROM pg_publication_tables ORDER BY 1`);
    expect(published).toEqual([{ name: 'keyless' }, { name: 'new one' }, { name: 'old' }]);
    await migration.cutOver();
    const told = migration.of('schema_changes').flatMap(({ changes }) => changes.map(({ table }) => table));
    expect([...new Set(told)].sort()).toEqual(['public."new one"', 'public.keyless']);
    expect(migration.warnings.filter((text) => /left_out|aside/.test(text))).toEqual([]);
    const ignore = [/left_out/, /aside/];
    expect(await compareDatabases(source.superuserUri, target.superuserUri, { ignore })).toEqual([]);
    expect(await target.query(`SELECT to_regclass('left_out') AS one, to_regnamespace('aside') AS other`)).toEqual([
      { one: null, other: null },
    ]);
    expect(await target.query(statesOf('new one'))).toMatchObject([{ state: 'live' }]);
  });

  test('CREATE TABLE … PARTITION OF, ATTACH PARTITION with rows, DETACH PARTITION', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE m (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
      CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM (1) TO (100); CREATE TABLE m_9 PARTITION OF m FOR VALUES FROM (900) TO (1000);
      INSERT INTO m SELECT g, 'a' FROM generate_series(1, 50) g; INSERT INTO m VALUES (900, 'a')`);
    await using migration = await inReplay(databases);
    await source.query(`
      CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM (100) TO (200); INSERT INTO m VALUES (101, 'new')`);
    await source.query(`
      CREATE TABLE m_3 (LIKE m); INSERT INTO m_3 SELECT g, 'rows' FROM generate_series(200, 250) g;
      ALTER TABLE m ATTACH PARTITION m_3 FOR VALUES FROM (200) TO (300); ALTER TABLE m DETACH PARTITION m_9;
      INSERT INTO m_9 VALUES (901, 'on its own'); UPDATE m SET v = 'b' WHERE id IN (1, 201)`);
    await untilTold(migration, 'partition-detached', 'public.m_9');
    await obey(migration, target);
    await source.query(
      `UPDATE m SET v = 'c' WHERE id IN (101, 202); DELETE FROM m WHERE id = 203; INSERT INTO m_9 VALUES (902, 'later')`,
    );
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('DROP CONSTRAINT of the key: what the source refuses from now on is told with the remedy', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(
      `CREATE TABLE t (id int CONSTRAINT key PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'a')`,
    );
    await using migration = await inReplay(databases);
    await source.query('ALTER TABLE t DROP CONSTRAINT key');
    await untilTold(migration, 'identity-lost', 'public.t');
    const [change] = openChanges(migration);
    expect(change).toMatchObject({
      locks: true,
      copy_again: true,
      sql: [],
      source_sql: ['ALTER TABLE "public"."t" REPLICA IDENTITY FULL;'],
    });
    for (const sql of change?.source_sql ?? []) await source.query(sql);
    await source.query(`UPDATE t SET v = 'b' WHERE id = 1; DELETE FROM t WHERE id = 2`);
    await migration.resync('public.t');
    await untilGate(migration, 'copied', true);
    await untilGate(migration, 'schema', true);
    await migration.cutOver();
    expect(await target.query('SELECT * FROM t')).toEqual([{ id: 1, v: 'b' }]);
  });

  test('ADD COLUMN with a value of its own for each row: locked until the table is copied again', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 50)`);
    await using migration = await inReplay(databases);
    await source.query(`ALTER TABLE t ADD r double precision NOT NULL DEFAULT random(), ADD s serial`);
    await source.query('INSERT INTO t (id) VALUES (51)');
    await untilTold(migration, 'column-added', 'public.t');
    expect(openChanges(migration)).toMatchObject([{ copy_again: true }, { copy_again: true }]);
    for (const { sql } of openChanges(migration)) for (const statement of sql) await target.query(statement);
    await migration.until(() => openChanges(migration).every(({ sql }) => sql.length === 0), 'the columns to be seen');
    await untilGate(migration, 'schema', false);
    await migration.until(() => migration.of('healed').length > 0, 'replay to go on');
    await migration.resync('public.t');
    await untilGate(migration, 'schema', true);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});
