import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { formatLsn, type Lsn } from '../../postgres/lsn.ts';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import type { SpoolPosition } from '../spool/segments.ts';
import { damageAtCommit } from '../sync/damage.ts';
import type { SyncedTable } from '../sync/table-states.ts';
import { SHARE_WITH_REPLAY } from '../target/apply-lock.ts';
import { advanceApplied } from '../target/progress-schema.ts';
import type { Batch, Reached, Step } from './batch.ts';
import { SegmentApplier } from './segment.ts';
import { takeOver, truncate } from './truncate.ts';

export interface TargetTransactionOptions {
  /** A connection to the target, for this replay alone. */
  readonly client: pg.Client;
  readonly tables: ReadonlyMap<number, SyncedTable>;
  /** Position to go on from: the target's own record. */
  readonly appliedLsn: Lsn;
  readonly onApplied: (applied: Applied) => void;
}

/** What one transaction on the target brought. */
export interface Applied {
  readonly lsn: Lsn;
  readonly transactions: number;
  readonly changes: number;
  /** Contents of our messages in it. */
  readonly messages: readonly string[];
  /** Everything in the spool before this is not needed any more. */
  readonly position: SpoolPosition;
}

/**
 * The transaction on the target that takes batches: begun by the first, committed together with the position that it
 * reaches. A batch that ends inside a transaction of the source leaves it open for the next.
 */
export class TargetTransaction {
  readonly #options: TargetTransactionOptions;
  readonly #segments: SegmentApplier;
  #applied: Lsn;
  #open = false;
  /** Counted over the batches of the open transaction. */
  #sum = { transactions: 0, changes: 0 };
  #reached: Reached | null = null;
  #messages: string[] = [];

  constructor(options: TargetTransactionOptions) {
    this.#options = options;
    this.#segments = new SegmentApplier(options.client);
    this.#applied = options.appliedLsn;
  }

  /** The position that the last commit has reached. */
  get applied(): Lsn {
    return this.#applied;
  }

  /**
   * Applies a batch and, when it `ends` whole transactions, commits. One at a time. After a rejection the transaction is
   * of no use any more.
   */
  async apply(batch: Batch, ends: boolean): Promise<void> {
    const { client } = this.#options;
    if (!this.#open) {
      // What the source deferred must be deferred here; all of a transaction arrives at once, so nothing is lost by it.
      // The server evaluates functions of the operator's for each row: all of it runs under their search_path.
      await client.query(`BEGIN; ${SHARE_WITH_REPLAY}; SET CONSTRAINTS ALL DEFERRED; ${beginOperatorsPath(client)}`);
      this.#open = true;
    }
    for (const step of batch.steps) await this.#applyStep(step);
    this.#sum.transactions += batch.transactions;
    this.#sum.changes += batch.changes;
    if (batch.reached) this.#reached = batch.reached;
    this.#messages.push(...batch.messages);
    if (ends) await this.#commit();
  }

  /** Runs what looks at the catalogs, under an empty search_path also while a transaction is open. */
  async asOurs<T>(look: () => Promise<T>): Promise<T> {
    const { client } = this.#options;
    if (!this.#open) return look();
    await client.query(END_OPERATORS_PATH);
    const found = await look();
    await client.query(beginOperatorsPath(client));
    return found;
  }

  async #commit(): Promise<void> {
    const { client } = this.#options;
    const reached = this.#reached;
    if (!reached) throw new Error('a batch ends without a commit');
    const moved = await advanceApplied(client, { from: this.#applied, to: reached.lsn, ...this.#sum });
    if (!moved) {
      await client.query('ROLLBACK');
      throw new MigrateError('TM5003', {
        side: 'target',
        object: 'tiger_migrate.progress',
        message: `the applied position is not ${formatLsn(this.#applied)} any more: an earlier session had still committed`,
      });
    }
    const { command } = await client.query('COMMIT').catch((error: unknown) => {
      throw damageAtCommit(error, this.#options.tables.values(), reached.lsn);
    });
    // A COMMIT in a failed transaction is no error to the server: it rolls back.
    if (command !== 'COMMIT') throw new MigrateError('TM9001', { side: 'target', message: `COMMIT did ${command}` });
    this.#open = false;
    this.#segments.committed();
    this.#applied = reached.lsn;
    const applied = { lsn: reached.lsn, messages: this.#messages, position: reached.position, ...this.#sum };
    this.#reached = null;
    this.#messages = [];
    this.#sum = { transactions: 0, changes: 0 };
    this.#options.onApplied(applied);
  }

  async #applyStep(step: Step): Promise<void> {
    switch (step.kind) {
      case 'rows':
        return this.#segments.apply(step.changes);
      case 'forget':
        return this.#segments.forget(step.table);
      case 'truncate':
        return truncate(this.#options.client, step);
      case 'take-over':
        return takeOver(this.#options.client, step.table);
      default:
        step satisfies never;
    }
  }
}
