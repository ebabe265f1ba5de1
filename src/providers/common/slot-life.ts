import { formatBytes, formatDuration } from '../outcome.ts';

/** Some write little by day and much by night: a slot must outlive a night, too. */
export const LEAST_WAL_RATE = 1024 ** 2;

/** Bytes of WAL per second to reckon with: the higher of now and the long-time average, but never less than 1 MiB/s. */
export const walRate = (now: number | null, average: number | null): number =>
  Math.max(now ?? 0, average ?? 0, LEAST_WAL_RATE);

/** As people read it, with the reason where it is not what was measured. */
export const shownRate = (rate: number): string =>
  rate > LEAST_WAL_RATE
    ? `${formatBytes(rate)}/s of WAL`
    : `${formatBytes(rate)}/s of WAL (less was measured, but nightly batches write more)`;

const DAY = 86_400;
const MINUTE = 60;
const COPIES = 10;

/** Whether a slot that lives `seconds` without its engine will do for a copy of `copySeconds`. */
export function judgeLife(seconds: number, copySeconds: number): 'pass' | 'warn' | 'fail' {
  if (seconds < MINUTE) return 'fail';
  return seconds > DAY && seconds > COPIES * copySeconds ? 'pass' : 'warn';
}

export interface SlotLife {
  readonly status: 'pass' | 'warn' | 'fail';
  readonly found: string;
}

/** What `max_slot_wal_keep_size` (`shown`, `bytes`) means at this rate of WAL in bytes per second. */
export function lifeBySize(limit: { shown: string; bytes: number }, rate: number, copySeconds: number): SlotLife {
  const seconds = limit.bytes / rate;
  return {
    status: judgeLife(seconds, copySeconds),
    found: `max_slot_wal_keep_size = ${limit.shown}: at ${shownRate(rate)} the slot is lost after about ${formatDuration(
      seconds,
    )} without its engine; the copy takes ${formatDuration(copySeconds)}`,
  };
}

/** What `idle_replication_slot_timeout` means: https://www.postgresql.org/docs/18/runtime-config-replication.html */
export function lifeByTimeout(limit: { shown: string; seconds: number }, copySeconds: number): SlotLife {
  return {
    status: judgeLife(limit.seconds, copySeconds),
    found: `idle_replication_slot_timeout = ${limit.shown}: the slot is lost when its engine is stopped for longer; the copy takes ${formatDuration(copySeconds)}`,
  };
}
