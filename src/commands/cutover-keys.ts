import { readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { isatty } from 'node:tty';
import type { Action } from '../engine/process/protocol.ts';
import { formatError, toMigrateError } from '../errors/migrate-error.ts';
import type { CommandContext } from './context.ts';

/**
 * False for a job in the background (`migrate &`): the system stops those that read from their terminal.
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (fields 5, the process group, and 8, the terminal's)
 */
function mayReadInput(): boolean {
  if (!isatty(0)) return true;
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , own, , , foreground] = stat
      .slice(stat.lastIndexOf(')') + 1)
      .trim()
      .split(' ');
    return own === foreground;
  } catch {
    // A system without /proc: it is as for every program that reads.
    return true;
  }
}

/** Turns `c` + Enter on standard input, and SIGUSR1, into a request to cut over. */
export class CutoverKeys implements Disposable {
  readonly #context: CommandContext;
  readonly #freezeSource: boolean;
  readonly #database: string;
  readonly #lines: Interface | null;
  #request: ((action: Action) => Promise<void>) | null = null;

  /** `database` is the target's: whoever runs the migration in the foreground has named it on the command line. */
  constructor(context: CommandContext, of: { readonly database: string; readonly freezeSource: boolean }) {
    this.#context = context;
    this.#database = of.database;
    this.#freezeSource = of.freezeSource;
    process.on('SIGUSR1', this.#ask);
    this.#lines = mayReadInput() ? createInterface({ input: process.stdin }) : null;
    // The terminal may go at any time; the migration has no need of it.
    if (this.#lines) process.stdin.on('error', () => {});
    this.#lines?.on('line', (line) => {
      if (line.trim().toLowerCase() === 'c') this.#ask();
    });
  }

  /** From now on there is an engine to ask. */
  listen(request: (action: Action) => Promise<void>): void {
    this.#request = request;
  }

  readonly #ask = (): void => {
    const { print } = this.#context;
    if (!this.#request) {
      print({ type: 'warning', text: 'There is nothing to cut over yet.' });
      return;
    }
    this.#request({
      action: 'cutover',
      confirm: this.#database,
      freezeSource: this.#freezeSource,
      override: null,
    }).then(
      () => print({ type: 'log', text: 'Cut-over requested.' }),
      (error: unknown) => print({ type: 'warning', text: formatError(toMigrateError(error).report()) }),
    );
  };

  [Symbol.dispose](): void {
    process.off('SIGUSR1', this.#ask);
    this.#lines?.close();
  }
}
