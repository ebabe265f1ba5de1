/**
 * The connection keywords of libpq, the environment variable that gives each its default, and what this program does
 * with it: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS and
 * https://www.postgresql.org/docs/current/libpq-envars.html
 */
export interface Keyword {
  readonly env: string | null;
  /**
   * - `use`: read by `parseConnectionString`.
   * - `ignore`: tuning or labels that change nothing about which server is reached, as whom, and how safely.
   * - an array: these values need nothing from us; any other is refused.
   * - `refuse`: dropping it would change the meaning of the string.
   */
  readonly support: 'use' | 'ignore' | 'refuse' | readonly string[];
}

const use = (env: string | null = null): Keyword => ({ env, support: 'use' });
const ignore = (): Keyword => ({ env: null, support: 'ignore' });
const refuse = (env: string | null = null): Keyword => ({ env, support: 'refuse' });
const only = (env: string | null, ...values: string[]): Keyword => ({ env, support: values });

export const KEYWORDS: Readonly<Record<string, Keyword>> = {
  host: use('PGHOST'),
  hostaddr: use('PGHOSTADDR'),
  port: use('PGPORT'),
  dbname: use('PGDATABASE'),
  user: use('PGUSER'),
  password: use('PGPASSWORD'),
  passfile: use('PGPASSFILE'),
  options: use('PGOPTIONS'),
  connect_timeout: use('PGCONNECT_TIMEOUT'),
  keepalives: use(),
  keepalives_idle: use(),
  channel_binding: use('PGCHANNELBINDING'),
  sslmode: use('PGSSLMODE'),
  sslnegotiation: use('PGSSLNEGOTIATION'),
  sslrootcert: use('PGSSLROOTCERT'),
  sslcert: use('PGSSLCERT'),
  sslkey: use('PGSSLKEY'),
  ssl_min_protocol_version: use('PGSSLMINPROTOCOLVERSION'),
  ssl_max_protocol_version: use('PGSSLMAXPROTOCOLVERSION'),

  application_name: ignore(),
  fallback_application_name: ignore(),
  client_encoding: ignore(),
  keepalives_interval: ignore(),
  keepalives_count: ignore(),
  tcp_user_timeout: ignore(),
  sslcompression: ignore(),
  sslkeylogfile: ignore(),

  gssencmode: only('PGGSSENCMODE', 'disable', 'prefer'),
  target_session_attrs: only('PGTARGETSESSIONATTRS', 'any', 'read-write', 'primary', 'prefer-standby'),
  load_balance_hosts: only('PGLOADBALANCEHOSTS', 'disable', 'random'),
  sslcertmode: only('PGSSLCERTMODE', 'allow'),
  sslsni: only('PGSSLSNI', '1'),

  service: refuse('PGSERVICE'),
  servicefile: refuse(),
  replication: refuse(),
  requirepeer: refuse('PGREQUIREPEER'),
  require_auth: refuse('PGREQUIREAUTH'),
  krbsrvname: refuse('PGKRBSRVNAME'),
  gsslib: refuse('PGGSSLIB'),
  gssdelegation: refuse('PGGSSDELEGATION'),
  sslpassword: refuse(),
  sslcrl: refuse('PGSSLCRL'),
  sslcrldir: refuse('PGSSLCRLDIR'),
  min_protocol_version: refuse('PGMINPROTOCOLVERSION'),
  max_protocol_version: refuse('PGMAXPROTOCOLVERSION'),
  scram_client_key: refuse(),
  scram_server_key: refuse(),
  oauth_issuer: refuse(),
  oauth_client_id: refuse(),
  oauth_client_secret: refuse(),
  oauth_scope: refuse(),
};

/** Keywords whose values must never be shown. */
export const SECRET_KEYWORDS: ReadonlySet<string> = new Set([
  'password',
  'sslpassword',
  'oauth_client_secret',
  'scram_client_key',
  'scram_server_key',
]);
