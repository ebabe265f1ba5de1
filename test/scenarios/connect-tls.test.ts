import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../src/demo/server.ts';
import { connect, endQuietly } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';

/** Whether the connection came about with TLS, or the code of the error. */
async function outcome(uri: string, home = '/none'): Promise<string> {
  try {
    const client = await connect(parseConnectionString(uri, { HOME: home }), { side: 'target', application: 'tls' });
    const { rows } = await client.query<{ ssl: string }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    await endQuietly(client);
    return rows[0]?.ssl === 't' ? 'TLS' : 'plain';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('sslmode means what it means to libpq', () => {
  let secure: DemoServer;
  let plain: DemoServer;
  let other: DemoServer;
  let home = '';

  beforeAll(async () => {
    [secure, plain, other] = await Promise.all([
      startServer({ name: 'tls', tls: true }),
      startServer({ name: 'plain' }),
      startServer({ name: 'other-tls', tls: true }),
    ]);
    home = await mkdtemp(join(tmpdir(), 'tls-home-'));
    await mkdir(join(home, '.postgresql'));
    await symlink(other.certificate ?? '', join(home, '.postgresql', 'root.crt'));
  });
  afterAll(async () => {
    await Promise.all([secure.stop(), plain.stop(), other.stop(), rm(home, { recursive: true })]);
  });

  const secureUri = (parameters: string) => `${secure.uri('postgres')}?${parameters}`;
  const rootOf = (server: DemoServer) => `sslrootcert=${encodeURIComponent(server.certificate ?? '')}`;

  test.each([
    ['disable', 'plain', 'plain'],
    ['allow', 'plain', 'plain'],
    ['prefer', 'TLS', 'plain'],
    ['require', 'TLS', 'TM1107'],
    ['verify-ca', 'TM1108', 'TM1108'],
    ['verify-full', 'TM1108', 'TM1108'],
  ])('%s without a root certificate: %s with TLS offered, %s without', async (mode, offered, not) => {
    expect(await outcome(secureUri(`sslmode=${mode}`))).toBe(offered);
    expect(await outcome(`${plain.uri('postgres')}?sslmode=${mode}`)).toBe(not);
  });

  test.each([
    ['prefer', 'plain'],
    ['require', 'TM1108'],
    ['verify-ca', 'TM1108'],
    ['verify-full', 'TM1108'],
  ])('%s with the root certificate of somebody else: %s', async (mode, expected) => {
    expect(await outcome(secureUri(`sslmode=${mode}&${rootOf(other)}`))).toBe(expected);
    // The same from the default place, ~/.postgresql/root.crt.
    expect(await outcome(secureUri(`sslmode=${mode}`), home)).toBe(expected);
  });

  test.each([
    'prefer',
    'require',
    'verify-ca',
  ])('%s with the right root certificate does not look at the name', async (mode) => {
    const byOtherName = secureUri(`sslmode=${mode}&${rootOf(secure)}&hostaddr=127.0.0.1&host=wrong.example`);
    expect(await outcome(byOtherName)).toBe('TLS');
  });

  test('verify-full looks at the name', async () => {
    const byName = (host: string) => secureUri(`sslmode=verify-full&${rootOf(secure)}&hostaddr=127.0.0.1&host=${host}`);
    expect(await outcome(byName('wrong.example'))).toBe('TM1108');
    expect([await outcome(byName('localhost')), await outcome(byName('127.0.0.1'))]).toContain('TLS');
  });

  test('the authorities of the system do not know this server', async () => {
    expect(await outcome(secureUri('sslrootcert=system'))).toBe('TM1108');
  });

  test('a root certificate that is not there is told where the mode promises something', async () => {
    expect(await outcome(secureUri('sslmode=require&sslrootcert=/none'))).toBe('TM1108');
    expect(await outcome(secureUri('sslmode=prefer&sslrootcert=/none'))).toBe('plain');
  });

  test('a protocol version that the server does not speak', async () => {
    expect(await outcome(secureUri('sslmode=require&ssl_max_protocol_version=TLSv1.1'))).toBe('TM1107');
  });

  test('channel binding binds with TLS and cannot be had without', async () => {
    expect(await outcome(secureUri('sslmode=require&channel_binding=require'))).toBe('TLS');
    expect(await outcome(`${plain.uri('postgres')}?channel_binding=require`)).toBe('TM1105');
  });
});
