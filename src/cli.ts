#!/usr/bin/env node
import { isatty } from 'node:tty';
import { Command, CommanderError, Option } from 'commander';
import { type CommandContext, commonFlagsSchema, createContext, reportError } from './commands/context.ts';
import { common, duration, migration, shop } from './commands/option-definitions.ts';
import { ERROR_KINDS } from './errors/codes.ts';
import { MigrateError, toMigrateError } from './errors/migrate-error.ts';
import { VERSION } from './version.ts';

/** A library (when-exit, which comes with conf) sends this process every signal once more. Nobody is as quick by hand. */
const ECHO_MS = 250;

/** The first Ctrl-C or SIGTERM ends in order; the second at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  let last = Number.NEGATIVE_INFINITY;
  const interrupt = () => {
    const since = performance.now() - last;
    last = performance.now();
    if (since < ECHO_MS) return;
    if (controller.signal.aborted) process.exit(ERROR_KINDS.TM9002.exit);
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  // Node forgets that nohup had it ignored; whoever uses that has no terminal left on any of the three.
  const atTerminal = [0, 1, 2].some(isatty);
  process.on('SIGHUP', () => {
    if (atTerminal) interrupt();
  });
  // Sent too early or to the wrong process, it would open Node's debugger.
  process.on('SIGUSR1', () => {});
  return controller.signal;
}

// Whoever reads our output may stop reading: that is no reason to stop a migration.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const signal = interruption();
const write = (text: string): boolean => process.stdout.write(text);
let exitCode = 0;

/** A defect. In an engine of its own standard error is the log, where the stack belongs. */
function crash(error: unknown): void {
  const failure = toMigrateError(error);
  const [, , command = ''] = process.argv;
  const stack = failure.cause instanceof Error ? failure.cause.stack : failure.stack;
  reportError(null, failure);
  if (command === 'engine' || process.argv.includes('--debug')) process.stderr.write(`${stack}\n`);
  process.exit(1);
}
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);

type Run<F> = (context: CommandContext, flags: F) => Promise<number>;

