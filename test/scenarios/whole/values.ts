import type { Random } from '../../../src/demo/random.ts';

type Pool = readonly [string, ...string[]];

/** For each table of 3-columns.sql: SQL expressions, one of which is taken for each column at every write. */
const POOLS: Readonly<Record<string, Readonly<Record<string, Pool>>>> = {
  domains: {
    e: [`'a@b'`, `'A@B'`, 'NULL'],
    p: ['1', '2147483647'],
    q: ['1', '100', 'DEFAULT'],
    many: [`'{1,2}'`, `'{}'`, 'NULL', `'[3:4]={5,6}'`],
    tags: [`'{a,"b c",""}'`, 'NULL'],
  },
  enums: {
    mood: [`'sad'`, `'meh'`, `''`, `'it''s "odd"'`, `E'happy, \\\\very'`, 'NULL'],
    moods: [`'{}'`, `'{sad,"it''s \\"odd\\"",""}'`, `ARRAY[NULL, 'ok']::app.mood[]`, `'[0:0]={meh}'`],
  },
  composites: {
    home: [`ROW('a "b", (c)', '12', '(1,2)')`, `ROW(NULL, NULL, NULL)`, 'NULL', `ROW('', '', NULL)`],
    homes: [`ARRAY[ROW('x,y', '1', NULL), NULL]::app.address[]`, `'{}'`, 'NULL'],
    deep: [`ROW('Name', ARRAY[ROW(E'new\\nline\\\\', '1', '(0,-0)')]::app.address[], 'meh')`, `ROW(NULL, '{}', '')`],
  },
  ranges: {
    i: [`'empty'`, `'[1,5)'`, `'(,)'`, 'NULL'],
    n: [`'[1.50,NaN]'`, `'(,0.000]'`, `'[-Infinity,3)'`],
    t: [`'[-infinity,infinity]'`, `'["2000-01-01 00:00:00.000001 BC",)'`],
    d: [`'[0044-03-15 BC,2026-01-01)'`, `'(,infinity)'`],
    s: [`'[1e-300,1e300)'`, `'[-0,NaN]'`, 'NULL'],
    mi: [`'{}'`, `'{[1,2),[5,)}'`],
    md: [`'{[2000-01-01,2000-01-02)}'`, 'NULL'],
    ms: [`'{[1,2],(3,4)}'`, `'{}'`],
    ar: [`'{"[1,2)",NULL,empty}'`, `'{}'`],
  },
  numbers: {
    i2: ['-32768', '32767', 'NULL'],
    i8: ['-9223372036854775808', '9007199254740993'],
    n: [`'NaN'`, `'Infinity'`, `'-Infinity'`, '1e-130', '0.000000', '1e200', '1.10'],
    n2: [`'NaN'`, '12345678901234567890.0123456789', '-0.0000000001'],
    f4: [`'NaN'`, `'-0'`, `'Infinity'`, '3.4028235e38', '0.1', '1e-45'],
    f8: [`'-0'`, `'-Infinity'`, '0.1', '2.2250738585072014e-308', '5e-324', '1e22', '123456789.123456789'],
    m: [`'-92233720368547758.08'`, `'0.01'`, 'NULL'],
    o: ['4294967295', '0'],
    b: [`B'1010101'`, `B'0000000'`],
    vb: [`B''`, `B'1'`, `B'11110000111100001111'`],
    t: ['true', 'false', 'NULL'],
    x8: [`'18446744073709551615'`, 'NULL'],
    l: [`'FFFFFFFF/FFFFFFFF'`, `'0/0'`],
  },
  times: {
    d: [`'infinity'`, `'4713-01-01 BC'`, `'5874897-12-31'`, `'0001-01-01 BC'`, 'NULL'],
    ts: [`'-infinity'`, `'4713-01-01 00:00:00.000001 BC'`, `'294276-12-31 23:59:59.999999'`, `'2026-03-29 02:30:00.5'`],
    tz: [`'infinity'`, `'0099-12-31 23:59:59.1 BC'`, `'2026-10-25 02:30:00.123456+02'`],
    ts0: [`'2026-01-01 00:00:00.4+14'`, 'NULL'],
    t: [`'24:00:00'`, `'00:00:00.000001'`],
    ttz: [`'24:00:00+15:59'`, `'12:34:56.789012-15:59:59'`],
    i: [`'-178000000 years'`, `'1 mon -1 day +00:00:00.000001'`, `'-1 years 2 mons -3 days 04:05:06.7'`, `'0'`],
    im: [`'90 minutes'`, 'NULL'],
  },
  texts: {
    b: [`'\\x'`, `'\\x00ff5c0a'`, 'NULL', `decode(repeat('00ff', 3000), 'hex')`],
    c: [`'a'`, `''`, `'ünï'`],
    v: [`E'tab\\t new\\n cr\\r back\\\\ \\\\N \\\\.'`, `''`, 'NULL', `E'\\b\\f\\v\\x01\\x7f'`],
    n: [`'name'`, `''`],
    q: [`'x'`, `''`],
    h: [`'a=>NULL, "b c"=>"\\"q\\""'`, `''`, 'NULL'],
    ci: [`'MiXed'`, `'mixed'`],
    x: [`'<a b="c">&lt;</a>'`, `'text only'`, 'NULL', `'<?xml version="1.0"?><r/>'`],
    j: [`'{"a":  1, "a": 2, "big": 12345678901234567890.10}'`, `'null'`, 'NULL', `'"\\u00e4"'`],
    jb: [`'{"a": 1.10, "n": null, "e": 1e400}'`, `'"x"'`, `'[]'`],
    jp: [`'$.a[*] ? (@ > 1)'`, 'NULL'],
    tv: [`'a:1A b:2 ''it''''s'':3'`, `''`],
    tq: [`'a & !b | (c <-> d:*)'`, `''`],
    arr: [`'{NULL,"NULL","",a\\\\b,"c,d"}'`, `'{}'`, `'{{1,2},{3,4}}'`],
    arr2: [`'[2:3][0:1]={{1,2},{3,NULL}}'`, `'{}'`],
    u: [`'ffffffff-ffff-ffff-ffff-ffffffffffff'`, 'NULL'],
  },
  nets: {
    i: [`'::ffff:1.2.3.4/100'`, `'10.1.2.3/8'`, `'::1'`],
    c: [`'10.0.0.0/8'`, `'2001:db8::/32'`],
    m: [`'08:00:2b:01:02:03'`, 'NULL'],
    m8: [`'08:00:2b:ff:fe:01:02:03'`],
    p: [`'(-0,NaN)'`, `'(1e300,Infinity)'`, `'(0.1,0.2)'`],
    l: [`'{1,-1,0}'`, 'NULL'],
    s: [`'[(0,0),(1,1)]'`],
    b: [`'(1,1),(0,0)'`],
    pa: [`'[(0,0),(1,1)]'`, `'((0,0),(1,1))'`],
    po: [`'((0,0),(1,1),(2,0))'`, 'NULL'],
    ci: [`'<(0,0),0.1>'`],
  },
};

/** Tables whose rows are made of `POOLS`; each has a key `id`. */
export const POOLED_TABLES = Object.keys(POOLS) as [string, ...string[]];

const listOf = (table: string, random: Random): [column: string, expression: string][] =>
  Object.entries(POOLS[table] ?? {}).map(([column, pool]) => [column, random.oneOf(pool)]);

export function insertPooled(table: string, id: number, random: Random): string {
  const values = listOf(table, random);
  return `INSERT INTO app.${table} (id, ${values.map(([column]) => column).join(', ')})
    VALUES (${id}, ${values.map(([, expression]) => expression).join(', ')})`;
}

/** Changes one to all of the columns. */
export function updatePooled(table: string, id: number, random: Random): string {
  const values = listOf(table, random);
  const some = values.filter(() => random.between(1, 3) === 1);
  const set = (some.length > 0 ? some : values).map(([column, expression]) => `${column} = ${expression}`);
  return `UPDATE app.${table} SET ${set.join(', ')} WHERE id = ${id}`;
}
