import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { changeShareOutcome, insertRateOutcome } from '../../src/providers/common/workload-fit.ts';
import { createAsk } from '../../src/providers/fact.ts';
import { server as serverFact } from '../../src/providers/facts/server.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';

/** Waits until the server has counted so many inserted rows of the table. */
const counted = (database: TestDatabase, table: string, rows: number) =>
  until(
    async () => {
      const [row] = await database.query<{ n: string }>(
        `SELECT n_tup_ins + n_tup_upd + n_tup_del AS n FROM pg_stat_user_tables WHERE relname = $1`,
        [table],
      );
      return Number(row?.n) >= rows;
    },
    { what: `${rows} counted rows of ${table}` },
  );

describe('the fit of the workload', () => {
  test('by rows inserted per second', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-insert-rate', input)).toMatchObject({
      status: 'pass',
      found: expect.stringMatching(/^[\d,]+ rows\/s now, [\d,]+ rows\/s on average over \d/),
    });
    await source.query('CREATE UNLOGGED TABLE load (id int)');
    await source.admin('SELECT pg_stat_reset()');
    await source.query('INSERT INTO load SELECT FROM generate_series(1, 1000000)');
    await counted(source, 'load', 1_000_000);
    expect(await check('source-insert-rate', input)).toMatchObject({
      status: 'warn',
      found: expect.stringMatching(/\d{2,3},\d{3} rows\/s on average over \d+ s$/),
    });
  });

  test('counters outlive a restart, and so does how long they have been counting', async () => {
    await using server = await startServer({ name: 'counters' });
    await server.restart();
    const uri = server.uri('postgres');
    const { sample, started } = await withCheckContext({ source: uri, target: uri }, (context) =>
      createAsk(context)('source', serverFact),
    );
    expect(sample.countedSeconds).toBeGreaterThan((sample.at - Date.parse(started)) / 1000 + 0.01);
  });

  test('by rows inserted per second, in figures', () => {
    const quiet = { insertsNow: 12.4, inserted: 5_000, countedSeconds: 7_200 };
    expect(insertRateOutcome(quiet)).toEqual({
      status: 'pass',
      found: '12 rows/s now, 1 rows/s on average over 2 h',
    });
    expect(insertRateOutcome({ ...quiet, insertsNow: 20_000 }).status).toBe('pass');
    expect(insertRateOutcome({ ...quiet, insertsNow: 20_001 })).toMatchObject({
      status: 'warn',
      found: expect.stringMatching(/^20,001 rows\/s now/),
    });
    expect(insertRateOutcome({ ...quiet, inserted: 7_200 * 20_001 }).status).toBe('warn');
    // Not known for how long they have been counting: only the moment counts.
    expect(insertRateOutcome({ insertsNow: 5, inserted: 1e12, countedSeconds: null })).toEqual({
      status: 'pass',
      found: '5 rows/s now',
    });
  });

  test('by the share of UPDATE and DELETE', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    await source.query('CREATE TABLE log (id int); CREATE TABLE balance (id int PRIMARY KEY, cents int)');
    expect(await check('source-change-share', input)).toMatchObject({
      status: 'pass',
      found: 'no row was changed since counting began',
    });
    await source.query('INSERT INTO log SELECT generate_series(1, 20000)');
    await counted(source, 'log', 20_000);
    expect(await check('source-change-share', input)).toMatchObject({ status: 'pass', found: 'only inserts' });
    await source.query(`INSERT INTO balance SELECT generate_series(1, 1000), 0; UPDATE balance SET cents = 1`);
    await counted(source, 'balance', 2_000);
    expect(await check('source-change-share', input)).toMatchObject({
      status: 'info',
      found: '5 % of 22,000 changed rows (1,000 updated, 0 deleted), most in public.balance (1,000)',
    });
    await source.query('UPDATE balance SET cents = 2; DELETE FROM balance; DELETE FROM log WHERE id <= 500');
    await counted(source, 'balance', 4_000);
    await counted(source, 'log', 20_500);
    expect(await check('source-change-share', input)).toMatchObject({
      status: 'warn',
      found:
        '14 % of 24,500 changed rows (2,000 updated, 1,500 deleted), most in public.balance (3,000), public.log (500)',
    });
    expect(await check('source-change-share', { ...input, options: { excludeTable: ['balance'] } })).toMatchObject({
      status: 'info',
    });
  });

  test('by the share of UPDATE and DELETE where rows lie in chunks', async ({ databases: { source, target } }) => {
    // As CREATE EXTENSION notes it.
    await source.admin(`SET allow_system_table_mods = on;
      INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (99999, 'timescaledb', 10, 'public'::regnamespace, false, '2.23.1')`);
    await source.query('CREATE SCHEMA _timescaledb_internal');
    await source.admin(`SET allow_system_table_mods = on;
      INSERT INTO pg_depend VALUES ('pg_namespace'::regclass, '_timescaledb_internal'::regnamespace, 0, 'pg_extension'::regclass, 99999, 0, 'e')`);
    await source.query(`CREATE TABLE _timescaledb_internal._hyper_1_1_chunk (id int);
      INSERT INTO _timescaledb_internal._hyper_1_1_chunk SELECT generate_series(1, 20000);
      UPDATE _timescaledb_internal._hyper_1_1_chunk SET id = id + 1`);
    await counted(source, '_hyper_1_1_chunk', 40_000);
    const input = { source: source.uri, target: target.uri };
    expect(await check('source-change-share', input)).toMatchObject({ status: 'pass' });
    expect(await check('source-change-share', { ...input, provider: 'selfhosted-timescaledb' })).toMatchObject({
      status: 'warn',
    });
  });

  test('too few changes say nothing', () => {
    expect(changeShareOutcome({ inserted: 10, updated: 90, deleted: 0 }, ['public.a (90)'])).toEqual({
      status: 'info',
      found: '90 % of 100 changed rows (90 updated, 0 deleted), most in public.a (90)',
    });
    expect(changeShareOutcome({ inserted: 1_000_000, updated: 1, deleted: 0 }, [])).toMatchObject({
      found: 'less than 1 % of 1,000,001 changed rows (1 updated, 0 deleted)',
    });
  });
});
