import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { hasProgressSchema } from '../target/progress-schema.ts';
import { readCompression } from '../timescale/compression-settings.ts';
import { storageOf } from '../timescale/make-aggregates.ts';
import { readJobsAsBefore } from '../timescale/pause-jobs.ts';
import { isPolicy, kindOf } from '../timescale/policy-kinds.ts';
import { readWatermarks } from '../timescale/refresh-aggregates.ts';
import { type Aggregate, readAggregates } from '../timescale/source-aggregates.ts';
import { hasTimescale } from '../timescale/source-hypertables.ts';
import { type Job, readJobs } from '../timescale/source-jobs.ts';
import { inType } from '../timescale/time-ranges.ts';
import type { RowHashes } from './row-hash.ts';

type Named = { readonly schema: string; readonly name: string };

/**
 * What continuous aggregates hold, as far as both sides have materialized it, compression settings, policies and jobs: what
 * the target lacks or has otherwise, as sentences.
 */
export async function compareTimescale(
  source: pg.Client,
  target: pg.Client,
  hashes: RowHashes,
  wanted: (on: Named) => boolean,
): Promise<string[]> {
  if (!(await hasTimescale(source)) || !(await hasTimescale(target))) return [];
  const differences: string[] = [];
  const [there, here] = [await readWatermarks(source), await readWatermarks(target)];
  for (const aggregate of (await readAggregates(source)).filter(wanted)) {
    const watermark = there.get(displayName(aggregate));
    if (watermark === undefined || (await isStale(source, aggregate))) continue;
    const known = here.get(displayName(aggregate)) ?? watermark;
    const end = BigInt(known) < BigInt(watermark) ? known : watermark;
    const difference = await compareRows(source, target, hashes, aggregate, end);
    if (difference !== null) differences.push(difference);
  }
  const settings = new Set((await readCompression(target)).map((one) => JSON.stringify(one)));
  for (const one of (await readCompression(source)).filter(wanted)) {
    if (!settings.has(JSON.stringify(one)))
      differences.push(`compression of ${displayName(one)} is not set on the target as on the source`);
  }
  const jobs = (await hasProgressSchema(target)) ? await readJobsAsBefore(source, target) : await readJobs(source);
  const wantedJobs = jobs.filter(({ on }) => on === null || wanted(on));
  return [...differences, ...compareJobs(wantedJobs, await readJobs(target), await rolesWeAct(target))];
}

/** Roles that jobs of others can run as, for we may act as them. */
async function rolesWeAct(target: pg.Client): Promise<Set<string>> {
  const { rows } = await target.query<{ name: string }>(
    `SELECT rolname AS name FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')`,
  );
  return new Set(rows.map(({ name }) => name));
}

/** Policies belong to whoever owns the table; a job of the operator's to its owner on the source, where we may act as that role. */
export function compareJobs(source: readonly Job[], target: readonly Job[], roles: ReadonlySet<string>): string[] {
  const found = target.map((job) => ({ like: essence(job), owner: job.owner }));
  return source.flatMap((job) => {
    const like = essence(job);
    const alike = found.filter((one) => one.like === like);
    const own = alike.find(({ owner }) => owner === job.owner) ?? alike[0];
    if (!own) return [`${titleOf(job)} is missing on the target, or otherwise there`];
    found.splice(found.indexOf(own), 1);
    if (isPolicy(job) || own.owner === job.owner || !roles.has(job.owner)) return [];
    return [`${titleOf(job)} runs as ${own.owner} on the target, as ${job.owner} on the source`];
  });
}

const titleOf = (job: Job): string =>
  isPolicy(job)
    ? `${kindOf(job)} policy${job.on ? ` of ${displayName(job.on)}` : ''} (job ${job.id})`
    : `job ${job.id}, ${displayName({ schema: job.schema, name: job.procedure })}`;

/** A job without what is each server's own. */
export function essence(job: Job): string {
  const { id: _, owner: _owner, nextStart: _next, config: _config, title: _title, settings, ...rest } = job;
  const { hypertable_id: _h, mat_hypertable_id: _m, ...kept } = settings;
  return JSON.stringify({ ...rest, settings: Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1)) });
}

/** Rows have changed below what is materialized, and no refresh has looked at them yet: the target's holds them already. */
async function isStale(source: pg.Client, { on, storage }: Aggregate): Promise<boolean> {
  const relation = `to_regclass(coalesce(to_jsonb(h) ->> 'relid', format('%I.%I', to_jsonb(h) ->> 'schema_name', to_jsonb(h) ->> 'table_name')))`;
  const { rows } = await source.query<{ stale: string }>(
    `SELECT EXISTS (SELECT FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
         JOIN _timescaledb_catalog.hypertable h ON h.id = l.hypertable_id WHERE ${relation} = to_regclass($1))
      OR EXISTS (SELECT FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
         JOIN _timescaledb_catalog.hypertable h ON h.id = l.materialization_id
         JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = h.id
        WHERE ${relation} = to_regclass($2) AND l.lowest_modified_value > -9223372036854775808
          AND l.lowest_modified_value < w.watermark) AS stale`,
    [qualified(on), qualified(storage)],
  );
  return rows[0]?.stale === 't';
}

/** Sums of floating-point numbers depend on the order of the rows: such columns are not compared. */
async function compareRows(
  source: pg.Client,
  target: pg.Client,
  hashes: RowHashes,
  aggregate: Aggregate,
  end: string,
): Promise<string | null> {
  const name = displayName(aggregate);
  const storage = await storageOf(target, aggregate);
  if (!storage) return `continuous aggregate ${name} is missing on the target`;
  const { rows: exact } = await source.query<{ relation: string; name: string }>(
    `SELECT attrelid::oid::int8 AS relation, attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        AND atttypid NOT IN ('float4'::regtype, 'float8'::regtype) ORDER BY attnum`,
    [qualified(aggregate.storage)],
  );
  const { sql: hash } = hashes.of(
    Number(exact[0]?.relation),
    exact.map((column) => column.name),
  );
  const sum = async (client: pg.Client, relation: Named) => {
    const { rows } = await client.query<{ rows: string; hash: string }>(
      `SELECT count(*) AS rows, coalesce(sum(${hash}::numeric), 0) AS hash
         FROM ${qualified(relation)} t WHERE ${quoteIdent(aggregate.bucket)} < ${inType(end, aggregate.bucketType)}`,
    );
    return { rows: rows[0]?.rows ?? '0', hash: rows[0]?.hash ?? '0' };
  };
  const [there, here] = await Promise.all([sum(source, aggregate.storage), sum(target, storage)]);
  if (there.rows === here.rows && there.hash === here.hash) return null;
  return `continuous aggregate ${name} differs: ${here.rows} rows on the target, ${there.rows} on the source`;
}
