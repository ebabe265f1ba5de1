import { describe, expect } from 'vitest';
import { compareDatabases } from '../../support/compare.ts';
import { type TestDatabases, test } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';

const BEFORE = `
CREATE TABLE t (id int PRIMARY KEY, v text DEFAULT 'old', n int CHECK (n < 10)); INSERT INTO t VALUES (1, 'a', 1);
CREATE TABLE refers (id int CONSTRAINT to_t REFERENCES t);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION gone() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW v AS SELECT id FROM t; CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf(); CREATE TRIGGER gone BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION tf();
CREATE POLICY p ON t USING (true); CREATE TYPE e AS ENUM ('a', 'c'); CREATE DOMAIN d AS int CONSTRAINT d_check CHECK (VALUE > 0);
CREATE RULE r AS ON DELETE TO t WHERE OLD.id = 0 DO INSTEAD NOTHING; CREATE SEQUENCE s; CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
CREATE STATISTICS st ON id, n FROM t; CREATE INDEX ix ON t (v);`;

const CHANGES = `
CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'; DROP FUNCTION gone(); CREATE FUNCTION new(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE VIEW v AS SELECT id FROM t WHERE id > 5; CREATE VIEW new_view AS SELECT v FROM t;
ALTER TABLE t ALTER v SET DEFAULT 'it''s new'; ALTER TABLE t DROP CONSTRAINT t_n_check; ALTER TABLE t ADD CONSTRAINT t_n_check CHECK (n < 20);
ALTER TABLE refers DROP CONSTRAINT to_t; ALTER TABLE refers ADD CONSTRAINT to_t FOREIGN KEY (id) REFERENCES t ON DELETE CASCADE;
ALTER TYPE e ADD VALUE 'b' BEFORE 'c'; ALTER TYPE e ADD VALUE 'z'; ALTER TYPE e ADD VALUE '0' BEFORE 'a';
DROP TRIGGER tr ON t; CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf(); DROP TRIGGER gone ON t; ALTER TABLE t DISABLE TRIGGER tr;
ALTER POLICY p ON t USING (id > 3); CREATE POLICY p2 ON t FOR SELECT USING (n > 1); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
ALTER DOMAIN d DROP CONSTRAINT d_check; ALTER DOMAIN d ADD CONSTRAINT d_check CHECK (VALUE > 1);
CREATE OR REPLACE RULE r AS ON DELETE TO t WHERE OLD.id = 1 DO INSTEAD NOTHING; ALTER SEQUENCE s INCREMENT 5 MAXVALUE 1000 CYCLE;
COMMENT ON TABLE t IS 'new'; COMMENT ON COLUMN t.v IS 'c'; COMMENT ON FUNCTION f() IS 'c'; GRANT SELECT ON t TO pg_monitor; REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
ALTER TABLE t SET (fillfactor = 50); ALTER TABLE t ALTER n SET STATISTICS 55; ALTER STATISTICS st SET STATISTICS 9;
DROP INDEX ix; CREATE INDEX ix ON t (lower(v)); CREATE INDEX new_index ON t (n);`;

const OBJECTS = [
  'column public.t.n',
  'column public.t.v',
  'constraint public.d.d_check',
  'constraint public.refers.to_t',
  'constraint public.t.t_n_check',
  'enum type public.e',
  'function public.f()',
  'function public.gone()',
  'function public.new(integer)',
  'index public.ix',
  'index public.new_index',
  'policy public.t.p',
  'policy public.t.p2',
  'rule public.t.r',
  'sequence public.s',
  'statistics object public.st',
  'table public.t',
  'trigger public.t.gone',
  'trigger public.t.tr',
  'view public.new_view',
  'view public.v',
];

async function begin(databases: TestDatabases, before = BEFORE): Promise<Migration> {
  const { source, target } = databases;
  await source.query(before);
  const migration = await Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name });
  await migration.reached('replay');
  return migration;
}

const objects = (migration: Migration) => [...new Set(migration.definitionChanges.map(({ object }) => object))];

