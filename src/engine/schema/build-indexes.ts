import type pg from 'pg';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { beginOperatorsPath, queryAsOperator } from '../../postgres/search-path.ts';
import { explain, sqlState, untilHealed } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { backendOf, endBackend } from '../target/end-backend.ts';
import { recordedObjects, recordObject } from '../target/progress-schema.ts';
import type { ArchiveEntry } from './archive.ts';
import { leaveOutOption } from './leave-out.ts';
import { isMadeByHand, MADE_BY_HAND, takenAsItIs } from './made-by-hand.ts';
import { inTransaction, isMissing } from './restore.ts';

export interface IndexBuilderOptions {
  readonly connect: (application: string) => Promise<pg.Client>;
  readonly destroy: (client: pg.Client) => void;
  /** Says what an index is that the operator may have made by hand. */
  readonly source: pg.Client;
  readonly jobs: number;
  /** Tables that are analyzed later, and not when the last index is there. */
  readonly analyzedLater: (table: Work['table']) => boolean;
  /** Something was left out on request: what stands on it can't be built, and is listed. */
  readonly hasExclusions: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** The source's own rows are not unique: its index is broken, most often since its collation's version changed. */
const UNIQUE_VIOLATION = '23505';

function hintOfIndex(entry: ArchiveEntry, error: unknown): string {
  const ways = [
    `Or leave it out: migrate --resume ${leaveOutOption([entry])}`,
    'Or make it by hand on the target, then run migrate --resume: it is taken as it is. The rest stays.',
  ];
  return sqlState(error) === UNIQUE_VIOLATION
    ? [
        'The rows of the source are not unique, so its own index is corrupt (often after an upgrade of the C library or ICU).',
        'Remove the surplus rows on the source and REINDEX there; then remove them on the target, too, and run migrate --resume.',
        ...ways,
      ].join('\n')
    : ['Remove the cause on the target, then run migrate --resume.', ...ways].join('\n');
}

interface Work {
  readonly table: { readonly schema: string; readonly name: string };
  readonly entry: ArchiveEntry | 'analyze';
}

/**
 * Builds indexes and unique constraints on the target, `jobs` at once, as tables become ready; each is recorded in the
 * transaction that builds it. When a table's last one is done it is analyzed.
 */
export class IndexBuilder {
  readonly #options: IndexBuilderOptions;
  readonly #queue: Work[] = [];
  readonly #remaining = new Map<Work['table'], number>();
  readonly #workers = new Set<Promise<void>>();
  readonly #failed = new AbortController();
  #done: Set<string> | null = null;

  constructor(options: IndexBuilderOptions) {
    this.#options = options;
  }

  /** Reads what an earlier run has built; call it once, before `add`. Gives how many those are. */
  async open(client: pg.Client): Promise<number> {
    this.#done = await recordedObjects(client, 'index');
    return this.#done.size;
  }

  /** The table's rows are there: its indexes can be built. Failures come out of `finished`. */
  add(table: Work['table'], entries: readonly ArchiveEntry[]): void {
    const open = entries.filter((entry) => !this.#done?.has(entry.key));
    if (open.length === 0) {
      this.#analyze(table);
    } else {
      this.#remaining.set(table, open.length);
      for (const entry of open) this.#queue.push({ table, entry });
    }
    // Each takes something to do at once: whoever works is busy.
    while (this.#workers.size < this.#options.jobs && this.#queue.length > 0) this.#startWorker();
  }

  /** Resolves when everything that was added is built. */
  async finished(): Promise<void> {
    while (this.#workers.size > 0) await Promise.all(this.#workers);
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason;
  }

  #startWorker(): void {
    const worker = this.#work()
      .catch((error: unknown) => this.#failed.abort(error))
      .finally(() => this.#workers.delete(worker));
    this.#workers.add(worker);
  }

  async #work(): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#failed.signal]);
    let client: pg.Client | null = null;
    /** The server's process of the session before: it may still build, and hold what it has recorded. */
    let left: string | null = null;
    try {
      for (let work = this.#queue.shift(); work && !signal.aborted; work = this.#queue.shift()) {
        const now = work;
        await untilHealed<void>(
          async () => {
            client ??= await this.#options.connect('index');
            const mine = client;
            const before = left;
            left = backendOf(mine);
            const stop = () => this.#options.destroy(mine);
            signal.addEventListener('abort', stop, { once: true });
            try {
              if (before !== null && before !== left) await endBackend(mine, before);
              await this.#do(mine, now);
            } catch (error) {
              this.#options.destroy(mine);
              client = null;
              throw error;
            } finally {
              signal.removeEventListener('abort', stop);
            }
          },
          { what: `building indexes of ${displayName(now.table)}`, side: 'target', emit: this.#options.emit, signal },
        );
      }
      signal.throwIfAborted();
    } finally {
      if (client) this.#options.destroy(client);
    }
  }

  async #do(client: pg.Client, { table, entry }: Work): Promise<void> {
    if (entry === 'analyze') {
      await queryAsOperator(client, `ANALYZE ${qualified(table)}`);
      return;
    }
    const { emit } = this.#options;
    const relation = displayName(table);
    const started = performance.now();
    emit({ type: 'index', relation, name: entry.name, state: 'building' });
    try {
      await inTransaction(client, async () => {
        // False: built by a try whose answer was lost.
        if (await recordObject(client, 'index', entry.key)) {
          await client.query(`${beginOperatorsPath(client)}; ${entry.sql}`);
        }
      });
    } catch (error) {
      if (await isMadeByHand({ source: this.#options.source, target: client }, entry, error)) {
        await recordObject(client, 'index', entry.key, MADE_BY_HAND);
        emit({ type: 'warning', text: takenAsItIs(entry) });
      } else if (this.#options.hasExclusions && isMissing(error)) {
        await recordObject(client, 'index', entry.key, 'left out');
        const why = error instanceof Error ? error.message : String(error);
        emit({ type: 'warning', text: `Left out: ${entry.type} ${relation}, ${entry.name}: ${why}` });
      } else
        throw explain(error, {
          code: 'TM3002',
          retryCode: 'TM1109',
          side: 'target',
          object: `${relation}, ${entry.name}`,
          doing: 'could not be built',
          hint: hintOfIndex(entry, error),
        });
    }
    emit({ type: 'index', relation, name: entry.name, state: 'done', ms: Math.round(performance.now() - started) });
    const left = (this.#remaining.get(table) ?? 1) - 1;
    this.#remaining.set(table, left);
    if (left === 0) this.#analyze(table);
  }

  #analyze(table: Work['table']): void {
    if (!this.#options.analyzedLater(table)) this.#queue.push({ table, entry: 'analyze' });
  }
}
