import { describe, expect, test } from 'vitest';
import { differenceOf, type Servers } from '../../src/engine/source/partition-differences.ts';
import type { CollationFacts, KeyColumn, PartitionKeys } from '../../src/engine/source/partition-keys.ts';

const INT4 = 23;
const TEXT = 25;
const ANYENUM = 3500;
const column = (type: number, over: Partial<KeyColumn> = {}): KeyColumn => ({
  type,
  ownClass: false,
  expression: false,
  collation: null,
  ...over,
});
const collation: CollationFacts = { isDefault: true, deterministic: true, provider: 'd', locale: '' };
const text = (over: Partial<KeyColumn> = {}) => column(TEXT, { collation, ...over });
const loose = { ...collation, isDefault: false, deterministic: false };
const server = { encoding: 'UTF8', provider: 'c', locale: 'C', hashes: '1 2 3' };
const servers = (over: Partial<Servers> = {}): Servers => ({
  there: server,
  here: server,
  sameOrder: () => true,
  ...over,
});
const by = (strategy: PartitionKeys['strategy'], ...columns: KeyColumn[]): PartitionKeys => ({ strategy, columns });
const elsewhere = servers({ here: { ...server, encoding: 'LATIN1' }, sameOrder: () => false });

describe('rows are placed otherwise', () => {
  test.for<[string, PartitionKeys, Servers]>([
    ['by the hash of an enum', by('h', column(INT4), column(ANYENUM)), servers()],
    ['by the hash of a class of one’s own', by('h', column(INT4, { ownClass: true })), servers()],
    ['by the hash of an expression', by('h', column(INT4, { expression: true })), servers()],
    ['by the hash of text in another encoding', by('h', text()), elsewhere],
    ['by the hash of text that is equal without being the same', by('h', text({ collation: loose })), servers()],
    ['by hashes of another machine', by('h', column(INT4)), servers({ here: { ...server, hashes: '3 2 1' } })],
  ])('%s', ([, keys, both]) => {
    expect(differenceOf(keys, both)).toBe('hash');
  });

  test.for<[string, PartitionKeys, Servers]>([
    ['by ranges of text', by('r', column(INT4), text()), elsewhere],
    ['by lists of text that is equal without being the same', by('l', text({ collation: loose })), elsewhere],
    ['by lists of what is computed from text', by('l', text({ expression: true })), elsewhere],
    ['by ranges of a class of one’s own', by('r', column(INT4, { ownClass: true })), servers()],
  ])('%s', ([, keys, both]) => {
    expect(differenceOf(keys, both)).toBe('order');
  });

  test.for<[string, PartitionKeys, Servers]>([
    ['not by the hash of values', by('h', column(INT4), column(2950)), elsewhere],
    ['not by the hash of text in the same encoding', by('h', text()), servers({ sameOrder: () => false })],
    ['not by lists of text', by('l', text()), elsewhere],
    [
      'not by ranges of an enum, or of a computed number',
      by('r', column(ANYENUM), column(INT4, { expression: true })),
      elsewhere,
    ],
    ['not by ranges of text in the same order', by('r', text()), servers()],
  ])('%s', ([, keys, both]) => {
    expect(differenceOf(keys, both)).toBeNull();
  });
});
