import { describe } from 'vitest';
import { MeasuredEngine } from '../scenarios/big/measured-engine.ts';
import { test } from '../support/databases.ts';
import { say } from './say.ts';

const ROWS = Number(process.env.ROWS ?? 5_000_000);

describe(`one transaction of ${ROWS} rows`, () => {
  test.for(['pgoutput', 'test_decoding'] as const)('inserted, all updated, most deleted (%s)', async (plugin, {
    databases,
  }) => {
    const source = await databases.source.connect();
    await source.query('SET synchronous_commit = on; CREATE TABLE big (id int PRIMARY KEY, n int, t text)');
    await using measured = await MeasuredEngine.start(databases, { args: ['--plugin', plugin] });
    await measured.phase('replay');
    await measured.applied();
    say('started', { ...(await measured.used()) });
    await source.query(`BEGIN; INSERT INTO big SELECT i, i % 1000, 'row ' || i FROM generate_series(1, ${ROWS}) i;
      UPDATE big SET n = n + 1; DELETE FROM big WHERE id % 10 <> 0; COMMIT`);
    const written = performance.now();
    say('written', { ...(await measured.used()) });
    await measured.applied();
    const spool = Math.max(...measured.engine.events.flatMap((event) => (event.type === 'spool' ? [event.bytes] : [])));
    const seconds = (performance.now() - written) / 1000;
    say('applied', { lagSeconds: seconds, largestSpool: spool, ...(await measured.used()) });
    await measured.expectEqualRows();
    await measured.cutOver(600_000);
  });
});
