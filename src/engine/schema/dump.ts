import { join } from 'node:path';
import type { ClientTools } from '../../postgres/client-tools.ts';
import type { ConnectionSettings } from '../../postgres/connection-string.ts';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { type RunPgToolOptions, runPgTool } from '../../postgres/run-pg-tool.ts';
import { type ArchiveEntry, listedIds, parseScript } from './archive.ts';

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
  readonly excludeTables: readonly { schema: string; name: string }[];
  readonly excludeSchemas: readonly string[];
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
 * target can't take. Takes ACCESS SHARE locks as any reader does, and gives up on one that it can't get in 30 s.
 * https://www.postgresql.org/docs/current/app-pgdump.html
 */
export async function dumpSchema(options: DumpOptions): Promise<void> {
  const args = [
    '--format=custom',
    '--schema-only',
    '--no-owner',
    '--no-tablespaces',
    '--no-publications',
    '--no-subscriptions',
    '--no-security-labels',
    '--lock-wait-timeout=30s',
    `--file=${join(options.workDirectory, FILE)}`,
    ...(options.snapshot === null ? [] : [`--snapshot=${options.snapshot}`]),
    ...options.excludeTables.map((table) => `--exclude-table=${qualified(table)}`),
    ...options.excludeSchemas.map((schema) => `--exclude-schema=${quoteIdent(schema)}`),
    ...OUR_EXCLUSIONS,
  ];
  await runPgTool('pg_dump', args, options.source, toolOptions(options));
}

const OUR_EXCLUSIONS = ['--exclude-schema=tiger_migrate'];

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
  return { preData: await section('pre-data'), postData: await section('post-data') };
}

/** The statements that drop what the archive would create, in one block; extensions and schemas stay. */
export async function readDropScript(
  options: Pick<DumpOptions, 'tools' | 'workDirectory' | 'signal'>,
): Promise<string> {
  const file = join(options.workDirectory, FILE);
  const script = (
    await runPgTool(
      'pg_restore',
      ['--verbose', '--no-owner', '--clean', '--if-exists', '--section=pre-data', '--file=-', file],
      null,
      toolOptions(options),
    )
  ).stdout;
  const drops = script.slice(0, script.search(/^--\n-- TOC entry /m));
  return drops
    .split(/(?<=;)\n/)
    .filter((statement) => /^\s*(?:ALTER TABLE IF EXISTS|DROP )/.test(statement))
    .filter((statement) => !/^\s*DROP (?:EXTENSION|SCHEMA) /.test(statement))
    .join('\n');
}
