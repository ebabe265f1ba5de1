import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { appendFile, chown, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MigrateError } from '../errors/migrate-error.ts';
import type { Binaries } from './binaries.ts';
import { freePort } from './free-port.ts';
import type { Keeper } from './keeper.ts';
import type { ServerUser } from './server-user.ts';

/** Parameters of postgresql.conf; a unit is part of the value, as in `'128MB'`. */
export type ServerSettings = Readonly<Record<string, string | number | boolean>>;

export const SUPERUSER = 'postgres';
export const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
const PORT_ATTEMPTS = 5;

/** The files of one throw-away server, and what it takes to run on them. */
export interface Cluster {
  readonly name: string;
  readonly binaries: Binaries;
  readonly user: ServerUser | null;
  readonly directory: string;
  readonly keeper: Keeper;
}

const environment = (directory: string): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: directory,
  LC_ALL: 'C',
});
const dataDirectory = (directory: string): string => join(directory, 'data');
/** Where the server logs to. */
export const logFile = (directory: string): string => join(directory, 'server.log');

/** Runs initdb. The password goes through a file, as initdb wants it. */
export async function createCluster(cluster: Cluster, password: string): Promise<void> {
  const { binaries, user, directory, keeper } = cluster;
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  const data = dataDirectory(directory);
  // The C locale is the one that is the same on every system: both servers then sort alike.
  const flags = [`--pgdata=${data}`, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const locale = ['--encoding=UTF8', '--locale=C', '--no-sync'];
  const running = promisify(execFile)(binaries.initdb, [...flags, ...locale], {
    ...user,
    cwd: directory,
    env: environment(directory),
  });
  keeper.watch(running.child.pid ?? null);
  try {
    await running;
  } catch (cause) {
    const detail = (cause as { stderr?: string }).stderr?.trim().split('\n').at(-1);
    throw new MigrateError('TM8002', {
      message: `initdb failed for the throw-away server "${cluster.name}": ${detail || String(cause)}`,
      side: 'local',
      cause,
    });
  } finally {
    keeper.watch(null);
  }
  // initdb has no more use for it, and an empty file says so; the keeper removes it with the rest.
  await writeFile(passwordFile, '');
}

/** Adds lines to postgresql.conf. Later lines win over earlier ones, and ALTER SYSTEM wins over all of them. */
export async function configure(directory: string, settings: ServerSettings): Promise<void> {
  const spell = (value: string | number | boolean) =>
    typeof value === 'boolean' ? (value ? 'on' : 'off') : `${value}`;
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${spell(value).replaceAll("'", "''")}'\n`);
  await appendFile(join(dataDirectory(directory), 'postgresql.conf'), lines.join(''));
}

interface Started {
  readonly port: number;
  readonly postmaster: ChildProcess;
}

/** Starts the server where nobody listens yet. */
export async function startOnFreePort(cluster: Cluster, signal: AbortSignal | undefined): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(HOST);
    try {
      return { port, postmaster: await startPostmaster(cluster, port, signal) };
    } catch (error) {
      // Between our look and the server's start somebody else may have taken the port.
      const taken = /could not bind/.test(await readFile(logFile(cluster.directory), 'utf8'));
      if (!taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Starts the server and resolves when it takes connections. Rejects with TM8002 and the end of its log. */
export async function startPostmaster(cluster: Cluster, port: number, signal?: AbortSignal): Promise<ChildProcess> {
  const { name, binaries, user, directory, keeper } = cluster;
  const log = await open(logFile(directory), 'a');
  // Detached, so that Ctrl-C at the terminal does not stop the server under the migration's feet.
  const postmaster = spawn(binaries.postgres, ['-D', dataDirectory(directory), '-p', String(port)], {
    ...user,
    detached: true,
    cwd: directory,
    env: environment(directory),
    stdio: ['ignore', log.fd, log.fd],
  });
  let failure: Error | null = null;
  postmaster.on('error', (error) => {
    failure = error;
  });
  keeper.watch(postmaster.pid ?? null);
  postmaster.on('exit', () => keeper.watch(null));
  await log.close();

  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isReady(directory, postmaster.pid))) {
    const ended = failure !== null || postmaster.exitCode !== null || postmaster.signalCode !== null;
    if (ended || signal?.aborted || Date.now() > deadline) {
      postmaster.kill('SIGQUIT');
      const lines = (await readFile(logFile(directory), 'utf8')).trim().split('\n').slice(-5);
      throw new MigrateError('TM8002', {
        message: `the throw-away server "${name}" ${ended ? 'did not start' : 'was not ready in time'}`,
        side: 'local',
        object: name,
        hint: `The end of its log: ${lines.join(' | ')}`,
        cause: failure ?? signal?.reason,
      });
    }
    await delay(POLL_MS);
  }
  return postmaster;
}

/** The postmaster writes its state into the eighth line of its lock file; pg_ctl waits for the same word. */
async function isReady(directory: string, pid: number | undefined): Promise<boolean> {
  const lines = (await readFile(join(dataDirectory(directory), 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}
