import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { MigrateError } from '../errors/migrate-error.ts';
import { KEYWORDS } from './connection-keywords.ts';
import { severalServers, splitConnectionString } from './connection-syntax.ts';

export { withoutPassword } from './without-password.ts';

/** https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** Everything that says which server, as whom, and how. Holds the password: never log it, show `describeServer` of it. */
export interface ConnectionSettings {
  /** Name, address, or the directory of a Unix socket (begins with a slash). */
  readonly host: string;
  /** The address to connect to instead of resolving `host`. */
  readonly hostaddr: string | null;
  readonly port: number;
  readonly user: string;
  /** Null: from the passfile when the server asks for one. */
  readonly password: string | null;
  readonly database: string;
  /** Where the password is looked up when the string gives none. */
  readonly passfile: string;
  readonly sslmode: SslMode;
  readonly sslnegotiation: 'postgres' | 'direct';
  /** A file, or `system`. */
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
  readonly sslMinVersion: TlsVersion | null;
  readonly sslMaxVersion: TlsVersion | null;
  /** Where libpq looks for `root.crt`, `postgresql.crt` and `postgresql.key` when they are not named. */
  readonly sslDirectory: string;
  readonly channelBinding: 'disable' | 'prefer' | 'require';
  /** 0: wait for ever. */
  readonly connectTimeoutMs: number;
  readonly keepalives: boolean;
  readonly keepalivesIdleMs: number;
  /** Command line options for the server, `-c name=value …`, as given by the operator. */
  readonly options: string | null;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_CONNECT_TIMEOUT_MS = 15_000;
const DEFAULT_KEEPALIVES_IDLE_MS = 10_000;

/**
 * Reads a connection string as libpq would, with its defaults from `env`.
 * Throws TM1002 (empty), TM1003 (not understood), TM1004 (libpq knows it, we don't); no message holds the password.
 */
export function parseConnectionString(text: string, env: Environment): ConnectionSettings {
  const trimmed = text.trim();
  if (trimmed === '') throw new MigrateError('TM1002', { message: 'the connection string is empty' });
  const values = new Map<string, string>();
  for (const [keyword, { env: variable }] of Object.entries(KEYWORDS)) {
    const value = variable === null ? undefined : env[variable];
    if (value !== undefined && value !== '') values.set(keyword, value);
  }
  for (const { keyword, value } of splitConnectionString(trimmed)) values.set(keyword, value);
  for (const [keyword, value] of values) refuseUnsupported(keyword, value);

  const get = (keyword: string): string | null => values.get(keyword) || null;
  const home = env.HOME || homedir();
  const port = wholeNumber('port', get('port') ?? '5432', 1, 65_535);
  const user = get('user') ?? userInfo().username;
  const sslrootcert = get('sslrootcert');
  const timeout = get('connect_timeout');
  const idle = get('keepalives_idle');
  const settings: ConnectionSettings = {
    host: get('host') ?? get('hostaddr') ?? defaultHost(port),
    hostaddr: get('hostaddr'),
    port,
    user,
    password: get('password'),
    database: get('dbname') ?? user,
    passfile: get('passfile') ?? join(home, '.pgpass'),
    // libpq 16 on: the system's authorities sign for anybody, so only the host name makes them worth something.
    sslmode: oneOf('sslmode', get('sslmode') ?? (sslrootcert === 'system' ? 'verify-full' : 'prefer'), SSL_MODES),
    sslnegotiation: oneOf('sslnegotiation', get('sslnegotiation') ?? 'postgres', ['postgres', 'direct']),
    sslrootcert,
    sslcert: get('sslcert'),
    sslkey: get('sslkey'),
    sslMinVersion: tlsVersion('ssl_min_protocol_version', get('ssl_min_protocol_version')),
    sslMaxVersion: tlsVersion('ssl_max_protocol_version', get('ssl_max_protocol_version')),
    sslDirectory: join(home, '.postgresql'),
    channelBinding: oneOf('channel_binding', get('channel_binding') ?? 'prefer', ['disable', 'prefer', 'require']),
    connectTimeoutMs:
      timeout === null
        ? DEFAULT_CONNECT_TIMEOUT_MS
        : Math.max(0, wholeNumber('connect_timeout', timeout, -2147483648, 2147483)) * 1000,
    keepalives: get('keepalives') !== '0',
    keepalivesIdleMs:
      idle === null
        ? DEFAULT_KEEPALIVES_IDLE_MS
        : wholeNumber('keepalives_idle', idle, 0, 2147483) * 1000 || DEFAULT_KEEPALIVES_IDLE_MS,
    options: get('options'),
  };
  if (sslrootcert === 'system' && settings.sslmode !== 'verify-full') {
    throw new MigrateError('TM1004', {
      message: `sslrootcert=system and sslmode=${settings.sslmode} do not go together`,
      hint: 'Use sslmode=verify-full.',
    });
  }
  if (settings.sslnegotiation === 'direct' && ['disable', 'allow', 'prefer'].includes(settings.sslmode)) {
    throw new MigrateError('TM1004', {
      message: `sslnegotiation=direct and sslmode=${settings.sslmode} do not go together`,
      hint: 'Use sslmode=require or stronger.',
    });
  }
  return settings;
}

function refuseUnsupported(keyword: string, value: string): void {
  const support = KEYWORDS[keyword]?.support;
  if ((keyword === 'host' || keyword === 'port' || keyword === 'hostaddr') && value.includes(',')) {
    throw severalServers();
  }
  if (keyword === 'host' && value.startsWith('@')) {
    throw new MigrateError('TM1004', { message: 'abstract Unix sockets are not supported' });
  }
  if (value !== '' && (support === 'refuse' || (Array.isArray(support) && !support.includes(value)))) {
    const variable = KEYWORDS[keyword]?.env;
    throw new MigrateError('TM1004', {
      message: `the connection option ${keyword} is not supported${Array.isArray(support) ? ' with this value' : ''}`,
      hint: `Remove ${keyword}${variable ? ` (or unset ${variable})` : ''} and write what it stands for into the connection string.`,
    });
  }
}

const bad = (keyword: string, wanted: string) =>
  new MigrateError('TM1003', { message: `connection string not understood: ${keyword} must be ${wanted}` });

function wholeNumber(keyword: string, text: string, min: number, max: number): number {
  const number = /^\s*[+-]?\d{1,10}\s*$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) throw bad(keyword, `a whole number from ${min} to ${max}`);
  return number;
}

function oneOf<const T extends string>(keyword: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw bad(keyword, `one of ${allowed.join(', ')}`);
  return found;
}

const tlsVersion = (keyword: string, value: string | null): TlsVersion | null =>
  value === null ? null : oneOf(keyword, value, TLS_VERSIONS);

/** libpq's default is the socket directory it was built with: Debian's and Red Hat's, else PostgreSQL's own. */
function defaultHost(port: number): string {
  const directory = ['/var/run/postgresql', '/tmp'].find((one) => existsSync(join(one, `.s.PGSQL.${port}`)));
  return directory ?? 'localhost';
}

/** `host:port/database`, how a server is named to people. */
export function describeServer(settings: ConnectionSettings): string {
  const host = isIPv6(settings.host) ? `[${settings.host}]` : settings.host;
  return `${host}:${settings.port}/${settings.database}`;
}

/**
 * True when both strings name the same database. Only a hint: one server has many names, so the checks also compare
 * system identifier and database OID.
 */
export const sameDatabase = (a: ConnectionSettings, b: ConnectionSettings): boolean =>
  (a.hostaddr ?? a.host).toLowerCase() === (b.hostaddr ?? b.host).toLowerCase() &&
  a.port === b.port &&
  a.database === b.database;
