/**
 * Fixed for every session on both sides, whatever server, database or role say, so that a value has one text form.
 * They go into the startup packet: it outranks ALTER ROLE and ALTER DATABASE … SET, and a walsender prints values by them, too.
 * https://www.postgresql.org/docs/current/runtime-config-client.html
 */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmloption: 'content',
  standard_conforming_strings: 'on',
  // Names without a schema mean pg_catalog only: nobody's function can stand in for one of PostgreSQL's.
  search_path: '',
  // Rows that a policy hides make an error instead of silently missing.
  row_security: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/** Set where the server knows them: in the startup packet of an older one they would be an error. */
export const NEWER_SETTINGS: Readonly<Record<string, string>> = {
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/**
 * The `options` of the startup packet: the operator's own first, so that ours win.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
 */
export function startupOptions(operators: string | null, session: Readonly<Record<string, string>>): string {
  const ours = Object.entries({ ...SESSION_SETTINGS, ...session }).map(
    ([name, value]) => `-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`,
  );
  return [...(operators === null ? [] : [operators]), ...ours].join(' ');
}
