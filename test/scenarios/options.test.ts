import { expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

const migrate = (databases: TestDatabases, options: Parameters<typeof Migration.start>[0]['options'] = {}) =>
  Migration.start({
    source: databases.source.uri,
    target: databases.target.uri,
    targetDatabase: databases.target.name,
    options,
  });

/** Names of the target's relations of these kinds, in the schemas of the application. */
const relations = async ({ target }: TestDatabases, kinds: string): Promise<string[]> =>
  (
    await target.query<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^(pg_|information_schema|tiger_migrate)' AND strpos($1, c.relkind::text) > 0 ORDER BY 1`,
      [kinds],
    )
  ).map((row) => row.name);

test('tables, rows, schemas and indexes that are left out on request', async ({ databases }) => {
  const { source, target } = databases;
  await source.query(`
    CREATE SCHEMA keep; CREATE SCHEMA "Not this"; CREATE SCHEMA kept_too;
    CREATE TABLE keep.a (id int PRIMARY KEY, v text);
    CREATE UNIQUE INDEX skip_unique ON keep.a (v); CREATE INDEX stays ON keep.a (v);
    CREATE TABLE keep.refers (v text REFERENCES keep.a (v));
    CREATE TABLE keep.log_2025 (id int PRIMARY KEY, v text);
    CREATE TABLE keep.log_2026 (id bigserial PRIMARY KEY, v text);
    CREATE TABLE keep.parts (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE keep.parts_1 PARTITION OF keep.parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
    CREATE TABLE kept_too.parts_2 PARTITION OF keep.parts DEFAULT;
    CREATE INDEX skip_parts ON keep.parts (day); CREATE INDEX parts_id ON keep.parts (id);
    CREATE TABLE keep.no_rows (id int PRIMARY KEY) PARTITION BY LIST (id);
    CREATE TABLE keep.no_rows_1 PARTITION OF keep.no_rows DEFAULT;
    CREATE TABLE keep."gone.for *" (id int PRIMARY KEY, s serial, i int GENERATED ALWAYS AS IDENTITY);
    CREATE TABLE keep.gone_parts (id int PRIMARY KEY) PARTITION BY LIST (id);
    CREATE TABLE keep.p1 PARTITION OF keep.gone_parts DEFAULT;
    CREATE TABLE "Not this".x (id int PRIMARY KEY);
    ALTER TABLE keep.a ADD CONSTRAINT to_x FOREIGN KEY (id) REFERENCES "Not this".x NOT VALID;
    CREATE VIEW keep.of_x AS SELECT * FROM "Not this".x; CREATE MATERIALIZED VIEW keep.m_of_x AS SELECT * FROM keep.of_x;
    COMMENT ON VIEW keep.of_x IS 'x'; CREATE INDEX ON keep.m_of_x (id);
    CREATE FUNCTION keep.count_x() RETURNS SETOF "Not this".x LANGUAGE sql AS 'SELECT * FROM "Not this".x';
    INSERT INTO "Not this".x SELECT generate_series(1, 10);
    INSERT INTO keep.a SELECT g, 'v' || g FROM generate_series(1, 10) g; INSERT INTO keep.refers SELECT v FROM keep.a;
    INSERT INTO keep.log_2025 SELECT g FROM generate_series(1, 10) g; INSERT INTO keep.log_2026 (v) SELECT 'v' FROM generate_series(1, 10) g;
    INSERT INTO keep.parts SELECT g, date '2025-12-25' + g FROM generate_series(1, 10) g;
    INSERT INTO keep.no_rows SELECT generate_series(1, 10); INSERT INTO keep."gone.for *" VALUES (1); INSERT INTO keep.gone_parts VALUES (1);
    REFRESH MATERIALIZED VIEW keep.m_of_x`);
  await using migration = await migrate(databases, {
    skipTableData: ['keep.log_20*', 'keep.no_rows'],
    excludeTable: ['keep."gone.for *"', 'keep.gone_part?'],
    excludeSchema: ['Not this'],
    skipIndex: ['skip_*', 'parts_2_id_idx'],
  });
  await migration.reached('replay');
  // What is left out is not replayed either.
  await source.query(`
    INSERT INTO "Not this".x VALUES (11); INSERT INTO keep.a VALUES (11, 'new'); UPDATE keep.log_2025 SET v = 'u'; DELETE FROM keep.log_2026 WHERE id = 1;
    INSERT INTO keep.no_rows VALUES (11); UPDATE keep."gone.for *" SET id = 2; DELETE FROM keep.gone_parts;
    UPDATE keep.parts SET id = id + 100; TRUNCATE keep.log_2025, keep.no_rows`);
  await migration.cutOver();

  expect(await relations(databases, 'rp')).toEqual([
    'keep.a',
    'keep.log_2025',
    'keep.log_2026',
    'keep.no_rows',
    'keep.no_rows_1',
    'keep.parts',
    'keep.parts_1',
    'keep.refers',
    'kept_too.parts_2',
  ]);
  expect(await relations(databases, 'vm')).toEqual([]);
  expect(await relations(databases, 'S')).toEqual(['keep.log_2026_id_seq']);
  const counts =
    'SELECT (SELECT count(*)::int FROM keep.log_2026) AS log, (SELECT count(*)::int FROM keep.no_rows) AS no_rows';
  expect(await target.query(counts)).toEqual([{ log: 0, no_rows: 0 }]);
  // A sequence goes on where the source's is, rows or not.
  expect(await target.query(`SELECT nextval('keep.log_2026_id_seq')::int AS next`)).toEqual([{ next: 11 }]);
  // An index of a partitioned table is left out as a whole when one of its parts is.
  expect((await relations(databases, 'iI')).filter((name) => /skip|stays|_idx|parts_id/.test(name))).toEqual([
    'keep.stays',
  ]);

  const verified = await migration.verify();
  expect(verified.objects).toEqual([]);
  expect(verified.equal).toBe(true);
  expect(verified.tables.map((table) => table.relation).sort()).toEqual([
    'keep.a',
    'keep.parts_1',
    'keep.refers',
    'kept_too.parts_2',
  ]);
  const differences = await compareDatabases(source.superuserUri, target.superuserUri, {
    skipRows: ['keep.log_2025', 'keep.log_2026', 'keep.no_rows_1'],
  });
  const expected =
    /(gone|keep\.p1|Not this|of_x|count_x|to_x|skip_unique|skip_parts|parts_id|day_idx|parts_2_id_idx|parts_1_id_idx|refers_v_fkey|keep\.(a|refers) \(internal\))/;
  expect(differences.filter((text) => !expected.test(text))).toEqual([]);
  expect(differences.filter((text) => !/missing on the target|\(internal\)/.test(text))).toEqual([]);
  const { warnings } = migration;
  expect(warnings.filter((text) => !/^Left out|^Conditions overridden/.test(text))).toEqual([]);
  for (const what of ['refers_v_fkey', 'to_x', 'VIEW keep.of_x', 'MATERIALIZED VIEW keep.m_of_x', 'count_x']) {
    expect(
      warnings.some((text) => text.startsWith('Left out') && text.includes(what)),
      what,
    ).toBe(true);
  }
});
