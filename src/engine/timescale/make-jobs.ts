import type pg from 'pg';
import { displayName, qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { type CompressionSettings, compressing } from './compression-settings.ts';
import { extensionSchema } from './make-hypertables.ts';
import { isPolicy, kindOf } from './policy-kinds.ts';
import { type Job, nextStart } from './source-jobs.ts';
import { isInteger } from './time-ranges.ts';

export interface MakeJobsOptions {
  /** In a transaction: nothing of it runs before that is committed. */
  readonly target: pg.Client;
  readonly emit: Emit;
}

/**
 * Makes compression settings, policies and the operator's own jobs on the target, as the source has them: what was not
 * scheduled there is not here. What the target refuses is left out and told. Gives how many there are.
 */
export async function makeJobs(
  options: MakeJobsOptions,
  compression: readonly CompressionSettings[],
  jobs: readonly Job[],
): Promise<{ readonly compressed: number; readonly jobs: number }> {
  if (compression.length + jobs.length === 0) return { compressed: 0, jobs: 0 };
  const { target } = options;
  const schema = await extensionSchema(target);
  let compressed = 0;
  for (const one of compression) {
    const made = await attempt(options, `compression of ${displayName(one)}`, async () => {
      // Before 2.16 what finds an order by itself sets the search path back to the one that it found: an empty one it can't.
      await target.query('SET LOCAL search_path = pg_catalog');
      await target.query(compressing(one));
      await target.query("SET LOCAL search_path = ''");
    });
    if (made) compressed += 1;
  }
  let made = 0;
  for (const job of [...jobs].sort((a, b) => rank(a) - rank(b) || a.id - b.id)) {
    const what = isPolicy(job)
      ? `${kindOf(job)} policy${job.on ? ` of ${displayName(job.on)}` : ''} (job ${job.id} of the source)`
      : `job ${displayName({ schema: job.schema, name: job.procedure })} (${job.id} of the source)`;
    if (await attempt(options, what, () => makeJob(options, job, schema))) made += 1;
  }
  return { compressed, jobs: made };
}

/** What compresses or drops the rows of an aggregate must leave alone what is refreshed: that comes first. */
const rank = (job: Job): number =>
  isPolicy(job) ? (job.procedure === 'policy_refresh_continuous_aggregate' ? 0 : 1) : 2;

/** Makes one thing; false, and a warning, when the target refuses it. */
export async function attempt(
  { target, emit }: MakeJobsOptions,
  what: string,
  make: () => Promise<void>,
): Promise<boolean> {
  await target.query('SAVEPOINT tm_job');
  try {
    await make();
    await target.query('RELEASE SAVEPOINT tm_job');
    return true;
  } catch (error) {
    // A session that is lost has taken the transaction along.
    if (sqlState(error) === null) throw error;
    await target.query('ROLLBACK TO SAVEPOINT tm_job; RELEASE SAVEPOINT tm_job');
    emit({ type: 'warning', text: `Left out: ${what}: ${error instanceof Error ? error.message : String(error)}` });
    return false;
  }
}

async function makeJob(options: MakeJobsOptions, job: Job, schema: string): Promise<void> {
  const { target } = options;
  const adding = addingStatement(job, schema);
  if (adding === null) throw Object.assign(new Error('this version does not know how to make it'), { code: '0A000' });
  const role = isPolicy(job) ? null : await roleFor(target, job.owner);
  let id = role === null ? null : await addAs(options, adding, role, job);
  if (id === null) id = await added(target, adding);
  for (const statement of altering(job, id, schema)) await target.query(statement);
}

async function added(target: pg.Client, statement: string): Promise<number> {
  const { rows } = await target.query<{ id: string }>(statement);
  return Number(rows[0]?.id);
}

/** The owner where it is another role that we may act as; null: we are, or stand in for, the owner. */
async function roleFor(target: pg.Client, owner: string): Promise<string | null> {
  const { rows } = await target.query<{ role: string }>(
    `SELECT rolname AS role FROM pg_roles WHERE rolname = $1 AND rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER')`,
    [owner],
  );
  return rows[0]?.role ?? null;
}

/** Null when that role may not: then we own the job, and say so. */
async function addAs(
  { target, emit }: MakeJobsOptions,
  adding: string,
  role: string,
  job: Job,
): Promise<number | null> {
  await target.query('SAVEPOINT tm_owner');
  try {
    await target.query(`SET LOCAL ROLE ${quoteIdent(role)}`);
    const id = await added(target, adding);
    await target.query('SET LOCAL ROLE NONE');
    await target.query('RELEASE SAVEPOINT tm_owner');
    return id;
  } catch (error) {
    if (sqlState(error) === null) throw error;
    await target.query('ROLLBACK TO SAVEPOINT tm_owner; RELEASE SAVEPOINT tm_owner');
    const why = error instanceof Error ? error.message : String(error);
    const name = displayName({ schema: job.schema, name: job.procedure });
    emit({ type: 'warning', text: `Job ${name} (${job.id} of the source) runs as our role, not as ${role}: ${why}` });
    return null;
  }
}

const text = (value: string | null): string => (value === null ? 'NULL' : quoteLiteral(value));

/** The statement that adds a job and gives its number; null for a policy that is not known. */
export function addingStatement(job: Job, schema: string): string | null {
  const call = (name: string, given: readonly string[]) =>
    `SELECT ${quoteIdent(schema)}.${name}(${given.join(', ')}) AS id`;
  const interval = `${text(job.scheduleInterval)}::interval`;
  const start = [
    ...(job.initialStart === null ? [] : [`initial_start => ${text(job.initialStart)}::timestamptz`]),
    ...(job.timezone === null ? [] : [`timezone => ${text(job.timezone)}`]),
  ];
  if (!isPolicy(job)) {
    return call('add_job', [
      `${quoteLiteral(qualified({ schema: job.schema, name: job.procedure }))}::regproc`,
      interval,
      ...(job.config === null ? [] : [`config => ${quoteLiteral(job.config)}::jsonb`]),
      ...start,
      `scheduled => ${job.scheduled}`,
      ...(job.check === null ? [] : [`check_config => ${quoteLiteral(qualified(job.check))}::regproc`]),
      `fixed_schedule => ${job.fixedSchedule}`,
    ]);
  }
  if (job.on === null) return null;
  const { settings } = job;
  const { type } = job.on;
  const on = `${quoteLiteral(qualified(job.on))}::regclass`;
  /** Ages of rows are counted in their time, those of chunks in real time. */
  const age = (value: string | null | undefined) => {
    if (value === null || value === undefined) return 'NULL';
    return isInteger(type) ? `${value}::${type}` : `${quoteLiteral(value)}::interval`;
  };
  const older = (byRow: string, byChunk: string) => {
    const created = settings[byChunk];
    if (created === undefined || created === null) return `${byRow} => ${age(settings[byRow])}`;
    return `${byChunk} => ${quoteLiteral(created)}::interval`;
  };
  switch (job.procedure) {
    case 'policy_compression':
      return call('add_compression_policy', [
        on,
        older('compress_after', 'compress_created_before'),
        `schedule_interval => ${interval}`,
        ...start,
      ]);
    case 'policy_retention':
      return call('add_retention_policy', [
        on,
        older('drop_after', 'drop_created_before'),
        `schedule_interval => ${interval}`,
        ...start,
      ]);
    case 'policy_reorder':
      return call('add_reorder_policy', [on, text(settings.index_name ?? null), ...start]);
    case 'policy_refresh_continuous_aggregate':
      return call('add_continuous_aggregate_policy', [
        on,
        age(settings.start_offset),
        age(settings.end_offset),
        interval,
        ...start,
      ]);
    default:
      return null;
  }
}

/** Names that TimescaleDB gives. */
const UNNAMED = 'User-Defined Action';

/**
 * What `add_…` does not say, on the job that it has added; settings besides those of ids are taken over. The time zone is given each
 * time: `alter_job` takes away what is not; and with it when the job is due, which is reckoned anew otherwise, even before its initial start.
 */
export function altering(job: Job, id: number, schema: string): string[] {
  const alter = `${quoteIdent(schema)}.alter_job`;
  const own = `(SELECT a.config FROM ${alter}(${id}) a)`;
  const zone = job.timezone === null ? [] : [`timezone => ${text(job.timezone)}`];
  const due =
    job.nextStart === null
      ? `(${nextStart(String(id))})`
      : `coalesce((SELECT n FROM (VALUES (${text(job.nextStart)}::timestamptz)) v (n) WHERE n > now()), (${nextStart(String(id))}))`;
  const theirs = `${quoteLiteral(job.config ?? '{}')}::jsonb - 'hypertable_id' - 'mat_hypertable_id'`;
  return [
    `SELECT ${alter}(${id}, ${[
      `schedule_interval => ${text(job.scheduleInterval)}::interval`,
      `max_runtime => ${text(job.maxRuntime)}::interval`,
      `max_retries => ${job.maxRetries}`,
      `retry_period => ${text(job.retryPeriod)}::interval`,
      `scheduled => ${job.scheduled}`,
      ...zone,
      `next_start => ${due}`,
      ...(isPolicy(job) ? [`config => ${own} || (${theirs})`] : []),
    ].join(', ')})`,
    ...(!isPolicy(job) && job.title !== UNNAMED
      ? [
          `SELECT ${alter}(${[id, `job_name => ${quoteLiteral(job.title)}`, ...zone, ...(zone.length > 0 ? [`next_start => (${nextStart(String(id))})`] : [])].join(', ')})`,
        ]
      : []),
  ];
}
