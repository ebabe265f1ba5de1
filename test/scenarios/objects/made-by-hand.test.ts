import { describe, expect } from 'vitest';
import { compareDatabases } from '../../support/compare.ts';
import { type TestDatabases, test } from '../../support/databases.ts';
import { Migration } from '../whole/migration.ts';

const OBJECTS = `
  CREATE TYPE mood AS ENUM ('ok'); CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
  CREATE TABLE t (id int PRIMARY KEY, v int, m mood); INSERT INTO t VALUES (1, 5, 'ok'), (2, NULL, NULL);
  CREATE TABLE u (id int PRIMARY KEY, t int CONSTRAINT "u t" REFERENCES t); INSERT INTO u VALUES (1, 1);
  CREATE TABLE parted (id int, k int) PARTITION BY LIST (k); CREATE TABLE parted_1 PARTITION OF parted DEFAULT; INSERT INTO parted VALUES (1, 1);
  CREATE INDEX t_v ON t (v); CREATE VIEW seen AS SELECT id, v FROM t; CREATE VIEW over_seen AS SELECT * FROM seen;
  CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER fires BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fired();
  CREATE POLICY mine ON u USING (true)`;

/** Goes on with a migration that has failed, to its end. */
async function resumed({ source, target }: TestDatabases, { directory }: Migration, leaveOut: string[] = []) {
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { skipRoles: true, leaveOut },
    resume: { directory },
  });
  await migration.reached('replay');
  await migration.cutOver();
  return migration;
}

describe('an object that the operator has made on the target', () => {
  test('is taken as it is, told and recorded: type, function, table, partition, view, index, constraint, trigger, policy', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(OBJECTS);
    await using migration = await Migration.startToSnapshot(databases);
    // The names alone say what it is: the operator's own definition may be another.
    await target.query(`CREATE TYPE mood AS ENUM ('ok', 'sad'); CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 0';
      CREATE TABLE t (id int PRIMARY KEY, v int, m mood, more text); CREATE TABLE parted (id int, k int) PARTITION BY LIST (k);
      CREATE TABLE parted_1 PARTITION OF parted DEFAULT; CREATE VIEW seen AS SELECT id, v FROM t WHERE id > 0;
      CREATE INDEX t_v ON t (v DESC); CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`);
    await migration.go();
    await migration.reached('replay');
    await source.query('INSERT INTO t VALUES (3, 7, NULL); INSERT INTO parted VALUES (2, 2)');
    await target.query(
      'CREATE TRIGGER fires BEFORE INSERT ON t FOR EACH ROW WHEN (false) EXECUTE FUNCTION fired(); CREATE POLICY mine ON u USING (id > 0)',
    );
    await migration.cutOver();
    const taken = migration.warnings.flatMap((text) => /made by hand: (.*)$/.exec(text)?.[1] ?? []);
    expect(taken.sort()).toEqual(
      [
        'CONSTRAINT public.t t_pkey',
        'FUNCTION public.f(integer)',
        'FUNCTION public.fired()',
        'INDEX public.t_v',
        'POLICY public.u mine',
        'TABLE ATTACH public.parted_1',
        'TABLE public.parted',
        'TABLE public.parted_1',
        'TABLE public.t',
        'TRIGGER public.t fires',
        'TYPE public.mood',
        'VIEW public.seen',
      ].sort(),
    );
    const recorded = await target.query(`SELECT count(*) AS n FROM tiger_migrate.object WHERE detail = 'made by hand'`);
    expect(recorded).toEqual([{ n: String(taken.length) }]);
    const differences = await compareDatabases(source.superuserUri, target.superuserUri);
    // What the operator made otherwise, and nothing else.
    expect(differences.filter((one) => !/mood|f\(|more|seen|t_v|fires|mine|public\.t\b/.test(one))).toEqual([]);
    expect((await migration.verify()).tables.every(({ equal }) => equal)).toBe(true);
  });

  test('a table that can not take the rows is refused with what does not fit, and goes on once it fits', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(OBJECTS);
    await using migration = await Migration.startToSnapshot(databases);
    await target.query('CREATE TABLE u (id bigint PRIMARY KEY, own int NOT NULL)');
    await migration.go();
    const failure = await migration.ended;
    expect(failure).toMatchObject({ code: 'TM2012', object: 'TABLE public.u' });
    expect(failure?.message).toContain('column id is bigint, not integer');
    expect(failure?.message).toContain('column t is missing');
    expect(failure?.message).toContain('column own, which the source does not have, is NOT NULL');
    await target.query('DROP TABLE u');
    await using _again = await resumed(databases, migration);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('another kind of object of that name is no such one: TM2002 names both ways', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(OBJECTS);
    await using migration = await Migration.startToSnapshot(databases);
    await target.query('CREATE TABLE seen (id int)');
    await migration.go();
    const failure = await migration.ended;
    expect(failure).toMatchObject({ code: 'TM2002', object: 'VIEW public.seen' });
    expect(failure?.hint).toContain("migrate --resume --leave-out 'VIEW public.seen'");
    expect(failure?.hint).toContain('Make it on the target by hand');
    // As the hint says, with the option only now.
    await using again = await resumed(databases, migration, ['VIEW public.seen']);
    expect(again.warnings).toContain('Left out on request: VIEW public.seen');
    expect(again.warnings).toContain('Left out with VIEW public.seen: VIEW public.over_seen');
    expect((await again.verify()).objects).toEqual([]);
  });
});
