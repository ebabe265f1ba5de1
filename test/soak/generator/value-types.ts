import type { Chance } from './chance.ts';

/** A type of plain columns, and values of it in text form; null is added by who draws. */
export interface ValueType {
  readonly sql: string;
  readonly values: readonly string[];
  /** Values that a CHECK constraint refuses. */
  readonly refused?: readonly string[];
  /** What has no equality: a key, UNIQUE and GROUP BY can't have it. */
  readonly noEquality?: true;
}

const digits = (length: number): string => Array.from({ length }, (_, index) => (index * 7919) % 10).join('');
/** Does not compress well, so that it is kept out of line. */
const long = (length: number): string => {
  let text = '';
  for (let state = 1; text.length < length; state = (Math.imul(state, 1103515245) + 12345) >>> 0)
    text += state.toString(36);
  return text.slice(0, length);
};

export const VALUE_TYPES: Readonly<Record<string, ValueType>> = {
  smallint: { sql: 'smallint', values: ['-32768', '0', '32767'] },
  integer: { sql: 'integer', values: ['-2147483648', '0', '1', '2147483647'] },
  bigint: { sql: 'bigint', values: ['-9223372036854775808', '9007199254740993', '7'] },
  numeric: {
    sql: 'numeric',
    values: ['NaN', 'Infinity', '-Infinity', '1e-130', '0.000000', '1.10', `0.${digits(120)}`, digits(300), '-0'],
  },
  'numeric(20,4)': { sql: 'numeric(20,4)', values: ['NaN', '1234567890123456.5', '-0.0001', '0'] },
  real: { sql: 'real', values: ['NaN', '-0', '0', 'Infinity', '3.4028235e38', '0.1', '1e-45'] },
  'double precision': {
    sql: 'double precision',
    values: ['NaN', '-0', '0', '-Infinity', '0.1', '2.2250738585072014e-308', '5e-324', '1e22', '123456789.123456789'],
  },
  money: { sql: 'money', values: ['-92233720368547758.08', '0.01', '12.50'] },
  boolean: { sql: 'boolean', values: ['t', 'f'] },
  oid: { sql: 'oid', values: ['0', '4294967295'] },
  xid8: { sql: 'xid8', values: ['0', '18446744073709551615'] },
  pg_lsn: { sql: 'pg_lsn', values: ['0/0', 'FFFFFFFF/FFFFFFFF'] },
  bit: { sql: 'bit(7)', values: ['1010101', '0000000'] },
  varbit: { sql: 'varbit', values: ['', '1', '1111000011110000111'] },
  text: {
    sql: 'text',
    values: [
      '',
      'plain',
      '\\N',
      '\\.',
      'tab\t new\n cr\r back\\ "q" \'s\'',
      'ünï🐯',
      '\b\f\v\u0001\u007f',
      'NULL',
      '{}',
    ],
  },
  varchar: { sql: 'varchar(40)', values: ['', ' spaces ', 'v'.repeat(40)] },
  char: { sql: 'char(5)', values: ['', 'ab', 'ä'] },
  name: { sql: 'name', values: ['', 'name', 'n'.repeat(63)] },
  '"char"': { sql: '"char"', values: ['x', ''] },
  citext: { sql: 'public.citext', values: ['MiXed', 'mixed', ''] },
  toast: { sql: 'text', values: [long(9_000), long(40_000), 'short', long(2_500)] },
  bytea: { sql: 'bytea', values: ['\\x', '\\x00ff5c0a00', `\\x${'00ff17'.repeat(3_000)}`] },
  date: {
    sql: 'date',
    values: ['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-01-01 BC', '2026-11-22'],
  },
  timestamp: {
    sql: 'timestamp',
    values: [
      '-infinity',
      'infinity',
      '4713-01-01 00:00:00.000001 BC',
      '294276-12-31 23:59:59.999999',
      '2026-03-29 02:30:00.5',
    ],
  },
  timestamptz: {
    sql: 'timestamptz',
    values: ['infinity', '0099-12-31 23:59:59.1 BC', '2026-10-25 02:30:00.123456+02', '2026-01-01 00:00:00Z'],
  },
  'timestamptz(0)': { sql: 'timestamptz(0)', values: ['2026-01-01 00:00:00.4+14', '2026-01-01 00:00:00Z'] },
  time: { sql: 'time', values: ['24:00:00', '00:00:00.000001'] },
  timetz: { sql: 'timetz', values: ['24:00:00+15:59', '12:34:56.789012-15:59:59', '12:00:00+00'] },
  interval: {
    sql: 'interval',
    values: [
      '-178000000 years',
      '1 mon -1 day +00:00:00.000001',
      '-1 years 2 mons -3 days 04:05:06.7',
      '0',
      '1 mon',
      '30 days',
    ],
  },
  uuid: { sql: 'uuid', values: ['ffffffff-ffff-ffff-ffff-ffffffffffff', '00000000-0000-0000-0000-000000000001'] },
  inet: { sql: 'inet', values: ['::ffff:1.2.3.4/100', '10.1.2.3/8', '::1'] },
  cidr: { sql: 'cidr', values: ['10.0.0.0/8', '2001:db8::/32'] },
  macaddr: { sql: 'macaddr', values: ['08:00:2b:01:02:03'] },
  macaddr8: { sql: 'macaddr8', values: ['08:00:2b:ff:fe:01:02:03'] },
  point: { sql: 'point', values: ['(-0,NaN)', '(1e300,Infinity)', '(0.1,0.2)'], noEquality: true },
  line: { sql: 'line', values: ['{1,-1,0}'] },
  lseg: { sql: 'lseg', values: ['[(0,0),(1,1)]'] },
  box: { sql: 'box', values: ['(1,1),(0,0)', '(2,0.5),(0,0)'], noEquality: true },
  path: { sql: 'path', values: ['[(0,0),(1,1)]', '((0,0),(1,1))'] },
  polygon: { sql: 'polygon', values: ['((0,0),(1,1),(2,0))'], noEquality: true },
  circle: { sql: 'circle', values: ['<(0,0),0.1>'] },
  json: {
    sql: 'json',
    values: ['{"a":  1, "a": 2, "big": 12345678901234567890.10}', 'null', '"\\u00e4"', '[1, 2]'],
    noEquality: true,
  },
  jsonb: { sql: 'jsonb', values: ['{"a": 1.10, "n": null, "e": 1e400}', '"x"', '[]', '{}'] },
  jsonpath: { sql: 'jsonpath', values: ['$."a"[*]?(@ > 1)'], noEquality: true },
  xml: { sql: 'xml', values: ['<a b="c">&lt;</a>', 'text only', '<?xml version="1.0"?><r/>'], noEquality: true },
  tsvector: { sql: 'tsvector', values: ["'a':1A 'b':2 'it''s':3", ''] },
  tsquery: { sql: 'tsquery', values: ["'a' & !'b' | 'c' <-> 'd':*", ''] },
  hstore: { sql: 'public.hstore', values: ['"a"=>NULL, "b c"=>"\\"q\\""', ''] },
  int4range: { sql: 'int4range', values: ['empty', '[1,5)', '(,)', '[3,)'] },
  numrange: { sql: 'numrange', values: ['[1.10,NaN]', '(,0.00]', 'empty'] },
  tstzrange: { sql: 'tstzrange', values: ['[2026-01-01 00:00:00Z,infinity]', 'empty', '(,2000-01-01 00:00:00Z)'] },
  daterange: { sql: 'daterange', values: ['[0044-03-15 BC,2026-01-01)', '(,infinity)'] },
  multirange: { sql: 'int4multirange', values: ['{}', '{[1,2),[5,)}'] },
  span: { sql: 'soak.span', values: ['[1e-300,1e300)', '[-0,NaN]'] },
  'integer[]': { sql: 'integer[]', values: ['{}', '{1,NULL,3}', '[2:3][0:1]={{1,2},{3,NULL}}'] },
  'text[]': { sql: 'text[]', values: ['{NULL,"NULL","",a\\\\b,"c,d"}', '{}', '{{a,b},{c,"d e"}}'] },
  'int8range[]': { sql: 'int8range[]', values: ['{"[1,2)",NULL,empty}', '{}'] },
  enum: { sql: 'soak.mood', values: ['sad', 'it\'s "odd"', '', 'meh'] },
  'enum[]': { sql: 'soak.mood[]', values: ['{sad,"",NULL}', '{}'] },
  domain: { sql: 'soak.email', values: ['a@b', 'A@B', '@'] },
  composite: {
    sql: 'soak.address',
    values: ['("High Street 1",12345,"(1,2)")', '(,,)', '("a""b\\\\c","  ",)'],
    noEquality: true,
  },
  'composite[]': { sql: 'soak.pair[]', values: ['{"(1,\\"a b\\")",NULL}', '{}'] },
};

