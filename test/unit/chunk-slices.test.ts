import { describe, expect, test } from 'vitest';
import { overlap, parseSlices, sameSlices } from '../../src/engine/timescale/slices.ts';

const at = (from: string, to: string, more = '') => parseSlices(`{"time": [${from}, ${to}]${more}}`);

describe('boundaries of chunks', () => {
  test('hold 64 bits, and any name of a column', () => {
    const name = '1, [2] "x\\" -3 ü';
    const slices = parseSlices(`{${JSON.stringify(name)}: [-9223372036854775808, 9223372036854775807]}`);
    expect([...slices]).toEqual([[name, [-9223372036854775808n, 9223372036854775807n]]]);
  });

  test('that touch do not overlap', () => {
    expect(overlap(at('0', '10'), at('10', '20'))).toBe(false);
    expect(overlap(at('0', '10'), at('9', '20'))).toBe(true);
    expect(overlap(at('0', '10'), at('2', '3'))).toBe(true);
    expect(overlap(at('9223372036854775806', '9223372036854775807'), at('0', '9223372036854775806'))).toBe(false);
  });

  test('overlap in every dimension, or not at all', () => {
    expect(overlap(at('0', '10', ', "k": [0, 5]'), at('0', '10', ', "k": [5, 9]'))).toBe(false);
    expect(overlap(at('0', '10', ', "k": [0, 5]'), at('5', '10', ', "k": [4, 9]'))).toBe(true);
  });

  test('stay the same when a column is renamed', () => {
    expect(
      sameSlices(parseSlices('{"time": [0, 10], "k": [1, 2]}'), parseSlices('{"zeit": [1, 2], "t": [0, 10]}')),
    ).toBe(true);
    expect(sameSlices(at('0', '10'), at('0', '11'))).toBe(false);
  });
});
