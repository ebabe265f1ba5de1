import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { LiveReplay } from '../apply/harness.ts';

const TABLES = 300;

const createTables = `DO $$ BEGIN FOR i IN 0..${TABLES - 1} LOOP
  EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, n int, t text)', i);
  EXECUTE format('INSERT INTO t%s VALUES (1, 1), (2, 2)', i); END LOOP; END $$`;

/** An UPDATE and an INSERT for each table, by the order in which a number between 0 and the number of tables names them. */
const changeEach = (table: string) => `DO $$ BEGIN FOR i IN 0..${TABLES - 1} LOOP
  EXECUTE format('UPDATE t%s SET n = n + 1 WHERE id = 1; INSERT INTO t%s VALUES (3, 3)', ${table}, ${table});
  END LOOP; END $$`;

describe(`many tables: the first change to each of ${TABLES}`, () => {
  test.for([
    { order: 'as they were made', table: 'i', statements: 60 },
    { order: 'here and there', table: `i * 77 % ${TABLES}`, statements: 300 },
  ])('in one transaction, $order, does not ask the target about each', async ({ table, statements }, { databases }) => {
    await using live = await LiveReplay.start(databases, { tables: createTables });
    const before = live.statements.length;
    await live.transaction(changeEach(table));
    await live.expectEqual();
    const sent = live.statements.slice(before);
    // It was asked at all, and three questions a table would be 900.
    expect(sent.length).toBeGreaterThan(3);
    expect(sent.length, sent.join('\n').slice(0, 2000)).toBeLessThan(statements);
    expect(live.setWise + live.fallbacks).toBe(0);
  });

  test('in a transaction each: several tables are bound without a commit for each', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: createTables });
    await live.drain();
    await live.stop();
    const before = live.statements.length;
    for (let table = 0; table < TABLES; table += 1)
      await live.source.query(`UPDATE t${table} SET n = n + 1 WHERE id = 1`);
    await live.resume();
    await live.expectEqual();
    const commits = live.statements.slice(before).filter((text) => text === 'COMMIT');
    expect(commits.length).toBeGreaterThan(0);
    expect(commits.length, 'transactions on the target').toBeLessThan(60);
  });

  test('a table that was asked about ahead and altered before its turn is looked at again', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      tables: 'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)',
    });
    await live.transaction('INSERT INTO a VALUES (1)');
    await live.drain();
    await live.target.query('ALTER TABLE b ADD COLUMN more int NOT NULL');
    await live.transaction('INSERT INTO b VALUES (1)');
    const { code, message } = await live.held();
    expect({ code, message }).toMatchObject({ code: 'TM2003', message: expect.stringContaining('more') });
    await live.target.query('ALTER TABLE b DROP COLUMN more');
    await live.expectEqual();
  });
});
