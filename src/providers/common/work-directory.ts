import { chmod, mkdir, mkdtemp, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requireOurs } from '../../engine/process/work-directory.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import type { Check, CheckOutcome } from '../check.ts';
import { type CopyEstimate, copyEstimate } from '../copy-estimate.ts';
import { workload } from '../facts/workload.ts';
import { fail, formatBytes, formatDuration, pass, warn } from '../outcome.ts';
import { shownRate, walRate } from './slot-life.ts';

export const workDirectory: Check = {
  id: 'local-work-directory',
  side: 'local',
  title: 'Work directory',
  severity: 'fail',
  wanted: 'empty, new or from an earlier run; ours to write and to make private (mode 0700)',
  why: 'Changes wait there until the copy is done, so that the source need not keep its WAL. They are rows of yours.',
  fix: 'Choose another directory with --dir.',
  async run({ workDirectory }) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await tryDirectory(workDirectory);
      } catch (error) {
        // Another check, running at the same time, has taken away what it had made, or made it just now.
        if (attempt < ATTEMPTS && ['ENOENT', 'EEXIST'].includes(errorCode(error))) continue;
        const message = error instanceof Error ? error.message : String(error);
        return fail('TM1302', `cannot use ${workDirectory}: ${message}`);
      }
    }
  },
};

const ATTEMPTS = 10;

async function tryDirectory(directory: string): Promise<CheckOutcome> {
  const entry = await stat(directory).catch(() => null);
  if (entry && !entry.isDirectory()) return fail('TM1302', `${directory} is not a directory`);
  // What the attempt creates on the way is taken away again: a check changes nothing.
  const created: string[] = [];
  try {
    for (const path of await missingDirectories(directory)) {
      await mkdir(path, { mode: 0o700 });
      created.unshift(path);
    }
    if (entry) {
      await requireOurs(directory);
      // Its owner alone may do so, even when nothing changes by it.
      await chmod(directory, entry.mode & 0o7777);
    }
    await rm(await mkdtemp(join(directory, 'check-')), { recursive: true });
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    return fail(error.code, `${directory}: ${error.message}`, { fix: error.hint });
  } finally {
    for (const path of created) await rmdir(path).catch(() => undefined);
  }
  if (!entry) return pass(`${directory}, will be created`);
  const mode = entry.mode & 0o777;
  return pass(
    (mode & 0o077) === 0
      ? `${directory}, private`
      : `${directory}, will be made private (chmod 700, now ${mode.toString(8)})`,
  );
}

/**
 * What `mkdir -p` would create, outermost first. Node's own `recursive` never ends where a file system refuses with
 * ENOENT, as /proc does.
 */
async function missingDirectories(path: string): Promise<string[]> {
  if (await stat(path).catch(() => null)) return [];
  return path === dirname(path) ? [] : [...(await missingDirectories(dirname(path))), path];
}

const LEAST_FREE_BYTES = 1024 ** 3;
const SHARE_OF_SOURCE = 0.1;

/** All in bytes and seconds; `rate` of WAL per second. */
export function spoolOutcome(free: number, { bytes, seconds }: CopyEstimate, rate: number): CheckOutcome {
  const changes = rate * seconds;
  const found = `${formatBytes(free)} free; about ${formatBytes(changes)} of changes come during a copy of about ${formatDuration(seconds)}, at ${shownRate(rate)}`;
  const ruleOfThumb = Math.max(LEAST_FREE_BYTES, bytes * SHARE_OF_SOURCE);
  const wanted = Math.max(ruleOfThumb, changes);
  if (free >= wanted) return pass(found);
  const why =
    wanted > ruleOfThumb ? 'what the source writes meanwhile' : 'a tenth of what is copied, and 1 GiB at least';
  return warn(found, {
    fix: `With --dir choose a directory on a disk with ${formatBytes(wanted)} free or more (${why}), or make room there. When it gets full nothing is lost: the source keeps its WAL until there is room again, so watch its disk.`,
  });
}

export const spoolSpace: Check = {
  id: 'local-spool-space',
  side: 'local',
  title: 'Room for changes',
  severity: 'warn',
  wanted: 'room for what the application changes while the copy runs, a tenth of what is copied at least',
  why: 'Changes wait on this disk until the copy is done and they can be replayed.',
  fix: 'Choose a directory on a larger disk with --dir.',
  async run(run) {
    const { bavail, bsize } = await statfs(await nearestDirectory(run.workDirectory));
    const { walNow, walAverage } = await run.ask('source', workload);
    return spoolOutcome(bavail * bsize, await copyEstimate(run), walRate(walNow, walAverage));
  },
};

/** Where the directory will be on, as long as it does not exist. */
async function nearestDirectory(path: string): Promise<string> {
  if (path === dirname(path) || (await stat(path).catch(() => null))?.isDirectory()) return path;
  return nearestDirectory(dirname(path));
}
