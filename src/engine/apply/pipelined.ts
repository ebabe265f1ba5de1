import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { bindMessage, type Parameter, PIECE_BYTES } from './bind-message.ts';

/** One parameterised statement. */
export interface Statement {
  readonly text: string;
  readonly values: readonly Parameter[];
}

/** node-postgres' wire connection, as far as the extended query protocol needs it; not in its public types. */
interface WireConnection {
  readonly stream: Pick<Duplex, 'cork' | 'uncork' | 'write' | 'writableNeedDrain' | 'destroyed'> & NodeJS.EventEmitter;
  parse(message: { name: string; text: string }): void;
  execute(message: { portal: string; rows: number }): void;
  sync(): void;
}

const KEPT_STATEMENTS = 500;

/** Which statements the session has prepared under which name. */
class PreparedNames {
  readonly #names = new Map<string, string>();
  #generation = 0;

  /** The unnamed statement serves when too many are kept. */
  nameFor(text: string): { name: string; isNew: boolean } {
    const known = this.#names.get(text);
    if (known !== undefined) return { name: known, isNew: false };
    if (this.#names.size >= KEPT_STATEMENTS) return { name: '', isNew: true };
    const name = `tm_${this.#generation}_${this.#names.size}`;
    this.#names.set(text, name);
    return { name, isNew: true };
  }

  /** Uses none of the names again: after an error nobody knows which of the statements behind it were prepared. */
  startAnew(): void {
    this.#names.clear();
    this.#generation += 1;
  }
}

/**
 * Many statements in one round trip: Parse, Bind, Execute for each, and one Sync. The server stops at the first that
 * fails. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 *
 * A "submittable" of node-postgres, as its cursors and copy streams are; the handlers are called by the client.
 */
class Pipeline {
  readonly rowCounts: number[] = [];
  readonly #statements: readonly Statement[];
  readonly #prepared: PreparedNames;
  readonly #resolve: (rowCounts: number[]) => void;
  readonly #reject: (error: Error) => void;
  #failed = false;
  /** node-postgres sets and calls these on whatever it runs. */
  callback: (() => void) | undefined;

  constructor(
    statements: readonly Statement[],
    prepared: PreparedNames,
    resolve: (rowCounts: number[]) => void,
    reject: (error: Error) => void,
  ) {
    this.#statements = statements;
    this.#prepared = prepared;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: WireConnection): void {
    // Nothing to wait for, as a rule: then all is written when this returns.
    void this.#send(connection);
  }

  async #send(connection: WireConnection): Promise<void> {
    const { stream } = connection;
    stream.cork();
    for (const { text, values } of this.#statements) {
      const { name, isNew } = this.#prepared.nameFor(text);
      if (isNew) connection.parse({ name, text });
      for (const piece of bindMessage(name, values)) {
        stream.write(piece);
        if (piece.length === PIECE_BYTES) await drained(stream);
      }
      connection.execute({ portal: '', rows: 0 });
    }
    connection.sync();
    stream.uncork();
  }

  handleCommandComplete(message: { text: string }): void {
    this.rowCounts.push(Number(/(\d+)$/.exec(message.text)?.[1] ?? 0));
  }

  handleError(error: Error): void {
    this.#failed = true;
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    if (!this.#failed) this.#resolve(this.rowCounts);
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

/** What is written goes out and, when it is too much for the network, has gone out. */
async function drained(stream: WireConnection['stream']): Promise<void> {
  stream.uncork();
  // A connection that breaks fails the client, and with it the pipeline.
  if (stream.writableNeedDrain && !stream.destroyed) {
    // The listener of the one that did not happen must go, or every piece of a long row would leave one behind.
    const settled = new AbortController();
    const { signal } = settled;
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(() => undefined);
    settled.abort();
  }
  stream.cork();
}

/** Thrown when a statement of a pipeline failed; `index` says which. */
export class PipelineError extends Error {
  readonly index: number;
  constructor(index: number, cause: Error) {
    super(cause.message, { cause });
    this.index = index;
  }
}

/** Runs pipelines on one connection and keeps its prepared statements. */
export class Pipeliner {
  readonly #client: pg.Client;
  readonly #prepared = new PreparedNames();

  constructor(client: pg.Client) {
    this.#client = client;
  }

  /** The types of a prepared statement's parameters are those that its table had then. */
  forgetPrepared(): void {
    this.#prepared.startAnew();
  }

  /** Row counts in the order of the statements. Rejects with `PipelineError`. */
  run(statements: readonly Statement[]): Promise<number[]> {
    if (statements.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const pipeline: Pipeline = new Pipeline(statements, this.#prepared, resolve, (error) => {
        this.#prepared.startAnew();
        reject(new PipelineError(pipeline.rowCounts.length, error));
      });
      this.#client.query(pipeline as unknown as pg.Submittable);
    });
  }
}
