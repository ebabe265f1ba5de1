import type pg from 'pg';
import type { MigrationOptions } from '../options.ts';

export interface Jobs {
  readonly tables: number;
  readonly indexes: number;
}

export const DEFAULT_JOBS: Jobs = { tables: 4, indexes: 2 };
/** Monitor, control, receiver, snapshot, applier: what a migration needs besides its jobs. */
const OTHER_SESSIONS = 5;

/**
 * SQL: what `max_connections` leaves to ordinary roles. Such a role is not told what sessions of others are, only whose
 * and in which database: all of them count.
 */
export const FREE_OF_SERVER = `(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true), '0')::int
      - (SELECT count(*) FROM pg_stat_activity
          WHERE backend_type = 'client backend' OR (backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL)))`;

/** Sessions that this role may still open in this database. */
const FREE_CONNECTIONS = `
  SELECT least(${FREE_OF_SERVER},
    CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper
      THEN d.datconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid) END,
    CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper
      THEN r.rolconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid) END) AS free
  FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`;

async function freeConnections(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ free: string }>(FREE_CONNECTIONS);
  return Number(rows[0]?.free ?? 0);
}

/** Parallelism as asked, else what both servers have connections for; at least one of each. */
export function jobsFor(
  free: { readonly source: number; readonly target: number },
  options: Pick<MigrationOptions, 'tableJobs' | 'indexJobs'>,
): Jobs {
  const room = (connections: number, share: number) => Math.max(1, Math.floor((connections - OTHER_SESSIONS) * share));
  return {
    tables: options.tableJobs ?? Math.min(DEFAULT_JOBS.tables, room(free.source, 0.5), room(free.target, 0.4)),
    indexes: options.indexJobs ?? Math.min(DEFAULT_JOBS.indexes, room(free.target, 0.3)),
  };
}

/** `jobsFor` what both servers have free now. */
export async function chooseJobs(source: pg.Client, target: pg.Client, options: MigrationOptions): Promise<Jobs> {
  return jobsFor({ source: await freeConnections(source), target: await freeConnections(target) }, options);
}
