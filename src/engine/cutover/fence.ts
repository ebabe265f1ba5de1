import type pg from 'pg';
import { quoteIdent } from '../../postgres/identifiers.ts';
import { explain } from '../error-policy.ts';

/** Kinds of processes that run somebody's SQL: besides clients the jobs of TimescaleDB, whose name ends with a number, those of pg_cron, and subscriptions. */
const RUNS_SQL = `(a.backend_type IN ('client backend', 'pg_cron') OR a.backend_type ~ ' \\[\\d+\\]$' OR a.backend_type LIKE 'logical replication%worker')`;

/** Of what we may not look into: what has no role (autovacuum), launchers, and TimescaleDB's own jobs, which have the smaller numbers. */
const NO_CLIENT = `(a.usesysid IS NULL OR a.application_name IN ('TimescaleDB Background Worker Scheduler', 'pg_cron launcher')
  OR (a.application_name ~ ' \\[\\d{1,3}\\]$' AND EXISTS (SELECT FROM pg_roles o WHERE o.oid = a.usesysid AND o.rolsuper)))`;

/**
 * SQL over `pg_stat_activity a`: sessions that are not ours and may write. Of other roles' sessions an ordinary role sees pid, database, user and
 * application name, the rest is NULL: what is not known to be ours, or no client, counts as another's.
 * https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
 */
export const OTHER_CLIENTS = `a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND CASE WHEN a.backend_type IS NULL THEN NOT ${NO_CLIENT} ELSE ${RUNS_SQL} END
  AND NOT (a.usename = current_user AND coalesce(a.application_name, '') LIKE 'tiger-migrate-tui %')
  AND NOT EXISTS (SELECT FROM pg_stat_replication r WHERE r.pid = a.pid)`;

const ROUNDS = 200;
const ROUNDS_FOR_ALL = 3;

/**
 * Makes new sessions of the source database read-only and ends the others, so that nothing writes any more. Gives the
 * number of sessions ended. Rejects with TM6004 when the role may not. A session that sets
 * `default_transaction_read_only` off itself is not held.
 * https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-DEFAULT-TRANSACTION-READ-ONLY
 */
export async function freezeSource(source: pg.Client, database: string): Promise<number> {
  const explainFreeze =
    (doing: string) =>
    (error: unknown): never => {
      throw explain(error, {
        code: 'TM6004',
        retryCode: 'TM1110',
        side: 'source',
        object: database,
        doing,
        hint:
          'Stop the application yourself and cut over without --freeze-source, or use a role that owns the database and ' +
          'is a member of pg_signal_backend.',
      });
    };
  await source
    .query(`ALTER DATABASE ${quoteIdent(database)} SET default_transaction_read_only = on`)
    .catch(explainFreeze('the database could not be made read-only'));
  const seen = new Set<string>();
  // Sessions that connected in the meantime may have read the old setting: look again. Later ones are read-only.
  for (let round = 0; round < ROUNDS; round += 1) {
    const { rows } = await source
      .query<{ pid: string }>(
        `SELECT a.pid, pg_terminate_backend(a.pid) FROM pg_stat_activity a
          WHERE ${OTHER_CLIENTS} AND ($1::boolean OR a.pid = ANY ($2::integer[]))`,
        [String(round < ROUNDS_FOR_ALL), `{${[...seen].join(',')}}`],
      )
      .catch(explainFreeze('the other sessions could not be ended'));
    for (const { pid } of rows) seen.add(pid);
    if (rows.length === 0 && round > 0) return seen.size;
    await source.query('SELECT pg_sleep(0.05)');
  }
  return explainFreeze('the other sessions could not be ended')(new Error('some are still there after ten seconds'));
}

/**
 * Names of the prepared transactions of the database: a fence does not keep them from being committed.
 * https://www.postgresql.org/docs/current/view-pg-prepared-xacts.html
 */
export async function preparedTransactions(source: pg.Client): Promise<string[]> {
  const { rows } = await source.query<{ gid: string }>(
    'SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1',
  );
  return rows.map((row) => row.gid);
}

const resetSql = (database: string): string =>
  `ALTER DATABASE ${quoteIdent(database)} RESET default_transaction_read_only`;

/** What makes a database writable again without this program, also in one of its own sessions, which are read-only. */
export const unfreezeSql = (database: string): string => `BEGIN READ WRITE; ${resetSql(database)}; COMMIT`;

/** Makes the database that `source` is connected to writable again. Safe to run when there is no freeze. */
export async function unfreezeSource(source: pg.Client): Promise<void> {
  const { rows } = await source.query<{ database: string }>('SELECT current_database() AS database');
  await source.query(resetSql(rows[0]?.database ?? ''));
}

/**
 * Whether new sessions of the database are read-only by a setting of the database.
 * https://www.postgresql.org/docs/current/catalog-pg-db-role-setting.html
 */
export async function isFrozen(source: pg.Client): Promise<boolean> {
  const { rows } = await source.query(
    `SELECT FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
      WHERE d.datname = current_database() AND s.setrole = 0
        AND EXISTS (SELECT FROM unnest(s.setconfig) AS c (setting)
                     WHERE c.setting ~* '^default_transaction_read_only=(on|t|tr|tru|true|y|ye|yes|1)$')`,
  );
  return rows.length > 0;
}

/** Forgets that the source was frozen: it takes writes again. */
export async function forgetFreeze(target: pg.Client): Promise<void> {
  await target.query(`DELETE FROM tiger_migrate.object WHERE kind = 'source' AND name = 'frozen'`);
}

/**
 * Sessions of others that have written in a transaction that is still open. The lock on its own transaction id is what
 * every role can see. https://www.postgresql.org/docs/current/view-pg-locks.html
 */
export async function countWriters(source: pg.Client): Promise<number> {
  const { rows } = await source.query<{ writers: string }>(
    `SELECT count(DISTINCT a.pid) AS writers FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
      WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND ${OTHER_CLIENTS}`,
  );
  return Number(rows[0]?.writers ?? 0);
}
