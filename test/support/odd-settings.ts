import type pg from 'pg';
import { quoteIdent, quoteLiteral } from '../../src/postgres/identifiers.ts';

/** Values that a rule would not find, or would choose too mildly. */
const CHOSEN: Readonly<Record<string, string>> = {
  DateStyle: 'German, DMY',
  TimeZone: 'Asia/Kolkata',
  timezone_abbreviations: 'India',
  IntervalStyle: 'sql_standard',
  client_encoding: 'LATIN1',
  search_path: '"evil", public, pg_catalog',
  default_tablespace: 'nowhere',
  temp_tablespaces: 'nowhere',
  default_text_search_config: 'pg_catalog.simple',
  restrict_nonsystem_relation_kind: 'view, foreign-table',
  createrole_self_grant: 'set, inherit',
  default_transaction_isolation: 'serializable',
  session_replication_role: 'replica',
  force_parallel_mode: 'regress',
  debug_parallel_query: 'regress',
  client_min_messages: 'error',
  synchronous_commit: 'off',
  extra_float_digits: '-15',
  statement_timeout: '1ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '1ms',
  idle_session_timeout: '3s',
  transaction_timeout: '3s',
  wal_sender_timeout: '1ms',
  gin_fuzzy_search_limit: '1',
  work_mem: '64kB',
  maintenance_work_mem: '1MB',
  logical_decoding_work_mem: '64kB',
  default_statistics_target: '1',
};

/** Of these the odd value would say nothing: they are about the log, costs, and libraries, or the server refuses them for a role. */
const LEFT =
  /^(log_|debug_print|debug_pretty|trace_|jit_|geqo|track_|wal_|transaction_|update_process_title|default_transaction_read_only|.*_cost$|application_name)/;

/** Every setting that a role may have, as this server knows it, with a value that it does not have by itself. */
export async function oddSettings(admin: pg.Client): Promise<[name: string, value: string][]> {
  const { rows } = await admin.query<{
    name: string;
    vartype: string;
    boot_val: string | null;
    enumvals: string[] | null;
  }>(`SELECT name, vartype, boot_val, enumvals FROM pg_settings WHERE context IN ('user', 'superuser') ORDER BY name`);
  return rows.flatMap(({ name, vartype, boot_val, enumvals }): [string, string][] => {
    const chosen = CHOSEN[name];
    if (chosen !== undefined) return [[name, chosen]];
    if (LEFT.test(name)) return [];
    if (vartype === 'bool') return [[name, boot_val === 'on' ? 'off' : 'on']];
    const other = enumvals?.findLast((value) => value !== boot_val);
    return other === undefined ? [] : [[name, other]];
  });
}

/** Settings that are lists take each item as a literal of its own. */
const LISTS = new Set(['search_path', 'temp_tablespaces']);

/** Sets them for all roles in a database (`role` null), or for a role in it. */
export async function setAll(
  admin: pg.Client,
  settings: readonly (readonly [name: string, value: string])[],
  of: { readonly database: string; readonly role: string | null },
): Promise<void> {
  const whose =
    of.role === null
      ? `DATABASE ${quoteIdent(of.database)}`
      : `ROLE ${quoteIdent(of.role)} IN DATABASE ${quoteIdent(of.database)}`;
  for (const [name, value] of settings) {
    await admin.query(`ALTER ${whose} SET ${name} TO ${LISTS.has(name) ? value : quoteLiteral(value)}`);
  }
}
