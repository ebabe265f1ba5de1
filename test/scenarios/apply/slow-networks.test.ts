import { describe, expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { LiveReplay } from './harness.ts';

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v text)';
const TRANSACTIONS = 2000;

describe('a network that is', () => {
  test.for([
    ['latency', '200 ms away'],
    ['slow', 'narrow'],
  ] as const)('%s (%s): replay goes by batches, not by rows', async ([fault], { databases }) => {
    await using toSource = await TcpProxy.start(databases.source.server);
    await using toTarget = await TcpProxy.start(databases.target.server);
    await using live = await LiveReplay.start(databases, {
      tables: TABLE,
      receiverPort: toSource.port,
      applierPort: toTarget.port,
    });
    await live.drain();
    for (const proxy of [toSource, toTarget]) await proxy.inject(fault);
    const before = live.statements.length;
    await live.source.query('SET synchronous_commit = off');
    await live.source.query(
      `DO $$ BEGIN FOR i IN 1..${TRANSACTIONS} LOOP INSERT INTO t VALUES (i, repeat('x', 500)); COMMIT; END LOOP; END $$`,
    );
    await live.expectEqual();
    expect(await live.changesApplied()).toBe(TRANSACTIONS);
    // Each statement is a round trip.
    expect(live.statements.length - before).toBeLessThan(TRANSACTIONS / 10);
    expect(live.events.filter(({ type }) => type === 'retry')).toEqual([]);
  });
});
