import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { EngineEvent, EventPayload } from '../engine/events.ts';
import { PROVIDERS } from '../engine/options.ts';
import { type ErrorReport, formatError, type MigrateError } from '../errors/migrate-error.ts';
import { createJsonPrinter, createLinePrinter, type EventPrinter } from '../terminal/line-printer.ts';

/** What every command gets from the command line and its surroundings. */
export interface CommandContext {
  readonly flags: CommonFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string;
  /** Gives an event out: as a line for people, or as an object with `--json`. */
  readonly print: (event: EventPayload & { time?: string }) => void;
  /** Gives an error out as an event, unless it is the one that was given out last; only with `--json`. */
  readonly printError: (error: ErrorReport) => void;
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
  const json = createJsonPrinter(of.write);
  const lines = holdingLastError(createLinePrinter(of.write));
  const now = () => new Date().toISOString();
  let lastError: ErrorReport | null = null;
  const print: CommandContext['print'] = (event) => {
    if (event.type === 'error') lastError = event.error;
    (flags.json ? json : lines).print({ time: now(), ...event });
  };
  return {
    flags,
    env: of.env,
    directory: resolve(flags.dir ?? defaultDirectory()),
    print,
    printError: (error) => {
      const known = lastError?.code === error.code && lastError.message === error.message;
      if (flags.json && !known) print({ type: 'error', error });
    },
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

/** Holds an error back until something follows it: the one that ends the command is told on standard error, once. */
function holdingLastError(printer: EventPrinter): EventPrinter {
  let held: EngineEvent | null = null;
  return {
    print(event) {
      if (held && !(event.type === 'phase' && event.phase === 'failed')) printer.print(held);
      held = event.type === 'error' ? event : null;
      if (!held) printer.print(event);
    },
  };
}

/** An error for people on standard error, and as an event with `--json`. */
export function reportError(context: Pick<CommandContext, 'flags' | 'printError'> | null, error: MigrateError): void {
  context?.printError(error.report());
  process.stderr.write(`${formatError(error.report())}\n`);
  if (context?.flags.debug && error.stack) process.stderr.write(`${error.stack}\n${String(error.cause ?? '')}\n`);
}
