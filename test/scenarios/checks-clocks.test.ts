import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { clockSkew, clocksOutcome, roundTripOutcome } from '../../src/providers/common/clocks.ts';
import { clockAgainst, readClock } from '../../src/providers/facts/clock.ts';
import { runCheck } from '../../src/providers/index.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { test } from '../support/databases.ts';
import { type TestServer, uriOf } from '../support/test-servers.ts';

/** A long way to a server: what it answers takes this long. */
async function farAway(server: TestServer, ms: number): Promise<{ server: TestServer } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const backend = connect(server.port, server.host);
    for (const socket of [client, backend]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => [client, backend].map((one) => one.destroy()));
    }
    client.pipe(backend);
    backend.on('data', (chunk) => setTimeout(() => client.write(chunk), ms));
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    server: { ...server, port: (relay.address() as AddressInfo).port },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, 'close');
    },
  };
}

describe('clocks', () => {
  test('of servers on this machine agree', async ({ databases: { source, target } }) => {
    expect(await check('local-clock', { source: source.uri, target: target.uri })).toMatchObject({ status: 'pass' });
  });

  test('given a clock here that is ten minutes slow, both servers are ahead', async ({
    databases: { source, target },
  }) => {
    const slow = clockSkew(clockAgainst(() => Date.now() - 600_000));
    const result = await withCheckContext({ source: source.uri, target: target.uri }, (context) =>
      runCheck(slow, context),
    );
    expect(result).toMatchObject({
      status: 'warn',
      found:
        "the clock of the source is 10 min ahead of this machine's; the clock of the target is 10 min ahead of this machine's",
      fix: expect.stringContaining('timedatectl set-ntp true'),
    });
  });

  test('are compared in the middle of the quicker round trip', () => {
    const slow = { sentAt: 1_000, answeredAt: 3_000, serverAt: 2_900 };
    const quick = { sentAt: 5_000, answeredAt: 5_100, serverAt: 8_050 };
    expect(readClock([slow, quick])).toEqual({ roundTripMs: 100, aheadMs: 3_000 });
    expect(readClock([quick, slow])).toEqual({ roundTripMs: 100, aheadMs: 3_000 });
  });

  test('may be 5 s apart', () => {
    expect(clocksOutcome({ source: 5_000, target: 0 }).status).toBe('pass');
    expect(clocksOutcome({ source: -5_001, target: 0 })).toEqual({
      status: 'warn',
      found:
        "the clock of the source is 5 s behind this machine's; the target is 5 s ahead of the source: now() jumps on by as much at the cut-over",
    });
    // Neither is far from here, but they are from each other.
    expect(clocksOutcome({ source: 3_000, target: -3_000 })).toEqual({
      status: 'warn',
      found: 'the target is 6 s behind the source: now() jumps back by as much at the cut-over',
    });
  });
});

describe('the way to both servers', () => {
  test('is measured', async ({ databases: { source, target } }) => {
    const input = { source: source.uri, target: target.uri };
    expect(await check('local-round-trip', input)).toMatchObject({
      found: expect.stringMatching(/^[\d.]+ ms to the source, [\d.]+ ms to the target$/),
    });
    await using far = await farAway(target.server, 60);
    const result = await check('local-round-trip', {
      ...input,
      target: uriOf(far.server, target.name, target.owner, far.server.ownerPassword),
    });
    expect(result).toMatchObject({
      status: 'warn',
      fix: expect.stringContaining('in the region of the'),
    });
  });

  test('may take 50 ms', () => {
    expect(roundTripOutcome({ source: 50, target: 0.34 })).toEqual({
      status: 'pass',
      found: '50 ms to the source, 0.3 ms to the target',
    });
    expect(roundTripOutcome({ source: 1, target: 51 }).fix).toContain('in the region of the target, or at least');
    expect(roundTripOutcome({ source: 80, target: 90 }).fix).toContain('of the source and of the target:');
  });
});
