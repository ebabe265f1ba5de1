import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { bindMessage, type Parameter, PIECE_BYTES } from '../../../src/engine/apply/bind-message.ts';

const asText = (text: string): Parameter => ({ bytes: Buffer.from(text), binary: false });

/** The message as the manual lays it out, by the slow way. */
function wanted(statement: string, values: readonly Parameter[]): Buffer {
  const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const i32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  const body = Buffer.concat([
    Buffer.from(`\0${statement}\0`),
    u16(values.length),
    ...values.map((value) => u16(value?.binary ? 1 : 0)),
    u16(values.length),
    ...values.flatMap((value) => (value === null ? [i32(-1)] : [i32(value.bytes.length), value.bytes])),
    u16(0),
  ]);
  return Buffer.concat([Buffer.from('B'), i32(body.length + 4), body]);
}

test('a Bind message: text and binary values, NULL, the empty string, none at all', () => {
  const values = [asText('ä'), null, asText(''), { bytes: Buffer.from([0, 255]), binary: true }];
  for (const some of [[], values, Array.from({ length: 1600 }, (_, n) => asText(String(n)))]) {
    expect(Buffer.concat([...bindMessage('tm_0_ä', some)])).toEqual(wanted('tm_0_ä', some));
  }
});

test('long values are not copied, and go over in pieces', () => {
  const long = randomBytes(3 * PIECE_BYTES + 1);
  const values = [asText('1'), { bytes: long, binary: true }, asText('2'), { bytes: long, binary: false }];
  const pieces = [...bindMessage('', values)];
  expect(Buffer.concat(pieces).equals(wanted('', values))).toBe(true);
  expect(pieces.filter((piece) => piece.buffer === long.buffer)).toHaveLength(8);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBe(PIECE_BYTES);
});
