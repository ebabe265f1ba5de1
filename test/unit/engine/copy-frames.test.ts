import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/demo/random.ts';
import { CopyFrames, PART_BYTES, WHOLE_BYTES } from '../../../src/engine/source/copy-frames.ts';

const message = (type: string, payload: Buffer): Buffer => {
  const header = Buffer.alloc(5);
  header.write(type, 0, 'latin1');
  header.writeUInt32BE(payload.length + 4, 1);
  return Buffer.concat([header, payload]);
};

/** What comes out when these bytes are pushed in pieces of the lengths that `next` gives. */
function framed(bytes: Buffer, next: () => number): { payloads: Buffer[]; parts: number[]; other: Buffer } {
  const payloads: Buffer[] = [];
  const parts: number[] = [];
  const other: Buffer[] = [];
  let open: Buffer[] = [];
  const frames = new CopyFrames({
    onCopyData: (payload, rest) => {
      open.push(Buffer.from(payload));
      parts.push(payload.length);
      if (rest > 0) return;
      payloads.push(Buffer.concat(open));
      open = [];
    },
    onOther: (some) => void other.push(Buffer.from(some)),
  });
  for (let at = 0; at < bytes.length; ) {
    const length = next();
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return { payloads, parts, other: Buffer.concat(other) };
}

test('messages come out whole, wherever the network cuts them, and what is not CopyData as it is', () => {
  const random = seededRandom(11);
  for (let round = 0; round < 200; round += 1) {
    const messages = Array.from({ length: random.between(1, 12) }, () => ({
      type: ['d', 'd', 'd', 'N', 'E', 'Z'][random.between(0, 5)] ?? 'd',
      payload: randomBytes(random.between(0, 40)),
    }));
    const bytes = Buffer.concat(messages.map(({ type, payload }) => message(type, payload)));
    const seen = framed(bytes, () => random.between(1, 30));
    const of = (copyData: boolean) => messages.filter(({ type }) => (type === 'd') === copyData);
    expect(seen.payloads).toEqual(of(true).map(({ payload }) => payload));
    expect(seen.other).toEqual(Buffer.concat(of(false).map(({ type, payload }) => message(type, payload))));
  }
});

test('a long message comes in parts of one size, the last one smaller; the next message is not touched by it', () => {
  const long = randomBytes(WHOLE_BYTES + 3 * PART_BYTES + 7);
  const whole = randomBytes(WHOLE_BYTES);
  const bytes = Buffer.concat([message('d', long), message('N', Buffer.from('notice')), message('d', whole)]);
  for (const network of [65_536, 4, 1_000_003]) {
    const seen = framed(bytes, () => network);
    expect(seen.payloads.map((payload) => payload.equals(long) || payload.equals(whole))).toEqual([true, true]);
    expect(new Set(seen.parts.slice(0, -2))).toEqual(new Set([PART_BYTES]));
    expect(seen.parts.slice(-2)).toEqual([7, WHOLE_BYTES]);
    expect(seen.other.toString('latin1', 5)).toBe('notice');
  }
});
