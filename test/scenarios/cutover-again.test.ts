import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { Migration } from './whole/migration.ts';

const start = ({ source, target }: TestDatabases) =>
  Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name });

/** What fires, or refuses rows, on the target. */
const hindrances = ({ target }: TestDatabases) =>
  target.query(
    `SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal
     UNION ALL SELECT attname FROM pg_attribute WHERE attidentity = 'a'
     UNION ALL SELECT relname FROM pg_class WHERE relrowsecurity`,
  );

const failed = (migration: Migration) =>
  migration
    .until(() => migration.of('error').length > 0, 'the cut-over to fail')
    .then(() => migration.of('error').at(-1)?.error);

describe('a cut-over that fails at an unlogged table', () => {
  test('because its session ends: an interruption; because a row is refused: TM6005; both times replay goes on', async ({
    databases,
  }) => {
    const { source, target } = databases;
    // More than the buffers on the way hold.
    await source.query(`CREATE TABLE t (id int PRIMARY KEY); CREATE UNLOGGED TABLE u (id int, v text);
      INSERT INTO u SELECT g, repeat(md5(g::text), 300) FROM generate_series(1, 2000) g`);
    await using migration = await start(databases);
    await migration.reached('replay');
    const asksAndGets = async (happens: string) => {
      await target.query(
        `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${happens}; RETURN NEW; END $$`,
      );
      const before = migration.of('error').length;
      await migration.requestCutover(false);
      await migration.until(() => migration.of('error').length > before, 'the cut-over to fail');
      await source.query('INSERT INTO t SELECT count(*) FROM t');
      const all = async () =>
        (await target.query('SELECT FROM t')).length === (await source.query('SELECT FROM t')).length;
      await until(all, { what: 'replay to go on' });
      return migration.of('error').at(-1)?.error;
    };
    await target.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER refuse BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION refuse(); ALTER TABLE u ENABLE ALWAYS TRIGGER refuse`);
    expect(await asksAndGets(`RAISE 'not this one'`)).toMatchObject({
      code: 'TM6005',
      side: 'target',
      object: 'public.u',
    });
    expect(await asksAndGets('PERFORM pg_terminate_backend(pg_backend_pid())')).toMatchObject({
      code: 'TM1110',
      side: 'target',
    });
    await target.query('DROP FUNCTION refuse CASCADE');
    await migration.cutOver(false);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});

describe.each([{ replicaRole: true }, { replicaRole: false }])('a cut-over that fails late ($replicaRole)', ({
  replicaRole,
}) => {
  test.override({ databaseOptions: { replicaRole } });

  test('by a write that slips in while triggers are made', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE doubled (id int PRIMARY KEY); CREATE TABLE plain (v text); CREATE TABLE other (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
      CREATE FUNCTION double() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.doubled VALUES (-NEW.id) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
      CREATE TRIGGER double AFTER INSERT ON doubled FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION double();
      ALTER TABLE other ENABLE ROW LEVEL SECURITY; INSERT INTO doubled VALUES (1)`);
    await using migration = await start(databases);
    await migration.reached('replay');
    // The trigger can't be made while somebody writes to its table on the target.
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE doubled IN ROW EXCLUSIVE MODE');
    await migration.requestCutover(false);
    await until(
      async () =>
        (
          await target.query(
            'SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())',
          )
        ).length > 0,
    );
    await source.query(`INSERT INTO plain VALUES ('slips in')`);
    await holder.query('COMMIT');
    expect(await failed(migration)).toMatchObject({ code: 'TM6001', message: '1 row changes arrived after the fence' });

    // As if it had not been tried.
    expect(await hindrances(databases)).toEqual([]);
    await source.query(
      `INSERT INTO doubled VALUES (2); INSERT INTO other VALUES (DEFAULT, 'v'); UPDATE other SET id = DEFAULT`,
    );
    await until(async () => (await target.query('SELECT FROM doubled')).length === 4, { what: 'the rows' });
    await migration.cutOver(false);
    expect((await hindrances(databases)).map((row) => row.name)).toEqual(['double', 'id', 'other']);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('by a lock that somebody holds on the target: the source is given back, not kept waiting', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE t (id int PRIMARY KEY); CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER quiet AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION quiet(); INSERT INTO t VALUES (1)`);
    await using migration = await start(databases);
    await migration.reached('replay');
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE');
    await migration.requestCutover();
    expect(await failed(migration)).toMatchObject({ side: 'target', message: expect.stringContaining('lock timeout') });
    await until(() => source.query('INSERT INTO t VALUES (2)').then(() => true), { what: 'the source to take writes' });
    await holder.query('COMMIT');
    await migration.cutOver();
    expect((await hindrances(databases)).map((row) => row.name)).toEqual(['quiet']);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('by a session on the source that is lost before the last look at it: told as that, and gone on with', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE t (id int PRIMARY KEY); CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER quiet AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION quiet(); INSERT INTO t VALUES (1)`);
    await using migration = await start(databases);
    await migration.reached('replay');
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE');
    await migration.requestCutover();
    const waiting = 'SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass';
    await until(async () => (await target.query(waiting, ['t'])).length > 0, { what: 'the trigger to be waited for' });
    const lost = await source.admin(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE '% control'`,
    );
    expect(lost).toHaveLength(1);
    await holder.query('COMMIT');
    expect(await failed(migration)).toMatchObject({ code: expect.stringMatching(/^TM1109$|^TM1110$/) });
    await until(() => source.query('INSERT INTO t VALUES (2)').then(() => true), { what: 'the source to take writes' });
    await migration.cutOver();
    expect((await hindrances(databases)).map((row) => row.name)).toEqual(['quiet']);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('by a foreign key that does not hold', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY, parent int CONSTRAINT of_parent REFERENCES parent);
      CREATE RULE quiet AS ON INSERT TO parent DO ALSO NOTHING;
      INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 2)`);
    await source.admin('SET session_replication_role = replica; DELETE FROM parent WHERE id = 2');
    await using migration = await start(databases);
    await migration.reached('replay');
    await migration.requestCutover();
    const error = await failed(migration);
    expect(error).toMatchObject({ code: 'TM6005', side: 'target' });
    expect(error?.message).toContain('of_parent');
    expect(await target.query('SELECT FROM pg_rules WHERE rulename = $1', ['quiet'])).toEqual([]);

    // The source takes writes again, and they arrive.
    await until(() =>
      source.query('DELETE FROM child WHERE parent = 2; INSERT INTO child VALUES (3, 1)').then(() => true),
    );
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    await expect(target.query('INSERT INTO child VALUES (4, 9)')).rejects.toThrow(/of_parent/);
  });
});
