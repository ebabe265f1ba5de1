import { randomBytes } from 'node:crypto';
import { type DemoServer, type ServerSettings, startServer } from '../../../src/demo/server.ts';
import { withClient } from '../../support/test-servers.ts';
import { OWNER, type Pair, TARGET_OWNER, TARGET_OWNER_WITHOUT_REPLICA_ROLE } from './round.ts';

const SETTINGS: ServerSettings = { max_connections: 60, shared_buffers: '64MB', max_prepared_transactions: 5 };

/** Starts two servers for many databases, one after the other. */
export async function startPair(): Promise<Pair & AsyncDisposable> {
  const [source, target] = await Promise.all(
    ['source', 'target'].map((name) => startServer({ name: `definitions-${name}`, settings: SETTINGS })),
  );
  if (!source || !target) throw new Error('two servers were started');
  const password = randomBytes(9).toString('base64url');
  await statements(source, [`CREATE ROLE ${OWNER} LOGIN REPLICATION BYPASSRLS CREATEROLE PASSWORD '${password}'`]);
  await statements(target, [
    `CREATE ROLE ${TARGET_OWNER} LOGIN CREATEROLE PASSWORD '${password}'`,
    `CREATE ROLE ${TARGET_OWNER_WITHOUT_REPLICA_ROLE} LOGIN CREATEROLE PASSWORD '${password}'`,
    `GRANT SET ON PARAMETER session_replication_role TO ${TARGET_OWNER}`,
  ]);
  return {
    source,
    target,
    password,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([source.stop(), target.stop()]);
    },
  };
}

const statements = (server: DemoServer, list: readonly string[]): Promise<void> =>
  withClient(server.uri('postgres'), async (client) => {
    for (const statement of list) await client.query(statement);
  });
