import { randomBytes } from 'node:crypto';
import { type DemoServer, type ServerSettings, startServer } from '../../src/demo/server.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { uriOf, withClient } from '../support/test-servers.ts';
import { WAL2JSON_SETTINGS } from '../support/wal2json.ts';

/** The two servers of a round, each with one database. */
export interface Servers extends AsyncDisposable {
  readonly source: DemoServer;
  readonly target: DemoServer;
  /** By which the engine and the commands reach the servers. */
  readonly network: Readonly<Record<'source' | 'target', TcpProxy>>;
  /** As the role that migrates, and that the application uses, too: it owns the database, REPLICATION, no superuser. */
  readonly sourceUri: string;
  readonly targetUri: string;
  readonly sourceAdmin: string;
  readonly targetAdmin: string;
}

export const SOURCE_DATABASE = 'app';
export const TARGET_DATABASE = 'tsdb';

const SETTINGS: ServerSettings = {
  ...WAL2JSON_SETTINGS,
  max_prepared_transactions: 20,
  max_connections: 60,
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  autovacuum_naptime: '5s',
  // Transactions of this size are already spilled to disk by the decoder.
  logical_decoding_work_mem: '1MB',
  wal_sender_timeout: '20s',
};

/** `replicaRole`: whether the target's role may set session_replication_role. */
export async function startServers(replicaRole: boolean): Promise<Servers> {
  const started = await Promise.allSettled(
    ['source', 'target'].map((name) => startServer({ name: `soak-${name}`, settings: SETTINGS })),
  );
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const proxies: TcpProxy[] = [];
  const stop = async () => {
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const [source, target] = servers;
    if (!source || !target) throw new Error('two servers were started');
    const password = randomBytes(9).toString('base64url');
    await statements(source, [
      `CREATE ROLE owner LOGIN REPLICATION BYPASSRLS PASSWORD '${password}'`,
      `CREATE DATABASE ${SOURCE_DATABASE} OWNER owner`,
    ]);
    await statements(target, [
      `CREATE ROLE tsdbadmin LOGIN CREATEROLE PASSWORD '${password}'`,
      ...(replicaRole ? ['GRANT SET ON PARAMETER session_replication_role TO tsdbadmin'] : []),
      `CREATE DATABASE ${TARGET_DATABASE} OWNER tsdbadmin`,
    ]);
    const network = { source: await TcpProxy.start(source), target: await TcpProxy.start(target) };
    proxies.push(network.source, network.target);
    return {
      source,
      target,
      network,
      sourceUri: uriOf(source, SOURCE_DATABASE, 'owner', password),
      targetUri: uriOf(target, TARGET_DATABASE, 'tsdbadmin', password),
      sourceAdmin: source.uri(SOURCE_DATABASE),
      targetAdmin: target.uri(TARGET_DATABASE),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const statements = (server: DemoServer, list: readonly string[]): Promise<void> =>
  withClient(server.uri('postgres'), async (client) => {
    for (const statement of list) await client.query(statement);
  });
