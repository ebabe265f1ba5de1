import type pg from 'pg';
import { qualified } from '../../postgres/identifiers.ts';

/** A range of TimescaleDB's own 64-bit numbers as text: from (included) to (excluded); null: without end. */
export interface TimeRange {
  readonly from: string | null;
  readonly to: string | null;
}

const LOWEST = '-9223372036854775808';
const HIGHEST = '9223372036854775807';
const OPEN = new Set([LOWEST, HIGHEST]);

export const isInteger = (type: string): boolean => /^(smallint|integer|bigint)$/.test(type);

/** SQL for the value that a number stands for: microseconds for times, itself for integers. */
export function inType(number: string, type: string): string {
  if (type === 'timestamp with time zone') return `_timescaledb_functions.to_timestamp(${number}::bigint)`;
  if (type === 'timestamp without time zone')
    return `_timescaledb_functions.to_timestamp_without_timezone(${number}::bigint)`;
  if (type === 'date') return `_timescaledb_functions.to_date(${number}::bigint)`;
  return `${number}::${type}`;
}

/**
 * The ranges of time for which a hypertable has chunks, those that touch each other as one. Where an aggregate has buckets
 * outside of them, the rows that they were made from are gone.
 */
export async function rangesOfChunks(
  client: pg.Client,
  hypertable: { readonly schema: string; readonly name: string },
): Promise<TimeRange[]> {
  const { rows } = await client.query<{ from: string; to: string }>(
    `SELECT DISTINCT k.slices -> d.column_name ->> 0 AS from, k.slices -> d.column_name ->> 1 AS to
       FROM timescaledb_information.dimensions d
       JOIN pg_inherits i ON i.inhparent = to_regclass($1) JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
      CROSS JOIN LATERAL _timescaledb_functions.show_chunk(i.inhrelid::regclass) k
      WHERE d.dimension_number = 1 AND d.hypertable_schema = $2 AND d.hypertable_name = $3`,
    [qualified(hypertable), hypertable.schema, hypertable.name],
  );
  return joined(rows);
}

/** Ranges that overlap or touch, as one each; in order. */
export function joined(ranges: readonly { readonly from: string; readonly to: string }[]): TimeRange[] {
  const sorted = ranges.map(({ from, to }) => ({ from: BigInt(from), to: BigInt(to) }));
  sorted.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const result: { from: bigint; to: bigint }[] = [];
  for (const range of sorted) {
    const last = result.at(-1);
    if (last && range.from <= last.to) last.to = range.to > last.to ? range.to : last.to;
    else result.push({ ...range });
  }
  const bound = (value: bigint) => (OPEN.has(String(value)) ? null : String(value));
  return result.map(({ from, to }) => ({ from: bound(from), to: bound(to) }));
}

/** What lies before and between them: nothing is behind the last one. All there is when there are none. */
export function gapsBefore(ranges: readonly TimeRange[]): TimeRange[] {
  if (ranges.length === 0) return [{ from: null, to: null }];
  return ranges.flatMap(({ from }, index) => {
    const before = index === 0 ? null : (ranges[index - 1]?.to ?? null);
    return from === null ? [] : [{ from: before, to: from }];
  });
}

const whole = ({ from, to }: TimeRange) => ({ from: from ?? LOWEST, to: to ?? HIGHEST });

/** All that lies in some of them, as few ranges as it takes. */
export const together = (...lists: readonly (readonly TimeRange[])[]): TimeRange[] => joined(lists.flat().map(whole));

/** What of these ranges does not lie in the others. */
export function beyond(ranges: readonly TimeRange[], others: readonly TimeRange[]): TimeRange[] {
  let left = ranges.map(whole);
  for (const other of others.map(whole)) {
    const [from, to] = [BigInt(other.from), BigInt(other.to)];
    left = left.flatMap((range) => {
      if (BigInt(range.to) <= from || BigInt(range.from) >= to) return [range];
      return [
        ...(BigInt(range.from) < from ? [{ from: range.from, to: other.from }] : []),
        ...(BigInt(range.to) > to ? [{ from: other.to, to: range.to }] : []),
      ];
    });
  }
  return joined(left);
}

/** What lies behind and between gaps. */
export function behindGaps(gaps: readonly TimeRange[]): TimeRange[] {
  const ranges: TimeRange[] = [];
  let from: string | null = null;
  for (const gap of gaps) {
    if (gap.from !== null) ranges.push({ from, to: gap.from });
    if (gap.to === null) return ranges;
    from = gap.to;
  }
  return [...ranges, { from, to: null }];
}
