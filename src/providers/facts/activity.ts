import { firstRow } from '../../postgres/query.ts';
import type { Fact } from '../fact.ts';

/** A transaction that has written, on any database of the server: a new slot waits for its end. */
export interface WritingTransaction {
  readonly pid: number;
  /** Null: a process of the server itself, as autovacuum. */
  readonly user: string | null;
  /** Null: hidden from this role. */
  readonly seconds: number | null;
}

export interface PreparedTransaction {
  readonly gid: string;
  readonly database: string;
}

export interface Slot {
  readonly name: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active: boolean;
  /** WAL that the server keeps for it; null: none. */
  readonly bytes: number | null;
}

/** What is going on at one moment that a migration would meet. */
export interface Activity {
  /** Without our own, the oldest first. */
  readonly writers: readonly WritingTransaction[];
  readonly prepared: readonly PreparedTransaction[];
  /** The one that keeps most WAL first. */
  readonly slots: readonly Slot[];
}

/** https://www.postgresql.org/docs/current/view-pg-locks.html shows to every role who holds a transaction id. */
const ACTIVITY = `
  SELECT json_build_object(
    'writers', (SELECT coalesce(json_agg(json_build_object('pid', l.pid, 'user', a.usename,
        'seconds', trunc(extract(epoch FROM clock_timestamp() - a.xact_start))) ORDER BY l.age DESC), '[]')
      -- Savepoints have transaction ids of their own.
      FROM (SELECT pid, max(age(transactionid)) AS age FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock'
          AND granted AND pid <> pg_backend_pid() GROUP BY pid) l JOIN pg_stat_activity a ON a.pid = l.pid),
    'prepared', (SELECT coalesce(json_agg(json_build_object('gid', gid, 'database', database) ORDER BY prepared), '[]')
      FROM pg_prepared_xacts),
    'slots', (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'plugin', plugin, 'database', database, 'active', active,
        'bytes', pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
          restart_lsn)) ORDER BY restart_lsn), '[]')
      FROM pg_replication_slots)
  )::text AS activity`;

/** All of it in one query. */
export const activity: Fact<Activity> = {
  async read(client) {
    const row = await firstRow<{ activity: string }>(client, ACTIVITY);
    return JSON.parse(row.activity) as Activity;
  },
};
