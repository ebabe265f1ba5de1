import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { pgoutput } from '../../../src/engine/decode/pgoutput.ts';
import type { EventPayload } from '../../../src/engine/events.ts';
import { Receiver } from '../../../src/engine/source/receiver.ts';
import { SpoolWriter } from '../../../src/engine/spool/writer.ts';
import { formatLsn, INVALID_LSN, type Lsn, lsn, parseLsn } from '../../../src/postgres/lsn.ts';
import { type TestDatabase, test } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { committedIn, insertedBy, insertedIn, Stage } from './stage.ts';

interface Transaction {
  what: string;
  commit: Lsn;
  end: Lsn;
}

/** Commits two transactions so that the one's commit record follows the other's without a byte between. */
async function backToBack(stage: Stage, database: TestDatabase): Promise<[Transaction, Transaction]> {
  const other = await database.connect();
  await other.query('SET synchronous_commit = on');
  for (let attempt = 0; ; attempt += 1) {
    await stage.writer.query(`BEGIN; INSERT INTO log VALUES ('one ${attempt}')`);
    await other.query(`BEGIN; INSERT INTO log VALUES ('other ${attempt}')`);
    await Promise.all([stage.writer.query('COMMIT'), other.query('COMMIT')]);
    const [first, second] = (await transactionsOf(stage)).slice(-2);
    if (first && second && first.end === second.commit) return [first, second];
  }
}

/** Every transaction in our slot so far, without taking anything out of it. */
async function transactionsOf(stage: Stage): Promise<Transaction[]> {
  const { rows } = await stage.writer.query<{ data: Buffer }>(
    `SELECT data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)`,
    [stage.ourSlot, stage.publication],
  );
  const transactions: Transaction[] = [];
  let what = '';
  for (const { data } of rows) {
    what = insertedIn(data) ?? what;
    const committed = committedIn(data);
    if (committed) transactions.push({ what, ...committed });
  }
  return transactions;
}

describe('two transactions committed back to back', () => {
  test('the library acknowledges one byte too much, and the second is never sent again', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const [first, second] = await backToBack(stage, databases.source);

    // It crashes after the first commit was acknowledged, before it has done anything with the second.
    const service = stage.service({ acknowledge: { auto: false, timeoutSeconds: 0 } });
    service.on('data', async (at: string, message) => {
      if (message.tag === 'commit' && parseLsn(at) === first.end) await service.acknowledge(at);
    });
    stage.subscribe(service);
    await until(async () => (await stage.confirmed(stage.naiveSlot)) >= first.end, { what: 'the acknowledgement' });
    expect(formatLsn(await stage.confirmed(stage.naiveSlot))).toBe(formatLsn(lsn(first.end + 1n)));
    await service.stop();

    const again: string[] = [];
    const restarted = stage.service({ acknowledge: { auto: false, timeoutSeconds: 0 } });
    restarted.on('data', (_, message) => {
      again.push(insertedBy(message) ?? '');
    });
    stage.subscribe(restarted);
    await stage.write('sentinel');
    await until(() => again.includes('sentinel'), { what: 'what comes after them' });
    expect(again).not.toContain(second.what);
  });

  test('we confirm the end of the first, and the second is sent again', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const [first, second] = await backToBack(stage, databases.source);

    const ends: Lsn[] = [];
    const { stream } = await stage.stream(INVALID_LSN, {
      onMessage: (message) => {
        const committed = committedIn(message);
        if (committed) ends.push(committed.end);
      },
    });
    await until(() => ends.includes(second.end), { what: 'both transactions' });
    stream.confirm(first.end, first.end);
    await until(async () => (await stage.confirmed(stage.ourSlot)) === first.end, { what: 'the confirmation' });
    stream.close();
    await stage.released(stage.ourSlot);

    const again: string[] = [];
    await stage.stream(first.end, { onMessage: (message) => void again.push(insertedIn(message) ?? '') });
    await stage.write('sentinel');
    await until(() => again.includes('sentinel'), { what: 'what comes after them' });
    expect(again).toContain(second.what);
    expect(again).not.toContain(first.what);
  });
});

describe('the timer', () => {
  test('the library acknowledges by itself what was only received', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const service = stage.service({ acknowledge: { auto: false, timeoutSeconds: 1 } });
    const received: string[] = [];
    service.on('data', (at, message) => {
      const what = insertedBy(message);
      if (what !== null) received.push(what);
      if (message.tag === 'commit') received.push(at);
    });
    stage.subscribe(service);
    await stage.write('never acknowledged');
    await until(() => received.length === 2, { what: 'the transaction' });
    expect(received[0]).toBe('never acknowledged');
    const before = await stage.confirmed(stage.naiveSlot);
    await until(async () => (await stage.confirmed(stage.naiveSlot)) > before, {
      what: 'an acknowledgement that nobody made',
    });
    await service.stop();

    const again: string[] = [];
    const restarted = stage.service({ acknowledge: { auto: false, timeoutSeconds: 0 } });
    restarted.on('data', (_, message) => {
      again.push(insertedBy(message) ?? '');
    });
    stage.subscribe(restarted);
    await stage.write('sentinel');
    await until(() => again.includes('sentinel'), { what: 'what comes after it' });
    expect(again).not.toContain('never acknowledged');
  });

  test('we confirm nothing that is not on disk', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const directory = await mkdtemp(join(tmpdir(), 'tiger-migrate-spool-'));
    const ending = new AbortController();
    const events: EventPayload[] = [];
    const receiver = new Receiver({
      connect: () => stage.replication(),
      slot: stage.ourSlot,
      plugin: pgoutput,
      publications: [stage.publication],
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
    const running = receiver.run(spool).catch(() => undefined);
    try {
      await until(async () => (await stage.replies()) !== null, { what: 'the receiver' });
      const noSpace = Object.assign(new Error('no space'), { code: 'ENOSPC' });
      const flush = vi.spyOn(spool, 'flush').mockRejectedValue(noSpace);
      await stage.write('not on disk');
      const committed = await stage.position();
      await until(() => receiver.bytes > 0, { what: 'the transaction' });
      await until(() => events.some(({ type }) => type === 'retry'), { what: 'the trouble' });
      expect((await stage.confirmed(stage.ourSlot)) < committed).toBe(true);
      flush.mockRestore();
      await until(async () => (await stage.confirmed(stage.ourSlot)) >= committed, { what: 'the confirmation' });
    } finally {
      ending.abort();
      await running;
      await spool.close();
      await rm(directory, { recursive: true });
    }
  });
});
