import { describe, expect, it } from 'vitest';
import { matches } from '../../src/postgres/patterns.ts';
import { changesInShort, changesInWords, mustDecide } from '../../src/providers/identity/changes-seen.ts';
import { choicesFor } from '../../src/providers/identity/choices.ts';
import { formatColumns, parseColumns, proposedColumns } from '../../src/providers/identity/columns.ts';
import { identitySqlFile } from '../../src/providers/identity/sql-file.ts';
import { indexName } from '../../src/providers/identity/statements.ts';

const DAY = 86_400;
const seen = (updatesDeletes: number, countedSeconds: number | null) => ({
  updatesDeletes,
  countedSeconds,
  cascades: [],
  tables: [],
});

describe('the changes of a table in words', () => {
  it('say for how long nothing was seen, and whether that means anything', () => {
    expect(changesInWords(seen(0, 12 * DAY))).toBe('none seen in 12 days');
    expect(changesInWords(seen(0, 125))).toBe('none seen, but counted for 2 minutes only');
    expect(changesInWords(seen(0, null))).toContain('nobody knows');
    expect([12 * DAY, 125, null].map((seconds) => mustDecide(seen(0, seconds)))).toEqual([false, true, true]);
  });

  it('make a rate of what was counted for long, and of nothing else', () => {
    expect(changesInWords(seen(210_344, 12 * DAY))).toBe('730 an hour (210k in 12 days)');
    expect(changesInWords(seen(36, 12 * DAY))).toBe('3 a day (36 in 12 days)');
    expect(changesInWords(seen(1, 12 * DAY))).toBe('less than 1 a day (1 in 12 days)');
    expect(changesInWords(seen(37, 125))).toBe('37 in 2 minutes');
    expect(changesInWords(seen(37, null))).toBe('37 since the counters were last reset');
    expect(mustDecide(seen(1, 400 * DAY))).toBe(true);
    const cascades = [{ parent: 'public.users', actions: ['ON DELETE CASCADE'] }];
    expect(mustDecide({ ...seen(0, 400 * DAY), cascades })).toBe(true);
  });

  it('do not decide about a key or a FULL that seems to be an identity', () => {
    const unseen = seen(0, 400 * DAY);
    const full = { oid: '1', schema: 'public', name: 't', identity: 'FULL' };
    expect(mustDecide(unseen)).toBe(false);
    expect(mustDecide({ ...unseen, notSent: ['g'] })).toBe(true);
    expect(mustDecide({ ...unseen, virtual: ['v'], tables: [full] })).toBe(true);
    expect(mustDecide({ ...unseen, virtual: ['v'], tables: [{ ...full, identity: 'DEFAULT' }] })).toBe(false);
  });

  it('fit a cell', () => {
    const rows = [seen(210_344, 12 * DAY), seen(36, 12 * DAY), seen(0, 12 * DAY), seen(1e9, 3000), seen(5, null)];
    expect(rows.map(changesInShort)).toEqual(['730/h', '3/d', '0 in 12d', '1B in 50min', '5']);
    for (const row of rows) expect(changesInShort(row).length).toBeLessThanOrEqual(11);
  });
});

const columns = [
  { name: 'id', notNull: true, evidence: 2 },
  { name: 'Weird "Name", too', notNull: true, evidence: 0 },
  { name: 'key', notNull: true, evidence: 4 },
  { name: 'note', notNull: false, evidence: 4 },
];

describe('columns for a new index', () => {
  it('are read as SQL reads them', () => {
    expect(parseColumns(' ID , "Weird ""Name"", too"', columns)).toEqual(['id', 'Weird "Name", too']);
    expect(parseColumns(formatColumns(['Weird "Name", too', 'id']), columns)).toEqual(['Weird "Name", too', 'id']);
  });

  it.each([
    ['', 'name one column or more of: id, "Weird ""Name"", too", key'],
    ['id,', 'a name is missing beside a comma'],
    ['nothing', 'there is no column nothing'],
    ['"ID"', 'there is no column "ID"'],
    ['note', 'note may be NULL'],
    ['id, key, Id', 'id is named twice'],
  ])('%j is refused and told why', (text, why) => {
    expect(parseColumns(text, columns)).toContain(why);
  });

  it('are proposed by what says that they are unique', () => {
    expect(proposedColumns(columns)).toEqual(['key']);
    expect(proposedColumns(columns.filter(({ evidence }) => evidence === 0))).toEqual([]);
  });
});

describe('the name of a new index', () => {
  it('keeps to 63 bytes, and differs where tables or columns do', () => {
    expect(indexName({ schema: 'public', name: 'events' }, ['id'])).toBe('events_id_identity');
    const long = (schema: string, column: string) => indexName({ schema, name: 'ü'.repeat(31) }, [column]);
    const names = [long('a', 'x'), long('b', 'x'), long('a', 'y')];
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
  });
});

describe('leaving a table out', () => {
  it.each([
    'events',
    'a*',
    'a?b',
    'with.dot',
    'with "quotes"',
    'two words, a comma',
  ])('means %j and nothing else', (name) => {
    const row = {
      relation: name,
      schema: 'Odd*.schema',
      name,
      partitions: 0,
      columns: [],
      bytes: 0,
      rows: 0,
      owner: null,
      ...seen(0, DAY),
    };
    const pattern = choicesFor(row, []).find(({ kind }) => kind === 'leave-out')?.exclude ?? '';
    expect(matches(pattern, row)).toBe(true);
    for (const other of [`${name}x`, `x${name}`, name.replace(/[*?]/, 'zz').replace('.', 'x'), 'other']) {
      if (other !== name) expect(matches(pattern, { schema: row.schema, name: other })).toBe(false);
    }
    expect(matches(pattern, { schema: 'Oddx.schema', name })).toBe(false);
  });
});

describe('the file of SQL', () => {
  it('has nothing of a name outside of quotes', () => {
    const name = 'x\n; DROP TABLE y; --';
    const table = { oid: '1', schema: 'public', name, identity: 'DEFAULT' };
    const row = {
      relation: `public.${name}`,
      schema: 'public',
      name,
      partitions: 0,
      columns,
      bytes: 0,
      rows: 0,
      owner: null,
      ...seen(5, DAY),
      tables: [table],
    };
    const text = identitySqlFile(choicesFor(row, []));
    const outside = text.replace(/"(?:[^"]|"")*"/g, 'quoted').split('\n');
    expect(outside.filter((line) => /DROP TABLE/.test(line) && !line.startsWith('--'))).toEqual([]);
    expect(text).toContain('REPLICA IDENTITY FULL;');
  });
});
