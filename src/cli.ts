#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { check } from './commands/check.ts';
import { clean } from './commands/clean.ts';
import {
  type CommandContext,
  type CommonFlags,
  commonFlagsSchema,
  createContext,
  reportError,
} from './commands/context.ts';
import { cutover } from './commands/cutover.ts';
import { demo } from './commands/demo.ts';
import { engine } from './commands/engine.ts';
import { migrate } from './commands/migrate.ts';
import { parseSize } from './commands/size.ts';
import { snapshot } from './commands/snapshot.ts';
import { status } from './commands/status.ts';
import { verify } from './commands/verify.ts';
import { wizard } from './commands/wizard.ts';
import { PROVIDERS } from './engine/options.ts';
import { toMigrateError } from './errors/migrate-error.ts';
import { VERSION } from './version.ts';

const INTERRUPTED = 130;
const USAGE = 2;

/** The first Ctrl-C or SIGTERM ends in order; the second at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}

// Whoever reads our output may stop reading: that is no reason to stop a migration.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const signal = interruption();
let exitCode = 0;

/** Runs a command with its context, and turns what it throws into a message and an exit code. */
const run =
  (command: (context: CommandContext, flags: Record<string, unknown>) => Promise<number>) =>
  async (_: unknown, source: Command): Promise<void> => {
    const flags: Record<string, unknown> = source.optsWithGlobals();
    let context: CommandContext | null = null;
    try {
      const common: CommonFlags = commonFlagsSchema.parse(flags);
      context = createContext(common, { env: process.env, write: (text) => process.stdout.write(text), signal });
      exitCode = await command(context, flags);
    } catch (error) {
      if (signal.aborted) {
        process.stderr.write('Interrupted; migrate --resume goes on.\n');
        exitCode = INTERRUPTED;
        return;
      }
      const failure = toMigrateError(error);
      reportError(context, failure);
      exitCode = failure.code === 'TM9002' ? INTERRUPTED : failure.kind.exit;
    }
  };

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 128)
    throw new InvalidArgumentError('a whole number from 1 to 128');
  return value;
};
const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0');
  return value;
};
const rate = (text: string): number => {
  const value = Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError('a number from 0');
  return value;
};
const size = (text: string): number => {
  try {
    return parseSize(text);
  } catch (error) {
    throw new InvalidArgumentError(toMigrateError(error).hint);
  }
};

/** Options that every command takes. */
const common = (command: Command): Command =>
  command
    .option('--source <uri>', 'source database (else SOURCE, PGCOPYDB_SOURCE_PGURI)')
    .option('--target <uri>', 'target database (else TARGET, PGCOPYDB_TARGET_PGURI)')
    .addOption(new Option('--provider <kind>', 'source kind; detected when absent').choices([...PROVIDERS]))
    .option('--dir <dir>', 'work directory (default: ~/.tiger-migrate)')
    .option('--json', 'newline-delimited JSON on standard output')
    .option('--yes', 'take the safe default at every question')
    .option('--debug', 'show stack traces');

/** Options of a migration. */
const migration = (command: Command): Command =>
  command
    .option('--table-jobs <n>', 'tables copied at once', count)
    .option('--index-jobs <n>', 'indexes built at once', count)
    .option('--split-tables-larger-than <size>', 'copy bigger tables in parts, e.g. 10GB', size)
    .option('--skip-table-data <pattern...>', 'schema.table patterns: schema only, no rows')
    .option('--exclude-table-data <pattern...>', 'the same as --skip-table-data')
    .option('--skip-index <name...>', 'indexes that are not built')
    .option('--exclude-index <name...>', 'the same as --skip-index')
    .option('--exclude-table <pattern...>', 'schema.table patterns: left out altogether')
    .option('--exclude-schema <name...>', 'schemas that are left out altogether')
    .option('--skip-roles', 'create no roles on the target')
    .option('--skip-extensions [name...]', 'create no extensions, or not these')
    .option('--drop-if-exists', 'drop from the target what the source has too, and start over');

const program = new Command('tiger-migrate-tui')
  .description('Move a PostgreSQL or TimescaleDB database to Tiger Cloud with its writes going on')
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError('(--help shows the options)')
  .enablePositionalOptions();

common(program)
  .option('--watch', 'attach to a running migration to look only')
  .action(run((context, flags) => wizard(context, { watch: flags.watch === true })));

common(program.command('demo'))
  .description('two throw-away servers, a shop under live writes, and the wizard filled in; --yes: unattended')
  .option('--scale <factor>', 'size of the shop, 1 is about 300 MB', positive)
  .option('--rate <n>', 'transactions a second that the shop writes', rate)
  .action(run(demo));
common(program.command('check')).description('all preflight checks').action(run(check));
migration(common(program.command('snapshot')))
  .description('checks, publications, slot, snapshot, spooling; the copy waits for migrate')
  .action(run(snapshot));
migration(common(program.command('migrate')))
  .description('copy and replay in the foreground; c and Enter, or SIGUSR1, cuts over')
  .option('--resume', 'go on where an earlier attempt stopped')
  .addOption(new Option('--cutover <when>', 'auto: as soon as caught up').choices(['auto', 'manual']))
  .option('--freeze-source', 'at the cut-over, make the source read-only and disconnect writers')
  .action(run(migrate));
common(program.command('status')).description('one look at a running or stopped migration').action(run(status));
common(program.command('cutover'))
  .description('fence, drain, finish; from any terminal')
  .option('--freeze-source', 'make the source read-only and disconnect writers first')
  .option('--confirm <dbname>', 'name of the target database: the confirmation')
  .action(run(cutover));
common(program.command('verify'))
  .description('compare source and target: every row, sequences and objects')
  .option('--tables <pattern...>', 'only these tables')
  .action(run(verify));
common(program.command('clean'))
  .description('remove slot, publications, our schema, restored settings')
  .option('--prune', 'the work directory too')
  .action(run(clean));
program.command('engine', { hidden: true }).action(async () => {
  exitCode = await engine(signal);
});
for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  exitCode = error.exitCode === 0 ? 0 : USAGE;
}
// Sockets and terminals that are still open must not keep a finished command alive.
process.stdout.write('', () => process.exit(exitCode));
