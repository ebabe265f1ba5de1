import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { quoteLiteral } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';

/** invalid_parameter_value, undefined_object (of late), object_not_in_prerequisite_state: nobody holds it any more. */
const NOT_THERE = new Set(['22023', '42704', '55000']);

/**
 * Begins a transaction in an exported snapshot. Rejects with TM1111 when the session that exported it has ended.
 * https://www.postgresql.org/docs/current/sql-set-transaction.html
 */
export async function importSnapshot(client: pg.Client, name: string): Promise<void> {
  await client
    .query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(name)}`)
    .catch((error: unknown) => {
      if (!NOT_THERE.has(sqlState(error) ?? '')) throw error;
      throw snapshotLost(error instanceof Error ? error.message : String(error), error);
    });
}

export const snapshotLost = (message: string, cause?: unknown): MigrateError =>
  new MigrateError('TM1111', { side: 'source', message: `the snapshot of the copy is gone: ${message}`, cause });

/** Also one that the server has given up: snapshot_too_old. */
export const isSnapshotLost = (error: unknown): boolean =>
  (error instanceof MigrateError && error.code === 'TM1111') ||
  sqlState(error) === '72000' ||
  (error instanceof Error && sqlState(error.cause) === '72000');
