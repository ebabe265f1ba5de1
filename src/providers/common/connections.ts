import type { MigrationOptions } from '../../engine/options.ts';
import { firstRow } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, pass, warn } from '../outcome.ts';

/** Control, snapshot, heartbeat, checks: sessions besides those of the jobs. */
const OWN_SESSIONS = 4;
const DEFAULT_JOBS = 4;

const FREE = `
  SELECT least(
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true), '0')::int - (SELECT sum(numbackends) FROM pg_stat_database),
    CASE WHEN d.datconnlimit >= 0 THEN d.datconnlimit
      - (SELECT numbackends FROM pg_stat_database WHERE datid = d.oid) END,
    CASE WHEN r.rolconnlimit >= 0 THEN r.rolconnlimit
      - (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid) END)::text AS free,
    current_setting('max_connections') AS most
  FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`;

const jobsOf = (side: 'source' | 'target', { tableJobs, indexJobs }: MigrationOptions): number | null => {
  const jobs = side === 'source' ? [tableJobs] : [tableJobs, indexJobs];
  const given = jobs.filter((count) => count !== null);
  return given.length === 0 ? null : given.reduce((sum, count) => sum + count, 0);
};

/** https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-MAX-CONNECTIONS */
export const freeConnections = (side: 'source' | 'target'): Check => ({
  id: `${side}-connections`,
  side,
  title: 'Free connections',
  wanted: 'enough for the jobs (4 when nothing is said) and 4 more',
  why: 'Every table copied at once and every index built at once has a session of its own.',
  fix: 'Use fewer --table-jobs and --index-jobs, end idle sessions, or raise max_connections or the CONNECTION LIMIT of role and database.',
  async run(context) {
    const row = await firstRow<{ free: string; most: string }>(context[side], FREE);
    const free = Number(row.free);
    const found = `${free} free of max_connections = ${row.most}`;
    const jobs = jobsOf(side, context.options);
    if (free >= (jobs ?? DEFAULT_JOBS) + OWN_SESSIONS) return pass(found);
    const possible = jobs === null && free >= OWN_SESSIONS + 1;
    return possible ? warn(`${found}: few jobs at once`) : fail('TM1201', found);
  },
});
