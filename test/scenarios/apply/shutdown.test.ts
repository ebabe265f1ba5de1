import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startServer } from '../../../src/demo/server.ts';
import { pgoutput } from '../../../src/engine/decode/pgoutput.ts';
import type { EventPayload } from '../../../src/engine/events.ts';
import { Receiver } from '../../../src/engine/source/receiver.ts';
import { createSlot } from '../../../src/engine/source/slot.ts';
import { SpoolWriter } from '../../../src/engine/spool/writer.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import { withClient } from '../../support/test-servers.ts';
import { until } from '../../support/wait.ts';

const PREPARE =
  'CREATE TABLE t (id int); CREATE PUBLICATION p FOR TABLE t; INSERT INTO t SELECT generate_series(1, 1000)';

/** A server of its own with a table, a publication and a slot, and a receiver on it. */
async function receiving() {
  const server = await startServer({ name: 'shutdown' });
  const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-spool-'));
  const ending = new AbortController();
  const events: EventPayload[] = [];
  const settings = parseConnectionString(server.uri('postgres'), {});
  const replication = () => connect(settings, { side: 'source', application: 'shutdown', replication: 'database' });
  await withClient(server.uri('postgres'), (client) => client.query(PREPARE));
  const client = await replication();
  await createSlot(client, 's', 'pgoutput', false);
  destroy(client);
  const receiver = new Receiver({
    connect: replication,
    slot: 's',
    plugin: pgoutput,
    publications: ['p'],
    binary: false,
    spoolDirectory: directory,
    reserveBytes: 0,
    emit: (event) => events.push(event),
    signal: ending.signal,
  });
  const spool = await SpoolWriter.open({
    directory,
    segmentBytes: 1_000_000,
    prologue: receiver.prologue,
    onReadable: () => undefined,
  });
  const running = receiver.run(spool);
  running.catch(() => undefined);
  const close = async () => {
    ending.abort();
    await running.catch(() => undefined);
    await spool.close();
    await server.stop();
    await rm(directory, { recursive: true });
  };
  return { server, receiver, events, running, [Symbol.asyncDispose]: close };
}

test('a source that is shut down need not wait for us, and we go on when it is back', async () => {
  await using scene = await receiving();
  const { server, receiver, events } = scene;
  await withClient(server.uri('postgres'), (client) => client.query('INSERT INTO t SELECT generate_series(1, 1000)'));
  await until(() => receiver.bytes > 0, { what: 'the rows' });
  await server.restart('fast');
  // Had it waited in vain, it would have been shot: the log says how it went.
  expect(await server.log()).toMatch(/received fast shutdown request[\s\S]*database system is shut down/);
  expect(await server.log()).not.toMatch(/received immediate shutdown request/);
  const before = receiver.bytes;
  await withClient(server.uri('postgres'), (client) => client.query('INSERT INTO t VALUES (1)'));
  await until(() => receiver.bytes > before, { what: 'the row after the restart' });
  expect(events).toContainEqual(expect.objectContaining({ type: 'retry' }));
});

test('a slot that the source has given up is lost for good', async () => {
  await using scene = await receiving();
  const { server, running } = scene;
  await server.restart('fast', { max_slot_wal_keep_size: '1MB', wal_keep_size: '0', max_wal_size: '32MB' });
  const error = expect(running).rejects.toMatchObject({ code: 'TM4002', object: 's' });
  await withClient(server.uri('postgres'), async (client) => {
    await until(async () => {
      await client.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active');
      await client.query('SELECT pg_switch_wal()');
      await client.query('SELECT pg_logical_emit_message(false, $1, repeat($1, 1000000))', ['x']);
      await client.query('SELECT pg_switch_wal()');
      await client.query('SELECT pg_logical_emit_message(false, $1, repeat($1, 1000000))', ['x']);
      await client.query('CHECKPOINT');
      return (await client.query(`SELECT FROM pg_replication_slots WHERE wal_status = 'lost'`)).rowCount;
    });
  });
  await error;
});
