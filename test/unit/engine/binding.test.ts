import { describe, expect, test } from 'vitest';
import {
  type BoundColumn,
  type BoundTable,
  chooseMatch,
  requireSameForm,
} from '../../../src/engine/apply/bound-table.ts';
import { groupBySentColumns } from '../../../src/engine/apply/set-wise.ts';
import { describeRow, statementFor } from '../../../src/engine/apply/source-order.ts';
import type { StreamRelation } from '../../../src/engine/decode/change.ts';
import { deleted, inserted, plain, tupleOf, updated } from './tuples.ts';

/** A table whose key columns, as the stream tells them, are marked with `*`. */
function stream(identity: StreamRelation['identity'], ...columns: string[]): StreamRelation {
  return {
    oid: 1,
    schema: 'public',
    name: 't',
    identity,
    columns: columns.map((name) => ({
      name: name.replace('*', ''),
      key: name.startsWith('*') || identity === 'full',
      type: 25,
      typmod: -1,
    })),
  };
}

const column = (index: number, name: string, indexed = false): BoundColumn => ({
  index,
  name,
  ident: `"${name}"`,
  sentAs: null,
  type: 'text',
  baseType: 'text',
  equals: 'OPERATOR(pg_catalog.=)',
  indexed,
});

const columnsOf = (relation: StreamRelation): BoundColumn[] =>
  relation.columns.map(({ name }, index) => column(index, name, name === 'a'));

function table(relation: StreamRelation, uniqueKeys: string[][] = [['a']]): BoundTable {
  const columns = columnsOf(relation);
  const match = chooseMatch(relation, columns, uniqueKeys);
  return {
    relation,
    oid: 7,
    display: 'public.t',
    target: '"public"."t"',
    rows: 'ONLY "public"."t"',
    partitionedBy: [],
    throughParent: false,
    columns,
    match,
    otherTypes: [],
    otherModifiers: [],
    limited: [],
  };
}

describe('how a row of the target is found', () => {
  const choose = (relation: StreamRelation, keys: string[][]) => {
    const match = chooseMatch(relation, columnsOf(relation), keys);
    return match.by === 'key' ? match.columns.map(({ name }) => name) : match.by;
  };

  test('by the key that the source sends, when it is unique on the target', () => {
    expect(choose(stream('default', '*a', 'b'), [['a']])).toEqual(['a']);
    expect(choose(stream('index', 'a', '*b', '*c'), [['a'], ['c', 'b']])).toEqual(['c', 'b']);
  });

  test('by a smaller unique key of the target', () => {
    expect(choose(stream('default', '*a', '*b'), [['b']])).toEqual(['b']);
  });

  test('by any unique key of the target under FULL', () => {
    expect(choose(stream('full', 'a', 'b'), [['b']])).toEqual(['b']);
  });

  test('by the whole image otherwise', () => {
    expect(choose(stream('full', 'a', 'b'), [])).toBe('image');
    expect(choose(stream('default', '*a', 'b'), [])).toBe('image');
    // The key of the target needs a column that the old tuple has not.
    expect(choose(stream('default', '*a', 'b'), [['a', 'b']])).toBe('image');
    // And one that is generated there is never sent.
    expect(choose(stream('full', 'a'), [['generated']])).toBe('image');
    expect(choose(stream('full'), [])).toBe('image');
  });

  test('not at all when the source sends no identity', () => {
    expect(choose(stream('nothing', 'a', 'b'), [['a']])).toBe('none');
    expect(choose(stream('default', 'a', 'b'), [['a']])).toBe('none');
  });
});

