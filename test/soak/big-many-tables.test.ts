import { describe } from 'vitest';
import { MeasuredEngine } from '../scenarios/big/measured-engine.ts';
import { test } from '../support/databases.ts';
import { say } from './say.ts';

const COUNTS = (process.env.TABLES ?? '2500,5000,10000').split(',').map(Number);

describe('many tables', () => {
  test.for(COUNTS)('%s tables, with a sequence each: a whole migration', async (count, { databases }) => {
    const source = await databases.source.connect();
    await source.query('SET synchronous_commit = on');
    for (let from = 0; from < count; from += 500) {
      await source.query(`DO $$ BEGIN FOR i IN ${from}..${Math.min(from + 500, count) - 1} LOOP
        EXECUTE format('CREATE TABLE t%s (id serial PRIMARY KEY, n int, t text)', i);
        EXECUTE format('INSERT INTO t%s (n) VALUES (1), (2), (3)', i); END LOOP; END $$`);
    }
    await using measured = await MeasuredEngine.start(databases);
    for (const phase of ['snapshot', 'schema', 'copy', 'replay'] as const) {
      await measured.phase(phase);
      say(`${count} tables, before ${phase}`, { ...(await measured.used()) });
    }
    await measured.applied();
    say(`${count} tables, live`, { ...(await measured.used()) });
    for (const what of ['a change to each, in one transaction', 'another']) {
      await source.query(`DO $$ BEGIN FOR i IN 0..${count - 1} LOOP
        EXECUTE format('UPDATE t%s SET n = n + 1; INSERT INTO t%s (n) VALUES (9)', i, i); END LOOP; END $$`);
      await measured.used();
      await measured.applied();
      say(`${count} tables, ${what}`, { ...(await measured.used()) });
    }
    await measured.cutOver(600_000);
    say(`${count} tables, seconds of each phase`, measured.phaseSeconds());
  });
});
