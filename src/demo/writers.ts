import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { evenPace, type Pace } from './pace.ts';
import { type Random, seededRandom } from './random.ts';
import { pickTransaction, readShopFacts, type ShopFacts } from './shop-transactions.ts';

export interface WriterOptions {
  readonly uri: string;
  /** Default 4. */
  readonly connections?: number;
  /** Transactions a second over all connections. Default 300: leaves room for a migration on two cores. */
  readonly rate?: number;
  /** The same seed gives the same transactions, though not in the same order. Default 1. */
  readonly seed?: number;
}

export interface WriterStats {
  /** Committed transactions. */
  readonly transactions: number;
  /** Rows that they inserted, updated or deleted, without those of triggers and cascades. */
  readonly rows: number;
  /** Transactions a second, over the last seconds. */
  readonly perSecond: number;
  /** Transactions that the database refused. In a healthy migration there are none. */
  readonly errors: number;
  /** Connections that were ended from outside, each with the transaction that it was in. */
  readonly disconnects: number;
  /** What the newest failure was. */
  readonly lastError: string | null;
  /** Connections that are still writing. */
  readonly writing: number;
  /** The database has refused to be written: the cut-over has fenced it. */
  readonly fenced: boolean;
}

/** An application at work. */
export interface Writers extends AsyncDisposable {
  stats(): WriterStats;
  /** Resolves when the last connection was fenced off or stopped. */
  readonly done: Promise<void>;
  /** Lets the running transactions finish and closes the connections. */
  stop(): Promise<void>;
}

/** How long a lost server is looked for before the application gives up. */
const RECONNECT_MS = 30_000;
const RECONNECT_PAUSE_MS = 100;
const RATE_WINDOW_MS = 3_000;
const WRITING = new Set(['INSERT', 'UPDATE', 'DELETE']);

/**
 * What an application cannot help by trying again. While it writes: the transaction is read-only. (An UPDATE that fails
 * for want of a replica identity has 55000, so that one must count as an error here.) While it connects: connections or
 * this role are not allowed, or the database is not there. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const READ_ONLY = '25006';
const NO_ENTRY = new Set(['55000', '28000', '42501', '3D000']);
/** The session is gone: ended by an administrator, crashed, or the server is shutting down or starting. */
const LOST = /^(57P0|08)/;

const sqlState = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && /^[0-9A-Z]{5}$/.test(String(error.code)) ? String(error.code) : null;

/** An error without an SQLSTATE comes from the connection, not from the server. */
const isLostConnection = (error: unknown): boolean => LOST.test(sqlState(error) ?? '08');

/** Starts to write into a shop that `createShop` made. Rejects when the shop cannot be read. */
export async function startWriters(options: WriterOptions): Promise<Writers> {
  const first = await connect(options.uri);
  const facts = await readShopFacts(first).finally(() => first.end());
  return new ShopWriters(options, facts);
}

async function connect(uri: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: uri, application_name: 'shop' });
  // A connection that is ended from outside also fails the query that runs or comes next; that one is handled.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

class ShopWriters implements Writers {
  readonly done: Promise<void>;
  readonly #uri: string;
  readonly #facts: ShopFacts;
  readonly #pace: Pace;
  readonly #stopping = new AbortController();
  readonly #started = performance.now();
  readonly #commits: number[] = [];
  #transactions = 0;
  #rows = 0;
  #errors = 0;
  #disconnects = 0;
  #lastError: string | null = null;
  #writing = 0;
  #fenced = false;

  constructor(options: WriterOptions, facts: ShopFacts) {
    this.#uri = options.uri;
    this.#facts = facts;
    this.#pace = evenPace(options.rate ?? 300);
    const seeds = Array.from({ length: options.connections ?? 4 }, (_, index) => (options.seed ?? 1) * 1000 + index);
    this.done = Promise.all(seeds.map((seed) => this.#work(seededRandom(seed)))).then(() => undefined);
  }

  stats(): WriterStats {
    this.#forgetOldCommits();
    return {
      transactions: this.#transactions,
      rows: this.#rows,
      perSecond: (this.#commits.length * 1000) / Math.min(RATE_WINDOW_MS, performance.now() - this.#started),
      errors: this.#errors,
      disconnects: this.#disconnects,
      lastError: this.#lastError,
      writing: this.#writing,
      fenced: this.#fenced,
    };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** One connection's life. Never rejects: what fails is counted. */
  async #work(random: Random): Promise<void> {
    const { signal } = this.#stopping;
    this.#writing += 1;
    let client = await this.#reconnect();
    while (client && !signal.aborted) {
      await this.#pace.next(signal);
      if (signal.aborted) break;
      try {
        await this.#transact(client, random);
      } catch (error) {
        if (sqlState(error) === READ_ONLY) {
          this.#fenced = true;
          break;
        }
        this.#lastError = error instanceof Error ? error.message : String(error);
        if (isLostConnection(error)) {
          this.#disconnects += 1;
          await close(client);
          client = await this.#reconnect();
        } else {
          this.#errors += 1;
        }
      }
    }
    if (client) await close(client);
    this.#writing -= 1;
  }

  async #transact(client: pg.Client, random: Random): Promise<void> {
    let rows = 0;
    await client.query('BEGIN');
    try {
      await pickTransaction(random).run(
        async (sql, values = []) => {
          const result = await client.query(sql, [...values]);
          if (WRITING.has(result.command)) rows += result.rowCount ?? 0;
          return result;
        },
        random,
        this.#facts,
      );
      await client.query('COMMIT');
    } catch (error) {
      // Fails too when the connection is gone; the first error is the one to tell.
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
    this.#transactions += 1;
    this.#rows += rows;
    this.#commits.push(performance.now());
    this.#forgetOldCommits();
  }

  /** As an application does: try until the server is back, or refuses, or seems to be gone for good. Null: give up. */
  async #reconnect(): Promise<pg.Client | null> {
    const { signal } = this.#stopping;
    const deadline = performance.now() + RECONNECT_MS;
    while (!signal.aborted && performance.now() < deadline) {
      try {
        return await connect(this.#uri);
      } catch (error) {
        this.#lastError = error instanceof Error ? error.message : String(error);
        if (NO_ENTRY.has(sqlState(error) ?? '')) break;
        await delay(RECONNECT_PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    if (!signal.aborted) this.#fenced = true;
    return null;
  }

  #forgetOldCommits(): void {
    const horizon = performance.now() - RATE_WINDOW_MS;
    const fresh = this.#commits.findIndex((at) => at >= horizon);
    this.#commits.splice(0, fresh === -1 ? this.#commits.length : fresh);
  }
}

/** Closing a connection that is already broken is no error. */
const close = (client: pg.Client): Promise<void> => client.end().catch(() => undefined);