describe('definitions that change while it runs', () => {
  test('are told with statements, carried over after a yes, and equal then', { timeout: 600_000 }, async ({
    databases,
  }) => {
    const { source, target } = databases;
    await using migration = await begin(databases);
    await source.query(CHANGES);
    await migration.until(() => objects(migration).length >= OBJECTS.length, 'all changes to be told');
    expect(objects(migration)).toEqual(OBJECTS);
    expect(migration.definitionChanges.filter(({ when }) => when === 'hand')).toEqual([]);
    // Nothing is run without a yes.
    expect(await target.query('SELECT f() AS f')).toEqual([{ f: 1 }]);
    await migration.carryOver();
    expect(migration.definitionChanges).toEqual([]);
    expect(await target.query('SELECT f() AS f')).toEqual([{ f: 2 }]);
    await source.query("INSERT INTO t VALUES (2, 'b', 15)");
    await migration.cutOver();
    expect((await migration.verify()).objects).toEqual([]);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('find functions as on the source; rules of views, CHECKs and indexes of partitioned tables arrive', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await using migration = await begin(
      databases,
      `CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1); CREATE VIEW v AS SELECT id, n FROM t;
       CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
       CREATE FUNCTION limit_of() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 10';
       CREATE FUNCTION inlined(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT limit_of() + $1';
       CREATE FUNCTION fits(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 < limit_of(); END'`,
    );
    await source.query(`CREATE FUNCTION count_t() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t';
      CREATE INDEX by_fits ON t (fits(n)); CREATE STATISTICS by_sum ON inlined(n), id FROM t; ALTER TABLE t ADD CONSTRAINT fits CHECK (fits(n));
      CREATE RULE ins AS ON INSERT TO v DO INSTEAD INSERT INTO t VALUES (NEW.id, NEW.n);
      ALTER TABLE parts ADD CONSTRAINT few CHECK (id < 50); CREATE INDEX parts_z ON parts (id DESC);
      ALTER TABLE ONLY parts ALTER v SET DEFAULT 'of the whole'`);
    const changed = [
      'column public.parts.v',
      'constraint public.parts.few',
      'constraint public.t.fits',
      'function public.count_t()',
      'index public.by_fits',
      'index public.parts_z',
      'rule public.v.ins',
      'statistics object public.by_sum',
      'index public.parts_1_id_idx',
    ];
    await migration.until(() => objects(migration).length >= changed.length, 'all changes to be told');
    expect(objects(migration)).toEqual(changed);
    await migration.carryOver();
    expect(migration.definitionChanges).toEqual([]);
    await migration.cutOver();
    expect((await migration.verify()).objects).toEqual([]);
    expect(await compareDatabases(source.superuserUri, target.superuserUri, { searchPath: 'public' })).toEqual([]);
  });

  test('a CHECK that was carried over and is as before again is on the target in the end', async ({ databases }) => {
    const { source, target } = databases;
    await using migration = await begin(
      databases,
      'CREATE TABLE t (id int PRIMARY KEY, n int CONSTRAINT few CHECK (n < 10)); INSERT INTO t VALUES (1, 1)',
    );
    const check = (limit: number) =>
      source.query(`ALTER TABLE t DROP CONSTRAINT few; ALTER TABLE t ADD CONSTRAINT few CHECK (n < ${limit})`);
    await check(20);
    await migration.until(() => objects(migration).length > 0, 'the change to be told');
    await migration.carryOver();
    await check(10);
    await migration.cutOver();
    expect((await migration.verify()).objects).toEqual([]);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('do not keep the cut-over from happening, which says what is left', { timeout: 600_000 }, async ({
    databases,
  }) => {
    const { source } = databases;
    await using migration = await begin(databases);
    await source.query(`COMMENT ON TABLE t IS 'new'; DROP TRIGGER gone ON t; CREATE AGGREGATE agg(int) (SFUNC = int4pl, STYPE = int);
      DROP MATERIALIZED VIEW m; CREATE MATERIALIZED VIEW m AS SELECT id + 1 AS id FROM t`);
    await migration.cutOver();
    const left = [
      'table public.t was changed: comment',
      'trigger public.t.gone was dropped',
      'aggregate public.agg(integer) was created',
    ];
    for (const what of left) expect(migration.warnings.join('\n')).toContain(what);
    expect(migration.of('done')[0]?.summary.join('\n')).toContain('table public.t was changed: comment');
    expect((await migration.verify()).objects.map((one) => one.replace(/:.*/s, ''))).toEqual([
      'aggregate public.agg(integer) is missing on the target',
      'materialized view public.m differs in definition, populated',
      'table public.t differs in comment',
      'trigger public.t.gone is on the target only',
    ]);
  });

  test('a statement that the target refuses is told with TM6006, and the change stays in the list', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await using migration = await begin(databases);
    databases.allow('slot');
    await source.query('DROP VIEW v; CREATE VIEW v AS SELECT v AS id FROM t');
    await migration.until(() => objects(migration).length > 0, 'the change to be told');
    await expect(migration.carryOver()).rejects.toMatchObject({
      code: 'TM6006',
    });
    expect(objects(migration)).toEqual(['view public.v']);
    // By hand, and the list follows.
    await target.query('DROP VIEW v; CREATE VIEW v AS SELECT v AS id FROM t');
    await migration.until(() => objects(migration).length === 0, 'the list to follow');
  });

  test('that changed again after they were shown are not run', async ({ databases }) => {
    const { source, target } = databases;
    await using migration = await begin(databases);
    databases.allow('slot');
    await source.query(`COMMENT ON TABLE t IS 'shown'`);
    await migration.until(() => objects(migration).length > 0, 'the change to be told');
    const shown = migration.definitionChanges;
    await source.query(`COMMENT ON TABLE t IS 'another'`);
    await migration.until(() => JSON.stringify(migration.definitionChanges).includes('another'), 'the next change');
    const comment = `SELECT obj_description('t'::regclass) AS comment`;
    const before = await target.query(comment);
    await expect(migration.carryOver(shown)).rejects.toMatchObject({ code: 'TM6006' });
    expect(await target.query(comment)).toEqual(before);
    await migration.carryOver();
    expect(await target.query(comment)).toEqual([{ comment: 'another' }]);
    await expect(migration.carryOver(shown)).rejects.toMatchObject({ code: 'TM6006' });
  });

  test('what was dropped on the target, and what the options leave out, is no change', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(
      'CREATE SCHEMA other; CREATE TABLE other.x (id int PRIMARY KEY); CREATE VIEW of_x AS SELECT id FROM other.x',
    );
    await source.query(BEFORE);
    await using migration = await Migration.start({
      ...{ source: source.uri, target: target.uri, targetDatabase: target.name },
      options: { excludeSchema: ['other'] },
    });
    await migration.reached('replay');
    await source.query(
      `COMMENT ON TABLE other.x IS 'c'; CREATE OR REPLACE VIEW of_x AS SELECT id FROM other.x WHERE id > 1; COMMENT ON TABLE t IS 'c'`,
    );
    await migration.until(() => objects(migration).length > 0, 'the change to be told');
    expect(objects(migration)).toEqual(['table public.t']);
    await migration.carryOver();
    await migration.cutOver();
    expect((await migration.verify()).objects).toEqual([]);
  });
});
