import { Socket } from 'node:net';
import pg from 'pg';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import { connectError, errorCode } from './connection-errors.ts';
import { type ConnectionSettings, describeServer } from './connection-string.ts';
import { quoteLiteral } from './identifiers.ts';
import { lookUpPassword } from './passfile.ts';
import { NEWER_SETTINGS, REPLICATION_SETTINGS, SUPERUSER_SETTINGS, startupOptions } from './session-settings.ts';
import { type TlsAttempt, tlsAttempts } from './tls.ts';

export interface ConnectOptions {
  readonly side: Exclude<Side, 'local'>;
  /** What this session is for; shown in pg_stat_activity as `tiger-migrate-tui <application>`. */
  readonly application: string;
  /** A walsender for this database, which also takes SQL (simple protocol only, no parameters). */
  readonly replication?: 'database';
  /** pg's pipeline mode: queries are sent without waiting for the ones before. */
  readonly pipeline?: boolean;
  /** Ends the attempt to connect; has no effect on the connection afterwards. */
  readonly signal?: AbortSignal;
  /** Server settings on top of `SESSION_SETTINGS`; null: not set by us. */
  readonly sessionSettings?: Readonly<Record<string, string | null>>;
}

export const APPLICATION_NAME = 'tiger-migrate-tui';

/**
 * Opens a connection with libpq's meaning of sslmode and the fixed session settings. All values come back as the text
 * that the server sent (or Buffer in binary), never parsed. Throws TM1101–TM1110, TM1199, TM1204, TM1206, TM1208, TM1114.
 */
export async function connect(settings: ConnectionSettings, options: ConnectOptions): Promise<pg.Client> {
  const target = { settings, side: options.side, replication: options.replication !== undefined };
  let failure: unknown;
  for (const tls of await tlsAttempts(settings, options.side)) {
    try {
      return await attempt(settings, options, tls);
    } catch (error) {
      if (options.signal?.aborted) throw interrupted(options.signal);
      failure = moreTelling(failure, error);
      if (!mayFallBack(error, tls)) break;
    }
  }
  throw connectError(failure, target);
}

const noTls = (error: unknown): boolean => error instanceof Error && /does not support SSL/.test(error.message);

/** Of two attempts that failed, what to tell: "no pg_hba.conf entry … no encryption" says little after a bad certificate. */
const moreTelling = (first: unknown, second: unknown): unknown =>
  first !== undefined && !noTls(first) && (noTls(second) || errorCode(second) === '28000') ? first : second;

const interrupted = (signal: AbortSignal): MigrateError =>
  new MigrateError('TM9002', { message: 'connecting was interrupted', cause: signal.reason });

/** Whether `prefer` goes on without TLS, or `allow` with it. Never after a wrong password: that would count twice. */
function mayFallBack(error: unknown, tls: TlsAttempt): boolean {
  const code = errorCode(error);
  if (code === '28000') return true;
  if (tls === false) return false;
  const message = error instanceof Error ? error.message : '';
  return /SSL connection/.test(message) || /^ERR_|^EPROTO|CERT|SELF_SIGNED|VERIFY_LEAF|ISSUER/.test(code);
}

