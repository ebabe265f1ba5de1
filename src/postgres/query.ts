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

/** `server_version_num`: 150018 is 15.18. */
export async function serverVersionNum(client: pg.Client): Promise<number> {
  const { version } = await firstRow<{ version: string }>(
    client,
    `SELECT current_setting('server_version_num') AS version`,
  );
  return Number(version);
}
