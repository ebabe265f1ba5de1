import { describe, expect } from 'vitest';
import type { LivenessTimes } from '../../../src/engine/liveness.ts';
import { test } from '../../support/databases.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/wait.ts';
import { LiveReplay } from './harness.ts';
import { PRESENT_PLUGINS } from './modes.ts';

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE log (what text)';
const ROWS = 'INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g';
const WORK = (n: number) => `UPDATE t SET v = v + 1; INSERT INTO log SELECT 'x' FROM generate_series(1, ${n}) g`;
/** The receiver asks for a sign of life once a second. */
const TIMES: LivenessTimes = { lookMs: 50, silentMs: 1500, askMs: 400, unreachableLooks: 3 };

const retries = (live: LiveReplay, what: string) =>
  live.events.filter((event) => event.type === 'retry' && event.what === what);
const healed = (live: LiveReplay, what: string) =>
  live.events.some((event) => event.type === 'healed' && event.what === what);

describe('a connection that swallows everything', () => {
  const RECEIVING = 'receiving changes from the source';
  const APPLYING = 'applying changes to the target';

  test.for(
    PRESENT_PLUGINS,
  )('the receiver’s, idle or in the middle of a stream: found dead, and nothing is lost (%s)', async (plugin, {
    databases,
  }) => {
    await using proxy = await TcpProxy.start(databases.source.server);
    await using live = await LiveReplay.start(databases, {
      plugin,
      tables: TABLE,
      rows: ROWS,
      receiverPort: proxy.port,
      liveness: TIMES,
    });
    await live.transaction(WORK(10));
    await live.drain();
    for (let round = 1; round <= 2; round += 1) {
      await proxy.inject('blackhole', / receive/);
      if (round === 2) await live.transaction(WORK(20_000));
      await until(() => retries(live, RECEIVING).length > 0, { what: 'the receiver to notice' });
      expect(retries(live, RECEIVING)[0]).toMatchObject({ policy: 'retry', error: { code: 'TM4001', side: 'source' } });
      live.events.length = 0;
      // The source holds the slot for the dead one until it notices, too.
      await proxy.inject('pass');
      await databases.source.admin(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active',
        [live.slot],
      );
      await live.transaction(WORK(10));
      await live.expectEqual();
      await until(() => healed(live, RECEIVING), { what: 'the trouble to go' });
    }
    expect(await live.changesApplied()).toBe(3 * 110 + 20_100);
  });

  test('the applier’s, in the middle of a batch: found dead, and nothing is doubled', async ({ databases }) => {
    await using proxy = await TcpProxy.start(databases.target.server);
    await using live = await LiveReplay.start(databases, {
      tables: TABLE,
      rows: ROWS,
      applierPort: proxy.port,
      liveness: TIMES,
    });
    await live.transaction(WORK(10));
    await live.drain();
    await proxy.inject('blackhole', / apply/);
    await live.transaction(WORK(10));
    await until(() => retries(live, APPLYING).length > 0, { what: 'the applier to notice' });
    expect(retries(live, APPLYING)[0]).toMatchObject({
      error: { message: expect.stringContaining('no sign of life') },
    });
    await proxy.inject('pass');
    await live.expectEqual();
    await until(() => healed(live, APPLYING), { what: 'the trouble to go' });
    expect(await live.changesApplied()).toBe(220);
  });

  test('an idle source and a walsender that answers are not taken for dead', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS, liveness: TIMES });
    await live.transaction(WORK(1));
    await live.drain();
    await live.source.query('SELECT pg_sleep(3)');
    await live.transaction(WORK(1));
    await live.expectEqual();
    expect(live.events.filter(({ type }) => type === 'retry')).toEqual([]);
  });
});
