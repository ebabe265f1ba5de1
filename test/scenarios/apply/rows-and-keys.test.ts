import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { LiveReplay } from './harness.ts';
import { MODES, numericFor } from './modes.ts';

const LONG = (seed: string) => `repeat(md5((${seed})::text), 100)`;

describe.each(MODES)('rows and keys ($mode)', ({ stream, rows: n }) => {
  const numeric = numericFor(stream);

  test('an unchanged TOASTed value stays what it was', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE t (id int PRIMARY KEY, note text, body text, other text);
        ALTER TABLE t ALTER body SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL`,
      rows: `INSERT INTO t SELECT g, 'old', ${LONG('g')}, CASE WHEN g % 2 = 0 THEN ${LONG('-g')} END FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET note = 'new ' || id`);
    await live.expectEqual();
    await live.transaction(`UPDATE t SET other = ${LONG('id + 5')} WHERE id % 3 = 0; UPDATE t SET note = NULL`);
    await live.expectEqual();
    await live.transaction(`UPDATE t SET body = NULL WHERE id % 2 = 0; UPDATE t SET note = 'after'`);
    await live.expectEqual();
    expect(await live.target.query('SELECT FROM t WHERE body IS NOT NULL')).toHaveProperty('rowCount', n / 2);
    live.expectWay(n);
  });

  test('a row inserted and then updated in one transaction keeps its TOASTed value', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables:
        'CREATE TABLE t (id int PRIMARY KEY, note text, body text); ALTER TABLE t ALTER body SET STORAGE EXTERNAL',
    });
    await live.transaction(
      `INSERT INTO t SELECT g, 'a', ${LONG('g')} FROM generate_series(1, ${n}) g;
       UPDATE t SET note = 'b'; UPDATE t SET note = 'c' WHERE id % 2 = 0`,
    );
    await live.expectEqual();
    live.expectWay(n);
  });

  test('a row that moves to another key keeps its unchanged TOASTed value', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, body text); ALTER TABLE t ALTER body SET STORAGE EXTERNAL',
      rows: `INSERT INTO t SELECT g, ${LONG('g')} FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET id = id + 1000`);
    await live.expectEqual();
    await live.transaction(`UPDATE t SET body = ${LONG('id')} || 'x'; UPDATE t SET id = id + 1000`);
    await live.expectEqual();
  });

  test('unchanged TOAST under REPLICA IDENTITY FULL', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE keyed (id int PRIMARY KEY, note text, body text);
        CREATE TABLE bare (id int, note text, body text);
        ALTER TABLE keyed ALTER body SET STORAGE EXTERNAL, REPLICA IDENTITY FULL;
        ALTER TABLE bare ALTER body SET STORAGE EXTERNAL, REPLICA IDENTITY FULL`,
      rows: `INSERT INTO keyed SELECT g, 'a', ${LONG('g')} FROM generate_series(1, ${n}) g; INSERT INTO bare TABLE keyed`,
    });
    await live.transaction(`UPDATE keyed SET note = 'b'; UPDATE bare SET note = 'b'`);
    await live.transaction(`UPDATE keyed SET id = id + 1000; UPDATE bare SET id = id + 1000`);
    await live.transaction(`UPDATE keyed SET note = 'c'; DELETE FROM keyed WHERE id % 2 = 0;
      UPDATE bare SET note = 'c'; DELETE FROM bare WHERE id % 2 = 0`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('a key that is TOASTed itself', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE t (k text, l int, note text, body text, PRIMARY KEY (k, l));
        ALTER TABLE t ALTER k SET STORAGE EXTERNAL, ALTER body SET STORAGE EXTERNAL`,
      rows: `INSERT INTO t SELECT repeat(md5(g::text), 70), g, 'a', ${LONG('g')} FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET note = 'b'`);
    await live.expectEqual();
    await live.transaction(`UPDATE t SET note = 'c'; UPDATE t SET note = 'd'; UPDATE t SET l = l + 1000`);
    await live.expectEqual();
    await live.transaction(`UPDATE t SET note = 'e', body = NULL; DELETE FROM t WHERE l % 2 = 0`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('REPLICA IDENTITY FULL with NULLs', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `${numeric.make} CREATE TABLE t (a int, b text, c timestamptz, d ${numeric.type}); ALTER TABLE t REPLICA IDENTITY FULL;
        CREATE INDEX ON t (a); CREATE INDEX ON t (b, c)`,
      rows: `INSERT INTO t SELECT nullif(g % 3, 0), nullif('b' || g % 4, 'b0'), NULL, NULL FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET d = 1.50 WHERE a IS NULL; UPDATE t SET a = NULL WHERE b IS NULL`);
    await live.expectEqual();
    await live.transaction(`UPDATE t SET b = NULL, d = NULL; DELETE FROM t WHERE a = 1`);
    await live.expectEqual();
  });

  test('of equal rows under FULL each change hits exactly one', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (a int, b text); ALTER TABLE t REPLICA IDENTITY FULL',
      rows: `INSERT INTO t SELECT 1, 'same' FROM generate_series(1, ${n}); INSERT INTO t SELECT 2, NULL FROM generate_series(1, ${n})`,
    });
    await live.transaction(`DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE a = 1 LIMIT ${n - 1})`);
    await live.expectEqual();
    await live.transaction(`UPDATE t SET b = 'one' WHERE ctid = (SELECT ctid FROM t WHERE a = 2 LIMIT 1);
      UPDATE t SET b = 'all'; INSERT INTO t VALUES (1, 'all'), (1, 'all')`);
    await live.expectEqual();
    await live.transaction('DELETE FROM t');
    await live.expectEqual();
    live.expectWay(n);
  });

  test('FULL on types without equality', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE t (a json, p point, x text, b box, f float8[]); ALTER TABLE t REPLICA IDENTITY FULL`,
      rows: `INSERT INTO t SELECT json_build_object('n', g), point(g, -g), 'x', box(point(g, g), point(0, 0)), ARRAY[g / 3.0, 'NaN', NULL]
             FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET x = 'y' WHERE (a->>'n')::int % 2 = 0; UPDATE t SET p = NULL WHERE x = 'y'`);
    await live.transaction(`UPDATE t SET a = '{"n":  1,"n":2 }'; DELETE FROM t WHERE p IS NULL`);
    await live.expectEqual();
  });

  test('1.0 and 1.00 are different rows under FULL', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `${numeric.make} CREATE TABLE t (a ${numeric.type}, b text); ALTER TABLE t REPLICA IDENTITY FULL; CREATE INDEX ON t (a)`,
      rows: `INSERT INTO t SELECT v, v::text FROM unnest(ARRAY[1.0, 1.00, 1.000]) v, generate_series(1, ${n})`,
    });
    await live.transaction(`DELETE FROM t WHERE b = '1.00'; UPDATE t SET b = 'x' WHERE b = '1.000'`);
    await live.expectEqual();
  });

  test('a key update', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (a int, b text, c int, PRIMARY KEY (b, a))',
      rows: `INSERT INTO t SELECT g, 'b' || g % 3, g FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET a = a + 1000`);
    await live.transaction(`UPDATE t SET b = 'moved', c = NULL; UPDATE t SET a = -a`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('keys swapped inside one transaction', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text)',
      rows: `INSERT INTO t SELECT g, 'v' || g FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET id = -id; UPDATE t SET id = ${n} + 1 + id`);
    await live.expectEqual();
    await live.transaction(
      `UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = -1`,
    );
    await live.expectEqual();
    live.expectWay(n);
  });

  test('insert, update and delete of one row in one transaction', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text)',
      rows: `INSERT INTO t SELECT g, 'old' FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`
      INSERT INTO t SELECT g + 1000, 'gone' FROM generate_series(1, ${n}) g;
      UPDATE t SET v = 'u' WHERE id > 1000; DELETE FROM t WHERE id > 1000;
      DELETE FROM t WHERE id <= ${n}; INSERT INTO t SELECT g, 'back' FROM generate_series(1, ${n}) g;
      UPDATE t SET v = 'back again'; DELETE FROM t WHERE id = 2;
      INSERT INTO t VALUES (1001, 'stays'); DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (3, 'third')`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('a unique index as identity', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b text NOT NULL, v text);
        CREATE UNIQUE INDEX by_ab ON t (b, a); ALTER TABLE t REPLICA IDENTITY USING INDEX by_ab`,
      rows: `INSERT INTO t SELECT g, -g, 'b', 'old' FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(
      `UPDATE t SET v = 'new'; UPDATE t SET id = id + 1000; UPDATE t SET a = a - 1000 WHERE id % 2 = 0`,
    );
    await live.transaction(`DELETE FROM t WHERE id % 2 = 1; UPDATE t SET v = NULL`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('an identity whose index the target does not have', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text)',
      rows: `INSERT INTO t SELECT g, 'old' FROM generate_series(1, ${n}) g`,
    });
    await live.target.query('ALTER TABLE t DROP CONSTRAINT t_pkey');
    await live.transaction(
      `UPDATE t SET v = 'new'; UPDATE t SET id = id + 1000 WHERE id % 2 = 0; DELETE FROM t WHERE id = 1`,
    );
    await live.expectEqual();
  });

  test('a table without identity takes inserts', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int, v text)',
      rows: `INSERT INTO t SELECT g, 'old' FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`INSERT INTO t SELECT g, NULL FROM generate_series(1, ${n}) g`);
    await live.expectEqual();
  });
});
