import { describe, expect, test } from 'vitest';
import { commitEndOf } from '../../../src/engine/decode/pgoutput.ts';
import { readSpool } from '../../../src/engine/spool/reader.ts';
import { INVALID_LSN, type Lsn } from '../../../src/postgres/lsn.ts';
import { relation } from './messages.ts';
import { append, endOf, hex, SpoolDirectory, transaction } from './spool-directory.ts';

const EMPTY = Buffer.alloc(0);
const ONE = transaction(1, 'a', 'b');
const TWO = transaction(2, 'c');

/** The ends of the transactions, each looked for from the front of the chunk before. */
async function aheadOf(spool: SpoolDirectory): Promise<Lsn[]> {
  const ends = new Set<Lsn>();
  const { signal } = new AbortController();
  for await (const chunk of readSpool(spool.directory, spool.watermark, INVALID_LSN, signal)) {
    for (const end of chunk.commitEnds(commitEndOf)) ends.add(end);
    // Only what goes through the messages puts them together.
    for (const _ of chunk.messages);
    if (chunk.last) break;
    ends.add(await chunk.endOfNextCommit(commitEndOf));
  }
  return [...ends];
}

describe('long messages in the spool', () => {
  test('a long message that comes in parts: whole again, in one segment, and not taken for a commit', async () => {
    await using spool = await SpoolDirectory.make();
    spool.segmentBytes = 50_000;
    const writer = await spool.open();
    const [begin = EMPTY, , commit = EMPTY] = TWO;
    // Each part begins as a COMMIT does.
    const long = Buffer.alloc(10_000_000, 'C');
    spool.prologue.push(relation(1, 's', 't', 'd', []));
    append(writer, ONE);
    const appendLong = () => {
      append(writer, [begin]);
      for (let at = 0; at < long.length; at += 100_000) {
        writer.append(long.subarray(at, at + 100_000), null, long.length - at - 100_000);
      }
    };
    appendLong();
    // The source sends it again after a broken connection.
    await writer.flush();
    await writer.cutToLastCommit();
    appendLong();
    append(writer, [commit]);
    await writer.flush();
    append(writer, transaction(3, 'x'));
    await writer.flush();
    // In the segment that it began in, and the next begins behind it.
    expect(await spool.segments()).toEqual([0, 1]);
    expect(await spool.read()).toEqual(hex([...ONE, begin, long, commit, ...spool.prologue, ...transaction(3, 'x')]));
    expect(await aheadOf(spool)).toEqual([endOf(1), endOf(2), endOf(3)]);
  });

  test('parts of a long message that are not all there are damage', async () => {
    await using spool = await SpoolDirectory.make();
    const writer = await spool.open();
    const [begin = EMPTY, , commit = EMPTY] = TWO;
    append(writer, [begin]);
    writer.append(Buffer.alloc(100), null, 200);
    writer.append(Buffer.alloc(100), null, 50);
    append(writer, [commit]);
    await writer.flush();
    await expect(spool.read()).rejects.toMatchObject({ code: 'TM4004' });
  });
});
