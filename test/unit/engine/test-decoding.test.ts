import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type NamedTable, NamedTables } from '../../../src/engine/decode/named-tables.ts';
import type { Decoder } from '../../../src/engine/decode/plugin.ts';
import { testDecoding } from '../../../src/engine/decode/test-decoding.ts';
import { parseLsn } from '../../../src/postgres/lsn.ts';
import { plain } from './plain-changes.ts';

/** Streams as servers of the versions in the files' names have written them: LSN of the frame, and line. */
const RECORDED = join(import.meta.dirname, 'recorded');
const recordings = readdirSync(RECORDED).filter((name) => name.startsWith('test-decoding-'));
const read = (name: string) => JSON.parse(readFileSync(join(RECORDED, name), 'utf8')) as [lsn: string, line: string][];

const record = (line: string, at = '0/10'): Buffer => {
  const lsn = Buffer.alloc(8);
  lsn.writeBigUInt64BE(parseLsn(at));
  return Buffer.concat([lsn, Buffer.from(line)]);
};

const table = (oid: number, name: string, of: Partial<NamedTable> = {}): NamedTable => ({
  oid,
  schema: 'public',
  name,
  identity: 'default',
  keys: ['id'],
  columns: [
    { name: 'id', type: 'integer' },
    { name: 'v', type: 'text' },
  ],
  wanted: true,
  ...of,
});

const T = table(1, 't');
const F = table(2, 'f', { identity: 'full', keys: [] });
const TABLES = [
  T,
  F,
  table(3, 'none', { identity: 'nothing', keys: [] }),
  table(4, 'nothing', { identity: 'full', keys: [], columns: [] }),
  table(5, 'we"ird: INSERT:', {
    schema: 's.c:h, x',
    keys: [`a b[text]:'x'`],
    columns: [{ name: `a b[text]:'x'`, type: 'integer' }],
  }),
  table(6, 'types', { columns: [{ name: 'id', type: 'integer' }] }),
];
const decoderOf = (tables: readonly NamedTable[] = TABLES): Decoder =>
  testDecoding.decoder(new NamedTables(tables, new Set(['_timescaledb_catalog', '_timescaledb_internal'])));

const BIG = '0123456789'.repeat(300);
const WEIRD = [`a b[text]:'x'*`, 'new-tuple', 'old-key', 'q"q'];
const EXPECTED = [
  ['relation', 1, ['id*', 'v', 'big']],
  ['insert', 1, ['1', "a'b", BIG]],
  ['update', 1, null, ['1', null, undefined]],
  ['update', 1, ['1', null, null], ['2', "line\nbreak \\ ''quoted'' null unchanged-toast-datum", undefined]],
  ['delete', 1, ['2', null, null]],
  ['relation', 2, ['id*', 'v*']],
  ['insert', 2, ['1', null]],
  ['insert', 2, [null, null]],
  ['insert', 2, [null, 'x']],
  ['update', 2, ['1', null], ['1', 'new-tuple: id[integer]:7']],
  ['delete', 2, [null, null]],
  ['delete', 2, [null, 'x']],
  ['delete', 2, ['1', 'new-tuple: id[integer]:7']],
  ['relation', 3, ['id']],
  ['insert', 3, ['1']],
  ['unidentified', 3],
  ['unidentified', 3],
  ['relation', 4, []],
  ['insert', 4, []],
  ['delete', 4, []],
  ['relation', 5, WEIRD],
  ['insert', 5, ['1', ' old-key: "x"', '', "q[text]:'x'"]],
  ['update', 5, ['1', null, null, null], ['2', ' old-key: "x"', '', "q[text]:'x'"]],
];

describe.each(recordings)('%s', (name) => {
  const recorded = read(name);
  const decode = decoderOf();
  const changes = recorded.flatMap(([lsn, line]) => decode(record(line, lsn)));

  test('rows: quotes, NULL, unchanged TOAST, old keys and old rows, names that look like the rest', () => {
    const rows = changes.map(plain).filter((change) => !/begin|commit/.test(String(change)));
    expect(rows.slice(0, EXPECTED.length)).toEqual(EXPECTED);
  });

  test('types: unquoted numbers and booleans, bits, brackets and quotes in names', () => {
    const rows = changes.map(plain).filter((change) => String(change).startsWith('insert,6'));
    expect(rows).toEqual([
      [
        'insert',
        6,
        // biome-ignore format: one row
        ['1', 't', '-32768', '9223372036854775807', '4294967295', 'NaN', '-Infinity', '-0.001', '101', '',
          '2024-02-29 12:00:00+00', '{a,NULL,"b c"}', "it's", "{it's}", '(1)', '\\x00ff', `{"a": "it's"}`, 'x'],
      ],
      ['insert', 6, ['2', 'f', null, null, null, null, null, 'NaN', ...Array<null>(10).fill(null)]],
    ]);
  });

  test('TRUNCATE and messages', () => {
    expect(changes.map(plain).filter((change) => /^(truncate|message)/.test(String(change)))).toEqual([
      ['truncate', [1, 2, 5], false, false],
      ['truncate', [1], true, true],
      ['truncate', [1], true, false],
      ['message', 'tiger_migrate', '{"id": 1}\n, sz: 3 content:abc'],
      ['message', 'p, sz: 2 content:', ''],
    ]);
  });

  test('a commit ends where its frame says, and begins somewhere before', () => {
    for (const [lsn, line] of recorded) {
      const end = testDecoding.commitEndOf(record(line, lsn));
      expect(end).toBe(line.startsWith('COMMIT') ? parseLsn(lsn) : null);
      expect(testDecoding.isBegin(record(line, lsn))).toBe(line.startsWith('BEGIN'));
    }
    const [commit] = decode(record('COMMIT 7', '0/20'));
    expect(commit).toEqual({ kind: 'commit', commitLsn: 0x1fn, endLsn: 0x20n });
    expect(decode(record('BEGIN 4294967295'))).toEqual([{ kind: 'begin', commitLsn: null, xid: 4294967295 }]);
  });

  test('a row that is cut off anywhere is never taken for the whole one', () => {
    const rows = recorded.filter(([, line]) => line.startsWith('table ') && !/"none": |TRUNCATE/.test(line));
    for (const [lsn, line] of rows) {
      const whole = decoderOf()(record(line, lsn)).map(plain);
      for (let length = 0; length < Math.min(line.length, 600); length += 1) {
        let found: unknown = 'refused';
        try {
          found = decoderOf()(record(line.slice(0, length), lsn)).map(plain);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/TM4005|TM2003/) });
        }
        expect(found).not.toEqual(whole);
      }
    }
  });
});