/** A value in text form, or null one time in eight where that is allowed; sometimes one that is refused. */
export function drawValue(type: ValueType, nullable: boolean, chance: Chance): string | null {
  if (nullable && chance.between(1, 8) === 1) return null;
  return type.refused && chance.percent(5) ? chance.oneOf(type.refused) : chance.oneOf(type.values);
}

/** What stands in front of all tables of a round. */
export const TYPE_STATEMENTS: readonly string[] = [
  'CREATE SCHEMA soak',
  'CREATE EXTENSION citext SCHEMA public',
  'CREATE EXTENSION hstore SCHEMA public',
  'CREATE EXTENSION btree_gist SCHEMA public',
  `CREATE TYPE soak.mood AS ENUM ('sad', 'ok', 'it''s "odd"', '')`,
  `ALTER TYPE soak.mood ADD VALUE 'meh' AFTER 'sad'`,
  'CREATE TYPE soak.pair AS (n bigint, t text)',
  'CREATE TYPE soak.address AS (street text, zip char(5), at point)',
  'CREATE TYPE soak.span AS RANGE (subtype = float8, subtype_diff = float8mi)',
  'CREATE DOMAIN soak.positive AS bigint CHECK (VALUE >= 0)',
  `CREATE DOMAIN soak.email AS public.citext CHECK (VALUE OPERATOR(public.~) '@')`,
];
