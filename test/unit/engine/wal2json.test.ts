import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type NamedColumn, type NamedTable, NamedTables } from '../../../src/engine/decode/named-tables.ts';
import type { Decoder } from '../../../src/engine/decode/plugin.ts';
import { wal2json } from '../../../src/engine/decode/wal2json.ts';
import { MigrateError } from '../../../src/errors/migrate-error.ts';
import { parseLsn } from '../../../src/postgres/lsn.ts';
import { plain } from './plain-changes.ts';

/** Streams as the versions of wal2json in the files' names have written them, on PostgreSQL 15.18; 2.6 with numbers quoted. */
const RECORDED = join(import.meta.dirname, 'recorded');
const recordings = readdirSync(RECORDED).filter((name) => name.startsWith('wal2json-'));
const read = (name: string) => JSON.parse(readFileSync(join(RECORDED, name), 'utf8')) as string[];

const column = (name: string, oid: number, position: number, toast = oid === 25): NamedColumn => ({
  name,
  type: String(oid),
  oid,
  position,
  toast,
});
const ID = column('id', 23, 1);
const V = column('v', 25, 2);

const table = (oid: number, name: string, of: Partial<NamedTable> = {}): NamedTable => ({
  oid,
  schema: 'public',
  name,
  identity: 'default',
  keys: ['id'],
  columns: [ID, V],
  wanted: true,
  ...of,
});

const T = table(1, 't', { columns: [ID, V, column('big', 25, 3)] });
const F = table(2, 'f', { identity: 'full', keys: [] });
const NUMBERS = table(9, 'numbers', {
  columns: [ID, column('f4', 700, 2), column('f8', 701, 3), column('n', 1700, 4, true)],
});
const TABLES = [
  T,
  F,
  table(3, 'none', { identity: 'nothing', keys: [], columns: [ID] }),
  table(4, 'nothing', { identity: 'full', keys: [], columns: [] }),
  table(5, 'we"ird\\table', {
    schema: 's.c"h, x\n',
    keys: ['a b","value":1'],
    columns: [column('a b","value":1', 23, 1)],
  }),
  table(6, 'ix', { identity: 'index', keys: ['u'], columns: [ID, column('u', 25, 2), column('v', 23, 3)] }),
  table(7, 'bigkey', { keys: ['k'], columns: [column('k', 25, 1), column('v', 23, 2)] }),
  table(8, 'types', { columns: [ID] }),
  NUMBERS,
  table(10, 'ref', { columns: [ID, column('t', 23, 2)] }),
];
const decoderOf = (tables: readonly NamedTable[] = TABLES): Decoder => wal2json.decoder(new NamedTables(tables));

const line = (of: object): Buffer => Buffer.from(JSON.stringify(of));
const cell = (name: string, typeoid: number, value: unknown, position?: number) => ({
  name,
  typeoid,
  value,
  ...(position === undefined ? {} : { position }),
});
const row = (action: string, name: string, of: object, at = '0/10') =>
  line({ action, lsn: at, schema: 'public', table: name, ...of });
const begin = (quoted: boolean) => line({ action: 'B', ...(quoted ? {} : { xid: 7 }), lsn: '0/20', nextlsn: '0/30' });

