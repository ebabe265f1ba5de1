import { describe, expect, test } from 'vitest';
import { fillUnchanged, hasUnchanged, isBinary, keyOf, tupleFormat } from '../../../src/engine/decode/tuple.ts';
import { plain, tupleOf } from './tuples.ts';

describe('tuples', () => {
  test('unchanged values are taken from the older tuple, all others are not', () => {
    const older = tupleOf('1', 'old', null, 'x');
    expect(plain(fillUnchanged(tupleOf('2', undefined, undefined, null), older))).toEqual(['2', 'old', null, null]);
    expect(plain(fillUnchanged(tupleOf('2', undefined), tupleOf('1', undefined)))).toEqual(['2', undefined]);
  });

  test('a tuple without unchanged values stays the same one', () => {
    const newer = tupleOf('2', null);
    expect(fillUnchanged(newer, tupleOf('1', 'old'))).toBe(newer);
  });

  test('only the named columns are taken from a tuple of key columns', () => {
    const filled = fillUnchanged(tupleOf(undefined, undefined, 'c'), tupleOf('key', null, null), [0]);
    expect(plain(filled)).toEqual(['key', undefined, 'c']);
    expect(hasUnchanged(filled)).toBe(true);
  });

  test('a value keeps its form on the way', () => {
    const filled = fillUnchanged(tupleOf(undefined, 'text'), tupleOf(Buffer.from('binary'), 'x'));
    expect([isBinary(filled, 0), isBinary(filled, 1)]).toEqual([true, false]);
    expect(tupleFormat(filled)).toBe('mixed');
  });

  test('the form of a tuple as a whole', () => {
    expect(tupleFormat(tupleOf('a', null, undefined))).toBe('text');
    expect(tupleFormat(tupleOf(Buffer.from('a'), null))).toBe('binary');
    expect(tupleFormat(tupleOf(null, undefined))).toBe('none');
    expect(tupleFormat(tupleOf())).toBe('none');
  });

  test('keys are equal when the values are, and only then', () => {
    const key = (...values: Parameters<typeof tupleOf>) => keyOf(tupleOf(...values), [0, 1]);
    expect(key('a', 'b', 'x')).toBe(key('a', 'b', 'y'));
    const different = [
      key('a', 'b'),
      key('ab', ''),
      key('', 'ab'),
      key('a', null),
      key(null, 'a'),
      key(null, null),
      key('', ''),
      key('a', undefined),
      key('1:a', 'b'),
      key('a1:', 'b'),
      key('\u00e4', 'b'),
      key(Buffer.from([0xe4]), 'b'),
    ];
    expect(new Set(different).size).toBe(different.length);
  });
});
