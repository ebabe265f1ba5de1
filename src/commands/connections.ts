import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { type MigrationFile, readMigrationFile } from '../engine/process/work-directory.ts';
import { MigrateError, type Side } from '../errors/migrate-error.ts';
import {
  type ConnectionSettings,
  describeServer,
  parseConnectionString,
  sameDatabase,
} from '../postgres/connection-string.ts';
import { withoutPassword } from '../postgres/without-password.ts';
import type { CommandContext } from './context.ts';

type ServerSide = Exclude<Side, 'local'>;

const VARIABLES = {
  source: ['SOURCE', 'PGCOPYDB_SOURCE_PGURI'],
  target: ['TARGET', 'PGCOPYDB_TARGET_PGURI'],
} as const;

/** Both servers of a command. */
export interface Connections {
  /** As given; may hold passwords. */
  readonly sourceText: string;
  readonly targetText: string;
  readonly source: ConnectionSettings;
  readonly target: ConnectionSettings;
}

/**
 * The connection strings of both sides: option, environment, what `remembered` of the work directory says (without
 * passwords), else asked at a terminal. TM1002 when nobody can be asked, TM1003 or TM1004 when one is not understood.
 */
export async function bothConnections(
  context: CommandContext,
  remembered: MigrationFile | null = null,
): Promise<Connections> {
  const sourceText = await connectionText(context, 'source', remembered);
  const source = parse(context, 'source', sourceText);
  const targetText = await connectionText(context, 'target', remembered);
  return { sourceText, targetText, source, target: parse(context, 'target', targetText) };
}

/** Whether an option or the environment names a database of a migration. */
export const namesServer = ({ flags, env }: CommandContext): boolean =>
  (['source', 'target'] as const).some((side) => flags[side] || VARIABLES[side].some((name) => env[name]));

async function connectionText(
  context: CommandContext,
  side: ServerSide,
  remembered: MigrationFile | null,
): Promise<string> {
  const given =
    context.flags[side] ??
    VARIABLES[side].map((name) => context.env[name]).find((value) => value) ??
    remembered?.[side];
  if (given) return given;
  if (process.stdin.isTTY && process.stderr.isTTY && !context.flags.yes) {
    const answer = await askUnseen(`Connection string of the ${side} (not shown): `, context.signal);
    if (answer) return answer;
  }
  throw new MigrateError('TM1002', {
    side,
    object: `--${side}`,
    message: `no connection string for the ${side}`,
    hint: `Give --${side} URI, or set ${VARIABLES[side].join(' or ')}.`,
  });
}

/** A connection string may hold a password: it is not to stay on the screen. */
async function askUnseen(question: string, signal: AbortSignal): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  // In this mode the terminal sends no signal for Ctrl-C.
  prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  process.stderr.write(question);
  try {
    return (await prompt.question('', { signal })).trim();
  } finally {
    prompt.close();
    process.stderr.write('\n');
  }
}

function parse(context: CommandContext, side: ServerSide, text: string): ConnectionSettings {
  try {
    return parseConnectionString(text, context.env);
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    throw new MigrateError(error.code, {
      ...error.report(),
      side,
      object: error.object ?? withoutPassword(text),
      cause: error,
    });
  }
}

/** The migration that the work directory remembers; null when none. TM1307 when it is one between other databases. */
export async function rememberedMigration(
  context: CommandContext,
  { source, target }: Pick<Connections, 'source' | 'target'>,
): Promise<MigrationFile | null> {
  const kept = await readMigrationFile(context.directory);
  if (!kept) return null;
  const [keptSource, keptTarget] = [kept.source, kept.target].map((text) => parseConnectionString(text, context.env));
  if (!keptSource || !keptTarget) return null;
  if (sameDatabase(keptSource, source) && sameDatabase(keptTarget, target)) return kept;
  throw new MigrateError('TM1307', {
    side: 'local',
    object: context.directory,
    message: `the work directory belongs to the migration of ${describeServer(keptSource)} into ${describeServer(keptTarget)}`,
    hint: 'Give these two, or another --dir.',
  });
}

/** The settings of a side as people write it: `source 10.0.0.1:5432/shop`. */
export const named = (side: ServerSide, settings: ConnectionSettings): string => `${side} ${describeServer(settings)}`;