const BIG = '0123456789'.repeat(300);
const KEY = 'k'.repeat(2500);
const ODD = 'a"b\\c/ \n\t\r\b\f\u0001\u001f\u007f ä\u{1F600} \\u0041';
const EXPECTED = [
  ['relation', 1, ['id*', 'v', 'big']],
  ['insert', 1, ['1', ODD, BIG]],
  ['update', 1, null, ['1', null, undefined]],
  ['update', 1, ['1', null, null], ['2', '"identity":[', undefined]],
  ['delete', 1, ['2', null, null]],
  ['relation', 2, ['id*', 'v*']],
  ['insert', 2, ['1', null]],
  ['insert', 2, [null, null]],
  ['insert', 2, [null, 'null']],
  ['update', 2, ['1', null], ['1', '}']],
  ['delete', 2, [null, null]],
  ['delete', 2, [null, 'null']],
  ['delete', 2, ['1', '}']],
  ['relation', 3, ['id']],
  ['insert', 3, ['1']],
  ['unidentified', 3],
  ['unidentified', 3],
  ['relation', 4, []],
  ['insert', 4, []],
  ['delete', 4, []],
  ['relation', 5, ['a b","value":1*', 'new\nline', 'identity']],
  ['insert', 5, ['1', '"},{"', 't']],
  ['update', 5, ['1', null, null], ['2', '"},{"', 'f']],
  ['relation', 6, ['id', 'u*', 'v']],
  ['insert', 6, ['1', 'a', '2']],
  ['update', 6, null, ['1', 'a', '3']],
  ['update', 6, [null, 'a', null], ['1', 'b', '3']],
  ['delete', 6, [null, 'b', null]],
  ['relation', 7, ['k*', 'v']],
  ['insert', 7, [KEY, '1']],
  // The key is TOASTed and unchanged: only the old row shows it.
  ['update', 7, [KEY, null], [undefined, '2']],
  ['delete', 7, [KEY, null]],
];

describe.each(recordings)('%s', (name) => {
  const lossy = name.includes('2.5');
  const lines = read(name);
  const recorded = lines.filter((text) => !lossy || !text.includes('"numbers"'));
  const decode = decoderOf();
  const changes = recorded.flatMap((text) => decode(Buffer.from(text)));

  test('rows: escapes, NULL, unchanged TOAST, old keys and old rows, names that look like the rest', () => {
    const rows = changes.map(plain).filter((change) => !/begin|commit/.test(String(change)));
    expect(rows.slice(0, EXPECTED.length)).toEqual(EXPECTED);
  });

  test('types: digit by digit, booleans, bytea with and without its \\x, NaN where it is not a number of its own', () => {
    const rows = changes.map(plain).filter((change) => String(change).startsWith('insert,8'));
    expect(rows).toEqual([
      [
        'insert',
        8,
        // biome-ignore format: one row
        ['1', 't', '-32768', '9223372036854775807', '4294967295', '101', '', '2024-02-29 12:00:00+00', '{a,NULL,"b c"}', "{it's}",
          '(NaN,-Infinity)', '\\x00ff', '{"a":  1e400}', 'x  ', 'NaN', 't', '\\xab', '{NaN,-Infinity,-0}', '{NaN,1.50}', '{"\\\\x00"}'],
      ],
      // biome-ignore format: one row
      ['insert', 8, ['-2', 'f', null, null, null, null, null, null, null, null, null, '\\x', ...Array<null>(8).fill(null)]],
    ]);
  });

  test('a number that may be NaN: read when it is quoted, refused when it is not', () => {
    const own = lines.filter((text) => text.includes('"numbers"')).map((text) => Buffer.from(text));
    const fresh = decoderOf();
    fresh(begin(!lossy));
    if (lossy) {
      for (const text of own) expect(() => fresh(text)).toThrow(expect.objectContaining({ code: 'TM4008' }));
      return;
    }
    expect(own.flatMap((text) => fresh(text)).map(plain)).toEqual([
      ['relation', 9, ['id*', 'f4', 'f8', 'n']],
      ['insert', 9, ['1', 'NaN', '-Infinity', 'NaN']],
      ['insert', 9, ['2', '-0', '1e+300', 'Infinity']],
      ['insert', 9, ['3', '0.1', '5e-324', '123456789012345678901234567890.1000']],
      ['insert', 9, ['4', null, null, null]],
    ]);
  });

  test('one TRUNCATE of several tables is one change, two of one table are two', () => {
    expect(changes.map(plain).filter((change) => /^(truncate|message|insert,6,7|other)/.test(String(change)))).toEqual([
      ['truncate', [1, 6, 10], false, false],
      ['truncate', [6], false, false],
      ['truncate', [6], false, false],
      ['insert', 6, ['7', 'c', '8']],
      ['truncate', [1, 10], false, false],
      ['message', 'tiger_migrate', '{"id": "1"}\n,"content":'],
      ['message', 'tiger_migrate', ''],
      ['other'],
    ]);
  });

  test('BEGIN says where its commit begins and ends', () => {
    const ends = recorded.map((text) => wal2json.commitEndOf(Buffer.from(text)));
    const begins = recorded.filter((text) => wal2json.isBegin(Buffer.from(text)));
    const commits = changes.filter(({ kind }) => kind === 'commit');
    const begun = changes.filter(({ kind }) => kind === 'begin');
    expect(begins).toHaveLength(begun.length);
    expect(ends.filter((end) => end !== null)).toEqual(commits.map((commit) => 'endLsn' in commit && commit.endLsn));
    expect(begun.map((change) => 'commitLsn' in change && change.commitLsn)).toEqual(
      commits.map((change) => 'commitLsn' in change && change.commitLsn),
    );
  });

  test('a line that is cut off anywhere is never taken for the whole one', () => {
    for (const text of recorded.filter((one) => !one.startsWith('W'))) {
      const bytes = Buffer.from(text);
      for (let length = 0; length < bytes.length; length += length < 600 ? 1 : 97) {
        const fresh = decoderOf();
        fresh(begin(!lossy));
        let found = 'taken';
        try {
          fresh(bytes.subarray(0, length));
        } catch (error) {
          found = error instanceof MigrateError ? error.code : String(error);
        }
        if (!/^TM(4005|2003)$/.test(found)) expect.fail(`${found}: ${text.slice(0, length)}`);
      }
    }
  });
});

