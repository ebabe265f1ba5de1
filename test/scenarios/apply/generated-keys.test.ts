import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { LiveReplay } from './harness.ts';
import { MODES } from './modes.ts';

/** Keys of which some column, or all, is generated. */
const TABLES = `
  CREATE TABLE gen (a int, g int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY, c text);
  CREATE TABLE mixed (tenant int, mail text, low text GENERATED ALWAYS AS (lower(mail)) STORED, n int, PRIMARY KEY (tenant, low));
  CREATE TABLE by_index (x text, y text, both_ text GENERATED ALWAYS AS (x || ' ' || y) STORED NOT NULL UNIQUE, v int);
  ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_both__key;
  CREATE TABLE parts (k int NOT NULL, a int, g int GENERATED ALWAYS AS (a * 2) STORED, c text, PRIMARY KEY (k, g)) PARTITION BY RANGE (k);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
  CREATE TABLE parent (a int, g int GENERATED ALWAYS AS (a + 1) STORED, c text, PRIMARY KEY (g));
  CREATE TABLE heir (extra int, PRIMARY KEY (g)) INHERITS (parent)`;
const GENERATED = ['gen', 'mixed', 'by_index', 'parts_1', 'parts_2', 'parent', 'heir'];

/** The same columns beside an identity that is sent. */
const FULL = `
  CREATE TABLE full_gen (a int, g int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY, c text); ALTER TABLE full_gen REPLICA IDENTITY FULL;
  CREATE TABLE full_only (a int, g int GENERATED ALWAYS AS (a % 3) STORED, c text); ALTER TABLE full_only REPLICA IDENTITY FULL;
  CREATE INDEX ON full_only (g);
  CREATE TABLE keyed (g text GENERATED ALWAYS AS (upper(c)) STORED UNIQUE, id int PRIMARY KEY, c text)`;

const fill = (rows: number) => `
  INSERT INTO gen (a, c) SELECT n, 'c' FROM generate_series(1, ${rows}) n; INSERT INTO mixed (tenant, mail, n) SELECT n % 3, 'A' || n, n FROM generate_series(1, ${rows}) n;
  INSERT INTO by_index (x, y) SELECT n, 'y' FROM generate_series(1, ${rows}) n; INSERT INTO parts (k, a, c) SELECT n * 40, n, 'c' FROM generate_series(1, ${rows}) n;
  INSERT INTO parent (a, c) SELECT n, 'c' FROM generate_series(1, ${rows}) n; INSERT INTO heir (a, c) SELECT n, 'h' FROM generate_series(1001, 1000 + ${rows}) n`;
const fillFull = (rows: number) => `
  INSERT INTO full_gen (a, c) SELECT n, 'c' FROM generate_series(1, ${rows}) n; INSERT INTO keyed (id, c) SELECT n, 'k' || n FROM generate_series(1, ${rows}) n;
  INSERT INTO full_only (a, c) SELECT n / 2, 'c' FROM generate_series(1, ${rows}) n`;

describe('a key with generated columns identifies nothing', () => {
  test.for(MODES)('UPDATE and DELETE never fail on the source, and no other row is hit ($mode)', async ({
    stream,
    rows,
  }, { databases }) => {
    await using live = await LiveReplay.start(databases, { ...stream, tables: TABLES, rows: fill(rows) });
    await live.source.query(`
      UPDATE gen SET c = 'u' WHERE a % 2 = 0; DELETE FROM gen WHERE a = 1; UPDATE gen SET a = a + 5000 WHERE a = 3; INSERT INTO gen (a) VALUES (-9);
      UPDATE mixed SET n = -n WHERE n % 2 = 0; DELETE FROM mixed WHERE n = 1; UPDATE by_index SET v = 1; DELETE FROM by_index WHERE x = '2';
      UPDATE parts SET c = 'u'; DELETE FROM parts WHERE a = 2; INSERT INTO parts (k, a) VALUES (7, 7); UPDATE parent SET c = 'u'; DELETE FROM heir WHERE a = 1002`);
    await live.drain();
    // Exactly what was inserted: nothing was guessed.
    const { rows: there } = await live.target.query(
      `SELECT (SELECT count(*) FROM gen)::int AS gen, (SELECT count(*) FROM gen WHERE c = 'u')::int AS updated, (SELECT count(*) FROM mixed)::int AS mixed,
              (SELECT count(*) FROM by_index WHERE v IS NULL)::int AS by_index, (SELECT count(*) FROM parts)::int AS parts, (SELECT count(*) FROM parent)::int AS parent`,
    );
    const want = { gen: rows + 1, updated: 0, mixed: rows, by_index: rows, parts: rows + 1, parent: 2 * rows };
    expect(there).toEqual([want]);
    expect(live.events.filter(({ type }) => type === 'table')).toEqual([]);
    if (stream.plugin === 'pgoutput') return;
    const told = live.events.flatMap((event) => (event.type === 'warning' ? [event.text] : [])).join('\n');
    for (const name of GENERATED.filter((one) => one !== 'parts_2')) {
      expect(told).toContain(`public.${name} has no replica identity`);
    }
  });

  test.for(MODES)('under FULL, or beside another key, rows are equal ($mode)', async ({ stream, rows }, {
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, { ...stream, tables: FULL, rows: fillFull(rows) });
    await live.source.query(`
      UPDATE full_gen SET c = 'u' WHERE a % 2 = 0; DELETE FROM full_gen WHERE a = 1; UPDATE full_gen SET a = a + 5000 WHERE a = 3; INSERT INTO full_gen (a) VALUES (-9);
      UPDATE full_only SET a = 77 WHERE ctid IN (SELECT min(ctid) FROM full_only GROUP BY a HAVING a % 5 = 1); DELETE FROM full_only WHERE ctid IN (SELECT min(ctid) FROM full_only);
      UPDATE keyed SET c = 'x' || id WHERE id % 2 = 1; DELETE FROM keyed WHERE id = 2`);
    await live.expectEqual();
    expect(live.events.filter(({ type }) => type === 'table')).toEqual([]);
  });
});