describe('updates that left the same values out share a statement', () => {
  const groups = (...rows: Parameters<typeof tupleOf>[]) =>
    groupBySentColumns(
      { columns: [column(0, 'a'), column(1, 'b'), column(2, 'c')] },
      rows.map((row) => tupleOf(...row)),
    ).map((group) => [group.columns.map(({ name }) => name).join(''), group.rows.map((row) => plain(row)[0]).join('')]);

  test('one group when all were sent, NULL or not', () => {
    expect(groups(['1', 'x', null], ['2', null, null])).toEqual([['abc', '12']]);
  });

  test('a group for each set of unchanged values', () => {
    expect(groups(['1', undefined, 'x'], ['2', 'x', 'x'], ['3', undefined, null], ['4', undefined, undefined])).toEqual(
      [
        ['ac', '13'],
        ['abc', '2'],
        ['a', '4'],
      ],
    );
  });

  test('no rows, no group', () => {
    expect(groups()).toEqual([]);
  });

  test('columns that the target makes itself do not count', () => {
    const rows = [tupleOf('1', undefined), tupleOf('2', 'x')];
    expect(groupBySentColumns({ columns: [column(0, 'a')] }, rows)).toHaveLength(1);
  });
});

describe('one change as one statement', () => {
  const keyed = table(stream('default', '*a', 'b', 'c'));
  const asText = (value: string) => ({ bytes: Buffer.from(value), binary: false });

  test('values are parameters, in the form in which they came', () => {
    expect(statementFor(keyed, inserted('1', Buffer.from([255]), null))).toEqual({
      text: 'INSERT INTO "public"."t" ("a", "b", "c") OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)',
      values: [asText('1'), { bytes: Buffer.from([255]), binary: true }, null],
    });
  });

  test('what was not sent is not set', () => {
    expect(statementFor(keyed, updated(['1', undefined, null]))).toEqual({
      text: 'UPDATE ONLY "public"."t" SET "a" = $1, "c" = $2 WHERE "a" OPERATOR(pg_catalog.=) $3::text',
      values: [asText('1'), null, asText('1')],
    });
  });

  test('a row is named by its old key', () => {
    expect(statementFor(keyed, updated(['2', 'b', 'c'], { key: ['1', null, null] }))?.values).toEqual(
      ['2', 'b', 'c', '1'].map(asText),
    );
    expect(statementFor(keyed, deleted('1', null, null))).toEqual({
      text: 'DELETE FROM ONLY "public"."t" WHERE "a" OPERATOR(pg_catalog.=) $1::text',
      values: [asText('1')],
    });
  });

  test('by the image: one row, NULL is equal to NULL, an index may serve', () => {
    const whole = table(stream('full', 'a', 'b'), []);
    expect(statementFor(whole, deleted('1', null))?.text).toBe(
      'DELETE FROM ONLY "public"."t" WHERE ctid OPERATOR(pg_catalog.=) (SELECT ctid FROM ONLY "public"."t" WHERE "a" OPERATOR(pg_catalog.=) $1::text AND ' +
        'ROW("a", "b")::pg_catalog.record OPERATOR(pg_catalog.*=) ROW($1::text, $2::text)::pg_catalog.record LIMIT 1)',
    );
    expect(statementFor(whole, deleted(null, '1'))?.text).toContain('WHERE "a" IS NULL AND ROW(');
  });

  test('an update of nothing is nothing', () => {
    expect(statementFor(keyed, updated([undefined, undefined, undefined], { key: ['1', null, null] }))).toBeNull();
  });

  test('rows are named for people by their key, or by their first values', () => {
    expect(describeRow(keyed, updated(['2', 'b', 'c'], { key: ['1', null, null] }))).toBe('a=1');
    const binaryKey = (baseType: string, hex: string) => {
      const [a] = keyed.columns;
      if (!a) throw new Error('no column');
      const of: BoundTable = { ...keyed, match: { by: 'key', columns: [{ ...a, baseType }] } };
      return describeRow(of, deleted(Buffer.from(hex, 'hex'), null, null));
    };
    expect(binaryKey('bytea', '00ff')).toBe('a=\\x00ff');
    expect(binaryKey('smallint', 'fffe')).toBe('a=-2');
    expect(binaryKey('integer', '00000007')).toBe('a=7');
    expect(binaryKey('bigint', '7fffffffffffffff')).toBe('a=9223372036854775807');
    expect(binaryKey('text', 'c3a9')).toBe('a=é');
    expect(binaryKey('uuid', '00112233445566778899aabbccddeeff')).toBe('a=00112233-4455-6677-8899-aabbccddeeff');
    expect(describeRow(table(stream('full', 'a', 'b'), []), inserted('x'.repeat(100), null))).toBe(
      `a=${'x'.repeat(57)}…, b=NULL`,
    );
  });
});

