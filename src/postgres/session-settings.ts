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
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/**
 * Set where the server knows them: in the startup packet of an older one they would be an error. By the last five the
 * server notices within a minute that we are gone, and lets go of locks and slot.
 * https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS
 */
export const NEWER_SETTINGS: Readonly<Record<string, string>> = {
  idle_session_timeout: '0',
  transaction_timeout: '0',
  // Half a second for each look at the catalogs where there are thousands of tables, whose plans look dear.
  jit: 'off',
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '60s',
  client_connection_check_interval: '10s',
};

/**
 * Of sessions on the source, which a fence of ours makes read-only for all others. Not on the target: there it is how a
 * provider keeps a disk from filling up, and a resize from losing rows.
 */
const SOURCE_SETTINGS: Readonly<Record<string, string>> = { default_transaction_read_only: 'off' };

/** Of a replication connection: a server that has it off would keep the slot for an engine that is gone. */
export const REPLICATION_SETTINGS: Readonly<Record<string, string>> = { wal_sender_timeout: '60s' };

/**
 * The `options` of the startup packet: the operator's own first, so that ours win. Null leaves a setting as it is without us.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
 */
export function startupOptions(
  side: 'source' | 'target',
  operators: string | null,
  session: Readonly<Record<string, string | null>>,
): string {
  const fixed = side === 'source' ? { ...SESSION_SETTINGS, ...SOURCE_SETTINGS } : SESSION_SETTINGS;
  const ours = Object.entries({ ...fixed, ...session }).flatMap(([name, value]) =>
    value === null ? [] : [`-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`],
  );
  return [...(operators === null ? [] : [operators]), ...ours].join(' ');
}
