import pg from 'pg';
import type { DemoServer, ServerSettings } from '../../src/demo/server.ts';

/** How a test reaches one of the two servers of the run; crosses from the main process to the workers. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  /** The superuser's password. */
  readonly password: string;
  /** The ordinary role that owns the test databases, and its password. */
  readonly owner: string;
  readonly ownerPassword: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    readonly source: TestServer;
    readonly target: TestServer;
    /** How the source's wal2json writes numbers at its best; before 2.6 it loses NaN. Null: there is none. */
    readonly wal2json: 'quoted' | 'unquoted' | null;
    /** The compiled program: the directory that holds `cli.js`. */
    readonly compiled: string;
  }
}

/** The role that owns the source databases: REPLICATION, no superuser. */
export const SOURCE_OWNER = 'migrator';
/** The role that owns the target databases, as on Tiger Cloud: CREATEROLE, no superuser. */
export const TARGET_OWNER = 'tsdbadmin';
/** As TARGET_OWNER, but not allowed to set session_replication_role. */
export const TARGET_OWNER_WITHOUT_REPLICA_ROLE = 'tsdbadmin_plain';

/** Quick rather than safe; roomy enough for two workers that run whole migrations at once. */
export const TEST_SETTINGS: ServerSettings = {
  fsync: false,
  full_page_writes: false,
  max_wal_senders: 40,
  max_replication_slots: 40,
  max_connections: 300,
  shared_buffers: '128MB',
  max_wal_size: '4GB',
  max_prepared_transactions: 10,
  // A test that leaves a transaction open shall fail, not hang its neighbours.
  idle_in_transaction_session_timeout: '10min',
};

/** A connection URI to a test server. */
export const uriOf = (
  server: Pick<TestServer, 'host' | 'port'> | DemoServer,
  database: string,
  user: string,
  password: string,
): string => {
  const [login, secret, name] = [user, password, database].map(encodeURIComponent);
  return `postgresql://${login}:${secret}@${server.host}:${server.port}/${name}`;
};

/** Opens a connection for one piece of work. */
export async function withClient<T>(uri: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: uri });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
