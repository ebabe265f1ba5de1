import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { LiveReplay } from './harness.ts';
import { MODES } from './modes.ts';

const ROWS = (n: number) => `INSERT INTO t SELECT g, 'a' FROM generate_series(1, ${n}) g`;

describe.each(MODES)('divergence ($mode)', ({ stream, rows: n }) => {
  const start = (databases: Parameters<typeof LiveReplay.start>[0]) =>
    LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY)',
      rows: ROWS(n),
    });
  const target = async (live: LiveReplay) =>
    (
      await live.target.query(
        `SELECT (SELECT count(*)::int FROM t) AS t, (SELECT count(*)::int FROM u) AS u, (SELECT count(*)::int FROM t WHERE v = 'b') AS b`,
      )
    ).rows[0];

  test('an UPDATE whose row is missing stops its table; the same transaction is applied to the others', async ({
    databases,
  }) => {
    await using live = await start(databases);
    await live.target.query('DELETE FROM t WHERE id = 3');
    const { rows: before } = await live.source.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
    await live.transaction(`INSERT INTO u SELECT generate_series(1, ${n}); UPDATE t SET v = 'b'`);
    const { relation, damage, warning } = await live.damage();
    expect(relation).toBe('public.t');
    expect(damage).toMatchObject({ code: 'TM5001', row: 'id=3' });
    expect(damage.reason).toBe('update of the row with id=3 hit 0 rows instead of one');
    // Between the beginning of the transaction and what came behind it.
    const { rows } = await live.source.query(
      'SELECT $1::pg_lsn < pg_current_wal_lsn() AND $1::pg_lsn > $2::pg_lsn AS fits',
      [damage.lsn, before[0]?.lsn],
    );
    expect(rows).toEqual([{ fits: true }]);
    for (const part of ['public.t', 'id=3', String(damage.lsn), '--resync']) expect(warning).toContain(part);
    expect(await target(live)).toEqual({ t: n - 1, u: n, b: 0 });
  });

  test('a DELETE whose row is missing', async ({ databases }) => {
    await using live = await start(databases);
    await live.target.query('DELETE FROM t WHERE id = 2');
    await live.transaction(`INSERT INTO u SELECT generate_series(1, ${n}); DELETE FROM t`);
    const { relation, damage } = await live.damage();
    expect([relation, damage.code, damage.row]).toEqual(['public.t', 'TM5001', 'id=2']);
    expect(damage.reason).toBe('delete of the row with id=2 hit 0 rows instead of one');
    expect(await target(live)).toEqual({ t: n - 1, u: n, b: 0 });
  });

  test('an INSERT whose row is there already', async ({ databases }) => {
    await using live = await start(databases);
    await live.target.query(`INSERT INTO t VALUES (1002, 'not ours')`);
    await live.transaction(`INSERT INTO u SELECT generate_series(1, ${n}); INSERT INTO t SELECT id + 1000, 'b' FROM t`);
    const { relation, damage } = await live.damage();
    expect([relation, damage.code, damage.row]).toEqual(['public.t', 'TM5002', 'id=1002']);
    expect(damage.reason).toMatch(/insert of the row with id=1002 was refused: duplicate key value/);
    expect(await target(live)).toEqual({ t: n + 1, u: n, b: 0 });
  });

  test('what went before is applied, nothing afterwards; a new applier knows it, too', async ({ databases }) => {
    await using live = await start(databases);
    await live.transaction(`UPDATE t SET v = 'b' WHERE id = 2`);
    await live.drain();
    await live.target.query('DELETE FROM t WHERE id = 1');
    await live.transaction(`UPDATE t SET v = 'b'`);
    await live.transaction(`INSERT INTO u VALUES (1)`);
    await live.damage();
    await live.transaction(`INSERT INTO u VALUES (2); DELETE FROM t WHERE id > 2`);
    await live.drain();
    expect(await target(live)).toEqual({ t: n - 1, u: 2, b: 1 });
    await live.stop();
    await live.target.query(`INSERT INTO t VALUES (1, 'a')`);
    await live.resume();
    await live.transaction(`INSERT INTO u VALUES (3); UPDATE t SET v = 'c'; INSERT INTO t VALUES (7000, 'b')`);
    await live.damage();
    expect(await target(live)).toEqual({ t: n, u: 3, b: 1 });
  });

  test('TRUNCATE of a damaged table and of others empties the others', async ({ databases }) => {
    await using live = await start(databases);
    await live.target.query('DELETE FROM t WHERE id = 3');
    await live.transaction(`INSERT INTO u SELECT generate_series(1, ${n}); UPDATE t SET v = 'b'`);
    await live.damage();
    await live.transaction('TRUNCATE t, u; INSERT INTO u VALUES (7)');
    await live.damage();
    expect(await target(live)).toEqual({ t: n - 1, u: 1, b: 0 });
  });

  test('TRUNCATE of a table that another one of the target alone refers to', async ({ databases }) => {
    await using live = await start(databases);
    await live.target.query('CREATE TABLE only_here (t int REFERENCES t)');
    await live.transaction(`TRUNCATE t, u; INSERT INTO t VALUES (1, 'b'); INSERT INTO u VALUES (1), (2)`);
    await live.drain();
    expect(await target(live)).toEqual({ t: 1, u: 2, b: 1 });
  });

  test('TRUNCATE that the target refuses damages its table', async ({ databases }) => {
    await using live = await start(databases);
    await live.target.query(`CREATE TABLE only_here (t int REFERENCES t);
      CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'rows are kept here'; END $$;
      CREATE TRIGGER keep BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION keep(); ALTER TABLE t ENABLE ALWAYS TRIGGER keep`);
    await live.transaction('TRUNCATE t, u; INSERT INTO u VALUES (1), (2)');
    const { relation, damage } = await live.damage();
    expect([relation, damage.code, damage.row]).toEqual(['public.t', 'TM5002', 'all rows']);
    expect(damage.reason).toBe('TRUNCATE was refused: rows are kept here');
    expect(await target(live)).toEqual({ t: n, u: 2, b: 0 });
  });

  test('a row that is missing under FULL', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: 'CREATE TABLE t (id int, v text); ALTER TABLE t REPLICA IDENTITY FULL',
      rows: ROWS(n),
    });
    await live.target.query(`UPDATE t SET v = 'something else' WHERE id = 2`);
    await live.transaction(`UPDATE t SET v = 'b'`);
    const { relation, damage } = await live.damage();
    expect([relation, damage.code, damage.row]).toEqual(['public.t', 'TM5001', 'id=2, v=a']);
  });

  test('what is not the row’s fault waits for the operator and damages nothing', async ({ databases }) => {
    await using live = await start(databases);
    await live.target.query('REVOKE UPDATE ON t FROM CURRENT_USER');
    await live.transaction(`INSERT INTO u VALUES (1); UPDATE t SET v = 'b'`);
    const told = () => live.events.flatMap((event) => (event.type === 'retry' ? [event] : []));
    await until(() => told().length > 0, { what: 'the engine to say what it lacks' });
    const grant = `GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON public.t TO "${databases.target.owner}";`;
    expect(told()[0]).toMatchObject({
      policy: 'operator',
      error: { code: 'TM1212', hint: expect.stringContaining(grant) },
    });
    await live.stop();
    await live.target.query('GRANT UPDATE ON t TO CURRENT_USER');
    await live.resume();
    await live.expectEqual();
  });

  test('a column that the target does not have', async ({ databases }) => {
    await using live = await start(databases);
    await live.transaction(`UPDATE t SET v = 'b'`);
    await live.source.query(`ALTER TABLE t ADD extra int, ADD more text`);
    await live.transaction(`UPDATE t SET extra = id`);
    const error = await live.held();
    expect(error).toMatchObject({ code: 'TM2003', object: 'public.t' });
    expect(error.message).toMatch(/extra integer.*more text/);
    expect(await target(live)).toEqual({ t: n, u: 0, b: n });
    await live.obey();
    await live.expectEqual();
  });

  test('a renamed column: all that was written before is applied first', async ({ databases }) => {
    await using live = await start(databases);
    await live.stop();
    await live.transaction(`UPDATE t SET v = 'b'`);
    await live.source.query('ALTER TABLE t RENAME v TO w');
    await live.transaction(`INSERT INTO u VALUES (1); UPDATE t SET w = 'c'`);
    await live.resume();
    expect(await live.held()).toMatchObject({ code: 'TM2003', object: 'public.t' });
    expect(await target(live)).toEqual({ t: n, u: 0, b: n });
    await live.stop();
    await live.resume();
    expect(await live.obey()).toMatchObject({ message: expect.stringContaining('v is called w now') });
    await live.expectEqual();
  });

  test('columns altered on both sides, while replay goes on', async ({ databases }) => {
    await using live = await start(databases);
    await live.transaction(`UPDATE t SET v = 'b'`);
    await live.drain();
    for (const alter of ['ADD extra varchar(3)', 'ALTER extra TYPE text', 'ADD more int DEFAULT 7', 'DROP v']) {
      for (const side of [live.target, live.source]) await side.query(`ALTER TABLE t ${alter}`);
      await live.transaction(
        `UPDATE t SET extra = 'x${alter}'; INSERT INTO t (id) SELECT id + 100000 FROM t WHERE id <= ${n} ON CONFLICT DO NOTHING; DELETE FROM t WHERE id > 100000`.replaceAll(
          'xADD extra varchar(3)',
          'abc',
        ),
      );
      await live.expectEqual();
    }
  });

  test('a table that the target does not have', async ({ databases }) => {
    await using live = await start(databases);
    await live.target.query('ALTER TABLE t RENAME TO elsewhere');
    await live.transaction(`UPDATE t SET v = 'b'`);
    expect(await live.held()).toMatchObject({ code: 'TM2003', object: 'public.t' });
    await live.target.query('ALTER TABLE elsewhere RENAME TO t');
    await live.expectEqual();
  });

  test('a partition that was created after the start', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE m (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM (1) TO (1000)`,
    });
    await live.source.query('CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM (1000) TO (2000)');
    await live.transaction(`INSERT INTO m SELECT generate_series(1, ${n}); INSERT INTO m VALUES (1001)`);
    expect(await live.held()).toMatchObject({ code: 'TM2004', object: 'public.m_2' });
    expect((await live.target.query('SELECT FROM m')).rowCount).toBe(0);
  });
});

describe('types', () => {
  test.for([{ n: 4 }, { n: 60 }])('binary values of another type are never taken for the target’s ($n rows)', async ({
    n,
  }, { databases }) => {
    await using live = await LiveReplay.start(databases, {
      binary: true,
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v bigint)',
      rows: `INSERT INTO t SELECT g, g FROM generate_series(1, ${n}) g`,
    });
    await live.source.query('ALTER TABLE t ALTER v TYPE double precision');
    await live.transaction('UPDATE t SET v = v + 0.5');
    const error = await live.obey();
    expect(error).toMatchObject({ code: 'TM2003', object: 'public.t' });
    expect(error.message).toMatch(/v was bigint and is double precision now/);
    await live.expectEqual();
  });

  test.for([{ n: 4 }, { n: 60 }])('text values go into a wider type ($n rows)', async ({ n }, { databases }) => {
    await using live = await LiveReplay.start(databases, {
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v int)',
      rows: `INSERT INTO t SELECT g, g FROM generate_series(1, ${n}) g`,
    });
    await live.target.query('ALTER TABLE t ALTER v TYPE bigint, ALTER id TYPE bigint');
    await live.transaction(
      'UPDATE t SET v = v + 1; UPDATE t SET id = id + 1000 WHERE id % 2 = 0; DELETE FROM t WHERE id = 3',
    );
    await live.expectEqual();
    live.expectWay(n);
  });
});

describe('a deferred constraint that only the target has', () => {
  test.override({ databaseOptions: { replicaRole: false } });

  test('damages its table at the COMMIT', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      tables: 'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int PRIMARY KEY)',
    });
    await live.target.query('ALTER TABLE t ADD CONSTRAINT one UNIQUE (v) DEFERRABLE');
    await live.transaction('INSERT INTO u VALUES (1); INSERT INTO t VALUES (1, 5), (2, 5)');
    const { relation, damage } = await live.damage();
    expect([relation, damage.code]).toEqual(['public.t', 'TM5002']);
    expect(damage.reason).toMatch(/refused at its commit: .*"one".*\(v\)=\(5\)/);
    expect((await live.target.query('SELECT FROM u')).rowCount).toBe(1);
  });
});
