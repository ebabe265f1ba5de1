/** A type that a key may have: its values follow from a number, in SQL and, for COPY, as text. */
export interface KeyType {
  readonly sql: string;
  /** SQL for the value of a bigint expression. */
  readonly of: (expression: string) => string;
  /** The same value in the type's text form. */
  readonly text: (number: number) => string;
}

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');
const day = (number: number): string => new Date(Date.UTC(2000, 0, 1 + number)).toISOString().slice(0, 10);

/** Numbers up to a few million, which is what a round gives out. */
export const KEY_TYPES: Readonly<Record<string, KeyType>> = {
  bigint: { sql: 'bigint', of: (n) => `(${n})::bigint`, text: String },
  integer: { sql: 'integer', of: (n) => `(${n})::integer`, text: String },
  text: { sql: 'text', of: (n) => `'k' || (${n})`, text: (n) => `k${n}` },
  'odd text': {
    sql: 'text',
    of: (n) => `E'\\t''"\\\\ ü🐯\\n' || (${n})`,
    text: (n) => `\t'"\\ ü🐯\n${n}`,
  },
  varchar: { sql: 'varchar(30)', of: (n) => `('v' || (${n}))::varchar(30)`, text: (n) => `v${n}` },
  char: { sql: 'char(14)', of: (n) => `('c' || (${n}))::char(14)`, text: (n) => `c${n}` },
  name: { sql: 'name', of: (n) => `('n' || (${n}))::name`, text: (n) => `n${n}` },
  uuid: {
    sql: 'uuid',
    of: (n) => `lpad(to_hex(${n}), 32, '0')::uuid`,
    text: (n) => hex(n, 32),
  },
  numeric: { sql: 'numeric', of: (n) => `((${n}) || '.50')::numeric`, text: (n) => `${n}.50` },
  'double precision': {
    sql: 'double precision',
    of: (n) => `(${n})::float8 + 0.1::float8`,
    text: (n) => String(n + 0.1),
  },
  date: { sql: 'date', of: (n) => `date '2000-01-01' + (${n})::integer`, text: day },
  timestamptz: {
    sql: 'timestamptz',
    of: (n) => `timestamptz '2000-01-01 00:00:00Z' + (${n}) * interval '1 day'`,
    text: (n) => `${day(n)} 00:00:00Z`,
  },
  interval: { sql: 'interval', of: (n) => `(${n}) * interval '1 minute'`, text: (n) => `${n} minutes` },
  bytea: { sql: 'bytea', of: (n) => `decode(lpad(to_hex(${n}), 16, '0'), 'hex')`, text: (n) => `\\x${hex(n, 16)}` },
  inet: {
    sql: 'inet',
    of: (n) => `inet '10.0.0.0' + (${n})`,
    text: (n) => `10.${n >>> 16}.${(n >>> 8) & 255}.${n & 255}`,
  },
  bit: { sql: 'bit(32)', of: (n) => `(${n})::bit(32)`, text: (n) => n.toString(2).padStart(32, '0') },
  oid: { sql: 'oid', of: (n) => `(${n})::oid`, text: String },
  pg_lsn: { sql: 'pg_lsn', of: (n) => `pg_lsn '0/0' + (${n})::numeric`, text: (n) => `0/${hex(n, 1)}` },
  range: {
    sql: 'int8range',
    of: (n) => `int8range((${n})::bigint, (${n})::bigint + 1)`,
    text: (n) => `[${n},${n + 1})`,
  },
  array: { sql: 'bigint[]', of: (n) => `ARRAY[(${n})::bigint, 1]`, text: (n) => `{${n},1}` },
  jsonb: { sql: 'jsonb', of: (n) => `to_jsonb((${n})::bigint)`, text: String },
  citext: { sql: 'public.citext', of: (n) => `('Key' || (${n}))::public.citext`, text: (n) => `Key${n}` },
  composite: { sql: 'soak.pair', of: (n) => `ROW((${n})::bigint, 'x')::soak.pair`, text: (n) => `(${n},x)` },
  domain: { sql: 'soak.positive', of: (n) => `(${n})::bigint::soak.positive`, text: String },
};
