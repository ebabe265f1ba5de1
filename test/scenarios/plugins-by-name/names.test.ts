import { describe, expect } from 'vitest';
import type { MigrationOptions } from '../../../src/engine/options.ts';
import { compareDatabases } from '../../support/compare.ts';
import { type TestDatabases, test } from '../../support/databases.ts';
import { LiveReplay } from '../apply/harness.ts';
import { PRESENT_PLUGINS } from '../apply/modes.ts';
import { Migration } from '../whole/migration.ts';

/** These send every table of the database, and tell it by name only. */
const BY_NAME = PRESENT_PLUGINS.filter((plugin) => plugin !== 'pgoutput');
const TABLES = 'CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text)';

const inReplay = async ({ source, target }: TestDatabases, options: Partial<MigrationOptions>) => {
  const migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options,
  });
  await migration.reached('replay');
  return migration;
};

describe.each(BY_NAME)('%s', (plugin) => {
  describe('names that mean something else than when the slot began', () => {
    test('a table that got another name', async ({ databases }) => {
      await using live = await LiveReplay.start(databases, { plugin, tables: TABLES });
      await live.transaction(`INSERT INTO a VALUES (1, 'before')`);
      await live.source.query('ALTER TABLE a RENAME TO c');
      await live.transaction(`INSERT INTO c VALUES (2, 'after')`);
      const error = await live.failure();
      expect(error).toMatchObject({ code: 'TM2003', side: 'source', object: 'public.a' });
      expect(error.message).toMatch(/renamed to public\.c/);
      // What was written under the old name is applied.
      expect((await live.target.query('SELECT v FROM a')).rows).toEqual([{ v: 'before' }]);
    });

    test('two tables that changed names, though rows still seem to fit', async ({ databases }) => {
      databases.allow('slot');
      const { source } = databases;
      await source.query(TABLES);
      await using migration = await inReplay(databases, { plugin });
      await source.query(
        `BEGIN; ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b; COMMIT;
       INSERT INTO a VALUES (1, 'in what was b')`,
      );
      const error = await migration.ended;
      expect(error).toMatchObject({ code: 'TM2003', side: 'source' });
      expect(error?.message).toMatch(/renamed/);
    });

    test('a table that was dropped and made anew', async ({ databases }) => {
      databases.allow('slot');
      const { source } = databases;
      await source.query(TABLES);
      await using migration = await inReplay(databases, { plugin });
      await source.query(`DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'new')`);
      const error = await migration.ended;
      expect(error).toMatchObject({ code: 'TM2003', object: 'public.a' });
      expect(error?.message).toMatch(/another table/);
    });

    test('a replica identity that was changed', async ({ databases }) => {
      await using live = await LiveReplay.start(databases, {
        plugin,
        tables: `${TABLES}; ALTER TABLE a ALTER v SET NOT NULL; CREATE UNIQUE INDEX by_v ON a (v)`,
        rows: `INSERT INTO a VALUES (1, 'x')`,
      });
      await live.source.query('ALTER TABLE a REPLICA IDENTITY USING INDEX by_v');
      await live.transaction(`UPDATE a SET v = 'y'`);
      const error = await live.failure();
      expect(error).toMatchObject({ code: 'TM2003', object: 'public.a' });
      expect(error.message).toMatch(/replica identity/);
    });
  });

  describe('tables that are not of the migration', () => {
    test('rows of a table that was created since are left out, as those of one that is gone again', async ({
      databases,
    }) => {
      await using live = await LiveReplay.start(databases, { plugin, tables: TABLES });
      await live.transaction(
        `CREATE TABLE stage (id int); INSERT INTO stage VALUES (1); CREATE TABLE "st age" AS SELECT 1 AS one`,
      );
      await live.stop();
      await live.transaction(
        `INSERT INTO stage VALUES (2); TRUNCATE a, stage; INSERT INTO a VALUES (1, 'x'); DROP TABLE "st age"`,
      );
      await live.resume();
      await live.drain();
      expect((await live.target.query('SELECT v FROM a')).rows).toEqual([{ v: 'x' }]);
      expect((await live.target.query(`SELECT to_regclass('stage') AS there`)).rows).toEqual([{ there: null }]);
      const told = live.events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
      expect(told).toEqual([expect.stringContaining('Changes of public."st age", which was created after the start')]);
    });

    test('excluded, without rows, new: whatever happens there, the rest arrives', async ({ databases }) => {
      const { source, target } = databases;
      await source.query(`${TABLES}; CREATE TABLE out (id int, v text); CREATE SCHEMA gone; CREATE TABLE gone.t (id int);
      CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n FROM a; CREATE UNIQUE INDEX ON mv (n);
      CREATE TABLE empty (id int PRIMARY KEY); INSERT INTO empty VALUES (1); INSERT INTO a VALUES (1, 'a')`);
      await using migration = await inReplay(databases, {
        plugin,
        excludeTable: ['public.out'],
        excludeSchema: ['gone'],
        skipTableData: ['public.empty'],
      });
      await source.query(`INSERT INTO out VALUES (1, 'x'); UPDATE out SET v = 'y'; DELETE FROM out; INSERT INTO gone.t VALUES (1);
      TRUNCATE gone.t, out; INSERT INTO empty VALUES (2); DELETE FROM empty; INSERT INTO b VALUES (1, 'b'); UPDATE a SET v = 'b';
      REFRESH MATERIALIZED VIEW CONCURRENTLY mv`);
      await migration.cutOver();
      expect(
        await target.query('SELECT a.v AS a, b.v AS b, (SELECT count(*)::int FROM empty) AS empty FROM a, b'),
      ).toEqual([{ a: 'b', b: 'b', empty: 0 }]);
      const differences = (await compareDatabases(source.superuserUri, target.superuserUri)).filter(
        (text) => !/public\."out"|gone|empty/.test(text),
      );
      expect(differences).toEqual([]);
    });
  });

  test('a table without replica identity: inserts are applied, the rest is told once', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      plugin,
      tables: `CREATE TABLE keyless (id int, v text); CREATE TABLE none (id int PRIMARY KEY); ALTER TABLE none REPLICA IDENTITY NOTHING`,
      rows: `INSERT INTO keyless VALUES (1, 'a'), (2, 'b'); INSERT INTO none VALUES (1)`,
    });
    await live.transaction(`UPDATE keyless SET v = 'c' WHERE id = 1; DELETE FROM keyless WHERE id = 2; INSERT INTO keyless VALUES (3, 'd');
    DELETE FROM none; INSERT INTO none VALUES (2); UPDATE keyless SET v = 'e'`);
    await live.drain();
    expect((await live.target.query('SELECT id, v FROM keyless ORDER BY 1')).rows).toEqual([
      { id: 1, v: 'a' },
      { id: 2, v: 'b' },
      { id: 3, v: 'd' },
    ]);
    const told = live.events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
    expect(told).toEqual([
      expect.stringContaining('public.keyless has no replica identity'),
      expect.stringContaining('public.none has no replica identity'),
    ]);
  });

  test('nothing is published on the source, and everything of ours is gone in the end', async ({ databases }) => {
    const { source } = databases;
    await source.query(TABLES);
    await using migration = await inReplay(databases, { plugin });
    expect(await source.query('SELECT FROM pg_publication')).toEqual([]);
    expect(await source.query('SELECT plugin FROM pg_replication_slots WHERE database = current_database()')).toEqual([
      { plugin },
    ]);
    await source.query(`INSERT INTO a VALUES (1, 'x')`);
    await migration.cutOver();
    expect(await source.query('SELECT FROM pg_replication_slots WHERE database = current_database()')).toEqual([]);
  });

  describe('a source that is not in UTF8', () => {
    test('is refused before anything is made', async ({ databases }) => {
      const { source, target } = databases;
      const name = `${source.name}_latin1`;
      await source.admin(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
      await source.admin(`ALTER DATABASE ${name} OWNER TO ${source.owner}`);
      try {
        await using migration = await Migration.start({
          source: source.uri.replace(source.name, name),
          target: target.uri,
          targetDatabase: target.name,
          options: { plugin },
        });
        expect(await migration.ended).toMatchObject({ code: 'TM1213' });
      } finally {
        await source.admin(`DROP DATABASE ${name} WITH (FORCE)`);
      }
    });
  });
});
