import type pg from 'pg';
import type { MigrationOptions } from '../options.ts';

export interface Jobs {
  readonly tables: number;
  readonly indexes: number;
}

const DEFAULT_TABLE_JOBS = 4;
const DEFAULT_INDEX_JOBS = 2;
/** Monitor, control, receiver, snapshot, applier: what a migration needs besides its jobs. */
const OTHER_SESSIONS = 5;

async function freeConnections(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ free: string }>(
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS free`,
  );
  return Number(rows[0]?.free ?? 0);
}

/** Parallelism as asked, else what both servers have connections for; at least one of each. */
export async function chooseJobs(source: pg.Client, target: pg.Client, options: MigrationOptions): Promise<Jobs> {
  const room = (free: number, share: number) => Math.max(1, Math.floor((free - OTHER_SESSIONS) * share));
  const [onSource, onTarget] = [await freeConnections(source), await freeConnections(target)];
  return {
    tables: options.tableJobs ?? Math.min(DEFAULT_TABLE_JOBS, room(onSource, 0.5), room(onTarget, 0.4)),
    indexes: options.indexJobs ?? Math.min(DEFAULT_INDEX_JOBS, room(onTarget, 0.3)),
  };
}
