import { describe, expect, test } from 'vitest';
import { matches, matchesAny } from '../../src/postgres/patterns.ts';

const relation = (schema: string, name: string) => ({ schema, name });

describe('a pattern', () => {
  test.each([
    ['public.orders', 'public', 'orders', true],
    ['public.orders', 'other', 'orders', false],
    ['orders', 'any', 'orders', true],
    ['orders', 'any', 'orders2', false],
    ['Orders', 'any', 'orders', false],
    ['public.*', 'public', 'x', true],
    ['*.orders', 'x', 'orders', true],
    ['*', 'x', 'y', true],
    ['log_*_old', 'x', 'log__old', true],
    ['log_?', 'x', 'log_1', true],
    ['log_?', 'x', 'log_', false],
    ['log_?', 'x', 'log_😀', true],
    ['a*b*c', 'x', 'a-b-b-c', true],
    ['a*b*c', 'x', 'a-c-b', false],
    ['"a.b"', 'x', 'a.b', true],
    ['"s.x"."t*"', 's.x', 't*', true],
    ['"t*"', 'x', 'tt', false],
    ['"say ""hi"""', 'x', 'say "hi"', true],
    ['a+(b)[c]', 'x', 'a+(b)[c]', true],
    ['a\nb', 'x', 'a\nb', true],
    ['a?b', 'x', 'a\nb', true],
    ['db.public.orders', 'public', 'orders', false],
    ['', 'x', 'y', false],
  ])('%s on %s.%s: %s', (pattern, schema, name, expected) => {
    expect(matches(pattern, relation(schema, name))).toBe(expected);
  });

  test('with many wildcards takes no time', () => {
    expect(matches(`${'*a'.repeat(30)}b`, relation('x', 'a'.repeat(63)))).toBe(false);
  });
});

test('one of several is enough', () => {
  expect(matchesAny(['a', 'b'], relation('x', 'b'))).toBe(true);
  expect(matchesAny([], relation('x', 'b'))).toBe(false);
});
