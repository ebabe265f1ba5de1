import type pg from 'pg';
import { TIMESCALEDB_FUNCTION_SCHEMAS } from '../source/belongs.ts';
import { hasTimescale } from './source-hypertables.ts';

interface Name {
  readonly schema: string;
  readonly name: string;
}

/** A policy, or an action of the operator's, of any server. Intervals and times as text, as the server prints them. */
export interface Job {
  readonly id: number;
  readonly schema: string;
  readonly procedure: string;
  readonly owner: string;
  readonly scheduled: boolean;
  readonly scheduleInterval: string;
  readonly maxRuntime: string;
  readonly maxRetries: number;
  readonly retryPeriod: string;
  readonly fixedSchedule: boolean;
  readonly initialStart: string | null;
  /** Null: nobody has said, or the scheduler has not looked at it yet. */
  readonly nextStart: string | null;
  readonly timezone: string | null;
  /** JSON text: its numbers may be any 64-bit ones. */
  readonly config: string | null;
  /** Its values as text. */
  readonly settings: Readonly<Record<string, string | null>>;
  /** What somebody called it, or TimescaleDB's own words. */
  readonly title: string;
  readonly check: Name | null;
  /** The hypertable or the continuous aggregate that it works on, and the type of its time. */
  readonly on: (Name & { readonly type: string }) | null;
}

/** TimescaleDB's own jobs have smaller numbers. */
const FIRST_JOB = 1000;

/** Where jobs are kept: before 2.25, and since. */
const PLACES = ['_timescaledb_config.bgw_job', '_timescaledb_catalog.bgw_job'];

const RELATION = `to_regclass(coalesce(to_jsonb(h) ->> 'relid', format('%I.%I', to_jsonb(h) ->> 'schema_name', to_jsonb(h) ->> 'table_name')))`;

/** SQL: when a job is due. */
export const nextStart = (id: string): string =>
  `SELECT nullif(i.next_start, '-infinity') FROM timescaledb_information.jobs i WHERE i.job_id = ${id}`;

/** Rows as JSON, since columns come and go. Of an aggregate a job names the table behind it. */
const jobs = (place: string): string => `
SELECT json_build_object('id', j.id, 'schema', j.proc_schema, 'procedure', j.proc_name,
    'owner', coalesce((SELECT rolname FROM pg_roles WHERE to_jsonb(j) ->> 'owner' IN (quote_ident(rolname), rolname) LIMIT 1), to_jsonb(j) ->> 'owner'),
    'scheduled', j.scheduled, 'scheduleInterval', j.schedule_interval::text, 'maxRuntime', j.max_runtime::text,
    'maxRetries', j.max_retries, 'retryPeriod', j.retry_period::text, 'fixedSchedule', j.fixed_schedule,
    'initialStart', j.initial_start::text, 'nextStart', (${nextStart('j.id')})::text, 'timezone', j.timezone, 'config', j.config::text,
    'settings', coalesce((SELECT json_object_agg(key, value) FROM jsonb_each_text(j.config)), '{}'),
    'title', regexp_replace(j.application_name, ' \\[\\d+\\]$', ''),
    'check', CASE WHEN j.check_name IS NOT NULL AND j.check_schema NOT IN (${TIMESCALEDB_FUNCTION_SCHEMAS})
       THEN json_build_object('schema', j.check_schema, 'name', j.check_name) END,
    'on', (SELECT json_build_object('schema', coalesce(v.view_schema, n.nspname), 'name', coalesce(v.view_name, c.relname),
        'type', (SELECT format_type(d.column_type, NULL) FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = h.id ORDER BY d.id LIMIT 1))
      FROM _timescaledb_catalog.hypertable h JOIN pg_class c ON c.oid = ${RELATION} JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN timescaledb_information.continuous_aggregates v
        ON v.materialization_hypertable_schema = n.nspname AND v.materialization_hypertable_name = c.relname
     WHERE h.id = j.hypertable_id))::text AS job
  FROM ${place} j WHERE j.id >= ${FIRST_JOB} ORDER BY j.id`;

/** The jobs of a database, without TimescaleDB's own; none where the extension is not installed. */
export async function readJobs(client: pg.Client): Promise<Job[]> {
  if (!(await hasTimescale(client))) return [];
  const { rows: found } = await client.query<{ place: string }>(
    'SELECT p AS place FROM json_array_elements_text($1::json) p WHERE to_regclass(p) IS NOT NULL',
    [JSON.stringify(PLACES)],
  );
  const place = found[0]?.place;
  if (place === undefined) return [];
  const { rows } = await client.query<{ job: string }>(jobs(place));
  return rows.map(({ job }) => JSON.parse(job) as Job);
}

/**
 * The names of the processes that run some of these jobs now: a process is named after its job, with the number behind. Those of roles that
 * ours is no member of can't be told from clients that call themselves so.
 */
export async function runningJobs(client: pg.Client, ids: readonly number[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.application_name AS name FROM pg_stat_activity a
      WHERE a.datname = current_database() AND a.backend_type IS DISTINCT FROM 'client backend'
        AND substring(a.application_name FROM '\\[(\\d+)\\]$') = ANY ($1::text[])`,
    [`{${ids.join(',')}}`],
  );
  return rows.map(({ name }) => name);
}
