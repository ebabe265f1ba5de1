import type pg from 'pg';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { queryAsOperator } from '../../postgres/search-path.ts';
import { placeOf, type SourceTable } from '../source/catalog.ts';
import { type Dimension, readDefinitions } from './dimensions.ts';

/** Chunks that are made in one transaction. */
const AT_ONCE = 100;
/** Boundaries beyond, near the ends of a type, are left to the server. */
const FAR = 2n ** 62n;
const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;
const HASHES = 2n ** 31n - 1n;

interface Measured {
  /** The column's value as a whole number, counted as TimescaleDB does: microseconds since 1970, or what it is. */
  readonly toNumber: string;
  /** The other way round, of a number `x`. */
  readonly fromNumber: string;
}

/** Every operator is qualified: the server plans it with the operator's functions, which the table's indexes may have. */
const SECONDS = `(x::numeric OPERATOR(pg_catalog./) 1000000 OPERATOR(pg_catalog.*) interval '1 second')`;
const MEASURES: Readonly<Record<string, Measured>> = {
  timestamptz: {
    toNumber: '(extract(epoch FROM v) OPERATOR(pg_catalog.*) 1000000)::numeric',
    fromNumber: `(timestamptz 'epoch' OPERATOR(pg_catalog.+) ${SECONDS})`,
  },
  timestamp: {
    toNumber: '(extract(epoch FROM v) OPERATOR(pg_catalog.*) 1000000)::numeric',
    fromNumber: `(timestamp 'epoch' OPERATOR(pg_catalog.+) ${SECONDS})`,
  },
  date: {
    toNumber: '(extract(epoch FROM v) OPERATOR(pg_catalog.*) 1000000)::numeric',
    fromNumber: `(timestamp 'epoch' OPERATOR(pg_catalog.+) ${SECONDS})::date`,
  },
  int2: { toNumber: 'v::numeric', fromNumber: 'x::int8' },
  int4: { toNumber: 'v::numeric', fromNumber: 'x::int8' },
  int8: { toNumber: 'v::numeric', fromNumber: 'x::int8' },
};

const COLUMN = `
SELECT t.typname AS type, EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
     WHERE i.indrelid = a.attrelid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum AND m.amname = 'btree') AS indexed
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = $1::oid AND a.attname = $2 AND NOT a.attisdropped`;

/**
 * The numbers of the chunks that have rows, without those that are infinite: along an index in steps of a chunk, else by
 * looking at all rows once. Null when the column has another type, or is gone.
 */
async function chunksWithRows(source: pg.Client, table: SourceTable, time: Dimension): Promise<bigint[] | null> {
  const found = await source.query<{ type: string; indexed: string }>(COLUMN, [String(table.oid), time.column]);
  const measured = MEASURES[found.rows[0]?.type ?? ''];
  if (!measured || time.interval === null) return null;
  const { toNumber, fromNumber } = measured;
  const column = `t.${quoteIdent(time.column)}`;
  const from = `FROM ONLY ${qualified(table)} t WHERE ${column} IS NOT NULL${
    toNumber.includes('epoch') ? ` AND pg_catalog.isfinite(${column})` : ''
  }`;
  const number = `pg_catalog.floor(${toNumber} OPERATOR(pg_catalog./) ${time.interval}::numeric)`;
  const next = fromNumber.replace(
    'x',
    `((chunk.n OPERATOR(pg_catalog.+) 1) OPERATOR(pg_catalog.*) ${time.interval}::numeric)`,
  );
  const byIndex = `WITH RECURSIVE first AS (SELECT pg_catalog.min(${column}) AS v ${from}), chunk AS (
      SELECT v, ${number} AS n FROM first
      UNION ALL
      SELECT v, ${number} FROM (SELECT (SELECT pg_catalog.min(${column}) ${from} AND ${column} OPERATOR(pg_catalog.>=) ${next}) AS v FROM chunk WHERE v IS NOT NULL) f)
    SELECT DISTINCT n::text FROM chunk WHERE v IS NOT NULL`;
  const byRows = `SELECT DISTINCT ${number.replaceAll('FROM v', `FROM ${column}`).replaceAll('v::', `${column}::`)}::text AS n ${from}`;
  const { rows } = await queryAsOperator<{ n: string }>(source, found.rows[0]?.indexed === 't' ? byIndex : byRows);
  return rows.map(({ n }) => BigInt(n));
}

const json = (column: string, from: bigint, to: bigint) => `${JSON.stringify(column)}: [${from}, ${to}]`;

/**
 * The boundaries of these chunks as JSON text, as TimescaleDB itself would choose them for their rows: whole intervals from 1970
 * (or 0), and equal parts of all hashes.
 */
export function slicesOf(dimensions: readonly Dimension[], numbers: readonly bigint[]): string[] {
  const [time, hash] = dimensions;
  if (!time?.interval) return [];
  const width = BigInt(time.interval);
  const near = numbers.filter((n) => n * width > -FAR && (n + 1n) * width < FAR);
  const ranges = near.map((n) => json(time.column, n * width, (n + 1n) * width));
  if (!hash?.partitions) return ranges.map((range) => `{${range}}`);
  const { column, partitions } = hash;
  const part = HASHES / BigInt(partitions);
  const parts = Array.from({ length: partitions }, (_, index) =>
    json(
      column,
      index === 0 ? LOWEST : BigInt(index) * part,
      index === partitions - 1 ? HIGHEST : BigInt(index + 1) * part,
    ),
  );
  return ranges.flatMap((range) => parts.map((one) => `{${range}, ${one}}`));
}

interface Connecting {
  readonly connectSource: (application: string) => Promise<pg.Client>;
  readonly destroy: (client: pg.Client) => void;
  readonly signal: AbortSignal;
}

const MAKE = `SELECT count(*) FROM json_array_elements_text($2::json) s CROSS JOIN LATERAL
  _timescaledb_functions.create_chunk(to_regclass($1), s::jsonb) c`;

/**
 * Makes the chunks for the rows that a plain table of the source has, in short transactions before the first row: one that is
 * made inside a long transaction lets every other wait. What comes later makes its own.
 */
export async function makeChunksOfRows(
  { connectSource, destroy, signal }: Connecting,
  target: pg.Client,
  table: SourceTable,
): Promise<void> {
  const source = await connectSource('chunks');
  const stop = () => destroy(source);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await makeChunks(source, target, table);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

async function makeChunks(source: pg.Client, target: pg.Client, table: SourceTable): Promise<void> {
  const name = qualified(placeOf(table));
  const { rows } = await target.query<{ oid: string }>('SELECT to_regclass($1)::oid::int8 AS oid', [name]);
  const [definition] = await readDefinitions(target, [Number(rows[0]?.oid)]);
  const [time] = definition?.dimensions ?? [];
  if (!definition || !time) return;
  const numbers = await chunksWithRows(source, table, time);
  const slices = slicesOf(definition.dimensions, numbers ?? []);
  for (let start = 0; start < slices.length; start += AT_ONCE) {
    await target.query(MAKE, [name, JSON.stringify(slices.slice(start, start + AT_ONCE))]);
  }
}
