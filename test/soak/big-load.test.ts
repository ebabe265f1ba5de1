import { describe } from 'vitest';
import { MeasuredEngine } from '../scenarios/big/measured-engine.ts';
import { test } from '../support/databases.ts';
import { say } from './say.ts';

/** How long the steady load goes on. */
const MINUTES = Number(process.env.MINUTES ?? 10);
const WRITERS = 2;

describe('load', () => {
  test('100,000 transactions of one row, 100,000 subtransactions, then single rows for minutes', async ({
    databases,
  }) => {
    const source = await databases.source.connect();
    // As fast as one session can: the transactions do not wait for the disk.
    await source.query('SET synchronous_commit = off; CREATE TABLE load (id bigserial PRIMARY KEY, n int, t text)');
    await using measured = await MeasuredEngine.start(databases);
    await measured.phase('replay');
    await measured.applied();
    say('started', { ...(await measured.used()) });
    const during = async (what: string, sql: string) => {
      const started = performance.now();
      await source.query(sql);
      const written = performance.now();
      await measured.applied();
      const lagSeconds = (performance.now() - written) / 1000;
      say(what, { writtenSeconds: (written - started) / 1000, lagSeconds, ...(await measured.used()) });
    };
    const loop = (count: number, body: string) => `DO $$ BEGIN FOR i IN 1..${count} LOOP ${body} END LOOP; END $$`;
    await during(
      '100,000 transactions of one row',
      loop(100_000, `INSERT INTO load (n, t) VALUES (i, 'row ' || i); COMMIT;`),
    );
    await during(
      '100,000 subtransactions',
      loop(100_000, `BEGIN INSERT INTO load (n, t) VALUES (i, 'row'); EXCEPTION WHEN unique_violation THEN NULL; END;`),
    );
    const until = performance.now() + MINUTES * 60_000;
    let rows = 0;
    const write = async () => {
      const writer = await databases.source.connect();
      await writer.query('SET synchronous_commit = off');
      while (performance.now() < until) {
        await writer.query(
          loop(
            5_000,
            `INSERT INTO load (n, t) VALUES (i, 'row ' || i); COMMIT; UPDATE load SET n = n + 1 WHERE id = 1 + (random() * 100000)::int; COMMIT;`,
          ),
        );
        rows += 10_000;
      }
    };
    const writing = Promise.all(Array.from({ length: WRITERS }, write));
    const started = performance.now();
    while (performance.now() < until) {
      await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, 60_000))]);
      const lag = measured.engine.events.findLast((event) => event.type === 'replay');
      say(`after ${Math.round((performance.now() - started) / 60_000)} min`, {
        rowsPerSecond: rows / ((performance.now() - started) / 1000),
        lagBytes: lag?.type === 'replay' ? lag.lag_bytes : null,
        spool: measured.engine.events.findLast((event) => event.type === 'spool'),
        ...(await measured.used()),
      });
    }
    await writing;
    await during('caught up', 'SELECT 1');
    await measured.expectEqualRows();
    await measured.cutOver();
  });
});
