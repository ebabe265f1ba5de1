import { access, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { ClientTools } from '../../postgres/client-tools.ts';
import type { ConnectionSettings } from '../../postgres/connection-string.ts';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { type RunPgToolOptions, runPgTool } from '../../postgres/run-pg-tool.ts';
import { isDiskFull, noRoom } from '../disk-full.ts';
import { type ArchiveEntry, listedIds, parseScript, requireAll } from './archive.ts';

export interface SourceSchema {
  /** Everything that must be there before rows: types, functions, tables, sequences, views. */
  readonly preData: readonly ArchiveEntry[];
  /** Indexes, constraints, triggers, rules, policies and what belongs to them. */
  readonly postData: readonly ArchiveEntry[];
}

export interface DumpOptions {
  readonly source: ConnectionSettings;
  readonly tools: ClientTools;
  readonly workDirectory: string;
  /** Exported snapshot: the schema is that of the rows. Null: as it is now. */
  readonly snapshot: string | null;
  /** Tables and sequences. */
  readonly excludeTables: readonly { schema: string; name: string }[];
  /** Whole names, never patterns. */
  readonly excludeSchemas: readonly string[];
  /** How long each try waits for its locks; absent: several short ones and a patient last one. */
  readonly patience?: readonly string[];
  readonly signal: AbortSignal;
}

const FILE = 'schema.dump';

const toolOptions = (options: Pick<DumpOptions, 'tools' | 'workDirectory' | 'signal'>): RunPgToolOptions => ({
  tools: options.tools,
  side: 'source',
  passfileDirectory: options.workDirectory,
  signal: options.signal,
});

/**
 * Dumps the source's schema into the work directory: no owners, tablespaces, publications or security labels, which the
 * target can't take. Takes ACCESS SHARE locks as any reader does, on all tables; when it can't get them it gives up soon
 * and tries again, so that the application is not the one that a deadlock ends. TM2001 after a last, patient try.
 * https://www.postgresql.org/docs/current/app-pgdump.html
 */
export async function dumpSchema(options: DumpOptions): Promise<void> {
  const path = join(options.workDirectory, FILE);
  const next = `${path}.next`;
  const args = [
    '--format=custom',
    '--schema-only',
    // Otherwise the text is in the encoding of the database.
    '--encoding=UTF8',
    '--no-owner',
    '--no-tablespaces',
    '--no-publications',
    '--no-subscriptions',
    '--no-security-labels',
    `--file=${next}`,
    // A name may be a reserved word on a newer server.
    '--quote-all-identifiers',
    ...(options.snapshot === null ? [] : [`--snapshot=${options.snapshot}`]),
    ...options.excludeTables.map((table) => `--exclude-table=${qualified(table)}`),
    ...options.excludeSchemas.map((schema) => `--exclude-schema=${quoteIdent(schema)}`),
  ];
  const waits = options.patience ?? LOCK_PATIENCE;
  for (const [attempt, patience] of waits.entries()) {
    try {
      await makePrivate(next);
      await runPgTool('pg_dump', [...args, `--lock-wait-timeout=${patience}`], options.source, toolOptions(options));
      // On a full disk it may have said nothing.
      await runPgTool('pg_restore', ['--list', next], null, toolOptions(options));
      await rename(next, path);
      return;
    } catch (error) {
      if (isDiskFull(error)) throw noRoom(options.workDirectory, error);
      if (error instanceof MigrateError && NO_ROOM.test(error.message)) throw noRoom(options.workDirectory, error);
      if (!isLockTimeout(error) || attempt === waits.length - 1) throw error;
    }
  }
}

/** pg_dump makes its file readable for everybody, but leaves the mode of a file that is there. */
async function makePrivate(path: string): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, '', { mode: 0o600, flag: 'wx' });
}
/** pg_dump gave up waiting for the lock on a table. */
export const isLockTimeout = (error: unknown): boolean =>
  error instanceof MigrateError && /statement timeout|lock timeout/.test(error.message);

const NO_ROOM = /No space left on device|input file is too short|unexpected end of file/;

/** The short ones are below `deadlock_timeout`. */
const LOCK_PATIENCE = ['500ms', '500ms', '500ms', '500ms', '500ms', '30s'];

/** Whether a dump was left in the work directory. */
export const hasDump = (workDirectory: string): Promise<boolean> =>
  access(join(workDirectory, FILE)).then(
    () => true,
    () => false,
  );

/** Every database has it, and only the owner of the schema may set it. pg_dump knows it by the name without quotes only. */
const isWanted = ({ type, name, sql }: ArchiveEntry): boolean =>
  type !== 'COMMENT' || name !== 'SCHEMA public' || !sql.includes("IS 'standard public schema';");

/** Reads the schema that `dumpSchema` left in the work directory. Rejects with TM2001 when it is not there. */
export async function readSchema(
  options: Pick<DumpOptions, 'tools' | 'workDirectory' | 'signal'>,
): Promise<SourceSchema> {
  const file = join(options.workDirectory, FILE);
  const restore = async (...args: string[]) =>
    (await runPgTool('pg_restore', [...args, file], null, toolOptions(options))).stdout;
  const known = listedIds(await restore('--list'));
  const section = async (name: string) =>
    parseScript(await restore('--verbose', '--no-owner', '--no-tablespaces', `--section=${name}`, '--file=-'), known);
  const [preData, postData] = [await section('pre-data'), await section('post-data')];
  requireAll(known, [...preData, ...postData]);
  return { preData: preData.filter(isWanted), postData: postData.filter(isWanted) };
}