describe('tables by name', () => {
  test('what is not wanted is not read, however it looks', () => {
    const decode = decoderOf([{ ...T, wanted: false }]);
    expect(decode(record('table public.t: INSERT: no columns at all'))).toEqual([{ kind: 'other' }]);
    expect(decode(record('table _timescaledb_catalog.chunk: INSERT: x'))).toEqual([{ kind: 'other' }]);
    expect(decode(record('table pg_catalog.pg_class: TRUNCATE: (no-flags)'))).toEqual([{ kind: 'other' }]);
  });

  test('a name that nobody knows is asked for, also among others', () => {
    const unknown = [{ kind: 'unknown-table', schema: 'public', name: 'N"x' }];
    expect(decoderOf()(record('table public."N""x": INSERT: id[integer]:1'))).toEqual(unknown);
    // Chunks stand among what is TimescaleDB's own.
    expect(decoderOf()(record('table _timescaledb_internal.c: DELETE: (no-tuple-data)'))).toEqual([
      { kind: 'unknown-table', schema: '_timescaledb_internal', name: 'c', deleted: true },
    ]);
    const tables = new NamedTables(TABLES);
    const decode = testDecoding.decoder(tables);
    const truncate = record('table public.t, public."N""x": TRUNCATE: (no-flags)');
    expect(decode(truncate)).toEqual(unknown.map((change) => ({ ...change, truncated: true })));
    tables.ignore({ schema: 'public', name: 'N"x' });
    expect(decode(truncate).map(plain)).toEqual([
      ['relation', 1, ['id*', 'v']],
      ['truncate', [1], false, false],
    ]);
  });
});

describe('columns that change', () => {
  test('a table is described again before the first row that looks otherwise, and only then', () => {
    const decode = decoderOf();
    const lines = [
      'table public.t: INSERT: id[integer]:1 v[text]:null',
      "table public.t: INSERT: id[integer]:2 v[text]:'x'",
      "table public.t: UPDATE: id[integer]:2 v[text]:'x' more[integer]:7",
      'table public.t: INSERT: id[integer]:3 more[integer]:7',
      'table public.t: INSERT: id[integer]:4 more[bigint]:7',
    ];
    expect(lines.flatMap((line) => decode(record(line))).map(plain)).toEqual([
      ['relation', 1, ['id*', 'v']],
      ['insert', 1, ['1', null]],
      ['insert', 1, ['2', 'x']],
      ['relation', 1, ['id*', 'v', 'more']],
      ['update', 1, null, ['2', 'x', '7']],
      ['relation', 1, ['id*', 'more']],
      ['insert', 1, ['3', '7']],
      ['relation', 1, ['id*', 'more']],
      ['insert', 1, ['4', '7']],
    ]);
  });

  test('a deleted row tells only of columns that it has', () => {
    const decode = decoderOf();
    expect(decode(record("table public.f: DELETE: v[text]:'x' more[text]:'y'")).map(plain)).toEqual([
      ['relation', 2, ['id*', 'v*', 'more*']],
      ['delete', 2, [null, 'x', 'y']],
    ]);
  });

  test.each([
    ['an UPDATE of a whole-row table without the old row', "table public.f: UPDATE: id[integer]:1 v[text]:'x'"],
    ['a DELETE that says nothing', 'table public.t: DELETE: (no-tuple-data)'],
    ['an old key of other columns', "table public.t: DELETE: v[text]:'x'"],
    ['a row without the key', "table public.t: INSERT: renamed[integer]:1 v[text]:'x'"],
    [
      'an UPDATE whose old key is another',
      "table public.t: UPDATE: old-key: v[text]:'x' new-tuple: id[integer]:1 v[text]:'y'",
    ],
  ])('another replica identity stops: %s', (_, line) => {
    expect(() => decoderOf()(record(line))).toThrow(expect.objectContaining({ code: 'TM2003' }));
  });
});

test.each([
  '',
  'x',
  'table',
  'table public.t',
  'table public: INSERT:',
  'table public.t: MERGE: id[integer]:1',
  'message: transactional: 1 prefix: p, sz: 4 content:abc',
])('not understood: %j', (line) => {
  expect(() => decoderOf()(record(line))).toThrow(expect.objectContaining({ code: 'TM4005' }));
});
