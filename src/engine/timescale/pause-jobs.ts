import type pg from 'pg';
import { displayName, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { explain } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { recordObject } from '../target/progress-schema.ts';
import { extensionSchema } from './make-hypertables.ts';
import { isRewriting, kindOf } from './policy-kinds.ts';
import { type Job, nextStart, readJobs, runningJobs } from './source-jobs.ts';

const KIND = 'paused job';

export interface PauseOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Pauses the source's policies that rewrite or drop chunks, each remembered on the target before, and waits until none of them
 * runs. They stay paused for as long as the migration can be resumed: until its cut-over, or `clean`. Rejects with TM1212.
 */
export async function pauseJobs(options: PauseOptions): Promise<void> {
  const { source, target, emit } = options;
  const rewriting = (await readJobs(source)).filter(isRewriting);
  const paused = rewriting.filter(({ scheduled }) => scheduled);
  const schema = rewriting.length > 0 ? await extensionSchema(source) : '';
  for (const job of paused) {
    await recordObject(target, KIND, String(job.id), named(job));
    await source.query(`SELECT ${alter(schema, job, false)}`).catch(refused(job));
  }
  if (paused.length > 0) {
    const list = paused.map((job) => `${job.id} (${named(job)})`).join(', ');
    emit({ type: 'log', text: `Paused on the source until the cut-over: ${list}` });
  }
  await untilNoneRuns(options, rewriting);
}

const named = (job: Job): string => `${kindOf(job)}${job.on === null ? '' : ` of ${displayName(job.on)}`}`;

/** The time zone is given again: `alter_job` takes away what is not. So is when it is due, which changes with a time zone. */
function alter(schema: string, { id, timezone }: Pick<Job, 'id' | 'timezone'>, scheduled: boolean): string {
  const zone =
    timezone === null ? '' : `, timezone => ${quoteLiteral(timezone)}, next_start => (${nextStart(String(id))})`;
  return `${quoteIdent(schema)}.alter_job(${id}, scheduled => ${scheduled}${zone})`;
}

const refused =
  (job: Pick<Job, 'id' | 'owner'>) =>
  (error: unknown): never => {
    throw explain(error, {
      code: 'TM1212',
      retryCode: 'TM1110',
      side: 'source',
      object: `job ${job.id}`,
      doing: 'the job could not be altered',
      hint: `Our role must be a member of its owner: GRANT ${quoteIdent(job.owner)} TO …`,
    });
  };

/** Who may alter a job is a member of its owner, and so may see it run. */
async function untilNoneRuns({ source, emit, signal }: PauseOptions, jobs: readonly Job[]): Promise<void> {
  let told = false;
  for (;;) {
    signal.throwIfAborted();
    const running = await runningJobs(
      source,
      jobs.map(({ id }) => id),
    );
    if (running.length === 0) return;
    const text = `Waiting for jobs of the source that still run: ${running.join(', ')}`;
    if (!told) emit({ type: 'warning', text });
    told = true;
    await source.query('SELECT pg_sleep(0.2)');
  }
}

/**
 * Sets those going again that were paused, where they are still there and still paused, and forgets them. Gives their numbers.
 * Safe to run again. Rejects with TM1212.
 */
export async function restoreJobs(source: pg.Client, target: pg.Client): Promise<number[]> {
  const { rows } = await target.query<{ id: string }>(
    'SELECT name AS id FROM tiger_migrate.object WHERE kind = $1 ORDER BY name::int',
    [KIND],
  );
  const restored: number[] = [];
  const there = rows.length > 0 ? await readJobs(source) : [];
  const schema = there.length > 0 ? await extensionSchema(source) : '';
  for (const { id } of rows) {
    const job = there.find((one) => one.id === Number(id));
    if (job && !job.scheduled) {
      await source.query(`SELECT ${alter(schema, job, true)}`).catch(refused(job));
      restored.push(job.id);
    }
    await target.query('DELETE FROM tiger_migrate.object WHERE kind = $1 AND name = $2', [KIND, id]);
  }
  return restored;
}

/** The source's jobs as they were before any was paused. */
export async function readJobsAsBefore(source: pg.Client, target: pg.Client): Promise<Job[]> {
  const { rows } = await target.query<{ id: string }>('SELECT name AS id FROM tiger_migrate.object WHERE kind = $1', [
    KIND,
  ]);
  const paused = new Set(rows.map(({ id }) => Number(id)));
  return (await readJobs(source)).map((job) => (paused.has(job.id) ? { ...job, scheduled: true } : job));
}
