import type pg from 'pg';
import { mayHeal, sqlState } from '../error-policy.ts';
import { refusesTheRow, TableDamage } from '../sync/damage.ts';
import type { Step } from './batch.ts';
import type { BoundTable } from './bound-table.ts';
import { COPY_AGAIN } from './segment.ts';

type TruncateStep = Extract<Step, { kind: 'truncate' }>;

/** A table outside the TRUNCATE refers to one in it; also when it holds no rows. */
const REFERRED_TO = '0A000';

/**
 * Empties tables as the source did, inside the open transaction. Where a foreign key that the target alone has forbids TRUNCATE,
 * the rows are deleted. Rejects with `TableDamage` when the target keeps the rows of a table.
 * https://www.postgresql.org/docs/current/sql-truncate.html
 */
export async function truncate(client: pg.Client, step: TruncateStep): Promise<void> {
  // The server refuses to truncate a table that another one refers to, unless it may cascade.
  if (step.partly) return deleteAll(client, step);
  // Several partitions may go through one table.
  const tables = [...new Set(step.tables.map(({ rows }) => rows))];
  const identity = step.restartIdentity ? ' RESTART IDENTITY' : '';
  await client.query('SAVEPOINT tm_truncate');
  try {
    await client.query(`TRUNCATE ${tables.join(', ')}${identity}${step.cascade ? ' CASCADE' : ''}`);
  } catch (error) {
    if (sqlState(error) !== REFERRED_TO) throw error;
    await client.query('ROLLBACK TO SAVEPOINT tm_truncate');
    await deleteAll(client, step);
  }
  await client.query('RELEASE SAVEPOINT tm_truncate');
}

/** Empties the place of a chunk of the rows that another one left there, once. */
export async function takeOver(client: pg.Client, { target, relation }: BoundTable): Promise<void> {
  await client.query(`TRUNCATE ONLY ${target}`);
  await client.query(
    'UPDATE tiger_migrate.relation SET takes_over = false WHERE source_oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid',
    [String(relation.oid)],
  );
}

async function deleteAll(client: pg.Client, { tables, commitLsn }: TruncateStep): Promise<void> {
  for (const table of new Map(tables.map((one) => [one.rows, one])).values()) {
    await client.query(`DELETE FROM ${table.rows}`).catch((error: unknown) => {
      throw mayHeal(error) || !refusesTheRow(error) ? error : keptRows(error, table, commitLsn);
    });
  }
}

function keptRows(cause: unknown, table: BoundTable, commitLsn: TruncateStep['commitLsn']): TableDamage {
  const message = `TRUNCATE was refused: ${cause instanceof Error ? cause.message : String(cause)}`;
  const about = { side: 'target', object: table.display, message, hint: COPY_AGAIN, cause } as const;
  return new TableDamage('TM5002', about, { sourceOid: table.relation.oid, row: 'all rows', lsn: commitLsn });
}
