import { readdir } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/wait.ts';
import { LiveReplay } from './harness.ts';
import { MODES, PRESENT_PLUGINS } from './modes.ts';

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE log (what text)';
const ROWS = `INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g`;
const WORK = (n: number) => `UPDATE t SET v = v + 1; INSERT INTO log SELECT 'x' FROM generate_series(1, ${n}) g`;
const CHANGES = (n: number) => 100 + n;

const APPLIER = `application_name LIKE '% apply' AND datname = current_database()`;
const waiting = (live: LiveReplay) =>
  until(
    async () =>
      (await live.target.query(`SELECT pid FROM pg_stat_activity WHERE ${APPLIER} AND wait_event_type = 'Lock'`))
        .rows[0],
    {
      what: 'the applier to wait for a lock',
    },
  );

describe.each(MODES)('a broken connection to the target ($mode)', ({ stream, rows: n }) => {
  test('in the middle of a batch: nothing lost, nothing doubled', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { ...stream, tables: TABLE, rows: ROWS });
    const locker = await databases.target.connect();
    for (let round = 0; round < 2; round += 1) {
      await locker.query('BEGIN; SELECT FROM t WHERE id = 50 FOR UPDATE');
      await live.transaction(WORK(n));
      const { pid } = await waiting(live);
      await databases.target.admin('SELECT pg_terminate_backend($1)', [pid]);
      await locker.query('COMMIT');
      await live.expectEqual();
    }
    expect(live.events.filter(({ type }) => type === 'retry')).toHaveLength(2);
    expect(await live.changesApplied()).toBe(2 * CHANGES(n));
  });

  test('while COMMIT is answered: it is known to be done, and whoever waits for it hears of it', async ({
    databases,
  }) => {
    await using proxy = await TcpProxy.start(databases.target.server);
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: TABLE,
      rows: ROWS,
      applierPort: proxy.port,
    });
    await live.drain();
    let swallowed = proxy.swallowAnswerTo('COMMIT');
    await live.transaction(WORK(n));
    await swallowed;
    await live.expectEqual();
    // This time the marker itself is in the transaction whose COMMIT is never answered.
    swallowed = proxy.swallowAnswerTo('COMMIT');
    await live.drain();
    await swallowed;
    await live.transaction(WORK(n));
    await live.expectEqual();
    expect(await live.changesApplied()).toBe(2 * CHANGES(n));
  });
});

test('a session that the server still holds for us is ended before its work is done again', async ({ databases }) => {
  await using proxy = await TcpProxy.start(databases.target.server);
  await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS, applierPort: proxy.port });
  const locker = await databases.target.connect();
  await locker.query('BEGIN; SELECT FROM t WHERE id = 50 FOR UPDATE');
  await live.transaction(WORK(1));
  const first = await waiting(live);
  proxy.cutClients();
  await until(async () => (await waiting(live)).pid !== first.pid);
  expect((await live.target.query(`SELECT FROM pg_stat_activity WHERE ${APPLIER}`)).rowCount).toBe(1);
  await locker.query('COMMIT');
  await live.expectEqual();
  expect(await live.changesApplied()).toBe(CHANGES(1));
});

test.for(PRESENT_PLUGINS)('stopped and started again and again under writes (%s)', async (plugin, { databases }) => {
  await using live = await LiveReplay.start(databases, { plugin, tables: TABLE, rows: ROWS, segmentBytes: 20_000 });
  for (let round = 0; round < 10; round += 1) {
    await live.transaction(WORK(round * 20));
    await live.transaction(WORK(5));
    await live.stop();
    await live.transaction(WORK(7));
    await live.resume();
  }
  await live.expectEqual();
  expect(await live.changesApplied()).toBe(10 * (300 + 12) + 20 * 45);
});

