import { type FileHandle, open, readdir } from 'node:fs/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { seededRandom } from '../../../src/demo/random.ts';
import { commitEndOf } from '../../../src/engine/decode/pgoutput.ts';
import { readSpool, SpoolWatermark } from '../../../src/engine/spool/reader.ts';
import { EMPTY_END } from '../../../src/engine/spool/recover.ts';
import { deleteSegmentsBefore, measureSpool } from '../../../src/engine/spool/segments.ts';
import { INVALID_LSN, type Lsn } from '../../../src/postgres/lsn.ts';
import { relation } from './messages.ts';
import { append, endOf, hex, SpoolDirectory, transaction } from './spool-directory.ts';

const ONE = transaction(1, 'a', 'b');
const TWO = transaction(2, 'c');
const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

afterEach(() => {
  vi.restoreAllMocks();
});

/** What file handles have in common: `node:fs/promises` does not give out their class. */
async function fileHandles(): Promise<FileHandle> {
  const handle = await open('/dev/null');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

describe('the spool', () => {
  test('gives back what was appended, in order, and nothing of an open transaction', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    append(writer, [...ONE, ...TWO.slice(0, 2)]);
    await writer.flush();
    expect(await spool.read()).toEqual(hex(ONE));
    append(writer, TWO.slice(2));
    await writer.flush();
    expect(await spool.read()).toEqual(hex([...ONE, ...TWO]));
    expect(writer.pendingBytes).toBe(0);
  });

  test('copies a message before append returns', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    const reused = Buffer.concat(TWO);
    const wanted = hex(ONE);
    for (const message of ONE) {
      const view = reused.subarray(0, message.length);
      message.copy(view);
      append(writer, [view]);
      view.fill(0);
    }
    await writer.flush();
    expect(await spool.read()).toEqual(wanted);
  });

  test('messages larger than a block, and many blocks in one flush', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 300_000;
    const writer = await spool.open();
    const all: Buffer[] = [];
    for (let number = 1; number <= 5; number += 1) {
      all.push(...transaction(number, 'x'.repeat(number * 200_000), 'small'));
    }
    append(writer, all);
    await writer.flush();
    expect((await spool.read()).filter((message) => message.length > 0)).toEqual(hex(all));
    expect((await spool.segments()).length).toBeGreaterThan(2);
    expect((await measureSpool(spool.directory)).bytes).toBeGreaterThan(3_000_000);
  });

  test('each new segment begins with the descriptions of the tables', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 10;
    const writer = await spool.open();
    const described = [relation(1, 's', 't', 'd', []), relation(2, 's', 'u', 'd', [])];
    const wanted: Buffer[] = [];
    for (let number = 1; number <= 4; number += 1) {
      if (number > 1) wanted.push(...spool.prologue);
      const messages = transaction(number, 'v');
      append(writer, messages);
      wanted.push(...messages);
      await writer.flush();
      const next = described[number - 1];
      if (next) spool.prologue.push(next);
    }
    expect(await spool.segments()).toEqual([0, 1, 2, 3]);
    expect(await spool.read()).toEqual(hex(wanted));
    // The last one alone can be read by who has applied the others.
    await deleteSegmentsBefore(spool.directory, 3);
    expect(await spool.read(endOf(3))).toEqual(hex([...described, ...transaction(4, 'v')]));
  });

  test('is kept in files that only we can read', async () => {
    await using spool = await SpoolDirectory.make();
    append(await spool.open(), ONE);
    const file = await open(spool.path(0));
    expect((await file.stat()).mode & 0o777).toBe(0o600);
    await file.close();
  });
});

describe('a disk that is full', () => {
  test.for([
    { when: 'at once', partly: 0 },
    { when: 'in the middle of a block', partly: 30 },
  ])('$when: nothing is lost, the next flush goes on', async ({ partly }) => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    append(writer, ONE);
    await writer.flush();
    const handles = await fileHandles();
    const write = handles.write;
    const failing = vi.spyOn(handles, 'write').mockImplementation(async function (
      this: FileHandle,
      ...parameters: unknown[]
    ) {
      const [bytes, offset, , position] = parameters as [Buffer, number, number, number];
      if (partly > 0)
        await (write as (...all: unknown[]) => Promise<unknown>).call(this, bytes, offset, partly, position);
      throw noSpace();
    } as never);
    append(writer, TWO);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    append(writer, transaction(3, 'e').slice(0, 2));
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await spool.read()).toEqual(hex(ONE));
    expect(await writer.sync(endOf(9))).toBe(endOf(1));
    failing.mockRestore();
    await writer.flush();
    expect(await spool.read()).toEqual(hex([...ONE, ...TWO]));
    append(writer, transaction(3, 'e').slice(2));
    await writer.flush();
    expect(await spool.read()).toEqual(hex([...ONE, ...TWO, ...transaction(3, 'e')]));
  });

  test('a connection that breaks meanwhile: what is not written is dropped, for which no room is needed: it comes again', async () => {
    await using spool = await SpoolDirectory.make();
    let writer = await spool.open();
    const handles = await fileHandles();
    const failing = vi.spyOn(handles, 'write').mockRejectedValue(noSpace());
    append(writer, [...ONE, ...TWO, ...transaction(3, 'x'.repeat(10_000)).slice(0, 2)]);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    await writer.cutToLastCommit();
    expect(await spool.read()).toEqual([]);
    failing.mockRestore();
    append(writer, [...ONE, ...TWO, ...transaction(3, 'again')]);
    await writer.flush();
    writer = await spool.open();
    expect(await spool.read()).toEqual(hex([...ONE, ...TWO, ...transaction(3, 'again')]));
  });

  test('a new segment that cannot be made', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 10;
    const writer = await spool.open();
    append(writer, ONE);
    await writer.flush();
    const handles = await fileHandles();
    vi.spyOn(handles, 'sync').mockRejectedValueOnce(noSpace());
    append(writer, TWO);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ENOSPC' });
    await writer.flush();
    expect(await spool.read()).toEqual(hex([...ONE, ...TWO]));
  });
});

