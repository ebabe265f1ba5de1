import type pg from 'pg';

/**
 * Replay's transactions lock tables as their rows come, and DDL locks two tables at once: sooner or later each would wait for
 * the other. So both first take one advisory lock of the target for their transaction, replay shared and DDL alone.
 * https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 */
const KEY = '7236861, 1';
export const SHARE_WITH_REPLAY = `SELECT pg_advisory_xact_lock_shared(${KEY})`;
export const KEEP_REPLAY_OUT = `SELECT pg_advisory_xact_lock(${KEY})`;

/** Runs what is its own transactions, with none of replay open meanwhile. Waits for the one that is. */
export async function withoutReplay<T>(target: pg.Client, work: () => Promise<T>): Promise<T> {
  await target.query(`SELECT pg_advisory_lock(${KEY})`);
  try {
    return await work();
  } finally {
    // A session that is lost has let go of it.
    await target.query(`SELECT pg_advisory_unlock(${KEY})`).catch(() => undefined);
  }
}
