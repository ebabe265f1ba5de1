import { describe, expect, test } from 'vitest';
import { commitEndOf, decodePgoutput, describedRelation } from '../../../src/engine/decode/pgoutput.ts';
import { cellBytes, columnCount, isBinary, isNull, isUnchanged, type Tuple } from '../../../src/engine/decode/tuple.ts';
import {
  begin,
  commit,
  insert,
  message,
  relation,
  remove,
  text,
  truncate,
  tuple,
  u8,
  u32,
  update,
} from './messages.ts';

const valuesOf = (of: Tuple): unknown[] =>
  Array.from({ length: columnCount(of) }, (_, column) => {
    if (isUnchanged(of, column)) return undefined;
    if (isNull(of, column)) return null;
    const bytes = cellBytes(of, column);
    return isBinary(of, column) ? bytes : bytes?.toString();
  });

describe('pgoutput messages', () => {
  /**
   * One transaction on table t (id int PRIMARY KEY, v text, body text), as a walsender of 15.18 sent it: INSERT (1, ab,
   * NULL); UPDATE SET id = 2; DELETE; TRUNCATE RESTART IDENTITY; a logical message.
   */
  const RECORDED = [
    '420000000001914d60000303dedd9b5326000002d8',
    '52000040027075626c69630074006400030169640000000017ffffffff00760000000019ffffffff00626f64790000000019ffffffff',
    '49000040024e0003740000000131740000000261626e',
    '55000040024b00037400000001316e6e4e0003740000000132740000000261626e',
    '44000040024b00037400000001326e6e',
    '54000000010200004002',
    '4d010000000001914d607072650000000007636f6e74656e74',
    '43000000000001914d600000000001914ed0000303dedd9b5326',
  ];

  test('as a server has sent them', () => {
    const [began, described, inserted, updated, deleted, truncated, told, committed] = RECORDED.map((hex) =>
      decodePgoutput(Buffer.from(hex, 'hex')),
    );
    expect(began).toEqual({ kind: 'begin', commitLsn: 0x1914d60n, xid: 728 });
    expect(described).toEqual({
      kind: 'relation',
      relation: {
        oid: 16386,
        schema: 'public',
        name: 't',
        identity: 'default',
        columns: [
          { name: 'id', key: true, type: 23, typmod: -1 },
          { name: 'v', key: false, type: 25, typmod: -1 },
          { name: 'body', key: false, type: 25, typmod: -1 },
        ],
      },
    });
    expect(inserted?.kind === 'insert' && valuesOf(inserted.tuple)).toEqual(['1', 'ab', null]);
    expect(updated?.kind === 'update' && [updated.old && valuesOf(updated.old), valuesOf(updated.tuple)]).toEqual([
      ['1', null, null],
      ['2', 'ab', null],
    ]);
    expect(deleted?.kind === 'delete' && valuesOf(deleted.old)).toEqual(['2', null, null]);
    expect(truncated).toEqual({ kind: 'truncate', relations: [16386], cascade: false, restartIdentity: true });
    expect(told).toEqual({ kind: 'message', prefix: 'pre', content: Buffer.from('content'), lsn: 0x1914d60n });
    expect(committed).toEqual({ kind: 'commit', commitLsn: 0x1914d60n, endLsn: 0x1914ed0n });
  });

  test('the same insert in binary form', () => {
    const inserted = decodePgoutput(Buffer.from('49000040024e0003620000000400000001620000000261626e', 'hex'));
    expect(inserted.kind === 'insert' && valuesOf(inserted.tuple)).toEqual([
      Buffer.from([0, 0, 0, 1]),
      Buffer.from('ab'),
      null,
    ]);
  });

  test('values: text, binary, NULL, empty, unchanged', () => {
    const values = ['ä', Buffer.from([0, 255]), null, '', undefined];
    const change = decodePgoutput(insert(9, values));
    expect(change).toMatchObject({ kind: 'insert', relation: 9 });
    expect(change.kind === 'insert' && valuesOf(change.tuple)).toEqual(values);
  });

  test('updates without, with a key, with a whole old row', () => {
    const plain = decodePgoutput(update(9, ['1', 'b']));
    expect(plain).toMatchObject({ kind: 'update', old: null });
    for (const kind of ['K', 'O'] as const) {
      const change = decodePgoutput(update(9, ['2', undefined], { kind, values: ['1', kind === 'K' ? null : 'a'] }));
      if (change.kind !== 'update' || !change.old) throw new Error('not an update with an old tuple');
      expect(valuesOf(change.old)).toEqual(['1', kind === 'K' ? null : 'a']);
      expect(valuesOf(change.tuple)).toEqual(['2', undefined]);
    }
  });

  test('deletes, truncates, messages', () => {
    const deleted = decodePgoutput(remove(9, 'K', ['1', null]));
    expect(deleted.kind === 'delete' && valuesOf(deleted.old)).toEqual(['1', null]);
    expect(decodePgoutput(truncate([9, 10], 3))).toEqual({
      kind: 'truncate',
      relations: [9, 10],
      cascade: true,
      restartIdentity: true,
    });
    expect(decodePgoutput(truncate([9], 2))).toMatchObject({ cascade: false, restartIdentity: true });
    expect(decodePgoutput(message('pre', 'contönt', 12n))).toEqual({
      kind: 'message',
      prefix: 'pre',
      content: Buffer.from('contönt'),
      lsn: 12n,
    });
  });

  test('relations: identities, names, an empty schema is pg_catalog', () => {
    for (const [letter, identity] of Object.entries({ d: 'default', n: 'nothing', f: 'full', i: 'index' })) {
      expect(decodePgoutput(relation(1, 's\n', 'ü"', letter, []))).toEqual({
        kind: 'relation',
        relation: { oid: 1, schema: 's\n', name: 'ü"', identity, columns: [] },
      });
    }
    expect(decodePgoutput(relation(1, '', 't', 'd', []))).toMatchObject({ relation: { schema: 'pg_catalog' } });
    expect(
      decodePgoutput(relation(4294967295, 's', 't', 'f', [{ name: 'c', key: true, type: 4294967294, typmod: 14 }])),
    ).toMatchObject({
      relation: { oid: 4294967295, columns: [{ name: 'c', key: true, type: 4294967294, typmod: 14 }] },
    });
  });

  test('origins and types say nothing about rows', () => {
    expect(decodePgoutput(Buffer.from('O'))).toEqual({ kind: 'other' });
    expect(decodePgoutput(Buffer.from('Y'))).toEqual({ kind: 'other' });
  });

  test.for<[string, Buffer]>([
    ['an unknown message', Buffer.from('Z')],
    ['nothing', Buffer.alloc(0)],
    ['an unknown column kind', Buffer.concat([Buffer.from('I'), u32(1), Buffer.from('N\0\x01x')])],
    ['an insert with an old tuple', Buffer.concat([Buffer.from('I'), u32(1), Buffer.from('K'), tuple(['1'])])],
    ['an update without a new tuple', Buffer.concat([Buffer.from('U'), u32(1), Buffer.from('K'), tuple(['1'])])],
    ['a delete with a new tuple', Buffer.concat([Buffer.from('D'), u32(1), Buffer.from('N'), tuple(['1'])])],
    ['an unknown identity', relation(1, 's', 't', 'x', [])],
    ['a name without an end', Buffer.concat([Buffer.from('R'), u32(1), Buffer.from('abc')])],
    [
      'a value of negative length',
      Buffer.concat([Buffer.from('I'), u32(1), Buffer.from('N\0\x01t'), Buffer.alloc(4, 255)]),
    ],
    ['a message without its content', Buffer.concat([Buffer.from('M'), u8(1), Buffer.alloc(8), text('p'), u32(9)])],
  ])('%s is refused, not skipped', ([, bytes]) => {
    expect(() => decodePgoutput(bytes)).toThrow(expect.objectContaining({ code: 'TM4005' }));
  });

  test.for<[string, Buffer]>([
    ['begin', begin(1n)],
    ['commit', commit(1n, 2n)],
    ['insert', insert(1, ['a', null, undefined, Buffer.from('b')])],
    ['update', update(1, ['a', 'b'], { kind: 'O', values: ['c', 'd'] })],
    ['delete', remove(1, 'K', ['a', null])],
    ['relation', relation(1, 's', 't', 'd', [{ name: 'a' }])],
    ['truncate', truncate([1, 2], 0)],
    ['message', message('p', 'content')],
  ])('a %s that is cut off anywhere is refused', ([name, bytes]) => {
    // Of a begin and a commit the decoder needs no time stamp.
    const needed = name === 'commit' ? 18 : bytes.length;
    for (let length = 0; length < needed; length += 1) {
      expect(() => decodePgoutput(bytes.subarray(0, length)), `${length} bytes`).toThrow(
        expect.objectContaining({ code: 'TM4005' }),
      );
    }
  });

  test('what the receiver looks at without decoding', () => {
    expect(commitEndOf(commit(5n, 8n))).toBe(8n);
    expect(commitEndOf(insert(1, []))).toBeNull();
    expect(describedRelation(relation(17, 's', 't', 'd', []))).toBe(17);
    expect(describedRelation(begin(1n))).toBeNull();
  });
});
