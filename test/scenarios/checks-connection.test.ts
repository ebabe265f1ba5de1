import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { runChecks } from '../../src/providers/index.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { type TestServer, uriOf, withClient } from '../support/test-servers.ts';

/** Stands between like PgBouncer in session mode: hands on everything but gives the client a cancel key of its own. */
async function pooler(server: TestServer): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const backend = connectSocket(server.port, server.host);
    for (const socket of [client, backend]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => [client, backend].map((one) => one.destroy()));
    }
    client.pipe(backend);
    backend.on('data', (chunk) => client.write(withOtherKey(chunk)));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

/** BackendKeyData: 'K', length 12, process id, secret. */
function withOtherKey(chunk: Buffer): Buffer {
  const at = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
  if (at < 0) return chunk;
  const changed = Buffer.from(chunk);
  changed.writeInt32BE(123_456_789, at + 5);
  return changed;
}

describe('a pooler in between', () => {
  test('is refused, a direct connection is not', async ({ databases: { source, target } }) => {
    await using between = await pooler(source.server);
    const { name, owner, server } = source;
    const pooled = `${uriOf({ host: '127.0.0.1', port: between.port }, name, owner, server.ownerPassword)}?sslmode=disable`;
    const result = await check('source-direct', { source: pooled, target: target.uri });
    expect(result).toMatchObject({ status: 'fail', code: 'TM1204', side: 'source' });
    expect(result.found).toContain('123456789');
    expect((await check('source-direct', { source: source.uri, target: target.uri })).status).toBe('pass');
    expect((await check('target-direct', { source: source.uri, target: target.uri })).status).toBe('pass');
  });
});

describe('a standby', () => {
  test('is neither source nor target', async ({ databases: { source, target } }) => {
    await using server = await startServer({ name: 'standby' });
    const uri = server.uri('postgres');
    const directory = await withClient(uri, async (client) => {
      const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
      return rows[0]?.data_directory ?? '';
    });
    await writeFile(join(directory, 'standby.signal'), '');
    await server.restart();
    expect(await check('source-primary', { source: uri, target: target.uri })).toMatchObject({
      status: 'fail',
      code: 'TM1209',
    });
    expect(await check('target-primary', { source: source.uri, target: uri })).toMatchObject({
      status: 'fail',
      code: 'TM1209',
    });
    expect((await check('source-primary', { source: source.uri, target: target.uri })).status).toBe('pass');
    // The other checks get over it.
    const results = await withCheckContext({ source: uri, target: target.uri }, (context) =>
      runChecks(context, () => undefined),
    );
    expect(results.filter(({ found }) => found.startsWith('could not be found out'))).toEqual([]);
  });
});

describe('source and target', () => {
  test('must be two databases, whatever they are called', async ({ databases: { source, target } }) => {
    const sameByOtherName = source.uri.replace('127.0.0.1', 'localhost');
    const result = await check('different-databases', { source: source.uri, target: sameByOtherName });
    expect(result).toMatchObject({ status: 'fail', code: 'TM1202' });
    expect(result.found).toContain(source.name);
    const other = uriOf(source.server, 'postgres', source.server.superuser, source.server.password);
    expect(await check('different-databases', { source: source.superuserUri, target: other })).toMatchObject({
      status: 'pass',
      found: 'two databases of one server',
    });
    expect(await check('different-databases', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
      found: 'two databases on two servers',
    });
  });
});

describe('TLS', () => {
  test('is told', async ({ databases: { source } }) => {
    await using server = await startServer({ name: 'tls', tls: true });
    const uri = server.uri('postgres');
    expect((await check('target-tls', { source: source.uri, target: uri })).found).toMatch(/^TLSv1\.[23], /);
    const verified = `${uri}?sslmode=verify-ca&sslrootcert=${encodeURIComponent(server.certificate ?? '')}`;
    expect((await check('target-tls', { source: source.uri, target: verified })).found).toContain('verified');
    expect(await check('source-tls', { source: source.uri, target: uri })).toMatchObject({ status: 'info' });
    // This machine by a name that does not say so.
    const elsewhere = source.uri.replace('127.0.0.1', String(0x7f000001));
    expect(await check('source-tls', { source: elsewhere, target: uri })).toMatchObject({ status: 'warn' });
  });
});