describe('an identity that becomes a generated one meanwhile', () => {
  const T = `CREATE TABLE t (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a + 1) STORED NOT NULL UNIQUE, c text)`;
  const rowsOf = (rows: number) => `INSERT INTO t (id, a, c) SELECT n, n, 'c' FROM generate_series(1, ${rows}) n`;
  const SWITCH = 'ALTER TABLE t REPLICA IDENTITY USING INDEX t_g_key';

  for (const binary of [false, true]) {
    for (const rows of [4, 60]) {
      for (const change of [`UPDATE t SET c = 'u'`, 'DELETE FROM t WHERE id > 1', 'UPDATE t SET a = a + 1000']) {
        test(`${change}: the table is damaged, no row is guessed (${rows} rows, ${binary ? 'binary' : 'text'})`, async ({
          databases,
        }) => {
          await using live = await LiveReplay.start(databases, { binary, tables: T, rows: rowsOf(rows) });
          await live.source.query(SWITCH);
          await live.source.query(change);
          expect(await live.damage()).toMatchObject({ relation: 'public.t', damage: { code: 'TM5006' } });
          const { rows: there } = await live.target.query(`SELECT count(*)::int AS n FROM t WHERE c = 'c' AND a = id`);
          expect(there).toEqual([{ n: rows }]);
        });
      }
    }
  }

  test('and back: what was not changed in between is whole', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: T, rows: rowsOf(50) });
    await live.source.query(
      `${SWITCH}; INSERT INTO t (id, a) VALUES (999, 999); ALTER TABLE t REPLICA IDENTITY DEFAULT`,
    );
    await live.source.query(`UPDATE t SET c = 'u' WHERE id % 2 = 0; DELETE FROM t WHERE id = 3`);
    await live.expectEqual();
  });

  const PAIR = `CREATE TABLE t (tenant int NOT NULL, mail text, low text GENERATED ALWAYS AS (lower(mail)) STORED NOT NULL, n int, UNIQUE (tenant, low));
    ALTER TABLE t REPLICA IDENTITY FULL`;
  const PAIRS = `INSERT INTO t (tenant, mail, n) VALUES (1, 'A', 1), (2, 'A', 2), (2, 'B', 3), (3, 'A', 4)`;

  test('in a part: a row that the rest tells is found, one that it does not tell damages the table', async ({
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, { tables: PAIR, rows: PAIRS });
    await live.source.query('ALTER TABLE t REPLICA IDENTITY USING INDEX t_tenant_low_key');
    await live.source.query(
      `UPDATE t SET n = 10 WHERE tenant = 1; DELETE FROM t WHERE tenant = 3; UPDATE t SET mail = 'C' WHERE tenant = 1`,
    );
    await live.expectEqual();
    await live.source.query(`DELETE FROM t WHERE n = 3`);
    const { damage } = await live.damage();
    expect(damage).toMatchObject({ code: 'TM5006', reason: expect.stringContaining('tenant=2, which 2 rows have') });
    expect((await live.target.query('SELECT n FROM t ORDER BY n')).rows).toEqual([{ n: 2 }, { n: 3 }, { n: 10 }]);
  });
});

describe('the target', () => {
  test('without the unique index of the key: rows are found by it, and a second one with it damages the table', async ({
    databases,
  }) => {
    const tables = `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' FROM generate_series(1, 60) n`;
    await using live = await LiveReplay.start(databases, { tables });
    await live.target.query('ALTER TABLE t DROP CONSTRAINT t_pkey');
    await live.source.query(
      `UPDATE t SET v = 'u' WHERE id % 2 = 0; DELETE FROM t WHERE id = 1; UPDATE t SET id = 1000 WHERE id = 2`,
    );
    await live.expectEqual();
    await live.target.query(`INSERT INTO t VALUES (5, 'twice')`);
    await live.source.query(`UPDATE t SET v = 'w' WHERE id = 5`);
    expect(await live.damage()).toMatchObject({ damage: { code: 'TM5006' } });
  });

  test('where the key column is a generated one: damaged, not guessed', async ({ databases }) => {
    const tables = `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 5) n`;
    await using live = await LiveReplay.start(databases, { tables });
    await live.target.query('ALTER TABLE t DROP COLUMN id, ADD id int GENERATED ALWAYS AS (v) STORED PRIMARY KEY');
    await live.source.query('DELETE FROM t WHERE id = 2');
    expect(await live.damage()).toMatchObject({ damage: { code: 'TM5006' } });
  });
});
