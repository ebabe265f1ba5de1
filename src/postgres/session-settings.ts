/**
 * Settings of our sessions that are the same whatever the server, the database and the role say, so that a value and a
 * definition have one text form on both sides. The startup packet outranks postgresql.conf, ALTER ROLE … SET and ALTER
 * DATABASE … SET, and a walsender prints values by it, too. pg_dump gets the same settings in PGOPTIONS.
 * All servers from 12 on know these, and every role may set them.
 * https://www.postgresql.org/docs/current/runtime-config-client.html
 */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  // How values are written and read.
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmloption: 'content',
  // With off, NULL in the text form of an array becomes the string 'NULL'.
  array_nulls: 'on',
  // How statements are read, and names and expressions written.
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  // With on, `x = NULL` in a definition becomes `x IS NULL`.
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  // Names without a schema mean pg_catalog only: nobody's function can stand in for one of PostgreSQL's.
  search_path: '',
  // Where new tables and indexes are put.
  default_tablespace: '',
  default_table_access_method: 'heap',
  // Which rows a statement sees: rows that a policy hides make an error instead of silently missing.
  row_security: 'off',
  // Otherwise a search by a GIN index finds some of the rows only.
  gin_fuzzy_search_limit: '0',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // What would end a statement or the session.
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  exit_on_error: 'off',
  // Notices are read: an output plugin has nothing else for what it leaves out. More than these would be noise.
  client_min_messages: 'notice',
};

/**
 * ALTER ROLE … SET role would make our sessions those of another role, with other rights and other objects.
 * An operator who wants that says so in the connection string, by `options=-c role=…`.
 */
const ROLE_SETTINGS: Readonly<Record<string, string>> = { role: 'none' };

/**
 * Set behind the startup packet, where the server knows them: an older one would refuse the connection. The settings of
 * the last group let the server notice within a minute that we are gone, so that it lets go of locks and slot.
 * https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS
 */
export const NEWER_SETTINGS: Readonly<Record<string, string>> = {
  idle_session_timeout: '0',
  transaction_timeout: '0',
  // 12.20, 13.16 and newer: 'view' and 'foreign-table' forbid to read those.
  restrict_nonsystem_relation_kind: '',
  // 16: 'error' refuses collations that are on the source.
  icu_validation_level: 'warning',
  // 12 and 13: with on it warns of operators in definitions.
  operator_precedence_warning: 'off',
  timezone_abbreviations: 'Default',
  // Half a second for each look at the catalogs where there are thousands of tables, whose plans look dear.
  jit: 'off',
  // No plan changes a result, but without these some statements go through a table once for every row.
  plan_cache_mode: 'auto',
  enable_bitmapscan: 'on',
  enable_hashagg: 'on',
  enable_hashjoin: 'on',
  enable_indexonlyscan: 'on',
  enable_indexscan: 'on',
  enable_material: 'on',
  enable_mergejoin: 'on',
  enable_nestloop: 'on',
  enable_partition_pruning: 'on',
  enable_seqscan: 'on',
  enable_sort: 'on',
  enable_tidscan: 'on',
  // The first until 15, the second from 16 on: parallel plans for everything, also for functions that are marked wrongly.
  force_parallel_mode: 'off',
  debug_parallel_query: 'off',
  // 16: 'immediate' writes every change to disk on the source first.
  debug_logical_replication_streaming: 'buffered',
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '60s',
  client_connection_check_interval: '10s',
};

/**
 * Only a superuser may change these; of another role's session the checks `source-session` and `target-session` tell those that matter.
 * `replica` keeps triggers and rules from firing; the engine asks for it where it wants that.
 */
export const SUPERUSER_SETTINGS: Readonly<Record<string, string>> = {
  session_replication_role: 'origin',
  zero_damaged_pages: 'off',
  ignore_checksum_failure: 'off',
  lo_compat_privileges: 'off',
  lc_messages: 'C',
};

/*
 * All others stay as server, database and role have them, for one of these reasons:
 * - They say how text is made for people: lc_numeric, lc_time, default_text_search_config, xmlbinary. Values in tables
 *   and definitions do not depend on them.
 * - They say how rows are stored, not what they are: default_toast_compression, gin_pending_list_limit, vacuum_*.
 * - They decide on memory, disk and speed, and the operator may have a reason: work_mem, maintenance_work_mem,
 *   temp_tablespaces, temp_file_limit, max_stack_depth, default_statistics_target, costs, geqo*, parallel workers,
 *   synchronize_seqscans. What is too small for a statement ends it with an error.
 * - They are about durability or the log: synchronous_commit (see prepareApplying), commit_*, log_*, debug_print_*, track_*.
 * - They are about what else a session does or may do: session_preload_libraries, local_preload_libraries,
 *   createrole_self_grant, password_encryption, event_triggers, check_function_bodies (see withRestoreSettings),
 *   allow_system_table_mods, allow_in_place_tablespaces, session_authorization (no effect at login).
 */

/**
 * Of sessions on the source, which a fence of ours makes read-only for all others. Not on the target: there it is how a
 * provider keeps a disk from filling up, and a resize from losing rows.
 */
const SOURCE_SETTINGS: Readonly<Record<string, string>> = { default_transaction_read_only: 'off' };

/** Of a replication connection: a server that has it off would keep the slot for an engine that is gone. */
export const REPLICATION_SETTINGS: Readonly<Record<string, string>> = { wal_sender_timeout: '60s' };

/** Whether the `options` of a connection string name a role. */
const namesRole = (options: string): boolean => /(^|\s)(-c\s*|--)role\s*=/i.test(options);

/**
 * The `options` of the startup packet, and of PGOPTIONS: the operator's own first, so that ours win. Null leaves a setting as it
 * is without us.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
 */
export function startupOptions(
  side: 'source' | 'target',
  operators: string | null,
  session: Readonly<Record<string, string | null>>,
): string {
  const fixed = {
    ...SESSION_SETTINGS,
    ...(namesRole(operators ?? '') ? {} : ROLE_SETTINGS),
    ...(side === 'source' ? SOURCE_SETTINGS : {}),
  };
  const ours = Object.entries({ ...fixed, ...session }).flatMap(([name, value]) =>
    value === null ? [] : [`-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`],
  );
  return [...(operators === null ? [] : [operators]), ...ours].join(' ');
}
