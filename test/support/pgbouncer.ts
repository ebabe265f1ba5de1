import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { chown, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePort } from '../../src/demo/free-port.ts';
import { startKeeper } from '../../src/demo/keeper.ts';
import { serverUser, temporaryDirectory } from '../../src/demo/server-user.ts';
import { until } from './wait.ts';

const HOST = '127.0.0.1';

/** The PgBouncer of this machine; null when it has none. Debian keeps it where ordinary users do not look. */
export function findPgBouncer(): string | null {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  for (const directory of directories) {
    const program = join(directory, 'pgbouncer');
    try {
      accessSync(program, constants.X_OK);
      return program;
    } catch {
      // Not in this one.
    }
  }
  return null;
}

export interface PgBouncerOptions {
  readonly server: { readonly host: string; readonly port: number };
  readonly user: string;
  readonly password: string;
  readonly poolMode: 'session' | 'transaction';
  /** Startup parameters that it takes and forgets; without it, a client that sends them is refused. */
  readonly ignores: readonly string[];
}

/** A PgBouncer in front of a server, for all its databases and one user. https://www.pgbouncer.org/config.html */
export async function startPgBouncer(
  options: PgBouncerOptions,
): Promise<{ readonly host: string; readonly port: number } & AsyncDisposable> {
  const program = findPgBouncer();
  if (program === null) throw new Error('no pgbouncer on this machine');
  // It refuses to run as root.
  const user = await serverUser();
  const directory = await mkdtemp(join(await temporaryDirectory(user), 'tiger-migrate-pgbouncer-'));
  const keeper = startKeeper(directory);
  const port = await freePort(HOST);
  const files = { config: join(directory, 'pgbouncer.ini'), users: join(directory, 'users') };
  const log = join(directory, 'log');
  await writeFile(files.users, `"${options.user}" "${options.password}"\n`, { mode: 0o600 });
  await writeFile(
    files.config,
    `[databases]
* = host=${options.server.host} port=${options.server.port}
[pgbouncer]
listen_addr = ${HOST}
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${files.users}
logfile = ${log}
pool_mode = ${options.poolMode}
ignore_startup_parameters = ${options.ignores.join(',')}
`,
    { mode: 0o600 },
  );
  if (user) for (const path of [directory, files.config, files.users]) await chown(path, user.uid, user.gid);
  const child: ChildProcess = spawn(program, ['-q', files.config], { ...user, cwd: directory, stdio: 'ignore' });
  keeper.watch(child.pid ?? null);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    keeper.watch(null);
    await keeper.release();
  };
  try {
    await until(() => answers(port), { what: 'pgbouncer to listen' });
  } catch (error) {
    const said = await readFile(log, 'utf8').catch(() => '');
    await stop();
    throw new Error(`pgbouncer did not start: ${said}`, { cause: error });
  }
  return { host: HOST, port, [Symbol.asyncDispose]: stop };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