async function attempt(settings: ConnectionSettings, options: ConnectOptions, tls: TlsAttempt): Promise<pg.Client> {
  options.signal?.throwIfAborted();
  const config: pg.ClientConfig & { replication?: string } = {
    host: settings.hostaddr ?? settings.host,
    port: settings.port,
    user: settings.user,
    database: settings.database,
    application_name: `${APPLICATION_NAME} ${options.application}`,
    options: startupOptions(options.side, settings.options, options.sessionSettings ?? {}),
    ssl: tls,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    keepAlive: settings.keepalives,
    keepAliveInitialDelayMillis: settings.keepalivesIdleMs,
    stream: () => patientSocket(settings.connectTimeoutMs),
    types: { getTypeParser: () => (value: unknown) => value },
    enableChannelBinding: settings.channelBinding !== 'disable' && tls !== false,
    sslnegotiation: tls === false ? 'postgres' : settings.sslnegotiation,
    ...(options.replication === undefined ? {} : { replication: options.replication }),
    ...(options.pipeline === undefined ? {} : { pipeline: options.pipeline }),
    password: () => password(settings, options.side, () => channelBindingOffered),
  };
  const client = new pg.Client(config);
  // Without a listener a lost connection would end the process. Whoever uses the client sees its queries fail.
  client.on('error', () => {});
  let channelBindingOffered = false;
  client.connection.on('authenticationSASL', (message: { mechanisms: string[] }) => {
    channelBindingOffered = tls !== false && message.mechanisms.includes('SCRAM-SHA-256-PLUS');
  });
  // A client that is destroyed while it connects never says so: the wait must end by itself.
  let giveUp: (reason: unknown) => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  aborted.catch(() => {});
  const abort = () => {
    destroy(client);
    giveUp(options.signal?.reason);
  };
  options.signal?.addEventListener('abort', abort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  const tooLate = () => {
    destroy(client);
    giveUp(new Error('timeout expired'));
  };
  try {
    await Promise.race([client.connect(), aborted]);
    if (settings.connectTimeoutMs > 0) timer = setTimeout(tooLate, settings.connectTimeoutMs);
    await Promise.race([settle(client, options.replication !== undefined), aborted]);
    return client;
  } catch (error) {
    destroy(client);
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** Asked only when the server wants a password. */
async function password(
  settings: ConnectionSettings,
  side: Exclude<Side, 'local'>,
  channelBindingOffered: () => boolean,
): Promise<string> {
  if (settings.channelBinding === 'require' && !channelBindingOffered()) {
    throw new MigrateError('TM1105', {
      side,
      object: describeServer(settings),
      message: 'channel_binding=require, and the server does not offer channel binding',
      hint: 'Use SCRAM passwords and TLS on the server, or channel_binding=prefer.',
    });
  }
  const found = settings.password ?? (await lookUpPassword(settings));
  if (found !== null) return found;
  throw new MigrateError('TM1114', {
    side,
    object: describeServer(settings),
    message: `the server asks for a password of user ${JSON.stringify(settings.user)} and none was given`,
    hint: `Put it into the connection string, PGPASSWORD, or ${settings.passfile} (mode 0600).`,
  });
}

/**
 * Node tries the addresses of a name one after the other and gives each 250 ms, less than a round trip around the world.
 */
function patientSocket(connectTimeoutMs: number): Socket {
  const socket = new Socket();
  const connectNow = socket.connect.bind(socket);
  const perAddress = Math.min(connectTimeoutMs === 0 ? 5_000 : Math.ceil(connectTimeoutMs / 2), 5_000);
  const connectPatiently = (where: number | string, host?: string) =>
    typeof where === 'number'
      ? connectNow({ port: where, autoSelectFamilyAttemptTimeout: perAddress, ...(host === undefined ? {} : { host }) })
      : connectNow({ path: where });
  return Object.assign(socket, { connect: connectPatiently });
}

/**
 * Sets what an older server would refuse in the startup packet. A server on Windows can't look at its clients while a
 * statement runs, and refuses to be told to. Every name is qualified: the session may have the search_path of others.
 */
async function settle(client: pg.Client, replication: boolean): Promise<void> {
  const list = (settings: Readonly<Record<string, string>>, forAll: boolean) =>
    Object.entries(settings).map(([name, value]) => `(${quoteLiteral(name)}, ${quoteLiteral(value)}, ${forAll})`);
  const wanted = [
    ...list({ ...NEWER_SETTINGS, ...(replication ? REPLICATION_SETTINGS : {}) }, true),
    ...list(SUPERUSER_SETTINGS, false),
  ];
  await client.query(
    `SELECT pg_catalog.set_config(s.name, w.value, false) FROM pg_catalog.pg_settings s
       JOIN (VALUES ${wanted.join(', ')}) w (name, value, for_all) ON s.name OPERATOR(pg_catalog.=) w.name
      WHERE (s.name OPERATOR(pg_catalog.<>) 'client_connection_check_interval'
          OR pg_catalog.version() OPERATOR(pg_catalog.!~*) 'visual c|mingw|msvc')
        AND (w.for_all OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user))`,
  );
}

const GOODBYE_MS = 5_000;

/** Says goodbye and waits for the end; never throws, and cuts a connection that doesn't answer. */
export async function endQuietly(client: pg.Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      destroy(client);
      resolve();
    }, GOODBYE_MS);
  });
  try {
    await Promise.race([client.end(), patience]);
  } catch {
    destroy(client);
  } finally {
    clearTimeout(timer);
  }
}

/** Closes the socket at once. Queries under way reject; the server notices at its next read or write. */
export function destroy(client: pg.Client): void {
  client.end().catch(() => {});
  client.connection.stream.destroy();
}

/** Runs `use` with a connection and ends it on every way out. */
export async function withClient<T>(
  settings: ConnectionSettings,
  options: ConnectOptions,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(settings, options);
  try {
    return await use(client);
  } finally {
    await endQuietly(client);
  }
}
