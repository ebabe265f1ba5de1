import type pg from 'pg';
import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';

/** A server setting of a role, of the database, or of a role in the database. */
export interface KeptSetting {
  /** Null: of whoever connects. */
  readonly role: string | null;
  readonly inDatabase: boolean;
  readonly name: string;
  readonly value: string;
}

export const SETTINGS = `
SELECT r.rolname AS role, s.setdatabase <> 0 AS in_database, split_part(c.setting, '=', 1) AS name,
       substr(c.setting, strpos(c.setting, '=') + 1) AS value
  FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) c(setting)
 WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   AND (s.setrole = 0 OR r.oid IS NOT NULL)
 ORDER BY 2, 1, 3`;

/** What a fence sets is no property of the application. */
const OURS = new Set(['default_transaction_read_only']);

interface SettingRow {
  readonly role: string | null;
  readonly in_database: string;
  readonly name: string;
  readonly value: string;
}

/** What `ALTER ROLE … SET` and `ALTER DATABASE … SET` have left. https://www.postgresql.org/docs/current/catalog-pg-db-role-setting.html */
export const toSettings = (rows: readonly SettingRow[]): KeptSetting[] =>
  rows
    .filter((row) => !OURS.has(row.name))
    .map(({ role, in_database, name, value }) => ({ role, inDatabase: in_database === 't', name, value }));

export const readSettings = async (client: pg.Client): Promise<KeptSetting[]> =>
  toSettings(
    (await client.query<{ role: string | null; in_database: string; name: string; value: string }>(SETTINGS)).rows,
  );

/** Settings that are lists of names, each quoted by itself: as pg_dumpall has them (variable_is_guc_list_quote). */
const LISTS = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'shared_preload_libraries',
  'local_preload_libraries',
  'unix_socket_directories',
]);

/** The value as SQL. */
export function settingValue(name: string, value: string): string {
  if (!LISTS.has(name.toLowerCase())) return quoteLiteral(value);
  const items = value.match(/"(?:[^"]|"")*"|[^,\s]+/g) ?? [];
  const names = items.map((item) => (item.startsWith('"') ? item.slice(1, -1).replaceAll('""', '"') : item));
  return names.length === 0 ? `''` : names.map(quoteLiteral).join(', ');
}

/** A setting of an extension has two names with a dot in between. */
export const settingName = (name: string): string => name.split('.').map(quoteIdent).join('.');
