import type pg from 'pg';
import { quoteIdent } from '../../postgres/identifiers.ts';
import { explain } from '../error-policy.ts';

const OTHER_CLIENTS = `datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND application_name NOT LIKE 'tiger-migrate-tui %'`;

/**
 * Makes new sessions of the source database read-only and ends the others, so that nothing writes any more. Gives the
 * number of sessions ended. Rejects with TM6004 when the role may not. A session that sets
 * `default_transaction_read_only` off itself is not held.
 * https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-DEFAULT-TRANSACTION-READ-ONLY
 */
export async function freezeSource(source: pg.Client, database: string): Promise<number> {
  const explainFreeze = (doing: string) => (error: unknown) => {
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
  let ended = 0;
  // Sessions that connected in the meantime may have read the old setting: look again until there are none.
  for (let round = 0; round < 20; round += 1) {
    const { rows } = await source
      .query<{ ended: string }>(
        `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE ${OTHER_CLIENTS}`,
      )
      .catch(explainFreeze('the other sessions could not be ended'));
    if (rows.length === 0 || round > 2) break;
    ended += rows.length;
    await source.query('SELECT pg_sleep(0.1)');
  }
  return ended;
}

/** Takes the freeze back. Safe to run when there is none. */
export async function unfreezeSource(source: pg.Client, database: string): Promise<void> {
  await source.query(`ALTER DATABASE ${quoteIdent(database)} RESET default_transaction_read_only`);
}

/** Sessions of others that have written in a transaction that is still open. */
export async function countWriters(source: pg.Client): Promise<number> {
  const { rows } = await source.query<{ writers: string }>(
    `SELECT count(*) AS writers FROM pg_stat_activity WHERE ${OTHER_CLIENTS} AND backend_xid IS NOT NULL`,
  );
  return Number(rows[0]?.writers ?? 0);
}
