import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import type { EventPayload } from '../engine/events.ts';
import { type MigrationOptions, migrationOptionsSchema, PROVIDERS } from '../engine/options.ts';
import { formatError, MigrateError, type Side } from '../errors/migrate-error.ts';
import { type ConnectionSettings, parseConnectionString } from '../postgres/connection-string.ts';
import { createJsonPrinter, createLinePrinter } from '../terminal/line-printer.ts';

/** What every command gets from the command line and its surroundings. */
export interface CommandContext {
  readonly flags: CommonFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string;
  /** Gives an event out: as a line for people, or as an object with `--json`. */
  readonly print: (event: EventPayload & { time?: string }) => void;
  /** Gives out an object that is no engine event; only with `--json`. */
  readonly printJson: (object: { type: string } & Record<string, unknown>) => void;
  /** A line for people; nothing with `--json`. */
  readonly say: (line: string) => void;
  /** Aborts at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

export const commonFlagsSchema = z.object({
  source: z.string().optional(),
  target: z.string().optional(),
  provider: z.enum(PROVIDERS).optional(),
  dir: z.string().optional(),
  json: z.boolean().default(false),
  yes: z.boolean().default(false),
  debug: z.boolean().default(false),
});
export type CommonFlags = z.infer<typeof commonFlagsSchema>;

export const defaultDirectory = (): string => join(homedir(), '.tiger-migrate');

/** Builds the context; `write` is standard output. */
export function createContext(
  flags: CommonFlags,
  of: { env: NodeJS.ProcessEnv; write: (text: string) => void; signal: AbortSignal },
): CommandContext {
  const line = createLinePrinter(of.write);
  const json = createJsonPrinter(of.write);
  const now = () => new Date().toISOString();
  return {
    flags,
    env: of.env,
    directory: resolve(flags.dir ?? defaultDirectory()),
    print: (event) => (flags.json ? json : line).print({ time: now(), ...event }),
    printJson: (object) => {
      const { type, ...rest } = object;
      if (flags.json) of.write(`${JSON.stringify({ type, time: now(), ...rest })}\n`);
    },
    say: (text) => {
      if (!flags.json) of.write(`${text}\n`);
    },
    signal: of.signal,
  };
}

const VARIABLES = {
  source: ['SOURCE', 'PGCOPYDB_SOURCE_PGURI'],
  target: ['TARGET', 'PGCOPYDB_TARGET_PGURI'],
} as const;

/** The connection string of one side: option, environment, else asked at a terminal; TM1002 when nobody can be asked. */
export async function connectionText(context: CommandContext, side: Exclude<Side, 'local'>): Promise<string> {
  const given = context.flags[side] ?? VARIABLES[side].map((name) => context.env[name]).find((value) => value);
  if (given) return given;
  if (process.stdin.isTTY && process.stderr.isTTY && !context.flags.yes) {
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const answer = await prompt.question(`Connection string of the ${side}: `, { signal: context.signal });
      if (answer.trim()) return answer.trim();
    } finally {
      prompt.close();
    }
  }
  throw new MigrateError('TM1002', {
    side,
    message: `no connection string for the ${side}`,
    hint: `Give --${side} URI, or set ${VARIABLES[side].join(' or ')}.`,
  });
}

export async function bothSettings(
  context: CommandContext,
): Promise<{ source: ConnectionSettings; target: ConnectionSettings; sourceText: string; targetText: string }> {
  const sourceText = await connectionText(context, 'source');
  const targetText = await connectionText(context, 'target');
  return {
    sourceText,
    targetText,
    source: parseConnectionString(sourceText, context.env),
    target: parseConnectionString(targetText, context.env),
  };
}

/** Reads the options of `migrate`; what is not understood is TM1001. */
export function optionsFrom(context: CommandContext, flags: Record<string, unknown>): MigrationOptions {
  const skipExtensions = flags.skipExtensions === true ? 'all' : (flags.skipExtensions ?? []);
  const parsed = migrationOptionsSchema.safeParse({
    ...withoutUndefined(flags),
    provider: context.flags.provider ?? null,
    skipTableData: [...asList(flags.skipTableData), ...asList(flags.excludeTableData)],
    skipIndex: [...asList(flags.skipIndex), ...asList(flags.excludeIndex)],
    skipExtensions,
  });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new MigrateError('TM1001', {
    side: 'local',
    object: issue?.path.join('.'),
    message: issue?.message ?? 'an option is not understood',
    hint: 'See tiger-migrate-tui migrate --help.',
  });
}

const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const withoutUndefined = (flags: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));

/** An error for people on standard error, and as an event with `--json`. */
export function reportError(context: Pick<CommandContext, 'flags' | 'print'> | null, error: MigrateError): void {
  if (context?.flags.json) context.print({ type: 'error', error: error.report() });
  process.stderr.write(`${formatError(error.report())}\n`);
  if (context?.flags.debug && error.stack) process.stderr.write(`${error.stack}\n${String(error.cause ?? '')}\n`);
}
