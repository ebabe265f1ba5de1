import { SLOTS_NEEDED } from '../../engine/sessions-needed.ts';
import type { Check } from '../check.ts';
import { server } from '../facts/server.ts';
import { settings } from '../facts/settings.ts';
import { fail, pass, warn } from '../outcome.ts';
import { parameterFix } from '../parameter-fix.ts';

/** https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-WAL-LEVEL */
export const walLevel: Check = {
  id: 'source-wal-level',
  side: 'source',
  title: 'WAL level',
  severity: 'fail',
  wanted: 'wal_level = logical',
  why: 'Only then does the WAL hold what logical decoding needs to turn it into row changes.',
  fix: 'ALTER SYSTEM SET wal_level = logical; then restart the server.',
  async run(run) {
    const level = (await run.ask('source', settings)).shown('wal_level');
    if (level === 'logical') return pass('logical');
    return fail(
      'TM1205',
      `wal_level = ${level}`,
      await parameterFix(run, { name: 'wal_level', value: 'logical', restart: true }),
    );
  },
};

/** What others may take meanwhile. */
const SPARE = 2;

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-REPLICATION-SLOTS */
export const replicationSlots: Check = {
  id: 'source-replication-slots',
  side: 'source',
  title: 'Replication slots',
  severity: 'fail',
  wanted: `${SLOTS_NEEDED} free slots (1 at least)`,
  why: 'The slot makes the source keep its changes until they are safe here; a copy that goes on after a stop, and tables truncated meanwhile, each need another one for a while.',
  fix: 'Raise max_replication_slots, or drop slots that nobody uses any more.',
  async run(run) {
    const { ask, resuming } = run;
    const most = (await ask('source', settings)).number('max_replication_slots') ?? 0;
    const { slots: used } = await ask('source', server);
    const free = most - used;
    const found = `${free} of ${most} free`;
    // An unfinished migration has its slot already.
    const needed = resuming ? SLOTS_NEEDED - 1 : SLOTS_NEEDED;
    if (free >= needed) return pass(found);
    const value = String(used + SLOTS_NEEDED + SPARE);
    const remedy = await parameterFix(run, { name: 'max_replication_slots', value, restart: true });
    return free > needed - SLOTS_NEEDED ? warn(found, remedy) : fail('TM1207', found, remedy);
  },
};

/** The stream, and the snapshot of a copy that goes on after a stop. */
const LEAST_SENDERS = 2;

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-WAL-SENDERS */
export const walSenders: Check = {
  id: 'source-wal-senders',
  side: 'source',
  title: 'WAL senders',
  severity: 'fail',
  wanted: `${SLOTS_NEEDED} free WAL senders (${LEAST_SENDERS} at least)`,
  why: 'One sends the stream of changes while others hold the snapshots of the copy.',
  fix: 'Raise max_wal_senders, or stop WAL senders that nobody needs.',
  async run(run) {
    const most = (await run.ask('source', settings)).number('max_wal_senders') ?? 0;
    const { walSenders: used } = await run.ask('source', server);
    const free = most - used;
    const found = `${free} of ${most} free`;
    if (free >= SLOTS_NEEDED) return pass(found);
    const value = String(used + SLOTS_NEEDED + SPARE);
    const remedy = await parameterFix(run, { name: 'max_wal_senders', value, restart: true });
    return free >= LEAST_SENDERS ? warn(found, remedy) : fail('TM1208', found, remedy);
  },
};

const SHORTEST_TIMEOUT_MS = 10_000;

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-WAL-SENDER-TIMEOUT */
export const walSenderTimeout: Check = {
  id: 'source-wal-sender-timeout',
  side: 'source',
  title: 'WAL sender timeout',
  severity: 'warn',
  wanted: 'wal_sender_timeout of 10 s or more, or 0',
  why: 'A shorter one drops the stream at every hitch of the network. It is taken up again, but that costs time.',
  fix: "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();",
  providers: ['selfhosted-timescaledb', 'selfhosted-postgres', 'mst'],
  async run(run) {
    const known = await run.ask('source', settings);
    const timeout = known.number('wal_sender_timeout') ?? 0;
    const found = `wal_sender_timeout = ${known.shown('wal_sender_timeout')}`;
    if (timeout === 0 || timeout >= SHORTEST_TIMEOUT_MS) return pass(found);
    return warn(found, await parameterFix(run, { name: 'wal_sender_timeout', value: '60s', restart: false }));
  },
};

/**
 * Gone with 17. A copy reads in one snapshot for hours.
 * https://www.postgresql.org/docs/16/runtime-config-resource.html#GUC-OLD-SNAPSHOT-THRESHOLD
 */
export const oldSnapshotThreshold: Check = {
  id: 'source-old-snapshot-threshold',
  side: 'source',
  title: 'Age of snapshots',
  severity: 'fail',
  wanted: 'old_snapshot_threshold = -1',
  why: 'All rows are copied in one snapshot. When it gets older than the threshold, the copy fails with "snapshot too old".',
  fix: 'ALTER SYSTEM SET old_snapshot_threshold = -1; then restart the server.',
  async run(run) {
    const known = await run.ask('source', settings);
    const threshold = known.get('old_snapshot_threshold');
    if (threshold === null) return pass('this release has no such limit');
    if (threshold.raw === '-1') return pass('no limit');
    const change = { name: 'old_snapshot_threshold', value: '-1', restart: true };
    return fail('TM1201', `old_snapshot_threshold = ${threshold.shown}`, await parameterFix(run, change));
  },
};
