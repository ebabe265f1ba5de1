import type pg from 'pg';
import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { withoutReplay } from '../target/apply-lock.ts';
import { copyHistory, gapsCopied } from './aggregate-history.ts';
import { extensionSchema } from './make-hypertables.ts';
import type { Aggregate } from './source-aggregates.ts';
import { behindGaps, inType, isInteger, type TimeRange } from './time-ranges.ts';

export interface RefreshOptions {
  readonly source: pg.Client;
  /** In no transaction: a refresh has its own. */
  readonly target: pg.Client;
  /** Each behind the one that it stands upon. */
  readonly aggregates: readonly Aggregate[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Chunks of the target were dropped since, as on the source: what the aggregates hold of them is copied once more, as it became before. */
  readonly afterDrops?: boolean;
  /** Replay goes on meanwhile; how far each aggregate was looked at before, by this session. */
  readonly besideReplay?: Map<string, string>;
}

/**
 * Brings the target's aggregates to where the source has materialized its own, those that stand upon others last. The first
 * time from all rows that there are, and what has none any more is copied; then only what has changed since.
 * Gives the number of aggregates.
 */
export async function refreshAggregates(options: RefreshOptions): Promise<number> {
  const { source, target, aggregates, emit, signal } = options;
  if (aggregates.length === 0) return 0;
  const watermarks = await readWatermarks(source);
  const schema = await extensionSchema(target);
  const blind = await missesChanges(target);
  const force = blind && (await mayForce(target));
  let refreshed = 0;
  for (const aggregate of aggregates) {
    signal.throwIfAborted();
    const watermark = watermarks.get(displayName(aggregate));
    // Dropped since, or nobody has ever refreshed it: its rows come with the first refresh, as on the source.
    if (watermark === undefined) continue;
    const gaps = blind ? null : await gapsCopied(target, aggregate);
    const started = performance.now();
    const ranges = gaps === null ? [{ from: null, to: watermark }] : upTo(behindGaps(gaps), watermark);
    if (options.besideReplay && options.besideReplay.get(displayName(aggregate)) !== watermark) {
      await lookAsFarAs(options, aggregate, { ranges, watermark, schema });
      options.besideReplay.set(displayName(aggregate), watermark);
    }
    if (gaps === null) {
      await target.query(calling(aggregate, { from: null, to: watermark }, schema, force));
      const rows = await copyHistory(options, aggregate);
      const history = rows > 0 ? `, ${rows} rows whose origin is gone copied` : '';
      const ms = Math.round(performance.now() - started);
      emit({ type: 'log', text: `Continuous aggregate ${displayName(aggregate)} filled in ${ms} ms${history}` });
    } else {
      await refreshRanges(target, aggregate, ranges, schema);
      if (options.afterDrops) await copyHistory(options, aggregate, gaps);
    }
    refreshed += 1;
  }
  return refreshed;
}

/**
 * TimescaleDB notes changes only up to where some refresh has looked before, and a transaction asks for that before others see its
 * COMMIT: what commits while a refresh moves it is neither seen nor noted. So it is moved with no transaction of replay open, by a
 * refresh of the source's last bucket alone.
 */
async function lookAsFarAs(
  { source, target }: RefreshOptions,
  aggregate: Aggregate,
  of: { readonly ranges: readonly TimeRange[]; readonly watermark: string; readonly schema: string },
): Promise<void> {
  const { ranges, watermark, schema } = of;
  const from = await lastBucket(source, aggregate);
  const isWithin = ({ to, from: first }: TimeRange) =>
    from !== null &&
    to === watermark &&
    (first === null || BigInt(first) <= BigInt(from)) &&
    BigInt(from) < BigInt(watermark);
  // Where no such bucket can be named, all of it must be refreshed so.
  const wanted = ranges.some(isWithin) ? [{ from, to: watermark }] : ranges;
  await withoutReplay(target, () => refreshRanges(target, aggregate, wanted, schema));
}

/** Where the last bucket begins that the source has materialized; null: there is none. */
async function lastBucket(source: pg.Client, { bucket, bucketType, storage }: Aggregate): Promise<string | null> {
  const last = `max(${quoteIdent(bucket)})`;
  const number = isInteger(bucketType) ? last : `extract(epoch FROM ${last}) * 1000000`;
  const { rows } = await source.query<{ last: string | null }>(
    `SELECT (${number})::bigint AS last FROM ${qualified(storage)}`,
  );
  return rows[0]?.last ?? null;
}

async function refreshRanges(
  target: pg.Client,
  aggregate: Aggregate,
  ranges: readonly TimeRange[],
  schema: string,
): Promise<void> {
  for (const range of ranges) {
    await target.query(calling(aggregate, range, schema, false)).catch((error: unknown) => {
      if (!isTooSmall(error)) throw error;
    });
  }
}

/** Narrower than a bucket: whatever is in it was copied. */
const isTooSmall = (error: unknown): boolean =>
  sqlState(error) === '22023' && error instanceof Error && /refresh window too small/.test(error.message);

/** Ranges as far as they lie before `end`. */
export const upTo = (ranges: readonly TimeRange[], end: string): TimeRange[] =>
  ranges.flatMap(({ from, to }) => {
    if (from !== null && BigInt(from) >= BigInt(end)) return [];
    return [{ from, to: to !== null && BigInt(to) < BigInt(end) ? to : end }];
  });

/** https://docs.tigerdata.com/api/latest/continuous-aggregates/refresh_continuous_aggregate/ */
export function calling(aggregate: Aggregate, { from, to }: TimeRange, schema: string, force: boolean): string {
  const value = (number: string | null) => (number === null ? 'NULL' : inType(number, aggregate.bucketType));
  return (
    `CALL ${quoteIdent(schema)}.refresh_continuous_aggregate(${quoteLiteral(qualified(aggregate))}::regclass, ` +
    `${value(from)}, ${value(to)}${force ? ', force => true' : ''})`
  );
}

/** How far each aggregate is materialized; those that never were are missing. Its watermark is the end of the last bucket. */
export async function readWatermarks(source: pg.Client): Promise<Map<string, string>> {
  const { rows } = await source.query<{ schema: string; name: string; watermark: string }>(
    `SELECT v.view_schema AS schema, v.view_name AS name, w.watermark::text AS watermark
       FROM timescaledb_information.continuous_aggregates v
       JOIN _timescaledb_catalog.hypertable h ON to_regclass(format('%I.%I', v.materialization_hypertable_schema, v.materialization_hypertable_name))
          = to_regclass(coalesce(to_jsonb(h) ->> 'relid', format('%I.%I', to_jsonb(h) ->> 'schema_name', to_jsonb(h) ->> 'table_name')))
       JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = h.id
      WHERE EXISTS (SELECT FROM pg_inherits i
        WHERE i.inhparent = to_regclass(format('%I.%I', v.materialization_hypertable_schema, v.materialization_hypertable_name)))`,
  );
  return new Map(rows.map(({ schema, name, watermark }) => [displayName({ schema, name }), watermark]));
}

/**
 * Before 2.23 a trigger on each chunk notes what a refresh must look at; on a session that writes as a replica it does not fire.
 * Then only a refresh of everything will do.
 */
export async function missesChanges(target: pg.Client): Promise<boolean> {
  const { rows } = await target.query<{ misses: string }>(
    `SELECT current_setting('session_replication_role') = 'replica'
        AND EXISTS (SELECT FROM pg_trigger WHERE tgname = 'ts_cagg_invalidation_trigger') AS misses`,
  );
  return rows[0]?.misses === 't';
}

async function mayForce(target: pg.Client): Promise<boolean> {
  const { rows } = await target.query<{ there: string }>(
    `SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'refresh_continuous_aggregate' AND 'force' = ANY (proargnames)) AS there`,
  );
  return rows[0]?.there === 't';
}
