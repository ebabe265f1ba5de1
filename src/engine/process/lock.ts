import { open, readFile, readlink, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MigrateError } from '../../errors/migrate-error.ts';
import { isDiskFull, noRoom } from '../disk-full.ts';

const lockPath = (directory: string) => join(directory, 'engine.lock');

/**
 * When a process began, in the kernel's own clock ticks; null where the system doesn't tell. Process ids are used
 * again, and in containers every engine has the same small one: the id alone says little about a lock that was left.
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (field 22)
 */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the program's name in parentheses, which may hold anything.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Somebody has made the lock and not yet written its name into it. */
const UNNAMED_TRIES = 20;
const UNNAMED_WAIT_MS = 25;

/** The living process that holds the directory; null when none does. */
export async function lockHolder(directory: string): Promise<number | null> {
  for (let attempt = 0; attempt < UNNAMED_TRIES; attempt += 1) {
    const path = lockPath(directory);
    const text = await readlink(path).catch(() => readFile(path, 'utf8').catch(() => null));
    if (text === null) return null;
    const [pid = '', start = ''] = text.split(' ');
    if (pid !== '') {
      if (!isAlive(Number(pid))) return null;
      const now = await startOf(Number(pid));
      return now === null || start === '' || now === start ? Number(pid) : null;
    }
    await delay(UNNAMED_WAIT_MS);
  }
  return null;
}

/** What a file system without symbolic links says. https://man7.org/linux/man-pages/man2/symlink.2.html */
const NO_LINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL']);

/**
 * Makes the lock, with its holder's name. As a symbolic link to nowhere: that is there at once with its name, and a full disk
 * takes it, too. Rejects with the file system's error; EEXIST when there is one.
 */
async function makeLock(path: string): Promise<void> {
  const name = `${process.pid} ${(await startOf(process.pid)) ?? ''}`;
  const linked = await symlink(name, path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && NO_LINKS.has(String(error.code))) return false;
      throw error;
    },
  );
  if (linked) return;
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(name);
  } catch (error) {
    await unlink(path).catch(() => {});
    throw error;
  } finally {
    await file.close();
  }
}

/** Takes the directory for this process. Rejects with TM1301 when another living process has it. */
export async function lockWorkDirectory(directory: string): Promise<AsyncDisposable> {
  const path = lockPath(directory);
  for (let attempt = 0; ; attempt += 1) {
    try {
      await makeLock(path);
      return {
        [Symbol.asyncDispose]: async () => {
          await unlink(path).catch(() => {});
        },
      };
    } catch (error) {
      if (isDiskFull(error)) throw noRoom(directory, error);
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
        const message = error instanceof Error ? error.message : String(error);
        throw new MigrateError('TM1302', {
          side: 'local',
          object: directory,
          message: `it can't be locked: ${message}`,
          hint: 'Check its permissions, or give another --dir.',
          cause: error,
        });
      }
      const holder = await lockHolder(directory);
      if (holder !== null || attempt > 2) throw inUse(directory, holder);
      await unlink(path).catch(() => {});
    }
  }
}

const inUse = (directory: string, holder: number | null): MigrateError =>
  new MigrateError('TM1301', {
    side: 'local',
    object: directory,
    message: `an engine works in this directory already (process ${holder ?? 'unknown'})`,
    hint: 'Watch it with status, or attach with tiger-migrate-tui; give another --dir for another migration.',
  });
