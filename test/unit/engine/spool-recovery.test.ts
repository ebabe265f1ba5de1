import { rm, truncate } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { INVALID_LSN } from '../../../src/postgres/lsn.ts';
import { relation } from './messages.ts';
import { append, endOf, hex, SpoolDirectory, transaction } from './spool-directory.ts';

const ONE = transaction(1, 'a', 'b');
const TWO = transaction(2, 'c');
const THREE = transaction(3, 'd', 'e', 'f');

describe('after a crash', () => {
  test('a tail that is torn anywhere is cut back to the last whole transaction', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    const sizes: number[] = [];
    for (const messages of [ONE, TWO, THREE]) {
      append(writer, messages);
      await writer.flush();
      sizes.push((await spool.bytes(0)).length);
    }
    const whole = await spool.bytes(0);
    for (let length = 0; length <= whole.length; length += 1) {
      await spool.overwrite(0, whole.subarray(0, length));
      const { end } = await spool.open();
      const transactions = sizes.filter((size) => size <= length).length;
      expect(end.commitEnd, `${length} bytes`).toBe(endOf(transactions));
      expect(await spool.read(), `${length} bytes`).toEqual(hex([ONE, TWO, THREE].slice(0, transactions).flat()));
    }
  });

  test('whatever byte of the last segment is wrong, nothing wrong is read', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    for (const messages of [ONE, TWO]) {
      append(writer, messages);
      await writer.flush();
    }
    const whole = await spool.bytes(0);
    for (let at = 0; at < whole.length; at += 1) {
      const wrong = Buffer.from(whole);
      wrong[at] = (wrong[at] ?? 0) ^ 0x10;
      await spool.overwrite(0, wrong);
      await spool.open();
      const read = await spool.read();
      expect([[], hex(ONE)], `byte ${at}`).toContainEqual(read);
    }
  });

  test('what was received of a transaction without its commit is cut off, in the same block and in later ones', async () => {
    await using spool = await SpoolDirectory.make();
    let writer = await spool.open();
    append(writer, [...ONE, ...TWO.slice(0, 1)]);
    await writer.flush();
    append(writer, TWO.slice(1, 2));
    await writer.flush();
    writer = await spool.open();
    expect(writer.end.commitEnd).toBe(endOf(1));
    expect(await spool.read()).toEqual(hex(ONE));
    append(writer, TWO);
    await writer.flush();
    expect(await spool.read()).toEqual(hex([...ONE, ...TWO]));
    await spool.open();
    expect(await spool.read()).toEqual(hex([...ONE, ...TWO]));
  });

  test('a transaction that ran on into a new segment is cut off there', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 100;
    spool.prologue.push(relation(1, 's', 't', 'd', []));
    let writer = await spool.open();
    append(writer, ONE);
    await writer.flush();
    append(writer, THREE.slice(0, 2));
    await writer.flush();
    append(writer, THREE.slice(2, 4));
    await writer.flush();
    expect(await spool.segments()).toEqual([0, 1]);
    writer = await spool.open();
    expect(await spool.segments()).toEqual([0]);
    append(writer, THREE);
    await writer.flush();
    expect(await spool.segments()).toEqual([0, 1]);
    expect(await spool.read()).toEqual(hex([...ONE, ...spool.prologue, ...THREE]));
  });

  test('an empty directory, and one with a file of rubbish, begin anew', async () => {
    await using spool = await SpoolDirectory.make();
    expect((await spool.open()).end.commitEnd).toBe(INVALID_LSN);
    await spool.overwrite(0, Buffer.from('rubbish'));
    const writer = await spool.open();
    expect(writer.end.commitEnd).toBe(INVALID_LSN);
    expect(await spool.segments()).toEqual([0]);
    append(writer, ONE);
    await writer.flush();
    expect(await spool.read()).toEqual(hex(ONE));
  });
});

describe('damage that no crash leaves', () => {
  /** Three segments of one transaction each. */
  async function threeSegments(): Promise<SpoolDirectory> {
    const spool = await SpoolDirectory.make();
    spool.segmentBytes = 10;
    const writer = await spool.open();
    for (const messages of [ONE, TWO, THREE]) {
      append(writer, messages);
      await writer.flush();
    }
    expect(await spool.segments()).toEqual([0, 1, 2]);
    return spool;
  }

  test('in an earlier segment is found by the reader', async () => {
    await using spool = await threeSegments();
    const bytes = await spool.bytes(1);
    bytes[bytes.length - 1] = 0xff;
    await spool.overwrite(1, bytes);
    await spool.open();
    await expect(spool.read()).rejects.toMatchObject({ code: 'TM4004' });
  });

  test('an earlier segment that is too short is found by the reader', async () => {
    await using spool = await threeSegments();
    await truncate(spool.path(1), 0);
    await spool.open();
    await expect(spool.read()).rejects.toMatchObject({ code: 'TM4004' });
  });

  test('in the segment before the last, when the last holds no commit, is found at the start', async () => {
    await using spool = await threeSegments();
    await truncate(spool.path(2), 0);
    const bytes = await spool.bytes(1);
    bytes[40] = 0xff;
    await spool.overwrite(1, bytes);
    await expect(spool.open()).rejects.toMatchObject({ code: 'TM4004' });
  });

  test('a spool that begins behind what was applied', async () => {
    await using spool = await threeSegments();
    await using other = await threeSegments();
    await spool.overwrite(0, Buffer.alloc(0));
    await expect(spool.read()).rejects.toMatchObject({ code: 'TM4004' });
    // Pruned: what is missing has been applied.
    await rm(other.path(0));
    await expect(other.read(endOf(1))).resolves.toEqual(hex([...TWO, ...THREE]));
    await expect(other.read(endOf(0))).rejects.toMatchObject({ code: 'TM4004' });
  });
});

describe('what may be confirmed to the source', () => {
  test('is the end of the last transaction that was made durable', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    append(writer, ONE);
    expect(await writer.sync(INVALID_LSN)).toBe(INVALID_LSN);
    await writer.flush();
    append(writer, TWO.slice(0, 2));
    expect(writer.durable).toBe(INVALID_LSN);
    expect(await writer.sync(INVALID_LSN)).toBe(endOf(1));
    expect(writer.durable).toBe(endOf(1));
  });

  test('is the position of a keepalive, when nothing is on its way', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    append(writer, ONE);
    expect(await writer.sync(endOf(5))).toBe(INVALID_LSN);
    await writer.flush();
    expect(await writer.sync(endOf(5))).toBe(endOf(5));
    expect(await writer.sync(endOf(4))).toBe(endOf(5));
    // A new process knows it, too.
    expect((await spool.open()).durable).toBe(endOf(5));
  });

  test('is less again when the spool has lost its end', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    append(writer, ONE);
    await writer.flush();
    const size = (await spool.bytes(0)).length;
    append(writer, TWO);
    await writer.flush();
    expect(await writer.sync(endOf(5))).toBe(endOf(5));
    await truncate(spool.path(0), size);
    expect((await spool.open()).durable).toBe(endOf(1));
  });

  test('a mark that is damaged counts for nothing', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    append(writer, ONE);
    await writer.flush();
    await writer.sync(endOf(5));
    await truncate(`${spool.directory}/received`, 10);
    expect((await spool.open()).durable).toBe(endOf(1));
  });
});