describe('the stream', () => {
  test.for(PRESENT_PLUGINS)('broken in the middle of a large transaction (%s)', async (plugin, { databases }) => {
    await using live = await LiveReplay.start(databases, { plugin, tables: TABLE, rows: ROWS, segmentBytes: 500_000 });
    await live.transaction(WORK(3));
    await live.drain();
    const spooled = async () => (await readdir(live.spoolDirectory)).filter((name) => name.endsWith('.spool')).length;
    const before = await spooled();
    await live.transaction(`INSERT INTO t SELECT g, g FROM generate_series(1000, 61000) g; UPDATE t SET v = -v`);
    await until(async () => (await spooled()) > before + 1, { what: 'part of the transaction' });
    await databases.source.admin(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
      [live.slot],
    );
    await live.expectEqual();
    expect(live.events).toContainEqual(
      expect.objectContaining({ type: 'retry', what: 'receiving changes from the source' }),
    );
    expect(await live.changesApplied()).toBe(103 + 60_001 * 2 + 100);
    // What is applied is deleted.
    await live.transaction(WORK(3));
    await live.drain();
    await until(async () => (await spooled()) <= 2, { what: 'the spool to be pruned' });
  });

  test.for(
    PRESENT_PLUGINS,
  )('resumed from a spool that begins in the middle of an applied transaction (%s)', async (plugin, { databases }) => {
    await using live = await LiveReplay.start(databases, { plugin, tables: TABLE, rows: ROWS, segmentBytes: 500_000 });
    await live.transaction('INSERT INTO t SELECT g, g FROM generate_series(1000, 31000) g');
    await live.drain();
    const first = async () => (await readdir(live.spoolDirectory)).sort()[0];
    await until(async () => (await first()) !== '000000000000.spool', { what: 'the spool to be pruned' });
    await live.stop();
    await live.resume();
    await live.transaction(WORK(3));
    await live.expectEqual();
    expect(await live.changesApplied()).toBe(30_001 + 30_101 + 3);
  });

  test.for(
    PRESENT_PLUGINS,
  )('two transactions committed back to back, with a restart between them (%s)', async (plugin, { databases }) => {
    await using live = await LiveReplay.start(databases, { plugin, tables: TABLE, rows: ROWS });
    for (let round = 0; round < 4; round += 1) {
      await live.transaction(`INSERT INTO log VALUES ('first ${round}')`);
      await live.drain();
      await live.stop();
      await live.resume();
      await live.transaction(`INSERT INTO log VALUES ('second ${round}')`);
    }
    await live.expectEqual();
    expect(await live.changesApplied()).toBe(8);
  });

  test.for(PRESENT_PLUGINS)('an idle database on a busy server keeps no WAL (%s)', async (plugin, { databases }) => {
    await using live = await LiveReplay.start(databases, { plugin, tables: TABLE, rows: ROWS });
    const elsewhere = await databases.source.connect('superuser');
    await elsewhere.query(
      'CREATE TABLE not_published AS SELECT g FROM generate_series(1, 10000) g; ALTER TABLE not_published SET UNLOGGED',
    );
    await elsewhere.query('SELECT pg_switch_wal()');
    await live.allConfirmed();
    await live.stop();
    await live.resume();
    await live.transaction(WORK(1));
    await live.drain();
    expect(await live.changesApplied()).toBe(CHANGES(1));
  });

  test('a slot that was dropped is lost for good', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
    await live.drain();
    await until(async () => {
      await databases.source.admin(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active',
        [live.slot],
      );
      await databases.source.admin('SELECT pg_drop_replication_slot($1)', [live.slot]);
      return true;
    });
    expect(await live.ended()).toMatchObject({ code: 'TM4002', side: 'source', object: live.slot });
  });

  test('a publication that was dropped is told, not waited for', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
    await live.drain();
    await databases.source.query(`DROP PUBLICATION ${live.slot}`);
    await live.transaction(WORK(1));
    const error = await live.ended();
    expect(error).toMatchObject({ code: 'TM1309', side: 'source' });
    expect(error.message).toMatch(/publication .* does not exist/);
  });

  test('a disk that gets short: receiving waits, and goes on when there is room', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, { tables: TABLE, rows: ROWS });
    await live.drain();
    await live.stop();
    live.reserveBytes = Number.MAX_SAFE_INTEGER;
    await live.resume();
    await until(() => live.events.some((event) => event.type === 'retry' && event.error.code === 'TM4003'));
    await live.transaction(WORK(10));
    live.reserveBytes = 0;
    await live.expectEqual();
    await until(() => live.events.some((event) => event.type === 'healed'));
  });
});
