import { readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DEMO_SOURCE, DEMO_TARGET } from '../demo/environment.ts';
import { EngineClient } from '../engine/process/client.ts';
import { lockHolder } from '../engine/process/lock.ts';
import {
  isOurs,
  isWorkDirectory,
  type MigrationFile,
  prepareWorkDirectory,
  readMigrationFile,
} from '../engine/process/work-directory.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { type ConnectionSettings, describeServer, parseConnectionString } from '../postgres/connection-string.ts';
import type { CommandContext } from './context.ts';

/** Longer than the servers of a demo that was killed take to end. */
const SERVERS_END_MS = 15_000;
/** An engine that does not end by then is killed: nothing of a demo has to be kept. */
const ENGINE_ENDS_MS = 10_000;
const LOOK_MS = 100;

interface Sides {
  readonly source: ConnectionSettings;
  readonly target: ConnectionSettings;
}

const sidesOf = (file: MigrationFile, { env }: CommandContext): Sides => ({
  source: parseConnectionString(file.source, env),
  target: parseConnectionString(file.target, env),
});

/** By host, role and database of both sides, which only the demo's own servers have. */
function isDemo({ source, target }: Sides): boolean {
  const same = (one: ConnectionSettings, other: { host: string; user: string; database: string }): boolean =>
    one.host === other.host && one.user === other.user && one.database === other.database;
  return same(source, DEMO_SOURCE) && same(target, DEMO_TARGET);
}

/**
 * Makes a work directory ready for a new demo: an earlier demo's migration, whose servers are gone, is removed with its
 * engine. Rejects with TM1302 when it can't be used, with TM1307 when a migration of somebody's own is in it, with TM1301 when a
 * demo's servers still run.
 */
export async function prepareDemoDirectory(context: CommandContext): Promise<void> {
  const { directory } = context;
  await prepareWorkDirectory(directory);
  const file = await readMigrationFile(directory);
  if (!file) return;
  const sides = sidesOf(file, context);
  if (!isDemo(sides)) {
    throw new MigrateError('TM1307', {
      side: 'local',
      object: directory,
      message: `the work directory belongs to the migration of ${describeServer(sides.source)} into ${describeServer(sides.target)}`,
      hint: 'Give the demo another --dir, or none.',
    });
  }
  context.print({ type: 'log', text: 'Demo: an earlier demo left its files here; its servers are throw-away' });
  if (!(await bothGone(sides, context.signal))) {
    throw new MigrateError('TM1301', {
      side: 'local',
      object: directory,
      message: 'the servers of another demo in this directory still answer',
      hint: 'End that demo first, or give another --dir.',
    });
  }
  await endDemoEngine(directory, context.signal);
  await removeDemoFiles(directory);
}

/** Whether neither server answers; waits a little for servers that are being stopped. */
async function bothGone({ source, target }: Sides, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + SERVERS_END_MS;
  for (;;) {
    const answers = await Promise.all([accepts(source), accepts(target)]);
    if (!answers.includes(true)) return true;
    if (performance.now() >= until) return false;
    await delay(LOOK_MS, undefined, { signal });
  }
}

const accepts = ({ host, port }: ConnectionSettings): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** Stops the engine of a demo and waits until it has ended; one that does not end is killed. */
export async function endDemoEngine(directory: string, signal?: AbortSignal): Promise<void> {
  const client = await EngineClient.attach(directory);
  if (client) {
    await client.request({ action: 'stop' }).catch(() => {});
    client.detach();
  }
  const until = performance.now() + ENGINE_ENDS_MS;
  for (let holder = await lockHolder(directory); holder !== null; holder = await lockHolder(directory)) {
    if (performance.now() >= until) kill(holder);
    await delay(LOOK_MS, undefined, signal ? { signal } : {});
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** Only what is ours goes: somebody may have pointed --dir at a directory that holds other things too. */
export async function removeDemoFiles(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  if (!isWorkDirectory(names)) return;
  for (const name of names.filter(isOurs)) await rm(join(directory, name), { recursive: true, force: true });
}
