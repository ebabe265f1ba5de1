import { describe, expect } from 'vitest';
import { INVALID_LSN } from '../../../src/postgres/lsn.ts';
import { test } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';
import { insertedBy, insertedIn, Stage } from './stage.ts';

describe('stop, then subscribe again', () => {
  test('one instance of the library goes on at what it has received, not at what is durable', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const heard: string[] = [];
    const service = stage.service({ acknowledge: { auto: false, timeoutSeconds: 0 } });
    service.on('data', (_, message) => {
      heard.push(insertedBy(message) ?? message.tag);
    });
    stage.subscribe(service);
    await stage.write('first');
    await until(() => heard.at(-1) === 'commit', { what: 'the transaction' });
    expect(heard).toContain('first');
    // Nothing was acknowledged: the consumer has lost it, and asks again.
    const confirmed = await stage.confirmed(stage.naiveSlot);
    await service.stop();
    heard.length = 0;
    stage.subscribe(service);
    await stage.write('sentinel');
    await until(() => heard.includes('sentinel'), { what: 'what comes after it' });
    expect(heard).not.toContain('first');
    expect(await stage.confirmed(stage.naiveSlot)).toBe(confirmed);
  });

  test('we make a new stream at the last durable position', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const heard: string[] = [];
    const onMessage = (message: Buffer) => void heard.push(insertedIn(message) ?? '');
    const { stream } = await stage.stream(INVALID_LSN, { onMessage });
    await stage.write('first');
    await until(() => heard.includes('first'), { what: 'the transaction' });
    stream.close();
    await stage.released(stage.ourSlot);
    heard.length = 0;
    await stage.stream(INVALID_LSN, { onMessage });
    await stage.write('sentinel');
    await until(() => heard.includes('sentinel'), { what: 'what comes after it' });
    expect(heard.filter((what) => what !== '')).toEqual(['first', 'sentinel']);
  });
});

describe('a handler that throws', () => {
  test('with flow control the library goes on behind the message, and acknowledges what follows', async ({
    databases,
  }) => {
    await using stage = await Stage.set(databases.source);
    const stored: string[] = [];
    const errors: unknown[] = [];
    const service = stage.service({ acknowledge: { auto: true, timeoutSeconds: 0 }, flowControl: { enabled: true } });
    service.on('error', (error) => {
      errors.push(error);
    });
    service.on('data', async (_, message) => {
      const what = insertedBy(message);
      if (what === 'first') throw new Error('the disk is full');
      if (what !== null) stored.push(what);
    });
    stage.subscribe(service);
    await stage.write('first');
    await stage.write('second');
    await until(() => stored.includes('second'), { what: 'the second transaction' });
    expect(errors).toEqual([expect.objectContaining({ message: 'the disk is full' })]);
    const committed = await stage.position();
    // The server writes for others, too, and the library acknowledges its own messages only: there must be one behind that position.
    const isAcknowledged = async () => {
      await stage.write('more');
      return (await stage.confirmed(stage.naiveSlot)) >= committed;
    };
    await until(isAcknowledged, { what: 'the acknowledgement' });
    await service.stop();

    const again: string[] = [];
    const restarted = stage.service({ acknowledge: { auto: false, timeoutSeconds: 0 } });
    restarted.on('data', (_, message) => {
      again.push(insertedBy(message) ?? '');
    });
    stage.subscribe(restarted);
    await stage.write('sentinel');
    await until(() => again.includes('sentinel'), { what: 'what comes after them' });
    expect([...stored, ...again]).not.toContain('first');
  });

  test('our stream ends with it, and the message comes again', async ({ databases }) => {
    await using stage = await Stage.set(databases.source);
    const stored: string[] = [];
    const { done } = await stage.stream(INVALID_LSN, {
      onMessage: (message) => {
        const what = insertedIn(message);
        if (what === 'first') throw new Error('the disk is full');
        if (what !== null) stored.push(what);
      },
    });
    await stage.write('first');
    await stage.write('second');
    await expect(done).rejects.toThrow('the disk is full');
    expect(stored).toEqual([]);
    await stage.released(stage.ourSlot);
    await stage.stream(INVALID_LSN, { onMessage: (message) => void stored.push(insertedIn(message) ?? '') });
    await until(() => stored.includes('second'), { what: 'both transactions' });
    expect(stored.filter((what) => what !== '')).toEqual(['first', 'second']);
  });
});