describe('tables by name', () => {
  test('what is not wanted is not read, however it looks', () => {
    const decode = decoderOf([{ ...T, wanted: false }]);
    expect(decode(row('I', 't', { columns: 'none at all' }))).toEqual([{ kind: 'other' }]);
    expect(decode(line({ action: 'T', lsn: '0/1', schema: 'pg_catalog', table: 'pg_class' }))).toEqual([]);
    expect(decode(Buffer.from('Wno tuple identifier for UPDATE in table "public"."t"'))).toEqual([{ kind: 'other' }]);
  });

  test('a name that nobody knows is asked for, also in the middle of a TRUNCATE', () => {
    const unknown = [{ kind: 'unknown-table', schema: 'public', name: 'N"x' }];
    expect(decoderOf()(row('I', 'N"x', { columns: [] }))).toEqual(unknown);
    const tables = new NamedTables(TABLES);
    const decode = wal2json.decoder(tables);
    decode(begin(true));
    const truncate = (name: string, at: string) => row('T', name, {}, at);
    expect(decode(truncate('t', '0/11')).map(plain)).toEqual([['relation', 1, ['id*', 'v', 'big']]]);
    expect(decode(truncate('N"x', '0/11'))).toEqual(unknown);
    tables.ignore({ schema: 'public', name: 'N"x' });
    expect(decode(truncate('N"x', '0/11'))).toEqual([]);
    expect(decode(truncate('f', '0/11')).map(plain)).toEqual([['relation', 2, ['id*', 'v*']]]);
    const commit = line({ action: 'C', lsn: '0/20', nextlsn: '0/30' });
    expect(decode(commit).map(plain)).toEqual([['truncate', [1, 2], false, false], ['commit']]);
    expect(decode(commit).map(plain)).toEqual([['commit']]);
  });

  test('the warning for an UPDATE without a row, of a table that has had an identity, stops', () => {
    const warning = (name: string) => Buffer.from(`Wno tuple identifier for DELETE in table "public"."${name}"`);
    expect(() => decoderOf()(warning('t'))).toThrow(expect.objectContaining({ code: 'TM2003' }));
    const odd = table(11, 'b"."c', { schema: 'a"."x', identity: 'nothing', keys: [] });
    const decode = decoderOf([odd]);
    expect(decode(Buffer.from('Wno tuple identifier for DELETE in table "a"."x"."b"."c"'))).toEqual([
      { kind: 'unidentified', relation: 11 },
    ]);
    expect(() => decode(Buffer.from('Wno tuple data for INSERT in table "a"."b"'))).toThrow(
      expect.objectContaining({ code: 'TM4005' }),
    );
    expect(wal2json.recordOfWarning?.('some other warning')).toBeNull();
  });
});

