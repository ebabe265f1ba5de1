import { createInterface } from 'node:readline';
import type { Action } from '../engine/process/protocol.ts';
import { formatError, toMigrateError } from '../errors/migrate-error.ts';
import type { CommandContext } from './context.ts';

/** Turns `c` + Enter on standard input, and SIGUSR1, into a request to cut over. */
export class CutoverKeys implements Disposable {
  readonly #context: CommandContext;
  readonly #freezeSource: boolean;
  readonly #database: string;
  readonly #lines = createInterface({ input: process.stdin });
  #request: ((action: Action) => Promise<void>) | null = null;

  /** `database` is the target's: whoever runs the migration in the foreground has named it on the command line. */
  constructor(context: CommandContext, of: { readonly database: string; readonly freezeSource: boolean }) {
    this.#context = context;
    this.#database = of.database;
    this.#freezeSource = of.freezeSource;
    process.on('SIGUSR1', this.#ask);
    // The terminal may go at any time; the migration has no need of it.
    process.stdin.on('error', () => {});
    this.#lines.on('line', (line) => {
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
    this.#lines.close();
  }
}
