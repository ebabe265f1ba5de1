import { describe, expect } from 'vitest';
import { startServer } from '../../../src/demo/server.ts';
import { MESSAGE_PREFIX } from '../../../src/engine/decode/change.ts';
import { MARKER_PREFIXES } from '../../../src/engine/decode/compression-markers.ts';
import { formatLsn } from '../../../src/postgres/lsn.ts';
import { test } from '../../support/databases.ts';
import { isInstalled, nativeOf, OTHER_MAJORS } from '../../support/other-versions.ts';
import { installedFor, settingsFor, WAL2JSON } from '../../support/wal2json.ts';
import { type ByName, SameWal, type Transaction } from './same-wal.ts';

/** The plugins that tell tables by name, so far as there is a library for the release. */
const byName = (wal2json: string | null): ByName[] => [
  'test_decoding',
  ...(wal2json === null ? [] : (['wal2json'] as const)),
];

/** Transactions of every kind: plain, of subtransactions, large, prepared, rolled back, with messages, with no row at all. */
async function write(slots: SameWal): Promise<void> {
  const { writer } = slots;
  await writer.query('SET synchronous_commit = on');
  for (let round = 1; round <= 60; round += 1) {
    await writer.query(`INSERT INTO t VALUES (${round}, repeat('x', ${round * 37}))`);
  }
  await writer.query(`BEGIN; UPDATE t SET v = 'b'; SAVEPOINT a; DELETE FROM t WHERE id = 1; ROLLBACK TO a; SAVEPOINT b;
    DELETE FROM t WHERE id = 2; COMMIT`);
  await writer.query(`INSERT INTO t SELECT g, repeat('y', 100) FROM generate_series(1000, 21000) g`);
  await writer.query(`BEGIN; INSERT INTO t VALUES (500, 'prepared'); PREPARE TRANSACTION 'positions'`);
  await writer.query(`INSERT INTO t VALUES (501, 'before it')`);
  await writer.query(`COMMIT PREPARED 'positions'`);
  await writer.query(`BEGIN; INSERT INTO t VALUES (502, 'never'); ROLLBACK`);
  await writer.query(`SELECT pg_logical_emit_message(true, 'p', 'in a transaction of its own')`);
  await writer.query(
    `BEGIN; INSERT INTO t VALUES (503, ''); SELECT pg_logical_emit_message(true, 'p', 'm'); TRUNCATE t; COMMIT`,
  );
  await writer.query(`CREATE TABLE later (id int); DROP TABLE later`);
  const other = slots.connect();
  await other.connect();
  await other.query('SET synchronous_commit = on');
  for (let round = 0; round < 50; round += 1) {
    await Promise.all([
      writer.query(`INSERT INTO t VALUES (${2000 + round}, 'one')`),
      other.query(`INSERT INTO t VALUES (${3000 + round}, 'other')`),
    ]);
  }
  await other.end();
}

const shown = ({ xid, end }: Transaction) => `${xid} ${formatLsn(end)}`;

/** What test_decoding's frames say, and BEGIN and COMMIT of wal2json, is what pgoutput says of the same transactions. */
async function expectSamePositions(slots: SameWal, plugins: readonly ByName[]): Promise<void> {
  await write(slots);
  for (const plugin of plugins) await expectSame(slots, plugin);
}

async function expectSame(slots: SameWal, plugin: ByName): Promise<void> {
  const told = await slots.transactions('pgoutput');
  const ours = await slots.transactions(plugin);
  const known = new Map(ours.map((transaction) => [transaction.xid, transaction]));
  expect(told.length).toBeGreaterThan(160);
  // Transactions without a published row are not in the one, but may be in the other.
  expect(told.map((transaction) => shown(known.get(transaction.xid) ?? transaction))).toEqual(told.map(shown));
  expect(told.filter(({ xid }) => !known.has(xid)).map(shown)).toEqual([]);
  for (const { xid, commit, end } of told) {
    const inside = known.get(xid)?.commit ?? end;
    expect(inside >= commit && inside < end, `${xid}`).toBe(true);
    if (plugin === 'wal2json') expect(inside).toBe(commit);
  }
  // In the order of their commits, none before the end of the one in front of it.
  for (const [index, { commit }] of ours.entries()) {
    const before = ours[index - 1];
    if (before) expect(commit >= before.end).toBe(true);
  }
}

