import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerSettings } from '../../src/demo/server.ts';
import { until } from '../support/wait.ts';
import type { OwnSource } from './own-source.ts';

export const OURS = `application_name LIKE 'tiger-migrate-tui %' AND datname = 'app'`;

const READY = 'database system is ready to accept connections';
const timesReady = async ({ server }: OwnSource): Promise<number> => (await server.log()).split(READY).length;

/** Kills the postmaster, whose processes end when they notice, and starts a new one. */
async function killPostmaster({ server }: OwnSource, settings: ServerSettings = {}): Promise<void> {
  const [pid] = (await readFile(join(server.directory, 'data', 'postmaster.pid'), 'utf8')).split('\n');
  process.kill(Number(pid), 'SIGKILL');
  // Its shared memory is in use until the last of them is gone.
  await until(() => server.restart('immediate', settings).then(() => true), { what: 'a new postmaster' });
}

/** Kills one of our sessions: the postmaster ends all others, and recovers. */
async function killBackend(database: OwnSource): Promise<void> {
  const before = await timesReady(database);
  const [session] = await database.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE ${OURS} LIMIT 1`);
  if (!session) throw new Error('there is no session of ours');
  process.kill(session.pid, 'SIGKILL');
  await until(async () => (await timesReady(database)) > before, { what: 'the recovery' });
}

/** What may become of a server, by name; each resolves when it is back. */
export const SERVER_FAULTS = {
  'fast restart': ({ server }: OwnSource) => server.restart('fast'),
  'immediate restart': ({ server }: OwnSource) => server.restart('immediate'),
  'kill -9 of the postmaster': killPostmaster,
  'kill -9 of a backend': killBackend,
} as const;
export type ServerFault = keyof typeof SERVER_FAULTS;

const NO_STANDBY: ServerSettings = { synchronous_standby_names: '' };

/**
 * From now on every COMMIT with changes is durable, but its answer is kept back: it waits for a standby that isn't there.
 * `kill` ends the server like that, and brings it back as it was.
 * https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
 */
export async function holdAnswersToCommit(database: OwnSource): Promise<{ kill: () => Promise<void> }> {
  await appendFile(
    join(database.server.directory, 'data', 'postgresql.conf'),
    `synchronous_standby_names = 'nobody'\n`,
  );
  await database.query('SELECT pg_reload_conf()');
  const probe = await database.connect();
  await until(
    async () => {
      void probe.query(`SELECT pg_logical_emit_message(true, '', '')`).catch(() => undefined);
      return (await database.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)).length > 0;
    },
    { what: 'a COMMIT without an answer' },
  );
  return { kill: () => killPostmaster(database, NO_STANDBY) };
}