/** Runs a command with its context, and turns what it throws into a message and an exit code. */
const run =
  <F extends object>(load: () => Promise<Run<F>>) =>
  async (_: unknown, source: Command): Promise<void> => {
    const flags = source.optsWithGlobals<F>();
    // ps shows the command line to every user of the machine, with passwords if it holds any.
    process.title = `tiger-migrate-tui ${source.name() === 'tiger-migrate-tui' ? '' : source.name()}`.trim();
    let context: CommandContext | null = null;
    try {
      context = createContext(commonFlagsSchema.parse(flags), { env: process.env, write, signal });
      const command = await load();
      exitCode = await command(context, flags);
    } catch (error) {
      const failure = toMigrateError(error);
      exitCode = signal.aborted ? ERROR_KINDS.TM9002.exit : failure.kind.exit;
      if (exitCode !== ERROR_KINDS.TM9002.exit) return reportError(context, failure);
      const next = failure.code === 'TM9002' && failure.hint !== ERROR_KINDS.TM9002.explain ? ` ${failure.hint}` : '';
      process.stderr.write(`Interrupted.${next}\n`);
    }
  };

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 blocked by a check, 4 the data differs,
130 interrupted (a migration can be resumed).`;

const program = new Command('tiger-migrate-tui')
  .description('Move a PostgreSQL or TimescaleDB database to Tiger Cloud with its writes going on')
  .version(VERSION)
  .enablePositionalOptions()
  .helpCommand(true)
  .exitOverride()
  // Told in our own words, with a code.
  .configureOutput({ outputError: () => {} })
  .addHelpText('after', EXIT_CODES);

common(program, 'json', 'yes')
  .option('--watch', 'attach to a running migration to look only')
  .action(
    run<{ watch?: boolean }>(async () => {
      const [unknown] = program.args;
      if (unknown !== undefined) throw usage(`unknown command ${JSON.stringify(unknown)}`);
      const { wizard } = await import('./commands/wizard.ts');
      return (context, { watch = false }) => {
        if (!context.flags.json) return wizard(context, { watch });
        throw usage('the wizard draws a screen: --json is for the commands');
      };
    }),
  );
shop(common(program.command('demo'), 'connections', 'provider'))
  .description('two throw-away servers, a shop under live writes, and the wizard filled in; --yes: unattended')
  .action(run(async () => (await import('./commands/demo.ts')).demo));
migration(common(program.command('check')))
  .description('all preflight checks, and what is to be done by hand')
  .option('--tick <id...>', 'tick steps that are done by hand')
  .option('--report <file.md>', 'write a report for a ticket, without secrets')
  .action(run(async () => (await import('./commands/check.ts')).check));
migration(common(program.command('snapshot')))
  .description('checks, publications, slot, snapshot, spooling; the copy waits for migrate')
  .action(run(async () => (await import('./commands/snapshot.ts')).snapshot));
migration(common(program.command('migrate')))
  .description('copy and replay in the foreground; c and Enter, or SIGUSR1, cuts over')
  .option('--resume', 'go on where an earlier attempt stopped')
  .option('--resync [table...]', 'copy these tables again, or all that are damaged; else as --resume')
  .addOption(new Option('--cutover <when>', 'auto: as soon as caught up (default: manual)').choices(['auto', 'manual']))
  .option('--freeze-source', 'at the cut-over, make the source read-only and disconnect writers')
  .action(run(async () => (await import('./commands/migrate.ts')).migrate));
common(program.command('status'), 'connections', 'provider', 'yes')
  .description('one look at a running or stopped migration')
  .action(run(async () => (await import('./commands/status.ts')).status));
common(program.command('cutover'), 'connections', 'provider')
  .description('fence, drain, finish; from any terminal')
  .option('--freeze-source', 'make the source read-only and disconnect writers first')
  .option('--confirm <dbname>', 'name of the target database: the confirmation')
  .option('--wait <duration>', 'how long to wait for conditions that time heals: 30s, 5m, 0 (default: 60s)', duration)
  .option('--override <reason>', 'cut over although a condition does not hold; the reason goes to the log')
  .action(run(async () => (await import('./commands/cutover.ts')).cutover));
common(program.command('verify'), 'provider')
  .description('compare source and target: every row, sequences and objects')
  .option('--tables <pattern...>', 'only these tables')
  .action(run(async () => (await import('./commands/verify.ts')).verify));
common(program.command('clean'), 'provider')
  .description(
    'remove slot, publications, our schema; put back replica identities, and the freeze of a migration that is not finished',
  )
  .option('--prune', 'the work directory too')
  .option('--unfreeze', 'after a finished migration: make the source writable again')
  .option('--keep-identity', 'leave the replica identities that the wizard has set')
  .action(run(async () => (await import('./commands/clean.ts')).clean));
program.command('engine', { hidden: true }).action(async () => {
  const { engine } = await import('./commands/engine.ts');
  exitCode = await engine(signal);
});
// Only now, or the commands would inherit it: what is no command is told as such.
program.allowExcessArguments();
for (const command of program.commands) command.exitOverride().configureOutput({ outputError: () => {} });

function usage(message: string, command = ''): MigrateError {
  const help = ['tiger-migrate-tui', command, '--help'].filter(Boolean).join(' ');
  return new MigrateError('TM1001', { side: 'local', message, hint: `See ${help}.` });
}

/** What commander has to say about the command line. */
function reportUsage(error: CommanderError): void {
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const named = program.commands.find((command) => process.argv.slice(2).includes(command.name()));
  const flags = commonFlagsSchema.parse({ json: process.argv.includes('--json') });
  reportError(createContext(flags, { env: process.env, write, signal }), usage(message, named?.name()));
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode !== 0) {
    reportUsage(error);
    exitCode = ERROR_KINDS.TM1001.exit;
  }
}
// Sockets and terminals that are still open must not keep a finished command alive.
process.stdout.write('', () => process.exit(exitCode));