describe('columns that change', () => {
  const started = (tables = TABLES) => {
    const decode = decoderOf(tables);
    decode(begin(true));
    return (lines: Buffer[]) => lines.flatMap((one) => decode(one)).map(plain);
  };
  const key = (id: number) => ({ identity: [cell('id', 23, id)] });

  test('an UPDATE that leaves out a TOASTed column keeps it; one with another name in its place does not', () => {
    expect(
      started()([
        row('U', 't', { columns: [cell('id', 23, 1, 1), cell('v', 25, 'x', 2), cell('more', 23, 7, 4)], ...key(1) }),
        row('U', 't', { columns: [cell('id', 23, 1, 1), cell('w', 25, 'x', 2), cell('more', 23, 7, 4)], ...key(1) }),
        row('U', 't', { columns: [cell('id', 23, 1, 1), cell('more', 23, 8, 4)], ...key(1) }),
        row('I', 't', { columns: [cell('id', 23, 2, 1), cell('more', 23, 9, 4)] }),
        row('I', 't', { columns: [cell('id', 23, 3, 1), cell('more', 20, 9, 4)] }),
      ]),
    ).toEqual([
      ['relation', 1, ['id*', 'v', 'big', 'more']],
      ['update', 1, null, ['1', 'x', undefined, '7']],
      ['relation', 1, ['id*', 'w', 'big', 'more']],
      ['update', 1, null, ['1', 'x', undefined, '7']],
      ['update', 1, null, ['1', undefined, undefined, '8']],
      ['relation', 1, ['id*', 'more']],
      ['insert', 1, ['2', '9']],
      ['relation', 1, ['id*', 'more']],
      ['insert', 1, ['3', '9']],
    ]);
  });

  test('a column of fixed length that is not shown is gone', () => {
    const ix = table(6, 'ix', { columns: [ID, column('n', 23, 2), column('v', 23, 3)] });
    expect(
      started([ix])([row('U', 'ix', { columns: [cell('id', 23, 1, 1), cell('v', 23, 2, 3)], ...key(1) })]),
    ).toEqual([
      ['relation', 6, ['id*', 'v']],
      ['update', 6, null, ['1', '2']],
    ]);
  });

  test('under FULL the old row shows what there is', () => {
    expect(
      started()([
        row('U', 'f', { columns: [cell('id', 23, 1, 1)], identity: [cell('id', 23, 1), cell('v', 25, 'long')] }),
        row('U', 'f', { columns: [cell('id', 23, 2, 1)], identity: [cell('id', 23, 1)] }),
        row('D', 'f', { identity: [cell('id', 23, 2), cell('w', 25, null)] }),
      ]),
    ).toEqual([
      ['relation', 2, ['id*', 'v*']],
      ['update', 2, ['1', 'long'], ['1', undefined]],
      ['relation', 2, ['id*']],
      ['update', 2, ['1'], ['2']],
      ['relation', 2, ['id*', 'w*']],
      ['delete', 2, ['2', null]],
    ]);
  });

  test('a column that may hold NaN is refused as soon as it is there, if numbers are not quoted', () => {
    const decode = decoderOf();
    decode(begin(false));
    decode(row('I', 't', { columns: [cell('id', 23, 1, 1), cell('v', 25, null, 2), cell('big', 25, null, 3)] }));
    const added = [cell('id', 23, 1, 1), cell('v', 25, null, 2), cell('big', 25, null, 3), cell('n', 1700, null, 4)];
    const refused = expect.objectContaining({ code: 'TM4008', object: 'public.t.n' });
    expect(() => decode(row('I', 't', { columns: added }))).toThrow(refused);
    expect(() => decode(row('U', 't', { columns: added, identity: [cell('id', 23, 1)] }))).toThrow(refused);
    // Rows in front of the first BEGIN belong to a transaction that was applied before.
    expect(decoderOf()(row('I', 't', { columns: added }))).toHaveLength(2);
    // In quotes NaN is NaN and NULL is NULL; and one that the target makes by itself is not taken anyway.
    decode(begin(true));
    expect(
      decode(row('I', 't', { columns: added }))
        .map(plain)
        .at(-1),
    ).toEqual(['insert', 1, ['1', null, null, null]]);
    const made = { ...column('f8', 701, 2), generated: true };
    const generated = decoderOf([table(9, 'numbers', { columns: [ID, made] })]);
    generated(begin(false));
    expect(generated(row('I', 'numbers', { columns: [cell('id', 23, 1, 1), cell('f8', 701, null, 2)] }))).toHaveLength(
      2,
    );
  });

  test.each([
    [
      'an UPDATE of a whole-row table that shows its key only',
      row('U', 'f', { columns: [cell('id', 23, 1, 1), cell('v', 25, 'x', 2)], ...key(1) }),
    ],
    [
      'an UPDATE of a table with a key that shows the whole old row',
      row('U', 't', { columns: [cell('id', 23, 1, 1)], identity: [cell('id', 23, 1), cell('v', 25, 'x')] }),
    ],
    ['an UPDATE without an old row', row('U', 't', { columns: [cell('id', 23, 1, 1), cell('w', 25, 'x', 2)] })],
    ['a DELETE that says nothing', row('D', 't', {})],
    ['an old key of other columns', row('D', 't', { identity: [cell('v', 25, 'x')] })],
    ['a row without the key', row('I', 't', { columns: [cell('renamed', 23, 1, 1)] })],
  ])('another replica identity stops: %s', (_, text) => {
    const decode = decoderOf();
    decode(begin(true));
    expect(() => decode(text)).toThrow(expect.objectContaining({ code: 'TM2003' }));
  });
});

