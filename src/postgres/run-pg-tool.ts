import { join } from 'node:path';
import { execa } from 'execa';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import type { ClientTools, PgTool } from './client-tools.ts';
import { APPLICATION_NAME } from './connect.ts';
import type { ConnectionSettings, Environment } from './connection-string.ts';
import { lookUpPassword, temporaryPassfile } from './passfile.ts';
import { startupOptions } from './session-settings.ts';

export interface RunPgToolOptions {
  readonly tools: ClientTools;
  readonly side: Exclude<Side, 'local'>;
  /** A private directory; a passfile lives there while the tool runs. */
  readonly passfileDirectory: string;
  readonly signal?: AbortSignal;
  /** Given to the tool's standard input. */
  readonly input?: string;
  /** Exit codes besides 0 that are no error: pg_restore ends with 1 when it went on after errors. */
  readonly acceptExitCodes?: readonly number[];
  /** Server settings of the tool's session on top of `SESSION_SETTINGS`, as `name: value`. */
  readonly sessionSettings?: Readonly<Record<string, string>>;
}

export interface PgToolResult {
  readonly stdout: string;
  /** What the tool complained about; never holds a password. */
  readonly stderr: string;
  readonly exitCode: number;
}

/**
 * Runs pg_dump or pg_restore; with `settings` against that server, with `null` on files only. The connection goes
 * through PG* variables and the password through a passfile that is gone afterwards: argv shows neither.
 * Throws TM2001 (source) or TM2002 (target) with the end of stderr, TM1109 when the connection broke, TM1111 when its
 * snapshot is gone, TM9002 when aborted.
 */
export async function runPgTool(
  tool: PgTool,
  args: readonly string[],
  settings: ConnectionSettings | null,
  options: RunPgToolOptions,
): Promise<PgToolResult> {
  const program = tool === 'pg_dump' ? options.tools.pgDump : options.tools.pgRestore;
  const password = settings === null ? null : (settings.password ?? (await lookUpPassword(settings)));
  await using passfile = password === null ? null : await temporaryPassfile(options.passfileDirectory, password);
  const env = {
    ...withoutPgVariables(process.env),
    LC_ALL: 'C',
    ...(settings === null
      ? {}
      : pgVariables(
          settings,
          passfile?.path ?? join(options.passfileDirectory, 'no-passfile'),
          startupOptions(options.side, settings.options, options.sessionSettings ?? {}),
        )),
  };
  const connection =
    settings === null
      ? []
      : // Quoted as conninfo: a database name with an equals sign would be read as one.
        ['--no-password', `--dbname=dbname='${settings.database.replace(/[\\']/g, '\\$&')}' ${keepalives(settings)}`];
  const result = await execa(program, [...connection, ...args], {
    env,
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    encoding: 'buffer',
    maxBuffer: 1024 ** 3,
    forceKillAfterDelay: 5_000,
    ...(options.signal ? { cancelSignal: options.signal } : {}),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  if (result.isCanceled) {
    throw new MigrateError('TM9002', { message: `${tool} was interrupted`, cause: options.signal?.reason });
  }
  const stderr = Buffer.from(result.stderr).toString('utf8');
  const accepted = [0, ...(options.acceptExitCodes ?? [])];
  if (result.exitCode === undefined || !accepted.includes(result.exitCode)) {
    throw new MigrateError(codeOf(stderr, options.side), {
      side: options.side,
      object: tool,
      message: `${tool} failed: ${lastLines(stderr) || result.shortMessage || 'no message'}`,
      hint: 'Correct what it complains about, then start again.',
    });
  }
  return { stdout: textOf(tool, result.stdout, options.side), stderr, exitCode: result.exitCode };
}

/** What a tool wrote as UTF-8 text. Throws TM2001 or TM2002 at a byte that is no part of it: nothing is replaced. */
function textOf(tool: PgTool, bytes: Uint8Array, side: 'source' | 'target'): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new MigrateError(side === 'source' ? 'TM2001' : 'TM2002', {
      side,
      object: tool,
      message: `${tool} wrote text that is not UTF-8`,
      hint: 'A dump that an older version of this program has left is in the encoding of its database: begin the migration again.',
      cause,
    });
  }
}

/** What libpq and the server say when a connection could not be had, or broke. */
const CONNECTION_GONE =
  /server closed the connection unexpectedly|terminating connection|no connection to the server|Connection (refused|reset|timed out)|timeout expired|SSL (connection has been closed|SYSCALL)|database system is (starting up|shutting down|not yet accepting|in recovery)|too many (clients|connections)|remaining connection slots|could not (receive|send) data|Network is unreachable|No route to host/i;
const SNAPSHOT_GONE =
  /invalid snapshot identifier|could not import the requested snapshot|snapshot "[^"]*" does not exist/;

/** The tools have one exit code for everything; the text alone tells what time heals. */
function codeOf(stderr: string, side: 'source' | 'target'): 'TM1109' | 'TM1111' | 'TM2001' | 'TM2002' {
  if (SNAPSHOT_GONE.test(stderr)) return 'TM1111';
  if (CONNECTION_GONE.test(stderr)) return 'TM1109';
  return side === 'source' ? 'TM2001' : 'TM2002';
}

const STDERR_LINES = 8;
const lastLines = (text: string): string => text.trim().split('\n').slice(-STDERR_LINES).join('\n');

const withoutPgVariables = (env: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || /^PG[A-Z]/.test(name) ? [] : [[name, value]],
    ),
  );

/** A peer that is gone is noticed within a minute; libpq has no variables for these. */
const keepalives = (settings: ConnectionSettings): string =>
  settings.keepalives
    ? `keepalives_idle=${Math.ceil(settings.keepalivesIdleMs / 1000)} keepalives_interval=10 keepalives_count=3 tcp_user_timeout=60000`
    : 'keepalives=0';

/** libpq's variables for these settings, except the password; with `options` for the server. */
export function pgVariables(settings: ConnectionSettings, passfile: string, options: string): Record<string, string> {
  const given: Record<string, string | null> = {
    PGHOST: settings.host,
    PGHOSTADDR: settings.hostaddr,
    PGPORT: String(settings.port),
    PGUSER: settings.user,
    PGDATABASE: settings.database,
    PGPASSFILE: passfile,
    PGAPPNAME: `${APPLICATION_NAME} schema`,
    PGCONNECT_TIMEOUT: String(Math.ceil(settings.connectTimeoutMs / 1000)),
    PGSSLMODE: settings.sslmode,
    PGSSLNEGOTIATION: settings.sslnegotiation === 'direct' ? 'direct' : null,
    PGSSLROOTCERT: settings.sslrootcert,
    PGSSLCERT: settings.sslcert,
    PGSSLKEY: settings.sslkey,
    PGSSLMINPROTOCOLVERSION: settings.sslMinVersion,
    PGSSLMAXPROTOCOLVERSION: settings.sslMaxVersion,
    PGCHANNELBINDING: settings.channelBinding === 'prefer' ? null : settings.channelBinding,
    PGOPTIONS: options === '' ? null : options,
  };
  return Object.fromEntries(Object.entries(given).flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}