describe('a commit ends where pgoutput says: test_decoding by the frame of COMMIT, wal2json by what it writes', () => {
  test('PostgreSQL 15', async ({ databases }) => {
    await using slots = await SameWal.create(databases.source.superuserUri, databases.source.name, byName(WAL2JSON));
    await expectSamePositions(slots, byName(WAL2JSON));
  });

  for (const major of OTHER_MAJORS) {
    test.skipIf(!isInstalled(major))(`PostgreSQL ${major}`, async () => {
      const plugins = byName(installedFor(major));
      await using server = await startServer({
        name: `positions-${major}`,
        native: nativeOf(major),
        settings: { max_prepared_transactions: 10, ...settingsFor(installedFor(major)) },
      });
      await using slots = await SameWal.create(server.uri('postgres'), 'positions', plugins);
      await expectSamePositions(slots, plugins);
      await expectMessages(slots, plugins);
    });
  }
});

test('of two commits back to back, the second is sent from the end of the first on', async ({ databases }) => {
  await using slots = await SameWal.create(databases.source.superuserUri, databases.source.name, byName(WAL2JSON));
  await write(slots);
  const told = await slots.transactions('pgoutput');
  const pairs = told.flatMap((first, index) => {
    const second = told[index + 1];
    return second && first.end === second.commit ? [[first, second] as const] : [];
  });
  expect(pairs.length).toBeGreaterThan(0);
  const [first, second] = pairs[0] as (typeof pairs)[number];
  for (const plugin of ['pgoutput', ...byName(WAL2JSON)] as const) {
    const [sent] = await slots.transactions(plugin, first.end);
    expect(sent && shown(sent), plugin).toBe(shown(second));
  }
});

/** Messages are shown inside a transaction, whatever they say. */
async function expectMessages(slots: SameWal, plugins: readonly ByName[]): Promise<void> {
  const contents = ['plain', '', 'a\nb', 'x, sz: 3 content:abc', 'ä\u{1F600}'];
  const prefixes = ['tiger_migrate', 'pre, sz: 1 content:', '::timescaledb-decompression-start', 'a\nb'];
  for (const prefix of prefixes) {
    for (const content of contents) {
      await slots.writer.query('SELECT pg_logical_emit_message(true, $1, $2::text)', [prefix, content]);
    }
  }
  for (const plugin of plugins) {
    const changes = await slots.changes(plugin);
    // wal2json is asked for ours and TimescaleDB's only: it cuts binary contents short.
    const wanted = [MESSAGE_PREFIX, ...MARKER_PREFIXES];
    const asked = plugin === 'wal2json' ? prefixes.filter((prefix) => wanted.includes(prefix)) : prefixes;
    const sent = asked.flatMap((prefix) => contents.map((content) => `${prefix}|${content}`));
    const heard = changes.flatMap((change, index) => {
      if (change.kind !== 'message' || !prefixes.includes(change.prefix)) return [];
      expect([changes[index - 1]?.kind, changes[index + 1]?.kind]).toEqual(['begin', 'commit']);
      return [`${change.prefix}|${change.content.toString()}`];
    });
    expect(heard, plugin).toEqual(sent);
  }
}

test('messages of any content are read', async ({ databases }) => {
  await using slots = await SameWal.create(databases.source.superuserUri, databases.source.name, byName(WAL2JSON));
  await slots.writer.query(`SELECT pg_logical_emit_message(true, 'binary', '\\x00ff00'::bytea)`);
  await expectMessages(slots, byName(WAL2JSON));
});