describe('readers', () => {
  test('wait for more, and end when the signal aborts', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    const ending = new AbortController();
    const read: string[] = [];
    const reading = (async () => {
      for await (const { messages } of readSpool(spool.directory, spool.watermark, INVALID_LSN, ending.signal)) {
        for (const message of messages) read.push(message.toString('hex'));
        if (read.length === hex([...ONE, ...TWO]).length) ending.abort();
      }
    })();
    for (const messages of [ONE, TWO]) {
      append(writer, messages);
      await writer.flush();
    }
    await reading;
    expect(read).toEqual(hex([...ONE, ...TWO]));
  });

  test('look ahead for the commit of a transaction that a chunk breaks off in, over blocks and segments', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 400_000;
    const writer = await spool.open();
    const long = Array.from({ length: 30 }, (_, index) => `${index}${'x'.repeat(60_000)}`);
    append(writer, [...transaction(1, 'a'), ...transaction(2, ...long), ...transaction(3, 'b')]);
    await writer.flush();
    expect((await spool.segments()).length).toBeGreaterThan(2);
    const { signal } = new AbortController();
    const ahead: (Lsn | null)[] = [];
    for await (const chunk of readSpool(spool.directory, spool.watermark, INVALID_LSN, signal)) {
      const records = [...chunk.messages];
      const whole = records.at(-1)?.[0] === 0x43;
      ahead.push(whole ? null : await chunk.endOfNextCommit(commitEndOf));
      if (chunk.last) break;
    }
    expect(ahead.length).toBeGreaterThan(5);
    expect(ahead.slice(0, -1)).toEqual(Array<Lsn>(ahead.length - 1).fill(endOf(2)));
    expect(ahead.at(-1)).toBeNull();
  });

  test('say when nothing more can be read at this moment', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 10;
    const writer = await spool.open();
    for (const messages of [ONE, TWO]) {
      append(writer, messages);
      await writer.flush();
    }
    const last: boolean[] = [];
    for await (const chunk of readSpool(spool.directory, spool.watermark, INVALID_LSN, new AbortController().signal)) {
      expect([...chunk.messages].length).toBeGreaterThan(0);
      last.push(chunk.last);
      if (chunk.last) break;
    }
    expect(last).toEqual([false, true]);
  });

  test('a waiting reader is woken by the next advance, or by the signal', async () => {
    const watermark = new SpoolWatermark(EMPTY_END);
    const ending = new AbortController();
    const woken = [watermark.next(ending.signal), watermark.next(new AbortController().signal)];
    watermark.advance({ position: { segment: 0, block: 0, offset: 9 }, commitEnd: endOf(1) });
    await Promise.all(woken);
    const aborted = watermark.next(ending.signal);
    ending.abort();
    await aborted;
    await watermark.next(ending.signal);
  });

  test('pruning goes on behind a reader', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 10;
    const writer = await spool.open();
    const read: string[] = [];
    const wanted: Buffer[] = [];
    for (let number = 1; number <= 6; number += 1) {
      const messages = transaction(number, String(number));
      append(writer, messages);
      wanted.push(...messages);
      await writer.flush();
    }
    for await (const chunk of readSpool(spool.directory, spool.watermark, INVALID_LSN, new AbortController().signal)) {
      for (const message of chunk.messages) read.push(message.toString('hex'));
      await deleteSegmentsBefore(spool.directory, chunk.end.segment);
      if (chunk.last) break;
    }
    expect(read).toEqual(hex(wanted));
    expect((await readdir(spool.directory)).filter((name) => name.endsWith('.spool'))).toHaveLength(1);
  });

  test.for([1, 2, 3, 4, 5, 6])('connections that break at any moment, with a reader beside (seed %i)', async (seed) => {
    await using spool = await SpoolDirectory.make();
    const random = seededRandom(seed);
    const below = (limit: number) => random.between(0, limit - 1);
    const chance = (percent: number) => below(100) < percent;
    spool.segmentBytes = 2_000 + below(20_000);
    const writer = await spool.open();
    const ending = new AbortController();
    const read: string[] = [];
    const wanted: string[] = [];
    const sent: { end: bigint; again: Buffer[] }[] = [];
    const reading = (async () => {
      for await (const { messages } of readSpool(spool.directory, spool.watermark, INVALID_LSN, ending.signal)) {
        for (const message of messages) read.push(message.toString('hex'));
      }
    })();
    for (let number = 1; number <= 150; number += 1) {
      const messages = transaction(number, ...Array.from({ length: below(6) }, () => 'x'.repeat(below(1_500))));
      // The connection breaks in the middle of the transaction, now and then more than once.
      while (chance(30)) {
        append(writer, messages.slice(0, below(messages.length)));
        if (chance(50)) await writer.flush();
        await writer.cutToLastCommit();
        for (const { end, again } of sent) if (end > writer.end.commitEnd) append(writer, again);
      }
      append(writer, messages);
      sent.push({ end: endOf(number), again: messages });
      wanted.push(...hex(messages));
      if (chance(50)) await writer.flush();
    }
    await writer.flush();
    await vi.waitUntil(() => read.length >= wanted.length);
    ending.abort();
    await reading;
    expect(read).toEqual(wanted);
    await spool.open();
    expect(await spool.read()).toEqual(wanted);
  });
});
