import type { MigrationOptions } from '../../engine/options.ts';
import { sessionsNeeded, WAL_SENDERS_WITHIN_LIMITS } from '../../engine/sessions-needed.ts';
import { DEFAULT_JOBS, type Jobs, jobsFor } from '../../engine/target/jobs.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckRun } from '../check.ts';
import { type ServerFacts, server } from '../facts/server.ts';
import { settings } from '../facts/settings.ts';
import { counted, fail, pass, warn } from '../outcome.ts';
import { parameterFix } from '../parameter-fix.ts';

type ServerSide = 'source' | 'target';

interface Room {
  readonly free: number;
  /** What sets the limit. */
  readonly limit: string;
  /** How to raise it; null where that is a parameter of the server. */
  readonly raise: string | null;
}

/** The tightest of the three limits; the stream counts against those of role and database only. */
function roomOf(side: ServerSide, facts: ServerFacts, most: string): Room {
  const senders = side === 'source' ? WAL_SENDERS_WITHIN_LIMITS : 0;
  const [role, database] = [quoteIdent(facts.role.name), quoteIdent(facts.database.name)];
  const rooms: Room[] = [{ free: facts.freeConnections, limit: `max_connections = ${most}`, raise: null }];
  if (facts.role.freeConnections !== null && !facts.role.superuser) {
    const raise = `ALTER ROLE ${role} CONNECTION LIMIT -1;`;
    rooms.push({ free: facts.role.freeConnections - senders, limit: `the CONNECTION LIMIT of role ${role}`, raise });
  }
  if (facts.database.freeConnections !== null && !facts.role.superuser) {
    const limit = `the CONNECTION LIMIT of database ${database}`;
    const raise = `ALTER DATABASE ${database} CONNECTION LIMIT -1;`;
    rooms.push({ free: facts.database.freeConnections - senders, limit, raise });
  }
  return rooms.reduce((tightest, room) => (room.free < tightest.free ? room : tightest));
}

const neededBy = (side: ServerSide, jobs: Jobs): number => sessionsNeeded(jobs)[side];

/** https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-MAX-CONNECTIONS */
export const freeConnections = (side: ServerSide): Check => ({
  id: `${side}-connections`,
  side,
  title: 'Free connections',
  severity: 'fail',
  wanted: `enough for the jobs: ${neededBy(side, DEFAULT_JOBS)} for ${DEFAULT_JOBS.tables} table jobs and ${DEFAULT_JOBS.indexes} index jobs`,
  why: 'Every table copied at once and every index built at once has a session of its own.',
  fix: 'Use fewer --table-jobs and --index-jobs, end idle sessions, or raise max_connections or the CONNECTION LIMIT of role and database.',
  async run(run) {
    const { ask, options } = run;
    const rooms = { source: await room(ask, 'source'), target: await room(ask, 'target') };
    const { free, limit, raise } = rooms[side];
    const jobs = jobsFor({ source: rooms.source.free, target: rooms.target.free }, options);
    const needed = neededBy(side, jobs);
    const jobWords = `${counted(jobs.tables, 'table job')}${side === 'target' ? ` and ${counted(jobs.indexes, 'index job')}` : ''}`;
    const found = `${Math.max(0, free)} free within ${limit}; ${needed} needed for ${jobWords}`;
    if (free < needed) {
      const asked = options.tableJobs !== null || (side === 'target' && options.indexJobs !== null);
      const least = neededBy(side, { tables: 1, indexes: 1 });
      const fewer = asked && free >= least ? `Use fewer jobs (${fewerJobs(side, free)}), or end` : 'End';
      if (raise !== null) return fail('TM1201', found, { fix: `${fewer} idle sessions on the ${side}, or ${raise}` });
      const remedy = await raiseMaxConnections(run, side, needed - free);
      return fail('TM1201', found, { ...remedy, fix: `${fewer} idle sessions on the ${side}, or:\n${remedy.fix}` });
    }
    if (tablesAtOnce(side, free, options) >= DEFAULT_JOBS.tables) return pass(found);
    let enough = free;
    while (tablesAtOnce(side, enough, options) < DEFAULT_JOBS.tables) enough += 1;
    const faster = `It works, but slower. To go faster, end idle sessions on the ${side}, or ${raise ?? 'raise max_connections and restart'}`;
    return warn(`${found}; with ${enough} free, ${DEFAULT_JOBS.tables} tables would be copied at once`, {
      fix: faster,
    });
  },
});

/** As many tables as this side alone allows; those that were asked for in any case. */
const tablesAtOnce = (side: ServerSide, free: number, { tableJobs }: Pick<MigrationOptions, 'tableJobs'>): number =>
  tableJobs === null
    ? jobsFor({ source: Infinity, target: Infinity, [side]: free }, { tableJobs, indexJobs: null }).tables
    : DEFAULT_JOBS.tables;

/** What others may open meanwhile. */
const SPARE = 10;

async function raiseMaxConnections(run: CheckRun, side: ServerSide, missing: number) {
  const most = (await run.ask(side, settings)).number('max_connections') ?? 0;
  const value = String(most + missing + SPARE);
  if (side === 'target') {
    const fix = `raise max_connections of the target to ${value} and restart it; on Tiger Cloud: the service → Operations → Database parameters.`;
    return { fix };
  }
  return parameterFix(run, { name: 'max_connections', value, restart: true });
}

async function room(ask: Parameters<Check['run']>[0]['ask'], side: ServerSide): Promise<Room> {
  const most = (await ask(side, settings)).shown('max_connections') ?? '';
  return roomOf(side, await ask(side, server), most);
}

/** As many table jobs as there is room for, beside one index job. */
function fewerJobs(side: ServerSide, free: number): string {
  let tables = 1;
  while (neededBy(side, { tables: tables + 1, indexes: 1 }) <= free) tables += 1;
  return `--table-jobs ${tables}${side === 'target' ? ' --index-jobs 1' : ''}`;
}
