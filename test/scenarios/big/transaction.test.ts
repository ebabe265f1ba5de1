import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { MeasuredEngine } from './measured-engine.ts';

const ROWS = 200_000;

describe('a transaction larger than memory', () => {
  test.for(['pgoutput', 'test_decoding'] as const)(
    'of 600,000 changes is streamed by way of the disk, in bounded memory (%s)',
    { timeout: 600_000 },
    async (plugin, { databases }) => {
      const source = await databases.source.connect();
      await source.query('SET synchronous_commit = on; CREATE TABLE big (id int PRIMARY KEY, n int, t text)');
      await using measured = await MeasuredEngine.start(databases, { heapMb: 96, args: ['--plugin', plugin] });
      await measured.phase('replay');
      await measured.applied();
      const before = await measured.used();
      await source.query(`BEGIN; INSERT INTO big SELECT i, i, 'row ' || i FROM generate_series(1, ${ROWS}) i;
      UPDATE big SET n = n + 1; DELETE FROM big WHERE id % 10 <> 0; COMMIT`);
      await measured.applied();
      const after = await measured.used();
      await measured.expectEqualRows();
      await measured.cutOver();
      if (after.peakMb !== null && before.residentMb !== null)
        expect(after.peakMb - before.residentMb).toBeLessThan(120);
    },
  );
});
