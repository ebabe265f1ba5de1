import { describe } from 'vitest';
import { MeasuredEngine } from '../scenarios/big/measured-engine.ts';
import { test } from '../support/databases.ts';
import { say } from './say.ts';

const TRANSACTIONS = Number(process.env.TRANSACTIONS ?? 100_000);
const WIDE_ROWS = Number(process.env.WIDE_ROWS ?? 100_000);
const PER_CALL = 10_000;

describe('great numbers', () => {
  test(`${TRANSACTIONS} transactions of one row, then as many subtransactions in one`, async ({ databases }) => {
    const source = await databases.source.connect();
    await source.query('CREATE TABLE t (id int PRIMARY KEY, n int)');
    await source.query('SET synchronous_commit = off');
    await using measured = await MeasuredEngine.start(databases);
    await measured.phase('replay');
    await measured.applied();
    say('started', { ...(await measured.used()) });
    for (let from = 0; from < TRANSACTIONS; from += PER_CALL) {
      await source.query(`DO $$ BEGIN FOR i IN ${from}..${from + PER_CALL - 1} LOOP
        INSERT INTO t VALUES (i, 0); COMMIT; END LOOP; END $$`);
    }
    await flushed(source);
    await measured.used();
    await measured.applied();
    say(`${TRANSACTIONS} transactions, since the last one`, { ...(await measured.used()) });
    await source.query(`DO $$ BEGIN FOR i IN 0..${TRANSACTIONS - 1} LOOP
      BEGIN UPDATE t SET n = n + 1 WHERE id = i; EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$`);
    await flushed(source);
    await measured.used();
    await measured.applied();
    say(`${TRANSACTIONS} subtransactions, since the commit`, { ...(await measured.used()) });
    await measured.expectEqualRows();
    await measured.cutOver(600_000);
  });

  test(`${WIDE_ROWS} rows of 1,600 columns`, async ({ databases }) => {
    const source = await databases.source.connect();
    await source.query(wideTable({ columns: 1600, rows: WIDE_ROWS }));
    await using measured = await MeasuredEngine.start(databases);
    await measured.phase('replay');
    await measured.applied();
    say(`${WIDE_ROWS} rows of 1,600 columns, copy`, { ...(await measured.used()) });
    await source.query('SET synchronous_commit = on; UPDATE wide SET c2 = c2 + 1 WHERE c1 <= 10000');
    await measured.used();
    await measured.applied();
    say('10,000 of them updated', { ...(await measured.used()) });
    await measured.expectEqualRows();
    await measured.cutOver(600_000);
    say('seconds of each phase', measured.phaseSeconds());
  });
});

/** What was committed asynchronously goes out to the walsender, too. */
const flushed = (source: { query(sql: string): Promise<unknown> }) =>
  source.query('SET synchronous_commit = on; INSERT INTO t VALUES ((SELECT max(id) + 1 FROM t), 0)');

/** Makes and fills the table `wide`, with `c1` as its key and numbers in all its columns. */
const wideTable = ({ columns, rows }: { readonly columns: number; readonly rows: number }): string => {
  const numbers = Array.from({ length: columns - 1 }, (_, index) => index + 2);
  return `CREATE TABLE wide (c1 int PRIMARY KEY, ${numbers.map((n) => `c${n} smallint`).join(', ')});
    INSERT INTO wide SELECT i, ${numbers.map((n) => `(i + ${n}) % 1000`).join(', ')} FROM generate_series(1, ${rows}) i`;
};