describe('columns of another type on the source', () => {
  const other = { ...table(stream('default', '*a', 'b')), otherTypes: ['b'] };

  test('take text', () => {
    requireSameForm(other, inserted('1', '2'));
    requireSameForm(other, deleted('1', null));
    requireSameForm(other, inserted(null, null));
  });

  test('take nothing in binary form', () => {
    for (const change of [
      inserted(Buffer.from('1'), null),
      updated(['1', Buffer.from('2')]),
      deleted(Buffer.from('1'), null),
    ]) {
      expect(() => requireSameForm(other, change)).toThrow(
        expect.objectContaining({ code: 'TM2003', object: 'public.t' }),
      );
      requireSameForm({ ...other, otherTypes: [] }, change);
    }
  });
});

describe('an update of a row of a hypertable', () => {
  const partitioned = (relation: StreamRelation, uniqueKeys: string[][]): BoundTable => {
    const bound = table(relation, uniqueKeys);
    return { ...bound, rows: bound.target, partitionedBy: bound.columns.filter(({ name }) => name === 'time') };
  };
  const MOVED = /^WITH old AS \(DELETE FROM "public"\."t" WHERE .* RETURNING \*\) INSERT INTO /;
  const IN_PLACE = /^UPDATE "public"\."t" SET /;

  test('stays where it is while its identity, with the time in it, does', () => {
    const bound = partitioned(stream('default', '*a', '*time', 'b'), [['a', 'time']]);
    expect(statementFor(bound, updated(['1', 't1', 'x']))?.text).toMatch(IN_PLACE);
  });

  test('is taken out and put in again when its time changes, which may be in another chunk', () => {
    const bound = partitioned(stream('default', '*a', '*time', 'b'), [['a', 'time']]);
    expect(statementFor(bound, updated(['1', 't2', 'x'], { key: ['1', 't1', null] }))?.text).toMatch(MOVED);
    expect(statementFor(bound, updated(['2', 't1', 'x'], { key: ['1', 't1', null] }))?.text).toMatch(IN_PLACE);
  });

  test('is taken out and put in again, with values that were not sent, when nobody tells its old time', () => {
    const bound = partitioned(stream('default', '*a', 'time', 'b'), []);
    const text = statementFor(bound, updated(['1', 't2', undefined]))?.text;
    expect(text).toMatch(MOVED);
    expect(text).toMatch(/SELECT \$1::text, \$2::text, old\."b" FROM old$/);
    // A second row with this key is not left out of sight.
    expect(text).toMatch(
      /DELETE FROM "public"\."t" WHERE "a" .* ROW\("a"\)::pg_catalog\.record OPERATOR\(pg_catalog\.\*=\) /,
    );
    expect(text).not.toMatch(/LIMIT/);
  });

  test('under FULL by the old time', () => {
    const bound = partitioned(stream('full', 'a', 'time'), []);
    expect(statementFor(bound, updated(['1', 't1'], { whole: ['2', 't1'] }))?.text).toMatch(IN_PLACE);
    const moved = statementFor(bound, updated(['1', 't2'], { whole: ['1', 't1'] }))?.text;
    expect(moved).toMatch(MOVED);
    expect(moved).toMatch(
      /\(tableoid, ctid\) OPERATOR\(pg_catalog\.=\) \(SELECT tableoid, ctid FROM "public"\."t" .* LIMIT 1\)/,
    );
  });
});
