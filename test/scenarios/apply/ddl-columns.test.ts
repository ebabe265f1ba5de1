import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { LiveReplay } from './harness.ts';

const MODES = [{ binary: false }, { binary: true }] as const;
const TABLES = 'CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, n int); CREATE TABLE other (id int PRIMARY KEY)';
const ROWS = `INSERT INTO t SELECT g, 'a', g FROM generate_series(1, 60) g`;

/** What is run on the source, then the rows that need it, and what the operator is told. */
const WAITING = [
  { name: 'ADD COLUMN', ddl: 'ADD c int', dml: 'UPDATE t SET c = id', told: /column c integer was added/ },
  {
    name: 'ADD COLUMN with a default',
    ddl: `ADD d text NOT NULL DEFAULT 'it''s', ADD at timestamptz DEFAULT now()`,
    dml: `INSERT INTO t (id, v) VALUES (61, 'b')`,
    told: /column d text was added/,
  },
  {
    name: 'DROP COLUMN that is NOT NULL',
    ddl: 'DROP v',
    dml: 'INSERT INTO t VALUES (61, 1)',
    told: /column v was dropped/,
  },
  {
    name: 'RENAME COLUMN',
    ddl: 'RENAME v TO "new name"',
    dml: `UPDATE t SET "new name" = 'b'`,
    told: /v is called "new name" now/,
  },
  {
    name: 'ALTER COLUMN TYPE',
    ddl: 'ALTER n TYPE numeric(10,2)',
    dml: 'UPDATE t SET n = n + 0.25',
    told: /n was integer and is numeric\(10,2\) now/,
  },
];

describe.each(MODES)('on the source while replay runs (binary: $binary)', ({ binary }) => {
  test.for(WAITING)('$name: replay waits, says what to run, goes on by itself after it', async (of, { databases }) => {
    await using live = await LiveReplay.start(databases, { binary, tables: TABLES, rows: ROWS });
    await live.transaction(`UPDATE t SET n = n + 1 WHERE id < 30`);
    await live.source.query(`ALTER TABLE t ${of.ddl}`);
    await live.transaction(`${of.dml}; INSERT INTO other VALUES (1)`);
    const report = await live.held();
    expect(report).toMatchObject({ code: 'TM2003', object: 'public.t', message: expect.stringMatching(of.told) });
    // All that was committed before is there, nothing of what waits.
    expect((await live.target.query('SELECT count(*)::int FROM t WHERE n = id + 1')).rows).toEqual([{ count: 29 }]);
    expect((await live.target.query('SELECT FROM other')).rowCount).toBe(0);
    await live.obey();
    await live.expectEqual();
  });

  test('DDL and rows in one transaction, in front of more than a batch', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { binary, tables: TABLES, rows: ROWS });
    await live.transaction(
      `INSERT INTO t SELECT g, 'big', g FROM generate_series(100, 25000) g; ALTER TABLE t ADD c int; UPDATE t SET c = 1`,
    );
    await live.obey();
    await live.expectEqual();
  });

  test('stopped while it waits, resumed, it waits again; nothing is lost or doubled', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { binary, tables: TABLES, rows: ROWS });
    await live.source.query('ALTER TABLE t ADD c int');
    await live.transaction('UPDATE t SET c = id; INSERT INTO other VALUES (1)');
    await live.held();
    await live.stop();
    await live.transaction('UPDATE t SET c = c + 1; INSERT INTO other VALUES (2)');
    await live.resume();
    await live.obey();
    await live.expectEqual();
  });
});

/** The operator has done the same on the target before replay comes to it. */
const AHEAD = [
  {
    name: 'ADD COLUMN',
    ddl: 'ADD c int DEFAULT 7',
    before: `INSERT INTO t VALUES (61, 'b', 1)`,
    after: 'UPDATE t SET c = id',
  },
  { name: 'DROP COLUMN', ddl: 'DROP v', before: `UPDATE t SET v = 'b', n = 5`, after: 'INSERT INTO t VALUES (61, 1)' },
  {
    name: 'RENAME COLUMN',
    ddl: 'RENAME v TO w',
    before: `UPDATE t SET v = 'b'`,
    after: `UPDATE t SET w = 'c' WHERE id = 1`,
  },
  {
    name: 'RENAME of the key',
    ddl: 'RENAME id TO key',
    before: `UPDATE t SET v = 'b'`,
    after: `DELETE FROM t WHERE key = 1`,
  },
  {
    name: 'ALTER COLUMN TYPE',
    ddl: 'ALTER n TYPE bigint',
    before: 'UPDATE t SET n = -5',
    after: 'UPDATE t SET n = 5000000000 WHERE id = 1',
  },
  {
    name: 'ALTER TYPE of the key',
    ddl: 'ALTER id TYPE bigint',
    before: 'UPDATE t SET n = -5',
    after: 'DELETE FROM t WHERE id = 1',
  },
  { name: 'RENAME TABLE', ddl: 'RENAME TO t2', before: 'UPDATE t SET n = -5', after: 'DELETE FROM t2 WHERE id = 1' },
];

describe.each(MODES)('altered on the target ahead of replay (binary: $binary)', ({ binary }) => {
  test.for(AHEAD)('$name: the older changes of the stream go where they belong now', async ({ ddl, before, after }, {
    databases,
  }) => {
    await using live = await LiveReplay.start(databases, { binary, tables: TABLES, rows: ROWS });
    await live.stop();
    await live.transaction(before);
    for (const side of [live.source, live.target]) await side.query(`ALTER TABLE t ${ddl}`);
    await live.transaction(after);
    await live.resume();
    await live.expectEqual();
    expect(live.events.filter(({ type }) => type === 'retry')).toEqual([]);
  });
});

test('dropped on both sides: what was written before is left out, the rest arrives', async ({ databases }) => {
  await using live = await LiveReplay.start(databases, { tables: TABLES, rows: ROWS });
  await live.stop();
  await live.transaction(`UPDATE t SET v = 'b'; INSERT INTO other VALUES (1)`);
  for (const side of [live.source, live.target]) await side.query('DROP TABLE t');
  await live.resume();
  await live.expectEqual();
});
