import pg from 'pg';
import { type DemoServer, type ServerSettings, startServer } from '../../src/demo/server.ts';
import { withClient } from '../support/test-servers.ts';

/** A server of its own, most often the source, whose settings a test may change, with one database `app`. */
export class OwnSource implements AsyncDisposable {
  readonly server: DemoServer;
  readonly uri: string;
  readonly #open = new Set<pg.Client>();

  private constructor(server: DemoServer) {
    this.server = server;
    this.uri = server.uri('app');
  }

  static async start(sql: string, of: { settings?: ServerSettings; native?: string } = {}): Promise<OwnSource> {
    const server = await startServer({ name: 'own', ...of });
    await withClient(server.uri('postgres'), (client) => client.query('CREATE DATABASE app'));
    const self = new OwnSource(server);
    await self.query(sql);
    return self;
  }

  query<R extends Record<string, unknown>>(sql: string): Promise<R[]> {
    return withClient(this.uri, async (client) => (await client.query<R>(sql)).rows);
  }

  /** A session for as long as the server is there. */
  async connect(database = 'app'): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.server.uri(database) });
    client.on('error', () => undefined);
    await client.connect();
    this.#open.add(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((client) => client.end().catch(() => undefined)));
    await this.server.stop();
  }
}
