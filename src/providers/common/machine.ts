import { mkdir, mkdtemp, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { MigrateError } from '../../errors/migrate-error.ts';
import { clientToolsFor, formatVersion } from '../../postgres/client-tools.ts';
import { firstRow, numericSetting } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, formatBytes, info, pass, warn } from '../outcome.ts';

export const clientTools: Check = {
  id: 'local-client-tools',
  side: 'local',
  title: 'pg_dump and pg_restore',
  wanted: 'installed, at least as new as the source in major and minor release',
  why: 'They carry the schema. An older one does not know what a newer server stores.',
  fix: 'Install the PostgreSQL client package of the major release of the source.',
  async run({ source, signal }) {
    const version = (await numericSetting(source, 'server_version_num')) ?? 0;
    try {
      const { tools, warning } = await clientToolsFor(version, process.env, signal);
      const found = `${formatVersion(tools.version)}, ${tools.pgDump}`;
      return warning === null ? pass(found) : warn(`${found}: ${warning}`);
    } catch (error) {
      if (error instanceof MigrateError) return fail(error.code, error.message, { fix: error.hint });
      throw error;
    }
  },
};

const LEAST_FREE_BYTES = 1024 ** 3;
const SHARE_OF_SOURCE = 0.1;

export const workDirectory: Check = {
  id: 'local-work-directory',
  side: 'local',
  title: 'Work directory',
  wanted: 'writable, private (mode 0700), with room for the changes that come while the copy runs',
  why: 'Changes wait there until the copy is done, so that the source need not keep its WAL. They are rows of yours.',
  fix: 'Choose another directory with --dir.',
  async run({ source, workDirectory: directory }) {
    const entry = await stat(directory).catch(() => null);
    if (entry && !entry.isDirectory()) return fail('TM1302', `${directory} is not a directory`);
    if (entry && (entry.mode & 0o077) !== 0) {
      return fail('TM1302', `others may look into ${directory} (mode ${(entry.mode & 0o777).toString(8)})`, {
        fix: `chmod 700 '${directory}'`,
      });
    }
    // What the attempt creates on the way is taken away again: a check changes nothing.
    const missing = await missingDirectories(directory);
    const created: string[] = [];
    let bavail = 0;
    let bsize = 0;
    try {
      for (const path of missing) {
        await mkdir(path, { mode: 0o700 });
        created.unshift(path);
      }
      await rm(await mkdtemp(join(directory, 'check-')), { recursive: true });
      ({ bavail, bsize } = await statfs(directory));
    } catch (error) {
      return fail(
        'TM1302',
        `cannot write into ${directory}: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      for (const path of created) await rmdir(path).catch(() => undefined);
    }
    const free = bavail * bsize;
    const { bytes } = await firstRow<{ bytes: string }>(
      source,
      'SELECT pg_database_size(current_database())::text AS bytes',
    );
    const found = `${directory}, ${formatBytes(free)} free; the source holds ${formatBytes(Number(bytes))}`;
    const wanted = Math.max(LEAST_FREE_BYTES, Number(bytes) * SHARE_OF_SOURCE);
    return free >= wanted
      ? pass(found)
      : warn(found, {
          fix: `Choose a directory with ${formatBytes(wanted)} free or more (--dir), or as much as the source writes in the hours of the copy. When it gets full, nothing is lost: the source keeps its WAL meanwhile.`,
        });
  },
};

/**
 * What `mkdir -p` would create, outermost first. Node's own `recursive` never ends where a file system refuses with
 * ENOENT, as /proc does.
 */
async function missingDirectories(path: string): Promise<string[]> {
  if (await stat(path).catch(() => null)) return [];
  return path === dirname(path) ? [] : [...(await missingDirectories(dirname(path))), path];
}

export const processors: Check = {
  id: 'local-processors',
  side: 'local',
  title: 'Processors of this machine',
  wanted: '2 or more',
  why: 'All rows pass through here; copying and replaying take one each.',
  fix: 'Run the migration on a larger machine, near to both servers.',
  async run() {
    const count = availableParallelism();
    return count >= 2 ? info(`${count}`) : warn(`${count}`);
  },
};
