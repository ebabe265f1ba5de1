import { describe, expect, test } from 'vitest';
import { RowEncoder } from '../../../src/engine/apply/row-encoder.ts';
import { i32, u16, type Value } from './messages.ts';
import { tupleOf } from './tuples.ts';

const text = (
  rows: readonly Value[][],
  group: number | null = null,
  blank: ReadonlySet<number> | null = null,
): string => {
  const encoder = new RowEncoder('text');
  for (const row of rows) encoder.add(tupleOf(...row), [...row.keys()], group, blank);
  return Buffer.concat([...encoder.finish()]).toString();
};

describe('rows for COPY in text form', () => {
  test('tabs between, newlines behind, NULL and what was not sent as \\N', () => {
    expect(
      text([
        ['1', null, ''],
        [undefined, 'b', 'c'],
      ]),
    ).toBe('1\t\\N\t\n\\N\tb\tc\n');
  });

  test('what COPY would take for its own is escaped', () => {
    expect(text([['a\tb\nc\rd\\e', '\\N', '\\.']])).toBe('a\\tb\\nc\\rd\\\\e\t\\\\N\t\\\\.\n');
    expect(text([['\b\f\v\u{1F600}ä', '"quoted", \'too\'']])).toBe('\b\f\v\u{1F600}ä\t"quoted", \'too\'\n');
  });

  test('a row of one empty string, and one without columns', () => {
    expect(text([[''], []])).toBe('\n\n');
  });

  test('a group in front, blank columns as NULL', () => {
    expect(text([['1', 'x', 'y']], 3, new Set([1]))).toBe('3\t1\t\\N\ty\n');
  });

  test('columns in the order that is asked for', () => {
    const encoder = new RowEncoder('text');
    encoder.add(tupleOf('a', 'b', 'c'), [2, 0], null, null);
    expect(Buffer.concat([...encoder.finish()]).toString()).toBe('c\ta\n');
  });

  test('values larger than the buffer, of nothing but what is escaped', () => {
    const long = '\\'.repeat(200_000);
    expect(
      text([
        [long, 'b'],
        ['c', long],
      ]),
    ).toBe(`${long}${long}\tb\nc\t${long}${long}\n`);
  });

  test('many small rows', () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => [String(index), null]);
    expect(text(rows)).toBe(rows.map(([value]) => `${value}\t\\N\n`).join(''));
  });
});

describe('rows for COPY in binary form', () => {
  const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), i32(0), i32(0)]);
  const TRAILER = i32(-1).subarray(0, 2);
  const field = (bytes: string) => Buffer.concat([i32(bytes.length), Buffer.from(bytes, 'latin1')]);
  const binary = (row: readonly Value[], group: number | null = null, blank: ReadonlySet<number> | null = null) => {
    const encoder = new RowEncoder('binary');
    encoder.add(tupleOf(...row), [...row.keys()], group, blank);
    return Buffer.concat([...encoder.finish()]);
  };

  test('no rows', () => {
    expect(Buffer.concat([...new RowEncoder('binary').finish()])).toEqual(Buffer.concat([HEADER, TRAILER]));
  });

  test('bytes are passed on as they are', () => {
    const row = [Buffer.from([0, 255, 9, 10, 92]), null, Buffer.alloc(0), undefined];
    expect(binary(row)).toEqual(
      Buffer.concat([HEADER, u16(4), field('\0\xff\t\n\\'), i32(-1), i32(0), i32(-1), TRAILER]),
    );
  });

  test('a group in front, blank columns as NULL', () => {
    const row = [Buffer.from('a'), Buffer.from('b')];
    expect(binary(row, 258, new Set([0]))).toEqual(
      Buffer.concat([HEADER, u16(3), i32(2), u16(258), i32(-1), field('b'), TRAILER]),
    );
  });

  test('a value larger than the buffer', () => {
    const long = Buffer.alloc(300_000, 7);
    const wanted = Buffer.concat([HEADER, u16(2), field('a'), i32(long.length), long, TRAILER]);
    expect(binary([Buffer.from('a'), long]).equals(wanted)).toBe(true);
  });
});
