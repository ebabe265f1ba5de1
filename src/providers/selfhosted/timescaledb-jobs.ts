import { isPolicy, isRewriting, kindOf } from '../../engine/timescale/policy-kinds.ts';
import { attempts } from '../../postgres/attempts.ts';
import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import { type Job, timescaleObjects } from '../facts/hypertables.ts';
import { server } from '../facts/server.ts';
import { settings } from '../facts/settings.ts';
import { timescaledb } from '../facts/timescaledb.ts';
import { fail, info, pass, warn } from '../outcome.ts';
import { WITH_TIMESCALEDB } from './timescaledb-versions.ts';

const isPaused = (job: Job): boolean => job.scheduled && isRewriting(job);

function described(job: Job): string {
  const what = isPolicy(job) ? '' : ` ${displayName({ schema: job.schema, name: job.procedure })}`;
  const where = job.hypertable === null ? '' : ` of ${displayName(job.hypertable)}`;
  const state = !job.scheduled ? 'not scheduled' : isPaused(job) ? 'paused during the migration' : 'goes on';
  return `${job.id} ${kindOf(job)}${what}${where}, owner ${job.owner}: ${state}${job.running ? ' (running now)' : ''}`;
}

const LISTED = 50;

const lines = (all: readonly string[]): string =>
  [...all.slice(0, LISTED), ...(all.length > LISTED ? [`and ${all.length - LISTED} more`] : [])].join('\n');

/** https://www.tigerdata.com/docs/api/latest/jobs-automation/alter_job: who alters a job must be a member of its owner. */
export const jobs: Check = {
  id: 'timescaledb-jobs',
  side: 'source',
  title: 'Policies and jobs',
  severity: 'fail',
  wanted: 'every policy that rewrites or drops chunks can be paused by this role',
  why: 'While rows are copied, compression, reorder and retention would make some vanish from the snapshot. They are paused, and set going again afterwards, which only members of the owner may do.',
  fix: 'GRANT the role of the owner to this role, or pause the jobs as their owner: SELECT alter_job(…, scheduled => false);',
  providers: WITH_TIMESCALEDB,
  async run(run) {
    const { jobs: all } = await run.ask('source', timescaleObjects);
    if (all.length === 0) return pass('none');
    const paused = all.filter(isPaused);
    const { schema } = await run.ask('source', timescaledb);
    const { role } = await run.ask('source', server);
    const rights = await tried(run, paused, { schema, us: role.name });
    const refused = paused.filter(({ owner }) => !rights.get(owner)?.alters);
    if (refused.length === 0) return info(lines(all.map(described)));
    return fail(
      'TM1212',
      lines([
        ...refused.map((job) => `${described(job)}, but this role may not pause it`),
        ...all.filter((job) => !refused.includes(job)).map(described),
      ]),
      membership(refused, rights, schema),
    );
  },
};

interface Rights {
  readonly alters: boolean;
  /** Makes our role a member of the owner; null where it must not be, the owner being a superuser. */
  readonly grant: string | null;
  readonly grants: boolean;
}

/** Tries, and takes back, what pausing needs, for each owner: to alter one of its jobs, or else to become its member. */
async function tried(
  { source }: CheckRun,
  paused: readonly Job[],
  { schema, us }: { schema: string | null; us: string },
): Promise<ReadonlyMap<string, Rights>> {
  const owners = paused.filter((job, index) => paused.findIndex(({ owner }) => owner === job.owner) === index);
  if (owners.length === 0) return new Map();
  const wanted = owners.map((job) => ({
    owner: job.owner,
    alter: `SELECT ${alterJob(schema, job.id, true)}`,
    grant: job.ownerIsSuperuser ? null : `GRANT ${quoteIdent(job.owner)} TO ${quoteIdent(us)}`,
  }));
  const answers = await attempts(
    source,
    wanted.flatMap(({ alter, grant }) => [alter, grant ?? 'SELECT 1']),
  );
  return new Map(
    wanted.map(({ owner, grant }, index) => [
      owner,
      { alters: answers[index * 2] === null, grant, grants: grant !== null && answers[index * 2 + 1] === null },
    ]),
  );
}

const alterJob = (schema: string | null, id: number, scheduled: boolean): string =>
  `${quoteIdent(schema ?? 'public')}.alter_job(${id}, scheduled => ${scheduled})`;

