import { expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { LiveReplay } from './harness.ts';
import { PRESENT_PLUGINS } from './modes.ts';

const WALSENDER = `SELECT pid, extract(epoch FROM reply_time) AS replied FROM pg_stat_replication
  WHERE reply_time IS NOT NULL AND pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1)`;

test.for(PRESENT_PLUGINS)('keepalives are answered while the target blocks, however long (%s)', async (plugin, {
  databases,
}) => {
  const { source, target } = databases;
  const TIMEOUT_S = 2;
  await source.query(`ALTER DATABASE "${source.name}" SET wal_sender_timeout = '${TIMEOUT_S}s'`);
  await using live = await LiveReplay.start(databases, {
    plugin,
    tables: 'CREATE TABLE t (id int PRIMARY KEY)',
  });
  await live.transaction('INSERT INTO t VALUES (1)');
  await live.drain();
  const blocking = await target.connect();
  await blocking.query('BEGIN; LOCK TABLE t');
  await live.transaction('INSERT INTO t SELECT generate_series(2, 20000)');
  const walsender = async () => (await source.admin<{ pid: number; replied: string }>(WALSENDER, [live.slot]))[0];
  const first = await until(walsender, { what: 'the first answer' });
  // By its own clock the source would have given up a silent receiver by then.
  const later = await until(
    async () => {
      const now = await walsender();
      return now && Number(now.replied) - Number(first.replied) > 2 * TIMEOUT_S ? now : null;
    },
    { what: 'the answers', timeoutMs: 30_000 },
  );
  expect(later.pid).toBe(first.pid);
  expect(live.events.filter(({ type }) => type === 'retry')).toEqual([]);
  await blocking.query('ROLLBACK');
  await live.expectEqual();
});
