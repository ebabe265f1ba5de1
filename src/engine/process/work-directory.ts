import { createHash } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { MigrateError } from '../../errors/migrate-error.ts';
import { migrationOptionsSchema } from '../options.ts';
import { type Progress, progressSchema } from '../progress.ts';

/**
 * The work directory holds only what can be lost or found out again: who migrates what, the last known progress, the log,
 * the socket and the spool. What is durable is on the target.
 */
const PRIVATE = 0o700;
/** The longest path that a Unix socket can have on Linux; shorter by four on macOS. */
const SOCKET_PATH_BYTES = 103;

export const logPath = (directory: string): string => join(directory, 'engine.log');
const lockPath = (directory: string) => join(directory, 'engine.lock');
const progressPath = (directory: string) => join(directory, 'progress.json');
const migrationPath = (directory: string) => join(directory, 'migration.json');

/** The engine's socket; in the system's temporary directory where the work directory's own path is too long for one. */
export function socketPath(directory: string): string {
  const path = join(resolve(directory), 'engine.sock');
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return path;
  const name = createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 16);
  return join(tmpdir(), `tiger-migrate-${process.getuid?.() ?? 0}`, `${name}.sock`);
}

const unusable = (directory: string, message: string, hint: string, cause?: unknown): MigrateError =>
  new MigrateError('TM1302', { side: 'local', object: directory, message, hint, cause });

/** Makes the directory, or makes sure that it is ours, private and writable. Rejects with TM1302. */
export async function prepareWorkDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: PRIVATE });
    const info = await stat(directory);
    if ((info.mode & 0o077) !== 0) {
      const names = await readdir(directory);
      if (names.length > 0 && !names.includes('migration.json')) {
        throw unusable(
          directory,
          'others may read it, and it holds files that are not ours',
          `chmod 700 it, or give another --dir.`,
        );
      }
      await chmod(directory, PRIVATE);
    }
    await mkdir(join(socketPath(directory), '..'), { recursive: true, mode: PRIVATE });
    const probe = join(directory, `.probe-${process.pid}`);
    await writeFile(probe, '');
    await unlink(probe);
  } catch (error) {
    if (error instanceof MigrateError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw unusable(directory, `it can't be used: ${message}`, 'Give a directory that you may write with --dir.', error);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The process that holds the directory; null when none does. */
export async function lockHolder(directory: string): Promise<number | null> {
  const pid = Number(await readFile(lockPath(directory), 'utf8').catch(() => ''));
  return pid > 0 && isAlive(pid) ? pid : null;
}

/** Takes the directory for this process. Rejects with TM1301 when another living process has it. */
export async function lockWorkDirectory(directory: string): Promise<AsyncDisposable> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const file = await open(lockPath(directory), 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return {
        [Symbol.asyncDispose]: async () => {
          await unlink(lockPath(directory)).catch(() => {});
        },
      };
    } catch (error) {
      const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      if (!exists) throw unusable(directory, `it can't be locked: ${String(error)}`, 'Check its permissions.', error);
      const holder = await lockHolder(directory);
      if (holder !== null || attempt > 2) {
        throw new MigrateError('TM1301', {
          side: 'local',
          object: directory,
          message: `an engine works in this directory already (process ${holder ?? 'unknown'})`,
          hint: 'Watch it with status, or attach with tiger-migrate-tui; give another --dir for another migration.',
        });
      }
      await unlink(lockPath(directory)).catch(() => {});
    }
  }
}

const migrationFileSchema = z.object({
  id: z.string(),
  /** Without passwords. */
  source: z.string(),
  target: z.string(),
  options: migrationOptionsSchema,
  created: z.iso.datetime(),
});
export type MigrationFile = z.infer<typeof migrationFileSchema>;

async function replaceFile(path: string, content: unknown): Promise<void> {
  const next = `${path}.next`;
  await writeFile(next, JSON.stringify(content, null, 1), { mode: 0o600 });
  await rename(next, path);
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Of another version, or cut off: the target knows better anyway.
    return null;
  }
}

export const readMigrationFile = (directory: string): Promise<MigrationFile | null> =>
  readJson(migrationPath(directory), migrationFileSchema);
export const writeMigrationFile = (directory: string, file: MigrationFile): Promise<void> =>
  replaceFile(migrationPath(directory), file);

export const readProgressFile = (directory: string): Promise<Progress | null> =>
  readJson(progressPath(directory), progressSchema);
export const writeProgressFile = (directory: string, progress: Progress): Promise<void> =>
  replaceFile(progressPath(directory), progress);