function membership(
  refused: readonly Job[],
  rights: ReadonlyMap<string, Rights>,
  schema: string | null,
): Pick<CheckOutcome, 'fix' | 'apply'> {
  const missing = [...new Set(refused.map(({ owner }) => owner))].flatMap((owner) => rights.get(owner) ?? []);
  const grants = missing.flatMap(({ grant }) => grant ?? []);
  const fix = [
    ...(grants.length > 0
      ? [`As a superuser or a role that may grant it: ${grants.map((sql) => `${sql};`).join(' ')}`]
      : []),
    `${grants.length > 0 ? 'Or pause' : 'Pause'} them as their owner, and set them going again (scheduled => true) after the migration:`,
    ...refused.map((job) => `SELECT ${alterJob(schema, job.id, false)};`),
  ].join('\n');
  return missing.every((one) => one.grants) ? { fix, apply: { side: 'source', sql: grants, restart: false } } : { fix };
}

/** https://www.tigerdata.com/docs/use-timescale/latest/data-retention */
export const retention: Check = {
  id: 'timescaledb-retention',
  side: 'source',
  title: 'Retention policies',
  severity: 'info',
  wanted: 'to know: they are paused during the migration',
  why: 'A chunk that is dropped is not in the stream of changes: its rows would stay on the target. So nothing is dropped until the cut-over, and the source needs room for that long; the target gets the same policies at the cut-over.',
  fix: 'Nothing. To copy less, drop what is due beforehand: CALL run_job(…);',
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { jobs: all } = await ask('source', timescaleObjects);
    const policies = all.filter((job) => isPolicy(job) && job.procedure === 'policy_retention');
    if (policies.length === 0) return pass('none');
    const scheduled = policies.filter((job) => job.scheduled);
    const found = policies.map((job) => {
      const after = job.config.drop_after ?? job.config.drop_created_before;
      const where = job.hypertable === null ? `job ${job.id}` : displayName(job.hypertable);
      return `${where}: drops chunks older than ${after === undefined ? 'its configuration says' : String(after)}${job.scheduled ? '' : ' (not scheduled)'}`;
    });
    return info(lines(found), {
      fix:
        scheduled.length === 0
          ? 'Nothing: none is scheduled, and they stay so.'
          : `Nothing. To copy less, drop what is due beforehand: ${scheduled.map((job) => `CALL run_job(${job.id});`).join(' ')}`,
    });
  },
};

/** The scheduler of the database and the launcher. */
const WORKERS_BESIDES_JOBS = 2;

/** https://www.tigerdata.com/docs/self-hosted/latest/configuration/about-configuration#workers */
export const workers: Check = {
  id: 'timescaledb-workers',
  side: 'target',
  title: 'Background workers of the target',
  severity: 'warn',
  wanted: 'as many as the source has, or enough for all jobs at once',
  why: 'After the cut-over policies and jobs run on the target. With too few workers they wait for each other, and compression falls behind.',
  fix: 'Raise timescaledb.max_background_workers and max_worker_processes on the target.',
  providers: WITH_TIMESCALEDB,
  async run({ ask }) {
    const { jobs: all } = await ask('source', timescaleObjects);
    const scheduled = all.filter((job) => job.scheduled).length;
    if (scheduled === 0) return pass('no jobs');
    const ofSource = await ask('source', timescaledb);
    const { settings: ours } = await ask('target', timescaledb);
    const [there, here] = [ofSource.settings, ours].map((of) => of.get('timescaledb.max_background_workers'));
    if (here === undefined) return pass('TimescaleDB is not set up on the target yet');
    const enough = Math.min(
      scheduled + WORKERS_BESIDES_JOBS,
      there === undefined ? Number.MAX_SAFE_INTEGER : Number(there),
    );
    const processes = (await ask('target', settings)).number('max_worker_processes');
    const found = `timescaledb.max_background_workers = ${here}, max_worker_processes = ${processes ?? 'not known'}; ${scheduled} jobs are scheduled on the source`;
    if (Number(here) >= enough && (processes === null || processes >= enough)) return pass(found);
    const { role } = await ask('target', server);
    const sql = [
      ...(Number(here) < enough ? [`ALTER SYSTEM SET timescaledb.max_background_workers = ${enough}`] : []),
      // One more for the launcher of PostgreSQL's own workers.
      ...(processes !== null && processes < enough ? [`ALTER SYSTEM SET max_worker_processes = ${enough + 1}`] : []),
    ];
    return {
      ...warn(found, {
        fix: `Tiger Cloud: Operations → Database parameters. Elsewhere, as a superuser on the target: ${sql.map((one) => `${one};`).join(' ')} Then restart it.`,
        ...(role.superuser ? { apply: { side: 'target', sql, restart: true } } : {}),
      }),
      restart: 'target',
    };
  },
};
