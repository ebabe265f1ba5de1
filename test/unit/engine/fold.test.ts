import { describe, expect, test } from 'vitest';
import { fold } from '../../../src/engine/apply/fold.ts';
import { foldImages } from '../../../src/engine/apply/fold-images.ts';
import type { RowChange } from '../../../src/engine/decode/change.ts';
import type { Value } from './messages.ts';
import { deleted, inserted, plain, updated } from './tuples.ts';

type Rows = (string | null | undefined)[][];

/** Folds changes of a table whose first column is the key. */
function folded(
  changes: readonly RowChange[],
  { key = [0], whole = false } = {},
): { deletes: Rows; updates: Rows; inserts: Rows } | null {
  const result = fold(changes, key, whole);
  return (
    result && {
      deletes: result.deletes.map(plain),
      updates: result.updates.map(plain),
      inserts: result.inserts.map(plain),
    }
  );
}

const key = (...values: Value[]) => ({ key: values });
const whole = (...values: Value[]) => ({ whole: values });

describe('fold: the last change of each key counts', () => {
  test.for<[string, RowChange[], { deletes?: Rows; updates?: Rows; inserts?: Rows } | null]>([
    ['nothing', [], {}],
    ['insert', [inserted('1', 'a')], { inserts: [['1', 'a']] }],
    ['update', [updated(['1', 'a'])], { updates: [['1', 'a']] }],
    ['delete', [deleted('1', null)], { deletes: [['1', null]] }],
    ['insert, update', [inserted('1', 'a'), updated(['1', 'b'])], { inserts: [['1', 'b']] }],
    ['insert, delete', [inserted('1', 'a'), deleted('1', null)], {}],
    ['insert, delete, insert', [inserted('1', 'a'), deleted('1', null), inserted('1', 'b')], { inserts: [['1', 'b']] }],
    ['insert, update, delete', [inserted('1', 'a'), updated(['1', 'b']), deleted('1', null)], {}],
    ['update, update', [updated(['1', 'a']), updated(['1', 'b'])], { updates: [['1', 'b']] }],
    ['update, delete', [updated(['1', 'a']), deleted('1', null)], { deletes: [['1', 'a']] }],
    ['delete, insert', [deleted('1', null), inserted('1', 'a')], { deletes: [['1', null]], inserts: [['1', 'a']] }],
    [
      'delete, insert, update',
      [deleted('1', null), inserted('1', 'a'), updated(['1', 'b'])],
      { deletes: [['1', null]], inserts: [['1', 'b']] },
    ],
    [
      'delete, insert, delete',
      [deleted('1', null), inserted('1', 'a'), deleted('1', null)],
      { deletes: [['1', null]] },
    ],
    [
      'delete, insert, delete, insert',
      [deleted('1', null), inserted('1', 'a'), deleted('1', null), inserted('1', 'b')],
      { deletes: [['1', null]], inserts: [['1', 'b']] },
    ],
    [
      'a row that moves to another key',
      [updated(['2', 'a'], key('1', null))],
      { deletes: [['1', null]], inserts: [['2', 'a']] },
    ],
    [
      'a row that moves there and back',
      [updated(['2', 'a'], key('1', null)), updated(['1', 'b'], key('2', null))],
      { deletes: [['1', null]], inserts: [['1', 'b']] },
    ],
    ['a new row that moves', [inserted('1', 'a'), updated(['2', 'b'], key('1', null))], { inserts: [['2', 'b']] }],
    [
      'two rows that change places',
      [updated(['0', 'a'], key('1', null)), updated(['1', 'b'], key('2', null)), updated(['2', 'a'], key('0', null))],
      {
        deletes: [
          ['1', null],
          ['2', null],
        ],
        inserts: [
          ['1', 'b'],
          ['2', 'a'],
        ],
      },
    ],
    [
      'a row that moves to where one was deleted',
      [deleted('2', null), updated(['2', 'a'], key('1', null))],
      {
        deletes: [
          ['2', null],
          ['1', null],
        ],
        inserts: [['2', 'a']],
      },
    ],
    ['an update that names its unchanged key', [updated(['1', 'b'], key('1', null))], { updates: [['1', 'b']] }],
  ])('%s', ([, changes, expected]) => {
    expect(folded(changes)).toEqual(expected && { deletes: [], updates: [], inserts: [], ...expected });
  });

  test.for<[string, RowChange[]]>([
    ['insert, insert', [inserted('1', 'a'), inserted('1', 'b')]],
    ['update, insert', [updated(['1', 'a']), inserted('1', 'b')]],
    ['delete, delete', [deleted('1', null), deleted('1', null)]],
    ['delete, update', [deleted('1', null), updated(['1', 'b'])]],
    ['a move to where a row is', [inserted('2', 'a'), updated(['2', 'b'], key('1', null))]],
    ['a move from where none is', [deleted('1', null), updated(['2', 'b'], key('1', null))]],
  ])('%s contradict each other: they must be applied one by one, so that the target can judge', ([, changes]) => {
    expect(folded(changes)).toBeNull();
  });
});

