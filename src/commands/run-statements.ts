import type pg from 'pg';
import { explain } from '../engine/error-policy.ts';

const LOCK_TIMEOUT = '5s';

/**
 * Runs SQL that the operator has said yes to, statement by statement, outside a transaction (ALTER SYSTEM, CREATE INDEX
 * CONCURRENTLY), never waiting long for a lock. Rejects with TM1212, or TM1110 where time may heal it.
 */
export async function runStatements(
  client: pg.Client,
  sql: readonly string[],
  side: 'source' | 'target',
): Promise<void> {
  await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
  for (const statement of sql) {
    await client.query(statement).catch((error: unknown) => {
      throw explain(error, {
        code: 'TM1212',
        retryCode: 'TM1110',
        side,
        doing: `the server refused ${statement}`,
        hint: 'Run it yourself as a role that may, then check again.',
      });
    });
  }
}
