import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { evenPace, type Pace } from '../../src/demo/pace.ts';
import { withClient } from '../support/test-servers.ts';
import type { SessionGenerator, Transaction } from './generator/session.ts';
import type { Statement } from './generator/statement.ts';
import { countUp, type Tally } from './tally.ts';

export interface ApplicationInput {
  readonly uri: string;
  readonly generators: readonly SessionGenerator[];
  /** Transactions a second over all sessions. */
  readonly rate: number;
  readonly tally: Tally;
}

/** Constraints, cardinality, deadlock, a lock timeout: an application has to take these. */
const TAKEN = /^(23|21|22|40P01|40001|55P03|57014)/;
/** The connection, or the server, is gone, or there is no room on it. */
const ENDED = /^(57P0|08|53300)/;
/** The fence, also of a cut-over that is given up later. */
const READ_ONLY = '25006';
const NO_SUCH_PREPARED = '42704';
const DEADLOCK = '40P01';
const PAUSE_MS = 100;
/** When a fault keeps all the others from going on. */
const LONGEST_OPEN_MS = 10_000;
/** Less than what our own locks may take would be told as ours; see `LockWatch`. */
const SETTINGS = `SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = 0`;

const stateOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code)
    ? error.code
    : '08000';

/** The application's connections at work, until they are told to stop. */
export class Application {
  /** What no application would have to take: each is a failure of the round. */
  readonly errors: string[] = [];
  /** A cut-over is refused while a prepared transaction waits: from now on they are committed at once. */
  preparesNothing = false;
  readonly #input: ApplicationInput;
  readonly #stopping = new AbortController();
  readonly #backends = new Set<number>();
  readonly #pace: Pace;
  readonly #done: Promise<unknown>;
  #waiting = false;

  constructor(input: ApplicationInput) {
    this.#input = input;
    this.#pace = evenPace(input.rate);
    this.#done = Promise.all(input.generators.map((generator) => this.#work(generator)));
  }

  get transactions(): number {
    return this.#input.tally.transactions;
  }

  /** Lets the running transactions end, and ends what was prepared. */
  async stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) this.#stopping.abort();
    await this.#done;
  }

  /** Prepared transactions that no session came back to: half of them are committed. */
  async endPrepared(uri: string): Promise<void> {
    await withClient(uri, async (client) => {
      const { rows } = await client.query<{ gid: string }>('SELECT gid FROM pg_prepared_xacts ORDER BY gid');
      for (const [index, { gid }] of rows.entries())
        await client.query(`${index % 2 === 0 ? 'COMMIT' : 'ROLLBACK'} PREPARED '${gid}'`);
    });
  }

  async #open(): Promise<pg.Client | null> {
    while (!this.#stopping.signal.aborted) {
      const client = new pg.Client({ connectionString: this.#input.uri, application_name: 'the application' });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query(SETTINGS);
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        for (const { pid } of rows) this.#backends.add(pid);
        return client;
      } catch (error) {
        await client.end().catch(() => undefined);
        if (!ENDED.test(stateOf(error))) this.errors.push(`could not connect: ${String(error)}`);
        await delay(PAUSE_MS);
      }
    }
    return null;
  }

  async #work(generator: SessionGenerator): Promise<void> {
    const { signal } = this.#stopping;
    let client = await this.#open();
    while (client && !signal.aborted) {
      await this.#pace.next(signal);
      if (signal.aborted) break;
      const transaction = generator.next();
      try {
        await this.#transact(client, transaction);
      } catch (error) {
        const state = stateOf(error);
        if (state === READ_ONLY || ENDED.test(state)) {
          this.#input.tally.lostConnections += 1;
          await client.end().catch(() => undefined);
          await delay(PAUSE_MS);
          client = await this.#open();
          continue;
        }
        this.#judge(state, error, transaction);
        await client.query('ROLLBACK').catch(() => undefined);
      }
    }
    await client?.end().catch(() => undefined);
  }

  async #transact(client: pg.Client, transaction: Transaction): Promise<void> {
    const { tally } = this.#input;
    if (!transaction.alone) await client.query('BEGIN');
    for (const statement of transaction.statements) await this.#run(client, statement);
    if (transaction.openFor > 0) await this.#others(transaction.openFor);
    if (transaction.end === 'rollback') {
      await client.query('ROLLBACK');
      tally.rolledBack += 1;
      return;
    }
    if (transaction.end === 'prepare' && !this.preparesNothing) {
      await client.query(`PREPARE TRANSACTION '${transaction.gid ?? ''}'`);
      tally.prepared += 1;
      return;
    }
    if (!transaction.alone) await client.query('COMMIT');
    tally.transactions += 1;
  }

  /**
   * Waits until the other sessions have come so far. One session at a time: two would wait for each other; alone there is
   * nobody to wait for.
   */
  async #others(count: number): Promise<void> {
    if (this.#waiting || this.#input.generators.length === 1) return;
    this.#waiting = true;
    const [until, deadline] = [this.transactions + count, performance.now() + LONGEST_OPEN_MS];
    while (this.transactions < until && performance.now() < deadline && !this.#stopping.signal.aborted)
      await delay(PAUSE_MS / 10);
    this.#waiting = false;
  }

  async #run(client: pg.Client, statement: Statement): Promise<void> {
    if (statement.copy === undefined) await client.query(statement.sql);
    else await pipeline(Readable.from([statement.copy]), client.query(copyFrom(statement.sql)));
    countUp(this.#input.tally.statements, statement.kind);
  }

  #judge(state: string, error: unknown, transaction: Transaction): void {
    const { tally } = this.#input;
    const detail = error instanceof Error && 'detail' in error && typeof error.detail === 'string' ? error.detail : '';
    if (state === DEADLOCK && !this.#onlyAmongUs(detail)) this.errors.push(`a deadlock with others: ${detail}`);
    else if (state === DEADLOCK) tally.deadlocks += 1;
    // Whatever it was that kept it from being prepared, or a crash before its record was flushed.
    if (transaction.alone && state === NO_SUCH_PREPARED) return;
    countUp(tally.refused, state);
    const message = error instanceof Error ? error.message : String(error);
    if (
      TAKEN.test(state) ||
      /^cannot truncate a table referenced|^cannot TRUNCATE .* pending trigger events/s.test(message)
    )
      return;
    this.errors.push(
      `${state} ${message} ${detail} in: ${transaction.statements
        .map(({ sql }) => sql)
        .join('; ')
        .slice(0, 2000)}`,
    );
  }

  #onlyAmongUs(detail: string): boolean {
    const named = [...detail.matchAll(/[Pp]rocess (\d+)/g)].map((match) => Number(match[1]));
    return named.every((pid) => this.#backends.has(pid));
  }
}
