import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import { copyEstimate } from '../copy-estimate.ts';
import { settings } from '../facts/settings.ts';
import { workload } from '../facts/workload.ts';
import { pass } from '../outcome.ts';
import { type ParameterChange, parameterFix } from '../parameter-fix.ts';
import { lifeBySize, lifeByTimeout, type SlotLife, walRate } from './slot-life.ts';

const WHY_LOST =
  'When the limit is passed, the server drops the WAL that the slot needs: the slot is lost and the tables must be copied again.';

/** The price of no limit. */
const WATCH_THE_DISK =
  'Without the limit a slot that nobody reads from fills the disk of the source: watch it, and set the old value again after the migration.';

/** https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-MAX-SLOT-WAL-KEEP-SIZE */
export const slotWalKeepSize: Check = {
  id: 'source-slot-wal-keep-size',
  side: 'source',
  title: 'WAL kept for slots',
  severity: 'fail',
  wanted: 'max_slot_wal_keep_size = -1, or enough for a day without the engine and for ten times the copy',
  why: WHY_LOST,
  fix: 'ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); and watch the disk of the source.',
  async run(run) {
    const limit = (await run.ask('source', settings)).get('max_slot_wal_keep_size');
    if (limit === null || limit.raw === '-1') return pass('no limit');
    const { walNow, walAverage } = await run.ask('source', workload);
    const { seconds } = await copyEstimate(run);
    const size = { shown: limit.shown, bytes: Number(limit.raw) * 1024 ** 2 };
    const change = { name: 'max_slot_wal_keep_size', value: '-1', restart: false };
    return outcome(run, lifeBySize(size, walRate(walNow, walAverage), seconds), change);
  },
};

const SECONDS_IN: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600, d: 86_400 };

/** From 18 on: https://www.postgresql.org/docs/18/runtime-config-replication.html#GUC-IDLE-REPLICATION-SLOT-TIMEOUT */
export const idleSlotTimeout: Check = {
  id: 'source-idle-slot-timeout',
  side: 'source',
  title: 'Slots without a reader',
  severity: 'fail',
  wanted: 'idle_replication_slot_timeout = 0, or more than a day and than ten times the copy',
  why: 'A slot that nobody reads from for longer is lost, and the tables must be copied again: while the engine is stopped, nobody reads.',
  fix: 'ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();',
  async run(run) {
    const limit = (await run.ask('source', settings)).get('idle_replication_slot_timeout');
    if (limit === null) return pass('this release has no such limit');
    if (limit.raw === '0') return pass('no limit');
    const { seconds } = await copyEstimate(run);
    const timeout = { shown: limit.shown, seconds: Number(limit.raw) * (SECONDS_IN[limit.unit ?? 's'] ?? 1) };
    const change = { name: 'idle_replication_slot_timeout', value: '0', restart: false };
    return outcome(run, lifeByTimeout(timeout, seconds), change);
  },
};

async function outcome(run: CheckRun, life: SlotLife, change: ParameterChange): Promise<CheckOutcome> {
  if (life.status === 'pass') return pass(life.found);
  const remedy = await parameterFix(run, change);
  return {
    status: life.status,
    found: life.found,
    ...(life.status === 'fail' ? { code: 'TM1201' as const } : {}),
    ...remedy,
    fix: [remedy.fix, WATCH_THE_DISK].join('\n'),
  };
}
