import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { HOST } from './cluster.ts';
import { type DemoServer, type ServerSettings, startServer } from './server.ts';
import { createShop } from './shop.ts';
import { startWriters, type Writers } from './writers.ts';

export interface DemoOptions {
  /** 1: a shop of about 300 MB. */
  readonly scale?: number;
  /** Transactions a second that the shop's application writes. Default 300; 0 for none. */
  readonly rate?: number;
  /** Whether the target's role may `SET session_replication_role`. Default true. */
  readonly replicaRole?: boolean;
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Two throw-away servers: a shop under live writes, and an empty database to move it to. */
export interface Demo extends AsyncDisposable {
  /** The database `shop`, as its owner: REPLICATION, no superuser. */
  readonly sourceUri: string;
  /** The empty database `tsdb`, as `tsdbadmin`: CREATEROLE, no superuser, like on Tiger Cloud. */
  readonly targetUri: string;
  readonly source: DemoServer;
  readonly target: DemoServer;
  /** Null with `rate: 0`. */
  readonly writers: Writers | null;
  /** Stops the writers and both servers and removes their data. */
  stop(): Promise<void>;
}

const OWNER = 'shop_owner';
const APP = 'shop_app';
const READER = 'shop_reader';
const ADMIN = 'tsdbadmin';

const SHOP = 'shop';
const TARGET_DATABASE = 'tsdb';

/** Whom the demo's connection strings name: by that its migrations are known again. */
export const DEMO_SOURCE = { host: HOST, user: OWNER, database: SHOP } as const;
export const DEMO_TARGET = { host: HOST, user: ADMIN, database: TARGET_DATABASE } as const;

const SETTINGS: ServerSettings = {
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  max_wal_senders: 10,
  max_replication_slots: 10,
  // Room for eight copy and index jobs beside the application and the wizard.
  max_connections: 60,
  maintenance_work_mem: '64MB',
};

/** Starts both servers, fills the source and starts the writers. Rejects with TM8001 or TM8002; leaves nothing then. */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const tell = options.onProgress ?? (() => undefined);
  const start = (name: string) =>
    startServer({ name, settings: SETTINGS, ...(options.signal ? { signal: options.signal } : {}) });
  tell('starting two PostgreSQL servers');
  const started = await Promise.allSettled([start('source'), start('target')]);
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const [source, target] = servers;
    if (!source || !target) throw new Error('two servers were started');
    const targetUri = await prepareTarget(target, options.replicaRole ?? true);
    const { ownerUri, appUri } = await prepareSource(source);
    await withClient(ownerUri, (client) =>
      createShop(client, { scale: options.scale ?? 1, app: APP, reader: READER, onProgress: tell }),
    );
    options.signal?.throwIfAborted();
    const rate = options.rate ?? 300;
    const writers = rate > 0 ? await startWriters({ uri: appUri, rate }) : null;
    const stop = async () => {
      await writers?.stop();
      await stopAll([source, target]);
    };
    return { sourceUri: ownerUri, targetUri, source, target, writers, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
}

async function stopAll(servers: readonly DemoServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

const newPassword = () => randomBytes(12).toString('base64url');

async function prepareSource(server: DemoServer): Promise<{ ownerUri: string; appUri: string }> {
  const [ownerPassword, appPassword] = [newPassword(), newPassword()];
  await withClient(server.uri('postgres'), async (client) => {
    await client.query(`CREATE ROLE ${READER} NOLOGIN`);
    await client.query(`CREATE ROLE ${APP} LOGIN PASSWORD '${appPassword}'`);
    // A member of the application's role may end its sessions, which the cut-over wants to.
    await client.query(`CREATE ROLE ${OWNER} LOGIN REPLICATION PASSWORD '${ownerPassword}' IN ROLE ${APP}`);
    await client.query(`CREATE DATABASE ${SHOP} OWNER ${OWNER}`);
  });
  return { ownerUri: server.uri(SHOP, OWNER, ownerPassword), appUri: server.uri(SHOP, APP, appPassword) };
}

async function prepareTarget(server: DemoServer, replicaRole: boolean): Promise<string> {
  const password = newPassword();
  await withClient(server.uri('postgres'), async (client) => {
    await client.query(`CREATE ROLE ${ADMIN} LOGIN CREATEROLE PASSWORD '${password}'`);
    if (replicaRole) await client.query(`GRANT SET ON PARAMETER session_replication_role TO ${ADMIN}`);
    await client.query(`CREATE DATABASE ${TARGET_DATABASE} OWNER ${ADMIN}`);
  });
  return server.uri(TARGET_DATABASE, ADMIN, password);
}

async function withClient<T>(uri: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: uri });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
