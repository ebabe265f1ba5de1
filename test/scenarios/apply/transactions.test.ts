import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { LiveReplay } from './harness.ts';
import { MODES } from './modes.ts';

describe.each(MODES)('transactions ($mode)', ({ stream, rows: n }) => {
  test('a unique value that moves between rows', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, place int UNIQUE, v text)',
      rows: `INSERT INTO t SELECT g, g, 'a' FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`DELETE FROM t WHERE id = 1; UPDATE t SET place = 1 WHERE id = 2; UPDATE t SET place = 2 WHERE id = 3;
      INSERT INTO t VALUES (1, 3, 'new'); UPDATE t SET v = 'b'`);
    await live.expectEqual();
    // One after the other they go; all at once the values of two rows cross.
    await live.transaction(`UPDATE t SET place = -1 WHERE id = 2; UPDATE t SET place = 1 WHERE id = 3; UPDATE t SET place = 2 WHERE id = 2;
      UPDATE t SET v = 'c'`);
    await live.expectEqual();
    await live.transaction(
      `INSERT INTO t VALUES (5000, -5, 'x'); UPDATE t SET place = NULL WHERE id = 5000; UPDATE t SET place = -5 WHERE id = 4; UPDATE t SET v = 'd'`,
    );
    await live.expectEqual();
    expect(live.fallbacks > 0).toBe(n >= 32);
  });

  test('an exclusion constraint', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, during int4range, EXCLUDE USING gist (during WITH &&))',
      rows: `INSERT INTO t SELECT g, int4range(g * 10, g * 10 + 9) FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET during = int4range(lower(during) + 1, upper(during)) ;
      UPDATE t SET during = 'empty' WHERE id = 2; UPDATE t SET during = '[11,25)' WHERE id = 1; UPDATE t SET during = '[25,29)' WHERE id = 2`);
    await live.transaction(`UPDATE t SET during = '[5,11)' WHERE id = 1; UPDATE t SET during = int4range(lower(during) + 1, upper(during)) WHERE id > 2;
      INSERT INTO t VALUES (9999, '[11,20)')`);
    await live.expectEqual();
  });

  test('deferred unique constraints, deferred by default and for one transaction', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE DEFERRABLE INITIALLY DEFERRED, b int UNIQUE DEFERRABLE INITIALLY IMMEDIATE)`,
      rows: `INSERT INTO t SELECT g, g, g FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET a = ${n} + 1 - a`);
    await live.expectEqual();
    await live.transaction(`SET CONSTRAINTS ALL DEFERRED; UPDATE t SET b = 1 WHERE id = 2; UPDATE t SET b = 2 WHERE id = 1; INSERT INTO t VALUES (1000, -3, 3);
      UPDATE t SET a = 1000, b = 1000 WHERE id = 3`);
    await live.expectEqual();
  });

  test('subtransactions, some rolled back', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text)',
      rows: `INSERT INTO t SELECT g, 'a' FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET v = 'kept' WHERE id % 2 = 0; SAVEPOINT a; DELETE FROM t; ROLLBACK TO a;
      SAVEPOINT b; UPDATE t SET id = id + 1000; SAVEPOINT c; TRUNCATE t; ROLLBACK TO c; INSERT INTO t VALUES (1, 'back'); RELEASE b`);
    await live.source.query(`BEGIN; DELETE FROM t; ROLLBACK`);
    await live.expectEqual();
  });

  test('many small transactions in one go, over the same rows', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE log (id serial, what text)',
    });
    await live.stop();
    for (let round = 0; round < n; round += 1) {
      await live.transaction(
        `INSERT INTO t VALUES (${round}, 0); UPDATE t SET v = v + 1; INSERT INTO log (what) VALUES ('${round}')`,
      );
      if (round % 5 === 4)
        await live.transaction(`DELETE FROM t WHERE id = ${round}; UPDATE t SET id = ${round} WHERE id = ${round - 1}`);
    }
    await live.resume();
    await live.expectEqual();
    expect(live.fallbacks).toBe(0);
  });

  test('interleaved transactions come in the order of their commits', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text)',
      rows: `INSERT INTO t SELECT g, 'a' FROM generate_series(1, ${n}) g`,
    });
    const other = await databases.source.connect();
    await live.source.query(`BEGIN; UPDATE t SET v = 'first' WHERE id % 2 = 0`);
    await other.query(`BEGIN; UPDATE t SET v = 'second' WHERE id % 2 = 1; INSERT INTO t VALUES (1000, 'x')`);
    await live.source.query(`INSERT INTO t VALUES (1001, 'y')`);
    await other.query('COMMIT');
    await live.source.query(`UPDATE t SET v = 'third' WHERE id = 1000; DELETE FROM t WHERE id = 1; COMMIT`);
    await live.expectEqual();
  });

  test('a prepared transaction', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { ...stream, tables: 'CREATE TABLE t (id int PRIMARY KEY)' });
    const name = databases.source.name;
    await live.source.query(`BEGIN; INSERT INTO t SELECT generate_series(1, ${n}); PREPARE TRANSACTION '${name}'`);
    await live.transaction('INSERT INTO t VALUES (1000)');
    await live.drain();
    await live.source.query(`COMMIT PREPARED '${name}'`);
    await live.expectEqual();
  });
});

