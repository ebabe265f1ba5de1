import { createHash } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { MigrateError } from '../../errors/migrate-error.ts';
import { isDiskFull, noRoom } from '../disk-full.ts';
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

const OWN_NAMES =
  /^(spool|identities|schema\.dump(\.next)?|definitions\.json\.gz|check-report\.md|engine\.(log|lock|sock)|(progress|migration|wizard)\.json(\.next)?|replica-identity\.sql(\.next)?|(pass|check)-\w{6}|\.probe-\d+)$/;

/** Whether a file in a work directory is one that we make: nothing else is ever removed from there. */
export const isOurs = (name: string): boolean => OWN_NAMES.test(name);

const TELLING_NAMES = /^(engine\.(log|lock|sock)|(progress|migration|wizard)\.json)$/;

/** By the names in it. Anybody may have a folder called spool: it alone does not make the directory that it is in ours. */
export const isWorkDirectory = (names: readonly string[]): boolean =>
  names.some((name) => TELLING_NAMES.test(name)) || names.every(isOurs);

/**
 * Makes the directory, or makes sure that it is ours, private and writable. Rejects with TM1302, or TM4003 on a full disk.
 * `goingOn`: not where a migration was begun. To go on with it needs no room, and gives some back.
 */
export async function prepareWorkDirectory(directory: string, goingOn = false): Promise<void> {
  try {
    await makeDirectory(directory);
    await requireOurs(directory);
    await chmod(directory, PRIVATE);
    await prepareSocketDirectory(directory);
    const probe = join(directory, `.probe-${process.pid}`);
    await writeFile(probe, 'x', { mode: 0o600 }).finally(() => rm(probe, { force: true }));
  } catch (error) {
    if (error instanceof MigrateError) throw error;
    if (isDiskFull(error)) {
      if (goingOn && (await readMigrationFile(directory))) return;
      throw noRoom(directory, error);
    }
    const message = error instanceof Error ? error.message : String(error);
    throw unusable(directory, `it can't be used: ${message}`, 'Give a directory that you may write with --dir.', error);
  }
}

/** `mkdir -p`, outermost first: Node's own `recursive` never ends where a file system refuses with ENOENT, as /proc does. */
async function makeDirectory(path: string): Promise<void> {
  const entry = await stat(path).catch(() => null);
  if (entry?.isDirectory()) return;
  if (entry) throw unusable(path, 'it is not a directory', 'Give another --dir.');
  if (dirname(path) !== path) await makeDirectory(dirname(path));
  await mkdir(path, { mode: PRIVATE }).catch(async (error: unknown) => {
    // Another engine may have been quicker.
    if (!(await stat(path).catch(() => null))?.isDirectory()) throw error;
  });
}

/** Somebody's home or project is not a work directory: our files would be strewn among theirs. Rejects with TM1302. */
export async function requireOurs(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== 'lost+found');
  if (isWorkDirectory(names)) return;
  throw unusable(
    directory,
    `it holds files that are not ours: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`,
    'Give an empty or a new directory with --dir.',
  );
}

/** In the temporary directory, which everybody may write, somebody else may have made it before us. */
async function prepareSocketDirectory(directory: string): Promise<void> {
  const parent = dirname(socketPath(directory));
  if (parent === resolve(directory)) return;
  await makeDirectory(parent);
  const entry = await lstat(parent);
  if (!entry.isDirectory() || (entry.mode & 0o077) !== 0 || entry.uid !== (process.getuid?.() ?? entry.uid)) {
    throw unusable(parent, 'others may use it: the socket would not be private', 'Remove it, or give a shorter --dir.');
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

/** Synchronous: what it names must be known before anything is created. Throws the file system's error. */
export function keepMigrationFile(directory: string, file: MigrationFile): void {
  const next = `${migrationPath(directory)}.next`;
  writeFileSync(next, JSON.stringify(file, null, 1), { mode: 0o600, flush: true });
  renameSync(next, migrationPath(directory));
}

/** After `clean` there is nothing to go on with, and nothing to tell. */
export async function forgetMigration(directory: string): Promise<void> {
  for (const path of [migrationPath(directory), progressPath(directory)]) await rm(path, { force: true });
}

/** Passfiles of an engine that was killed while pg_dump ran. Only for whoever holds the directory. */
export async function removeLeftPassfiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/^pass-\w{6}$/.test(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

export const readProgressFile = (directory: string): Promise<Progress | null> =>
  readJson(progressPath(directory), progressSchema);
export const writeProgressFile = (directory: string, progress: Progress): Promise<void> =>
  replaceFile(progressPath(directory), progress);
