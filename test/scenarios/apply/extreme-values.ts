/** Every built-in type with the values that a careless reader loses. */
export const EXTREMES = [
  ['smallint', '-32768', '32767'],
  ['bigint', '-9223372036854775808', '9223372036854775807'],
  ['numeric', "'NaN'", "'-Infinity'", '123456789012345678901234567890.123456789012345678901234567890', '1.000'],
  ['numeric(12,3)', '-0.001', '123456789.999'],
  ['real', "'-0'", "'NaN'", "'-Infinity'", '1e-45', '3.4028235e38'],
  ['double precision', "'-0'", "'NaN'", "'Infinity'", '5e-324', '0.1', '1.7976931348623157e308'],
  ['money', "'-92233720368547758.08'", "'1234.5'"],
  ['text', "''", "'tab\tnew\nline\\\\backslash \\\\. \\\\N quote'' \"'", "'\u00e4\u{1F600}\u6f22'", "'NULL'"],
  ['varchar(5)', "'\u00e4\u00f6\u00fc\u00df\u00e9'", "''"],
  ['char(4)', "'a'", "''"],
  ['"char"', "'x'", "''"],
  ['name', "'a name'"],
  ['bytea', "'\\\\x'", "'\\\\x00ff005c0a'", "'\\\\x00'"],
  ['boolean', 'true', 'false'],
  ['date', "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'5874897-12-31'"],
  ['time', "'24:00:00'", "'23:59:59.999999'"],
  ['timetz', "'12:00:00.123456+15:59:59'"],
  ['timestamp', "'infinity'", "'4713-01-01 00:00:00 BC'", "'294276-12-31 23:59:59.999999'"],
  ['timestamptz', "'-infinity'", "'0001-01-01 00:00:00.000001+00 BC'", "'2024-02-29 23:59:59.999999+13'"],
  ['interval', "'-178000000 years'", "'1 year -1 mon 2 days -03:04:05.678901'", "'0'"],
  ['uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  ['json', '\'{"a":  1, "a": 12345678901234567890.0}\''],
  ['jsonb', '\'{"a": 1e400, "b": [null, "\\\\u00e4"]}\''],
  ['inet', "'::1/64'", "'10.0.0.1'"],
  ['cidr', "'10.0.0.0/8'"],
  ['macaddr8', "'08:00:2b:01:02:03:04:05'"],
  ['bit(5)', "B'10101'"],
  ['varbit(9)', "B''", "B'101010101'"],
  ['point', "'(-0,NaN)'"],
  ['path', "'[(0,0),(1,1)]'"],
  ['polygon', "'((0,0),(1,1),(1,0))'"],
  ['circle', "'<(0.1,0.2),1e-7>'"],
  ['int4range', "'empty'", "'[1,5)'", "'(,)'"],
  ['tstzrange', "'[2020-01-01,infinity)'"],
  ['nummultirange', "'{[1.0,2.00),[5,6]}'"],
  ['tsvector', "'a:1A fat:2 ''b c'':3'"],
  ['tsquery', "'a & !b <2> c'"],
  ['int[]', "'{}'", "'{1,NULL,3}'", "'[-1:1]={1,2,3}'", "'{{1,2},{3,4}}'"],
  ['text[]', `'{"a\\\\"b","NULL",NULL,"","x,y"}'`],
  ['bytea[]', `'{"\\\\\\\\x0001",NULL}'`],
  ['pg_lsn', "'16/B374D848'"],
  ['txid_snapshot', "'10:20:10,14,15'"],
  ['oid', '4294967295'],
  ['xid8', "'18446744073709551615'"],
] as const;

type Extremes = readonly (typeof EXTREMES)[number][];

/** One row for each value of each type: `id`, and the value in the column of its type. */
export const extremeRows = (extremes: Extremes, table: string, from: number) => {
  let id = from;
  return extremes.flatMap(([, ...values], column) =>
    values.map((value) => `INSERT INTO ${table} (id, c${column}) VALUES (${id++}, ${value.replaceAll('\\\\', '\\')})`),
  );
};
/** A column for each type. */
export const extremeColumns = (extremes: Extremes) => extremes.map(([type], column) => `c${column} ${type}`).join(', ');