describe('a target role that may not set session_replication_role', () => {
  test.override({ databaseOptions: { replicaRole: false } });

  test.for([{ n: 4 }, { n: 60 }])('constraints that the source deferred are deferred ($n rows)', async ({ n }, {
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, {
      tables: `CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE DEFERRABLE INITIALLY DEFERRED, b int UNIQUE DEFERRABLE INITIALLY IMMEDIATE)`,
      rows: `INSERT INTO t SELECT g, g, g FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`UPDATE t SET a = ${n} + 1 - a`);
    await live.transaction(`SET CONSTRAINTS ALL DEFERRED; UPDATE t SET b = 1 WHERE id = 2; INSERT INTO t VALUES (1000, -3, 3);
      UPDATE t SET a = 1000, b = 1000 WHERE id = 3; UPDATE t SET b = 2 WHERE id = 1`);
    await live.expectEqual();
  });
});

describe.each(MODES.filter(({ rows }) => rows > 4))('large transactions ($mode)', ({ stream }) => {
  test('one of 50,000 rows that also hits earlier ones', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY, t int)',
      rows: `INSERT INTO t SELECT g, 'old' FROM generate_series(1, 5000) g`,
      segmentBytes: 1024 * 1024,
    });
    await live.transaction(`INSERT INTO u VALUES (-1, 0)`);
    await live.transaction(`INSERT INTO t SELECT g, 'new' FROM generate_series(5001, 45000) g; UPDATE t SET v = 'changed' WHERE id % 7 = 0;
      DELETE FROM t WHERE id % 11 = 0; INSERT INTO u SELECT id, id FROM t WHERE id % 10 = 0; UPDATE t SET id = -id WHERE id BETWEEN 40000 AND 41000`);
    await live.transaction(`UPDATE t SET v = 'last' WHERE id < 100`);
    await live.expectEqual();
    expect(live.fallbacks).toBe(0);
    // It came in parts, and all of them in one transaction of the target.
    const commits = live.statements.filter((text) => text === 'COMMIT').length;
    expect(live.setWise).toBeGreaterThan(commits);
  });

  test('a replay far behind commits whole transactions on its way, between and behind large ones', async ({
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id bigserial PRIMARY KEY, v text)',
      rows: `INSERT INTO t (v) SELECT 'old' FROM generate_series(1, 5000)`,
    });
    await live.target.query('BEGIN; LOCK TABLE t');
    const insert = (rows: number) => `INSERT INTO t (v) SELECT 'new' FROM generate_series(1, ${rows})`;
    for (let round = 0; round < 3; round += 1) {
      await live.transaction(insert(11_000));
      for (let small = 0; small < 9; small += 1)
        await live.transaction(`${insert(1999)}; DELETE FROM t WHERE id = ${small}`);
    }
    await live.allConfirmed();
    const commits = () => live.statements.filter((text) => text === 'COMMIT').length;
    const before = commits();
    await live.target.query('COMMIT');
    await live.expectEqual();
    // 87,000 rows in batches of at most 10,000 and the rest of a transaction.
    expect(commits() - before).toBeGreaterThanOrEqual(6);
  });

  test('one whose first part is swept away by its second', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, place int UNIQUE)',
      rows: 'INSERT INTO t SELECT g, g FROM generate_series(1, 100) g',
    });
    await live.transaction(`INSERT INTO t SELECT g, g FROM generate_series(101, 15000) g; TRUNCATE t;
      INSERT INTO t SELECT g, g FROM generate_series(1, 11000) g; UPDATE t SET place = -1 WHERE id = 1; UPDATE t SET place = 1 WHERE id = 2; UPDATE t SET place = 2 WHERE id = 1`);
    await live.expectEqual();
  });
});
