import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import type { MigrateError } from '../../src/errors/migrate-error.ts';
import { type ConnectOptions, connect } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { test } from '../support/databases.ts';
import { isInstalled, nativeOf } from '../support/other-versions.ts';
import { uriOf, withClient } from '../support/test-servers.ts';

async function failure(uri: string, options: Partial<ConnectOptions> = {}): Promise<MigrateError> {
  const connecting = connect(parseConnectionString(uri, {}), { side: 'source', application: 'test', ...options });
  return connecting.then(
    () => Promise.reject(new Error('it connected')),
    (error: MigrateError) => error,
  );
}

/** A listener that is no PostgreSQL server. */
async function listener(onConnection: (socket: Socket) => void): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('what keeps a connection from coming about', () => {
  test('a wrong password', async ({ databases: { source } }) => {
    const error = await failure(uriOf(source.server, source.name, source.owner, 'hush'));
    expect(error.report()).toMatchObject({
      code: 'TM1104',
      side: 'source',
      object: `${source.server.host}:${source.server.port}/${source.name}`,
    });
    expect(JSON.stringify(error.report())).not.toContain('hush');
  });

  test('no password at all', async ({ databases: { source } }) => {
    const { host, port } = source.server;
    const error = await failure(`host=${host} port=${port} user=${source.owner} dbname=${source.name} passfile=/none`);
    expect(error.code).toBe('TM1114');
    expect(error.message).toContain('none was given');
  });

  test('an unknown role says the same as a wrong password', async ({ databases: { source } }) => {
    expect((await failure(uriOf(source.server, source.name, 'nobody', 'x'))).code).toBe('TM1104');
  });

  test('a role without LOGIN', async ({ databases: { source }, databases }) => {
    const role = databases.role('nologin');
    await source.admin(`CREATE ROLE ${role} PASSWORD 'x'`);
    expect((await failure(uriOf(source.server, source.name, role, 'x'))).code).toBe('TM1105');
  });

  test('no CONNECT on the database', async ({ databases: { source }, databases }) => {
    const role = databases.role('guest');
    await source.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; REVOKE CONNECT ON DATABASE ${source.name} FROM public`);
    const error = await failure(uriOf(source.server, source.name, role, 'x'));
    expect(error.code).toBe('TM1105');
    expect(error.hint).toContain('GRANT CONNECT');
  });

  test('a database that does not exist', async ({ databases: { source } }) => {
    const { server, owner } = source;
    expect((await failure(uriOf(server, 'nope', owner, server.ownerPassword))).code).toBe('TM1106');
  });

  test('TLS that the server does not offer', async ({ databases: { source } }) => {
    const error = await failure(`${source.uri}?sslmode=require`);
    expect(error.code).toBe('TM1107');
    expect(error.hint).toContain('instead of require');
  });

  test('no right to replicate', async ({ databases: { source }, databases }) => {
    const role = databases.role('reader');
    await source.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    const error = await failure(uriOf(source.server, source.name, role, 'x'), { replication: 'database' });
    expect(error.code).toBe('TM1206');
  });

  test('too many connections', async ({ databases: { source }, databases }) => {
    const role = databases.role('single');
    await source.admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x' CONNECTION LIMIT 0`);
    expect((await failure(uriOf(source.server, source.name, role, 'x'))).code).toBe('TM1110');
  });

  // Later releases count no WAL senders there.
  test.skipIf(!isInstalled(12))(
    'too many connections of a role or in a database is not told as a lack of WAL senders',
    async () => {
      await using server = await startServer({ name: 'limits', native: nativeOf(12) });
      await withClient(server.uri('postgres'), async (client) => {
        await client.query(`CREATE ROLE mover LOGIN REPLICATION PASSWORD 'x'`);
        const uri = server.uri('postgres', 'mover', 'x');
        for (const limited of ['ROLE "mover"', 'DATABASE "postgres"']) {
          await client.query(`ALTER ${limited} CONNECTION LIMIT 0`);
          expect((await failure(uri, { replication: 'database' })).report()).toMatchObject({
            code: 'TM1110',
            hint: expect.stringContaining(`ALTER ${limited} CONNECTION LIMIT -1;`),
          });
          await client.query(`ALTER ${limited} CONNECTION LIMIT -1`);
        }
      });
    },
  );

  test('a host that does not resolve', async () => {
    expect((await failure('postgres://u:x@no-such-host.invalid/d')).code).toBe('TM1101');
  });

  /** A port that was free a moment ago. */
  async function unusedPort(): Promise<number> {
    await using gone = await listener(() => undefined);
    return gone.port;
  }

  test('a port where nothing listens', async () => {
    const port = await unusedPort();
    const error = await failure(`postgres://u:x@127.0.0.1:${port}/d`);
    expect(error.code).toBe('TM1102');
    expect(error.object).toBe(`127.0.0.1:${port}/d`);
  });

  test('a name with two addresses where nothing listens', async () => {
    const error = await failure(`postgres://u:x@localhost:${await unusedPort()}/d`);
    expect(error.code).toBe('TM1102');
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('a Unix socket that is not there', async () => {
    expect((await failure('host=/no-such-directory user=u password=x')).code).toBe('TM1102');
  });

  test('a listener that never answers', async () => {
    await using silent = await listener(() => undefined);
    const error = await failure(`postgres://u:x@127.0.0.1:${silent.port}/d?connect_timeout=1`);
    expect(error.code).toBe('TM1103');
    expect(error.message).toBe('no answer in time');
  });

  test('a listener that hangs up', async () => {
    await using rude = await listener((socket) => socket.destroy());
    expect((await failure(`postgres://u:x@127.0.0.1:${rude.port}/d?sslmode=disable`)).code).toBe('TM1199');
  });

  test('a listener that speaks something else', async () => {
    await using web = await listener((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    for (const sslmode of ['disable', 'prefer', 'require']) {
      const error = await failure(`postgres://u:x@127.0.0.1:${web.port}/d?sslmode=${sslmode}`);
      expect(['TM1199', 'TM1107']).toContain(error.code);
    }
  });

  test('a pooler that does not know the options of a session', async () => {
    // What PgBouncer 1.18 answers.
    const fields = 'SFATAL\0C08P01\0Munsupported startup parameter: options\0\0';
    const length = Buffer.alloc(4);
    length.writeInt32BE(fields.length + 4);
    await using between = await listener((socket) => {
      socket.once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)])));
    });
    expect((await failure(`postgres://u:x@127.0.0.1:${between.port}/d?sslmode=disable`)).code).toBe('TM1204');
  });

  test('an abort, at once', async () => {
    await using silent = await listener(() => undefined);
    const controller = new AbortController();
    const failing = failure(`postgres://u:x@127.0.0.1:${silent.port}/d`, { signal: controller.signal });
    controller.abort();
    expect((await failing).code).toBe('TM9002');
  });
});
