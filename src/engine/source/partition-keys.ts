import type pg from 'pg';

/** What decides to which partition a row belongs. */
export interface PartitionKeys {
  readonly strategy: 'h' | 'l' | 'r';
  readonly columns: readonly KeyColumn[];
}

export interface KeyColumn {
  /**
   * OID of the type that the operator class is for: `anyenum`, `anyarray` and the like for kinds of types. That of OIDs is also for
   * `regclass` and its kind, which travel by name: then it is theirs.
   */
  readonly type: number;
  /** The operator class is of the operator's, or of an extension. */
  readonly ownClass: boolean;
  readonly expression: boolean;
  /** Null: no text. */
  readonly collation: CollationFacts | null;
}

export interface CollationFacts {
  readonly isDefault: boolean;
  readonly deterministic: boolean;
  /** `c` libc, `i` ICU, `b` PostgreSQL's own. */
  readonly provider: string;
  readonly locale: string;
}

/** How one server compares text, and hashes. */
export interface Comparing {
  readonly encoding: string;
  /** The collation of the database. */
  readonly provider: string;
  readonly locale: string;
  /** Hashes of some fixed values. */
  readonly hashes: string;
}

/** Columns of catalogs come and go with the versions: a row is taken as JSON, where a missing one is null. */
const localeOf = (row: string, plain: string) =>
  `coalesce(to_jsonb(${row}) ->> '${plain}locale', to_jsonb(${row}) ->> '${plain}iculocale', to_jsonb(${row}) ->> '${plain}collate')`;

const KEYS = `
SELECT p.partrelid::oid::int8 AS oid, p.partstrat AS strategy, (SELECT json_agg(json_build_object(
         'type', CASE WHEN o.opcintype = 'oid'::regtype THEN coalesce((SELECT coalesce(nullif(t.typbasetype, 0), t.oid) FROM pg_attribute a
            JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = p.partrelid AND a.attnum = k.attnum), o.opcintype) ELSE o.opcintype END::int8, 'ownClass', o.oid >= 16384, 'expression', k.attnum = 0,
         'collation', CASE WHEN k.coll <> 0 THEN json_build_object('isDefault', l.collprovider = 'd',
            'deterministic', l.collisdeterministic, 'provider', l.collprovider, 'locale', coalesce(${localeOf('l', 'coll')}, '')) END) ORDER BY k.n)
     FROM unnest(p.partattrs, p.partclass, p.partcollation) WITH ORDINALITY k(attnum, class, coll, n)
     JOIN pg_opclass o ON o.oid = k.class LEFT JOIN pg_collation l ON l.oid = k.coll)::text AS columns
  FROM pg_partitioned_table p`;

/** The partitioned tables of a server by OID. */
export async function readPartitionKeys(client: pg.Client): Promise<Map<number, PartitionKeys>> {
  const { rows } = await client.query<Record<'oid' | 'strategy' | 'columns', string>>(KEYS);
  return new Map(
    rows.map(({ oid, strategy, columns }) => [
      Number(oid),
      { strategy: strategy as PartitionKeys['strategy'], columns: JSON.parse(columns ?? '[]') as KeyColumn[] },
    ]),
  );
}

/** The seed that PostgreSQL partitions by: HASH_PARTITION_SEED. */
const SEED = '8816678312871386365';

/** Byte order and releases may make a hash another one. */
const COMPARING = `
SELECT pg_encoding_to_char(d.encoding) AS encoding, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', d.datcollate) AS locale,
       concat_ws(' ', hashint8extended(-1234567890123, ${SEED}), hashint4extended(77, ${SEED}), hashtextextended('abcdefghijklm' COLLATE "C", ${SEED}),
         hash_numeric_extended(-1.50, ${SEED}), hashfloat8extended('NaN', ${SEED}), hashfloat8extended(1.5, ${SEED}), hashfloat4extended('NaN', ${SEED}),
         uuid_hash_extended('00112233-4455-6677-8899-aabbccddeeff', ${SEED}), timestamp_hash_extended('2020-02-29 12:34:56', ${SEED}),
         interval_hash_extended('1 mon 2 days', ${SEED}), timetz_hash_extended('12:34:56+02', ${SEED}), hashinetextended('10.1.2.3/8', ${SEED}),
         jsonb_hash_extended('{"a": [1, "x", null]}', ${SEED})) AS hashes
  FROM pg_database d WHERE d.datname = current_database()`;

export async function readComparing(client: pg.Client): Promise<Comparing> {
  const { rows } = await client.query<Record<keyof Comparing, string>>(COMPARING);
  const { encoding = '', provider = '', locale = '', hashes = '' } = rows[0] ?? {};
  return { encoding, provider, locale, hashes };
}

const VERSIONS = `
SELECT w.provider, w.locale, (SELECT max(pg_collation_actual_version(l.oid)) FROM pg_collation l
    WHERE l.collprovider = w.provider::"char" AND lower(replace(replace(${localeOf('l', 'coll')}, '-', ''), '_', '')) = lower(replace(replace(w.locale, '-', ''), '_', ''))
      AND l.collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))) AS version
  FROM json_to_recordset($1::json) w(provider text, locale text)`;

export type Order = Pick<Comparing, 'provider' | 'locale'>;
export const orderKey = ({ provider, locale }: Order): string =>
  `${provider} ${locale.toLowerCase().replaceAll(/[-_]/g, '')}`;

/** The versions of these collations on a server, as its library says; absent where it does not say. */
export async function readVersions(client: pg.Client, orders: readonly Order[]): Promise<Map<string, string>> {
  const wanted = new Map(orders.map((order) => [orderKey(order), { provider: order.provider, locale: order.locale }]));
  const { rows } = await client.query<{ provider: string; locale: string; version: string | null }>(VERSIONS, [
    JSON.stringify([...wanted.values()]),
  ]);
  return new Map(rows.flatMap((row) => (row.version === null ? [] : [[orderKey(row), row.version] as const])));
}