test('an OID from 2^31 on is printed as a negative number', () => {
  const decode = decoderOf([table(1, 't', { columns: [ID, column('e', 2 ** 32 - 10, 2)] })]);
  decode(begin(true));
  const changes = decode(row('I', 't', { columns: [cell('id', 23, 1, 1), cell('e', -10, 'x', 2)] }));
  expect(changes.map(plain)).toEqual([
    ['relation', 1, ['id*', 'e']],
    ['insert', 1, ['1', 'x']],
  ]);
  expect(changes[0]).toMatchObject({ relation: { columns: [{ type: 23 }, { type: 4_294_967_286 }] } });
});

test.each([
  '',
  'x',
  '{"action":"I"}',
  '{"action":"Z","lsn":"0/1"}',
  '{"action":"B","lsn":"0/1"}',
  '{"action":"T","schema":"public","table":"t"}',
  '{"action":"M","lsn":"0/1","transactional":true,"prefix":"p","content":"x"',
  '{"action":"M","lsn":"0/1","transactional":true,"prefix":"p","content":"\\u00e4"}',
  '{"action":"I","lsn":"0/1","schema":"public","table":"t","columns":[{"name":"id","typeoid":23,"value":1,"position":1},]}',
  '{"action":"I","lsn":"0/1","schema":"public","table":"t","columns":[{"name":"id","typeoid":23,"value":nul,"position":1}]}',
])('not understood: %j', (text) => {
  expect(() => decoderOf()(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'TM4005' }));
});

test('positions are those of the text form', () => {
  expect(decoderOf()(begin(true))).toEqual([{ kind: 'begin', commitLsn: parseLsn('0/20'), xid: null }]);
  expect(decoderOf()(begin(false))).toEqual([{ kind: 'begin', commitLsn: parseLsn('0/20'), xid: 7 }]);
});
