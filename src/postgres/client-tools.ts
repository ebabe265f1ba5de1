import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { MigrateError } from '../errors/migrate-error.ts';
import type { Environment } from './connection-string.ts';

export type PgTool = 'pg_dump' | 'pg_restore';

/** A release of PostgreSQL, 10 or newer: `15.18` is major 15, minor 18. */
export interface PgVersion {
  readonly major: number;
  readonly minor: number;
}

/** pg_dump and pg_restore of one installation. */
export interface ClientTools {
  readonly pgDump: string;
  readonly pgRestore: string;
  readonly version: PgVersion;
}

/** Reads `server_version_num`: 150018 → 15.18. */
export const versionFromNumber = (serverVersionNum: number): PgVersion => ({
  major: Math.trunc(serverVersionNum / 10_000),
  minor: serverVersionNum % 10_000,
});

/** Reads what `pg_dump --version` prints; null when it is something else. Betas count as minor 0. */
export function versionFromOutput(text: string): PgVersion | null {
  const match = /\(PostgreSQL\) (\d+)(?:\.(\d+))?/.exec(text);
  return match ? { major: Number(match[1]), minor: Number(match[2] ?? 0) } : null;
}

const older = (a: PgVersion, b: PgVersion): boolean => a.major < b.major || (a.major === b.major && a.minor < b.minor);

export const formatVersion = (version: PgVersion): string => `${version.major}.${version.minor}`;

/**
 * All installations on this machine, the newest first. `TIGER_MIGRATE_PG_BIN`, a directory, is the only place looked at
 * when it is set; else `PATH` and where Debian, Red Hat and Homebrew put them.
 */
export async function findClientTools(env: Environment, signal?: AbortSignal): Promise<ClientTools[]> {
  const found: ClientTools[] = [];
  for (const directory of await candidateDirectories(env)) {
    const pgDump = join(directory, 'pg_dump');
    const pgRestore = join(directory, 'pg_restore');
    if (!(await executable(pgDump)) || !(await executable(pgRestore))) continue;
    const { stdout } = await execa(pgDump, ['--version'], {
      reject: false,
      ...(signal ? { cancelSignal: signal } : {}),
    });
    const version = versionFromOutput(stdout ?? '');
    if (version) found.push({ pgDump, pgRestore, version });
  }
  return found.sort((a, b) => b.version.major - a.version.major || b.version.minor - a.version.minor);
}

async function candidateDirectories(env: Environment): Promise<string[]> {
  if (env.TIGER_MIGRATE_PG_BIN) return [env.TIGER_MIGRATE_PG_BIN];
  const installed = await Promise.all([
    versioned('/usr/lib/postgresql', /^\d+$/, 'bin'),
    versioned('/usr', /^pgsql-\d+$/, 'bin'),
    versioned('/opt/homebrew/opt', /^(postgresql|libpq)(@\d+)?$/, 'bin'),
    versioned('/usr/local/opt', /^(postgresql|libpq)(@\d+)?$/, 'bin'),
    versioned('/Applications/Postgres.app/Contents/Versions', /^\d+$/, 'bin'),
  ]);
  // The versioned places first: /usr/bin/pg_dump on Debian is a wrapper that picks a version by its own rules.
  return [...new Set([...installed.flat(), ...(env.PATH ?? '').split(delimiter).filter(Boolean)])];
}

async function versioned(parent: string, name: RegExp, child: string): Promise<string[]> {
  const entries = await readdir(parent).catch(() => []);
  return entries.filter((entry) => name.test(entry)).map((entry) => join(parent, entry, child));
}

const executable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/**
 * The tools to use for a source of this version: of its own major release, else of the oldest newer one, so that the
 * dump holds as little as possible that the target does not know; the newest minor of it. `warning` when that minor
 * release is older than the source's.
 * Throws TM1211 naming the package to install.
 */
export function chooseClientTools(
  found: readonly ClientTools[],
  serverVersionNum: number,
): { readonly tools: ClientTools; readonly warning: string | null } {
  const server = versionFromNumber(serverVersionNum);
  const suitable = found.filter((tools) => tools.version.major >= server.major);
  const major = Math.min(...suitable.map((tools) => tools.version.major));
  const tools = suitable.find((candidate) => candidate.version.major === major);
  if (tools) {
    const behind = tools.version.major === server.major && older(tools.version, server);
    return {
      tools,
      warning: behind
        ? `pg_dump ${formatVersion(tools.version)} is older than the source, ${formatVersion(server)}: it may not know what a newer minor release stores. Update the package (${installHint(server.major)})`
        : null,
    };
  }
  const best = found[0];
  throw new MigrateError('TM1211', {
    side: 'local',
    object: best ? best.pgDump : 'pg_dump',
    message: best
      ? `pg_dump ${formatVersion(best.version)} is older than the source, PostgreSQL ${formatVersion(server)}`
      : 'pg_dump and pg_restore are not installed',
    hint: `${installHint(server.major)} Or point TIGER_MIGRATE_PG_BIN to the directory that holds them.`,
  });
}

/** What to install for a server of this major release. */
export const installHint = (major: number): string =>
  [
    `Debian/Ubuntu: apt-get install postgresql-client-${major} (if apt does not know it: apt-get install postgresql-common && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh, then again).`,
    `RHEL/Rocky/Fedora: dnf install postgresql${major} (from https://www.postgresql.org/download/linux/redhat/).`,
    `macOS: brew install postgresql@${major} (or libpq).`,
  ].join(' ');

/** `findClientTools` and `chooseClientTools` in one. Throws TM1211. */
export async function clientToolsFor(
  serverVersionNum: number,
  env: Environment,
  signal?: AbortSignal,
): Promise<{ readonly tools: ClientTools; readonly warning: string | null }> {
  return chooseClientTools(await findClientTools(env, signal), serverVersionNum);
}
