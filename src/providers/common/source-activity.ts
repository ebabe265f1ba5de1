import type { Check } from '../check.ts';
import { formatBytes, listed, pass, warn } from '../outcome.ts';

const LONG_SECONDS = 60;

/** https://www.postgresql.org/docs/current/view-pg-locks.html shows to every role who holds a transaction id. */
export const openTransactions: Check = {
  id: 'source-open-transactions',
  side: 'source',
  title: 'Long transactions',
  wanted: `no writing transaction older than ${LONG_SECONDS} s, no prepared transaction`,
  why: 'A slot can be created only when all transactions that are writing at that moment have ended.',
  fix: 'Let them end, or end them: SELECT pg_terminate_backend(pid); ROLLBACK PREPARED …;',
  async run({ source }) {
    const open = await source.query<{ pid: string; who: string | null; seconds: string | null }>(
      `SELECT l.pid, a.usename AS who, trunc(extract(epoch FROM clock_timestamp() - a.xact_start))::text AS seconds
       FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
       WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()
         AND (a.xact_start IS NULL OR a.xact_start < clock_timestamp() - make_interval(secs => $1)) ORDER BY a.xact_start`,
      [LONG_SECONDS],
    );
    const prepared = await source.query<{ gid: string; database: string }>(
      'SELECT gid, database FROM pg_prepared_xacts ORDER BY prepared',
    );
    const names = [
      ...prepared.rows.map(({ gid, database }) => `prepared transaction ${JSON.stringify(gid)} in ${database}`),
      ...open.rows.map(({ pid, who, seconds }) =>
        seconds === null
          ? `process ${pid} of ${who} (writing, since when is hidden from this role)`
          : `process ${pid} of ${who}, for ${seconds} s`,
      ),
    ];
    return names.length === 0 ? pass('none') : warn(listed(names));
  },
};

/** https://www.postgresql.org/docs/current/view-pg-replication-slots.html */
export const inactiveSlots: Check = {
  id: 'source-inactive-slots',
  side: 'source',
  title: 'Slots left behind',
  wanted: 'no replication slot that nobody reads from',
  why: 'Each keeps its WAL on the disk of the source, and old row versions in the catalogs.',
  fix: "If nobody needs it any more: SELECT pg_drop_replication_slot('name');",
  async run({ source, resuming }) {
    const { rows } = await source.query<{ name: string; bytes: string | null; database: string | null }>(
      `SELECT slot_name AS name, database, pg_wal_lsn_diff(
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::text AS bytes
       FROM pg_replication_slots WHERE NOT active ORDER BY restart_lsn`,
    );
    // The slot of the migration that goes on is read again in a moment.
    const left = rows.filter(({ name }) => !(resuming && name.startsWith('tiger_migrate')));
    if (left.length === 0) return pass('none');
    return warn(
      listed(
        left.map(({ name, bytes }) => `${name} (${bytes === null ? 'no WAL' : `keeps ${formatBytes(Number(bytes))}`})`),
      ),
    );
  },
};
