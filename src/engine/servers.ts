import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';
import { connect, destroy, withClient } from '../postgres/connect.ts';
import { type ConnectionSettings, describeServer } from '../postgres/connection-string.ts';
import { giveSearchPath, type SearchPath } from '../postgres/search-path.ts';
import { LIVENESS_TIMES, type LivenessTimes } from './liveness.ts';
import { SessionWatch } from './session-watch.ts';

/** A server that can't be reached must not keep a stopped engine from ending. */
const CLEARING_UP_MS = 10_000;

/**
 * Opens the sessions of one migration on both servers, and looks after them; their names in pg_stat_activity begin with
 * its id.
 */
export class Servers {
  readonly source: ConnectionSettings;
  readonly target: ConnectionSettings;
  /** Aborts when the migration is to stop. */
  readonly signal: AbortSignal;
  readonly #id: string;
  /** Set once it is known whether the target's role may. */
  replicaRole = false;
  /** Under which the operator's own functions run, on both sides. Empty until it is known. */
  searchPath: SearchPath = [];

  readonly #watch: { readonly source: SessionWatch; readonly target: SessionWatch };

  constructor(of: {
    readonly source: ConnectionSettings;
    readonly target: ConnectionSettings;
    readonly id: string;
    readonly signal: AbortSignal;
    readonly liveness?: LivenessTimes | undefined;
  }) {
    this.source = of.source;
    this.target = of.target;
    this.#id = of.id;
    this.signal = of.signal;
    const times = of.liveness ?? LIVENESS_TIMES;
    const watch = (side: 'source' | 'target') =>
      new SessionWatch({
        connect: (signal) => connect(this[side], { side, application: `${this.#id} watch`, signal }),
        times,
        signal: of.signal,
      });
    this.#watch = { source: watch('source'), target: watch('target') };
  }

  async #open(side: 'source' | 'target', application: string, replication?: 'database'): Promise<pg.Client> {
    const client = await connect(this[side], {
      side,
      application: `${this.#id} ${application}`,
      signal: this.signal,
      // An output plugin may have nothing but a warning for what it leaves out of the stream.
      ...(replication === undefined ? {} : { replication, sessionSettings: { client_min_messages: 'warning' } }),
    });
    this.#watch[side].add(client);
    giveSearchPath(client, () => this.searchPath);
    return client;
  }

  /** An ordinary session on the source. */
  readonly onSource = (application: string): Promise<pg.Client> => this.#open('source', application);

  /** A replication connection to the source. */
  readonly replication = (application: string): Promise<pg.Client> => this.#open('source', application, 'database');

  /** A session on the target that writes what the source wrote: triggers and foreign keys do not fire where possible. */
  readonly onTarget = async (application: string): Promise<pg.Client> => {
    const client = await this.#open('target', application);
    if (this.replicaRole) await client.query('SET session_replication_role = replica');
    return client;
  };

  readonly destroy = destroy;

  /** A session for clearing up: it can be opened also after the migration was stopped, and waits for no answer for ever. */
  readonly afterwards = <T>(side: 'source' | 'target', use: (client: pg.Client) => Promise<T>): Promise<T> => {
    const signal = AbortSignal.timeout(CLEARING_UP_MS);
    return withClient(this[side], { side, application: `${this.#id} undo`, signal }, async (client) => {
      signal.addEventListener('abort', () => destroy(client), { once: true });
      return use(client);
    });
  };

  /**
   * Ends the sessions that an engine of this migration, killed or cut off, has left on a server: they might still
   * commit, or hold locks. Waits until they are gone.
   */
  async endLeftOvers(client: pg.Client): Promise<void> {
    for (;;) {
      const { rows } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name LIKE 'tiger-migrate-tui ' || $1 || ' %' AND pid <> pg_backend_pid()
            AND datname = current_database() AND usename = current_user`,
        [this.#id],
      );
      if (rows.length === 0) return;
      await client.query('SELECT pg_sleep(0.05)');
    }
  }
}

/**
 * Whether this role may set `session_replication_role`, found out by doing it: a grant (15+) or a superuser.
 * https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE
 */
export async function probeReplicaRole(target: pg.Client): Promise<boolean> {
  await target.query('BEGIN');
  try {
    await target.query('SET LOCAL session_replication_role = replica');
    return true;
  } catch {
    return false;
  } finally {
    await target.query('ROLLBACK');
  }
}

/** Any number; two engines on one target meet here. */
const LOCK_KEY = '7236861';

/**
 * One that was killed a moment ago holds the lock until its server notices: a session that waits for something there looks
 * every ten seconds (`client_connection_check_interval`). This often, a tenth of a second apart.
 */
const LOCK_TRIES = 130;

/** Takes the lock that only one engine may hold on a target database, for as long as `client` is connected. */
export async function lockTarget(client: pg.Client): Promise<boolean> {
  for (let attempt = 0; attempt < LOCK_TRIES; attempt += 1) {
    const { rows } = await client.query<{ locked: string }>(`SELECT pg_try_advisory_lock(${LOCK_KEY}) AS locked`);
    if (rows[0]?.locked === 't') return true;
    await client.query('SELECT pg_sleep(0.1)');
  }
  return false;
}

/** Rejects with TM1303 when another engine has it. */
export async function requireLock(target: pg.Client, servers: Servers): Promise<void> {
  if (await lockTarget(target)) return;
  throw new MigrateError('TM1303', {
    side: 'target',
    object: describeServer(servers.target),
    message: 'another engine migrates into this database',
    hint: 'Use status --dir … of that engine, or stop it first.',
  });
}
