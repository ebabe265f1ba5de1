/**
 * Replay's transactions lock tables as their rows come, and DDL locks two tables at once: sooner or later each would wait for
 * the other. So both first take one advisory lock of the target for their transaction, replay shared and DDL alone.
 * https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 */
export const SHARE_WITH_REPLAY = 'SELECT pg_advisory_xact_lock_shared(7236861, 1)';
export const KEEP_REPLAY_OUT = 'SELECT pg_advisory_xact_lock(7236861, 1)';
