import { firstRow, numericSetting, setting } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { counted, fail, pass, warn } from '../outcome.ts';
import { parameterFix } from '../parameter-fix.ts';

/** https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-WAL-LEVEL */
export const walLevel: Check = {
  id: 'source-wal-level',
  side: 'source',
  title: 'WAL level',
  wanted: 'wal_level = logical',
  why: 'Only then does the WAL hold what logical decoding needs to turn it into row changes.',
  fix: 'ALTER SYSTEM SET wal_level = logical; then restart the server.',
  async run({ source, provider }) {
    const level = await setting(source, 'wal_level');
    if (level === 'logical') return pass('logical');
    return fail(
      'TM1205',
      `wal_level = ${level}`,
      await parameterFix(source, provider, { name: 'wal_level', value: 'logical', restart: true }),
    );
  },
};

/** The slot of the migration, and one for taking in single tables again. */
const SLOTS = 2;
/** One sends the stream, one holds the exported snapshot during the copy. */
const WAL_SENDERS = 2;

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-REPLICATION-SLOTS */
export const replicationSlots: Check = {
  id: 'source-replication-slots',
  side: 'source',
  title: 'Replication slots',
  wanted: `${counted(SLOTS, 'free slot')} (1 at least)`,
  why: 'The slot makes the source keep its changes until they are safe here; taking in a table again needs another one for a while.',
  fix: 'Raise max_replication_slots, or drop slots that nobody uses any more.',
  async run({ source, provider, resuming }) {
    const most = (await numericSetting(source, 'max_replication_slots')) ?? 0;
    const { used } = await firstRow<{ used: string }>(source, 'SELECT count(*) AS used FROM pg_replication_slots');
    const free = most - Number(used);
    const found = `${free} of ${most} free`;
    // An unfinished migration has its slot already.
    const needed = resuming ? SLOTS - 1 : SLOTS;
    if (free >= needed) return pass(found);
    const change = { name: 'max_replication_slots', value: String(Number(used) + SLOTS + 2), restart: true };
    const remedy = await parameterFix(source, provider, change);
    return free >= needed - 1 ? warn(found, remedy) : fail('TM1207', found, remedy);
  },
};

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-WAL-SENDERS */
export const walSenders: Check = {
  id: 'source-wal-senders',
  side: 'source',
  title: 'WAL senders',
  wanted: `${counted(WAL_SENDERS, 'free WAL sender')}`,
  why: 'One sends the stream of changes while another holds the snapshot for the copy.',
  fix: 'Raise max_wal_senders, or stop WAL senders that nobody needs.',
  async run({ source, provider }) {
    const most = (await numericSetting(source, 'max_wal_senders')) ?? 0;
    const { used } = await firstRow<{ used: string }>(source, 'SELECT count(*) AS used FROM pg_stat_get_wal_senders()');
    const free = most - Number(used);
    const found = `${free} of ${most} free`;
    if (free >= WAL_SENDERS) return pass(found);
    const change = { name: 'max_wal_senders', value: String(Number(used) + WAL_SENDERS + 2), restart: true };
    return fail('TM1208', found, await parameterFix(source, provider, change));
  },
};

const SHORTEST_TIMEOUT_MS = 10_000;

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-WAL-SENDER-TIMEOUT */
export const walSenderTimeout: Check = {
  id: 'source-wal-sender-timeout',
  side: 'source',
  title: 'WAL sender timeout',
  wanted: 'wal_sender_timeout of 10 s or more, or 0',
  why: 'A shorter one drops the stream at every hitch of the network. It is taken up again, but that costs time.',
  fix: "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();",
  async run({ source, provider }) {
    const timeout = (await numericSetting(source, 'wal_sender_timeout')) ?? 0;
    const found = `wal_sender_timeout = ${await setting(source, 'wal_sender_timeout')}`;
    if (timeout === 0 || timeout >= SHORTEST_TIMEOUT_MS) return pass(found);
    return warn(
      found,
      await parameterFix(source, provider, { name: 'wal_sender_timeout', value: '60s', restart: false }),
    );
  },
};

/**
 * https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-SLOT-WAL-KEEP-SIZE and, from 18 on,
 * idle_replication_slot_timeout.
 */
export const slotWalKeepSize: Check = {
  id: 'source-slot-wal-keep-size',
  side: 'source',
  title: 'WAL kept for slots',
  wanted: 'max_slot_wal_keep_size = -1, idle_replication_slot_timeout = 0',
  why: 'When the limit is passed, the server drops the WAL that the slot needs: the slot is lost and the tables must be copied again.',
  fix: 'ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); and watch the disk of the source.',
  async run({ source, provider }) {
    const limit = await setting(source, 'max_slot_wal_keep_size');
    if (limit !== null && limit !== '-1') {
      const change = { name: 'max_slot_wal_keep_size', value: '-1', restart: false };
      return warn(`max_slot_wal_keep_size = ${limit}`, await parameterFix(source, provider, change));
    }
    const idle = await setting(source, 'idle_replication_slot_timeout');
    if (idle !== null && idle !== '0') {
      const change = { name: 'idle_replication_slot_timeout', value: '0', restart: false };
      return warn(`idle_replication_slot_timeout = ${idle}`, await parameterFix(source, provider, change));
    }
    return pass('no limit');
  },
};