describe('fold: values that were not sent', () => {
  test('stay unchanged in an update', () => {
    expect(folded([updated(['1', undefined])])).toMatchObject({ updates: [['1', undefined]] });
    expect(folded([updated(['1', undefined]), updated(['1', undefined])])).toMatchObject({
      updates: [['1', undefined]],
    });
  });

  test('come from what the run itself has written', () => {
    expect(folded([inserted('1', 'long'), updated(['1', undefined])])).toMatchObject({ inserts: [['1', 'long']] });
    expect(folded([updated(['1', 'long']), updated(['1', undefined])])).toMatchObject({ updates: [['1', 'long']] });
    expect(folded([updated(['1', undefined]), updated(['1', 'long'])])).toMatchObject({ updates: [['1', 'long']] });
    expect(folded([inserted('1', 'long'), updated(['2', undefined], key('1', null))])).toMatchObject({
      inserts: [['2', 'long']],
    });
  });

  test('are never taken from the NULLs of an old key', () => {
    expect(folded([updated(['1', undefined], key('1', null))])).toMatchObject({ updates: [['1', undefined]] });
    // The row's old value is on the target only: the row can't be written anew.
    expect(folded([updated(['2', undefined], key('1', null))])).toBeNull();
    expect(folded([updated(['1', undefined]), updated(['2', undefined], key('1', null))])).toBeNull();
  });

  test('come from the whole old row under FULL', () => {
    const full = { whole: true };
    expect(folded([updated(['1', undefined, 'b'], whole('1', 'long', 'a'))], full)).toMatchObject({
      updates: [['1', 'long', 'b']],
    });
    expect(folded([updated(['2', undefined, 'b'], whole('1', 'long', 'a'))], full)).toEqual({
      deletes: [['1', 'long', 'a']],
      updates: [],
      inserts: [['2', 'long', 'b']],
    });
    expect(folded([updated(['1', undefined], whole('1', null))], full)).toMatchObject({ updates: [['1', null]] });
  });

  test('a TOASTed key that did not change comes from the old key', () => {
    const two = { key: [0, 1] };
    expect(folded([updated([undefined, '1', 'b'], key('long', '1', null))], two)).toMatchObject({
      updates: [['long', '1', 'b']],
    });
    expect(folded([updated([undefined, '2', 'b'], key('long', '1', null))], two)).toEqual({
      deletes: [['long', '1', null]],
      updates: [],
      inserts: [['long', '2', 'b']],
    });
    // Two such rows are not taken for one.
    expect(
      folded(
        [
          updated([undefined, '1', 'a'], key('long', '1', null)),
          updated([undefined, '1', 'b'], key('longer', '1', null)),
        ],
        two,
      ),
    ).toMatchObject({
      updates: [
        ['long', '1', 'a'],
        ['longer', '1', 'b'],
      ],
    });
  });
});

describe('fold without any key: rows are told apart by their values alone', () => {
  const images = (...changes: RowChange[]) => {
    const { deletes, updates, inserts } = foldImages(changes, [0, 1]);
    return { deletes: deletes.map(plain), updates, inserts: inserts.map(plain) };
  };

  test('an update is a delete and an insert, with what was not sent from the old row', () => {
    expect(images(updated(['1', undefined], whole('0', 'long')))).toEqual({
      deletes: [['0', 'long']],
      updates: [],
      inserts: [['1', 'long']],
    });
  });

  test('a delete takes back an insert of the same values before it, as often as there are', () => {
    const same = ['1', null] as const;
    expect(images(inserted(...same), inserted(...same), deleted(...same))).toEqual({
      deletes: [],
      updates: [],
      inserts: [['1', null]],
    });
    expect(images(inserted(...same), deleted(...same), deleted(...same))).toEqual({
      deletes: [['1', null]],
      updates: [],
      inserts: [],
    });
  });

  test('an insert never takes back a delete before it: that row must have been there', () => {
    expect(images(deleted('1', 'a'), inserted('1', 'a'))).toEqual({
      deletes: [['1', 'a']],
      updates: [],
      inserts: [['1', 'a']],
    });
  });
});
