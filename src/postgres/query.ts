import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';

/** The first row of a query that always gives one. All values are text, as `connect` leaves them. */
export async function firstRow<T extends pg.QueryResultRow>(
  client: pg.Client,
  sql: string,
  values: readonly unknown[] = [],
): Promise<T> {
  const row = (await client.query<T>(sql, [...values])).rows[0];
  if (row === undefined) throw new MigrateError('TM9001', { message: `no row from: ${sql.trim().slice(0, 200)}` });
  return row;
}

/** The present value of a server setting, null when the server does not know it. In its own unit, as SHOW prints it. */
export async function setting(client: pg.Client, name: string): Promise<string | null> {
  const { value } = await firstRow<{ value: string | null }>(client, 'SELECT current_setting($1, true) AS value', [
    name,
  ]);
  return value;
}

/** A numeric setting in its base unit (bytes for memory settings are not converted: see pg_settings.unit), null when unknown. */
export async function numericSetting(client: pg.Client, name: string): Promise<number | null> {
  const { rows } = await client.query<{ setting: string }>('SELECT setting FROM pg_settings WHERE name = $1', [name]);
  return rows[0] === undefined ? null : Number(rows[0].setting);
}

/**
 * Runs `work` in a transaction that is rolled back on every way out: to find out by doing whether something is allowed.
 * Locks are waited for no longer than `lock_timeout`.
 */
export async function inRolledBackTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN; SET LOCAL lock_timeout = '2s'");
  try {
    return await work();
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Null when the statement is allowed, else the server's message. The transaction around it stays usable. */
export async function refusal(client: pg.Client, sql: string): Promise<string | null> {
  await client.query('SAVEPOINT attempt');
  try {
    await client.query(sql);
    return null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      await client.query('ROLLBACK TO SAVEPOINT attempt');
      return error.message;
    }
    throw error;
  } finally {
    await client.query('RELEASE SAVEPOINT attempt').catch(() => undefined);
  }
}
