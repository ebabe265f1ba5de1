import type { Jobs } from './target/jobs.ts';

/** What a migration opens at most at one moment. */
export interface NeededSessions {
  /** Sessions on the source besides WAL senders, which have a limit of their own (`max_wal_senders`). */
  readonly source: number;
  readonly target: number;
}

/**
 * On the source: control, monitor, one that holds the copy's snapshot and one for a newer snapshot (of tables that were
 * truncated meanwhile); on the target: control, and one to see or end what another left behind.
 */
const SOURCE_BESIDES_JOBS = 4;
const TARGET_BESIDES_JOBS = 2;

/** A table that is copied in parts is begun on a session of its own: at worst each job begins one at the same moment. */
export const sessionsNeeded = ({ tables, indexes }: Jobs): NeededSessions => ({
  source: tables + SOURCE_BESIDES_JOBS,
  target: 2 * tables + indexes + TARGET_BESIDES_JOBS,
});

/** WAL senders that count against a CONNECTION LIMIT of role or database: the stream, and the snapshot's. */
export const WAL_SENDERS_WITHIN_LIMITS = 2;

/**
 * Slots, each with a WAL sender: the migration's own; a temporary one that holds the snapshot of a copy that goes on
 * after a stop; and one more for tables that were truncated before their turn came.
 */
export const SLOTS_NEEDED = 3;
