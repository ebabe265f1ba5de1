import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { bytea, text } from './big-values.ts';
import { MeasuredEngine } from './measured-engine.ts';

const MB = 64;
/** The message itself, and what is on its way to and from the disk and the network. */
const ROOM_MB = 2 * MB;
/** A type that no two servers read the same in binary form makes the whole stream text. */
const STREAMS = [
  { form: 'binary', beside: '' },
  { form: 'text', beside: 'CREATE TABLE beside (r regclass);' },
] as const;

describe('a row of 64 MB', () => {
  test.for(STREAMS)(
    'in copy and in replay ($form): in memory once',
    { timeout: 600_000 },
    async (stream, { databases }) => {
      const source = await databases.source.connect();
      await source.query(`SET synchronous_commit = on; ${stream.beside}
      CREATE TABLE big (id int PRIMARY KEY, n int, a text, b bytea);
      ALTER TABLE big ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
      INSERT INTO big SELECT 1, 0, ${text(MB)}, ${bytea(1)}`);
      await using measured = await MeasuredEngine.start(databases);
      await measured.phase('replay');
      await measured.applied();
      const copied = await measured.used();
      for (const sql of [
        `INSERT INTO big SELECT 2, 0, ${text(MB / 2)}, ${bytea(stream.form === 'binary' ? MB / 2 : MB / 4)}`,
        // The other values are not sent again.
        'UPDATE big SET n = n + 1',
        'UPDATE big SET id = 3 WHERE id = 2',
        `UPDATE big SET a = a || 'x' WHERE id = 3`,
        // Enough small ones beside it for the set-wise way.
        `INSERT INTO big SELECT g, 0, CASE g WHEN 50 THEN ${text(MB)} ELSE E'\\t\\\\\\n' END, '' FROM generate_series(10, 60) g`,
        'DELETE FROM big WHERE id = 1',
      ]) {
        await source.query(sql);
        await measured.applied();
      }
      const replayed = await measured.used();
      await measured.expectEqualRows();
      await measured.cutOver();
      if (copied.peakMb === null || replayed.peakMb === null || copied.residentMb === null) return;
      expect(copied.peakMb).toBeLessThan(200);
      expect(replayed.peakMb - copied.residentMb).toBeLessThan(ROOM_MB);
    },
  );
});
