import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { sqlState } from '../error-policy.ts';

/** While we wait for an exclusive lock, everybody else who wants the table waits behind us: so not for long at a time. */
const WAIT_MS = 1_000;
const TRIES = 5;
const PAUSE_MS = 200;

/** How long `withShortLock` tries, for people. */
export const LOCK_PATIENCE = '5 seconds';

const LOCK_NOT_AVAILABLE = '55P03';
/** True for the server's answer that a lock was not to be had in time. */
export const isLocked = (error: unknown): boolean => sqlState(error) === LOCK_NOT_AVAILABLE;

/**
 * Runs a statement that needs a strong lock on a table for a moment. Gives up after five tries of a second, with
 * the server's 55P03. https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT
 */
export async function withShortLock(client: pg.Client, sql: string, signal?: AbortSignal): Promise<void> {
  await client.query(`SET lock_timeout = ${WAIT_MS}`);
  try {
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        await client.query(sql);
        return;
      } catch (error) {
        if (!isLocked(error) || attempt === TRIES) throw error;
        await delay(PAUSE_MS, undefined, signal ? { signal } : {});
      }
    }
  } finally {
    await client.query('SET lock_timeout = 0').catch(() => {});
  }
}

const HOLDERS = `
SELECT l.pid::text || coalesce(' (' || nullif(concat_ws(', ', nullif(a.application_name, ''), a.usename, a.state,
         'for ' || date_trunc('second', clock_timestamp() - coalesce(a.xact_start, a.query_start))), '') || ')', '') AS holder
  FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.relation = $1::oid AND l.granted AND l.pid <> pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY a.xact_start LIMIT 3`;

/** The sessions that hold a lock on a table, the oldest transaction first, for people: `4711 (app, idle in transaction, …)`. */
export async function lockHolders(client: pg.Client, oid: string): Promise<string[]> {
  const { rows } = await client.query<{ holder: string }>(HOLDERS, [oid]).catch(() => ({ rows: [] }));
  return rows.map(({ holder }) => holder);
}
