import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { formatLsn, type Lsn } from '../../postgres/lsn.ts';
import type { Change, StreamRelation, Truncate } from '../decode/change.ts';
import { decodePgoutput } from '../decode/pgoutput.ts';
import type { SpoolChunk } from '../spool/reader.ts';
import type { SpoolPosition } from '../spool/segments.ts';
import { appliesTo, type SyncedTable } from '../sync/table-states.ts';
import { advanceApplied } from '../target/progress-schema.ts';
import { type BoundTable, bindTable } from './bound-table.ts';
import { type BoundChange, SegmentApplier } from './segment.ts';

/** Prefix of our logical messages on the source. */
export const MESSAGE_PREFIX = 'tiger_migrate';

export interface ApplierOptions {
  /** A connection to the target, for this applier alone. */
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

const BATCH_CHANGES = 10_000;
const BATCH_BYTES = 8 * 1024 * 1024;

type Step =
  | { kind: 'rows'; changes: BoundChange[] }
  | { kind: 'truncate'; tables: readonly BoundTable[]; cascade: boolean; restartIdentity: boolean }
  | { kind: 'forget'; table: BoundTable };

/** Work for the target; whole source transactions when `commit` is there, else a part of a huge one. */
interface Batch {
  steps: Step[];
  changes: number;
  bytes: number;
  transactions: number;
  messages: string[];
  commit: { lsn: Lsn; position: SpoolPosition } | null;
}

const emptyBatch = (): Batch => ({ steps: [], changes: 0, bytes: 0, transactions: 0, messages: [], commit: null });

/**
 * Applies the spool to the target: one transaction there holds one or more whole transactions of the source and the
 * position that they reach. Decoding the next batch overlaps with applying the last one.
 */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #segments: SegmentApplier;
  readonly #relations = new Map<number, StreamRelation>();
  readonly #bound = new Map<number, BoundTable>();
  #applied: Lsn;
  #batch = emptyBatch();
  #flushing: Promise<void> = Promise.resolve();
  #failed: { error: unknown } | null = null;
  /** The transaction being read: its commit position, and whether it was applied before. */
  #commitLsn: Lsn | null = null;
  #skipping = false;
  #open = false;
  /** Counted over the parts of the open transaction. */
  #sum = { transactions: 0, changes: 0 };
  #reached: { lsn: Lsn; position: SpoolPosition } | null = null;
  #messages: string[] = [];

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#segments = new SegmentApplier(options.client);
    this.#applied = options.appliedLsn;
  }

  /**
   * Applies everything that `chunks` gives. Resolves when they end and all whole transactions are committed. After a
   * rejection the target has rolled back to its last commit: make a new applier on a new connection.
   */
  async run(chunks: AsyncIterable<SpoolChunk>): Promise<void> {
    for await (const chunk of chunks) {
      for (const message of chunk.messages) {
        await this.#take(decodePgoutput(message), message.length, chunk.end);
        if (this.#batch.changes >= BATCH_CHANGES || this.#batch.bytes >= BATCH_BYTES) await this.#flush();
      }
      if (chunk.last) await this.#flush();
    }
    await this.#flush();
    await this.#settled();
  }

  async #take(change: Change, bytes: number, position: SpoolPosition): Promise<void> {
    switch (change.kind) {
      case 'begin':
        this.#commitLsn = change.commitLsn;
        // A commit record right at the applied position belongs to the next transaction: not `<=`.
        this.#skipping = change.commitLsn < this.#options.appliedLsn;
        return;
      case 'commit':
        if (!this.#skipping) {
          this.#batch.transactions += 1;
          this.#batch.commit = { lsn: change.endLsn, position };
        }
        this.#commitLsn = null;
        return;
      case 'relation':
        await this.#describe(change.relation);
        return;
      case 'message':
        if (!this.#skipping && change.prefix === MESSAGE_PREFIX) {
          this.#batch.messages.push(change.content.toString('utf8'));
        }
        return;
      case 'truncate':
        if (!this.#skipping) await this.#takeTruncate(change);
        return;
      case 'insert':
      case 'update':
      case 'delete': {
        if (this.#skipping) return;
        const table = await this.#tableFor(change.relation);
        if (!table) return;
        const last = this.#batch.steps.at(-1);
        if (last?.kind === 'rows') last.changes.push({ table, change });
        else this.#batch.steps.push({ kind: 'rows', changes: [{ table, change }] });
        this.#batch.changes += 1;
        this.#batch.bytes += bytes;
        return;
      }
      case 'other':
        return;
      default:
        change satisfies never;
    }
  }

  async #describe(relation: StreamRelation): Promise<void> {
    const before = this.#relations.get(relation.oid);
    this.#relations.set(relation.oid, relation);
    const bound = this.#bound.get(relation.oid);
    if (!bound || (before && sameShape(before, relation))) return;
    this.#bound.delete(relation.oid);
    this.#batch.steps.push({ kind: 'forget', table: bound });
  }

  /** The table that a change goes to; null when it is not ours or its copy holds the change already. */
  async #tableFor(oid: number): Promise<BoundTable | null> {
    const synced = this.#options.tables.get(oid);
    const relation = this.#relations.get(oid);
    if (!relation || this.#commitLsn === null) {
      throw new MigrateError('TM4005', { side: 'source', message: `a change of table ${oid} outside its context` });
    }
    if (!synced) throw unknownTable(relation);
    if (!appliesTo(synced, this.#commitLsn)) return null;
    const known = this.#bound.get(oid);
    if (known) return known;
    // Binding asks the target, on the connection that may be applying at this moment.
    await this.#settled();
    const bound = await bindTable(this.#options.client, relation, synced);
    this.#bound.set(oid, bound);
    return bound;
  }

  async #takeTruncate(change: Truncate): Promise<void> {
    const tables: BoundTable[] = [];
    for (const oid of change.relations) {
      const table = await this.#tableFor(oid);
      if (table) tables.push(table);
    }
    if (tables.length === 0) return;
    this.#batch.steps.push({ ...change, kind: 'truncate', tables });
    this.#batch.changes += 1;
  }

  async #settled(): Promise<void> {
    await this.#flushing;
    if (this.#failed) throw this.#failed.error;
  }

  /** Hands the batch over to be applied; waits first for the one before. */
  async #flush(): Promise<void> {
    const batch = this.#batch;
    // With the last message of the batch inside a transaction, the target's transaction stays open until its end.
    const ends = this.#commitLsn === null || this.#skipping;
    if (batch.commit === null && (ends || batch.steps.length === 0)) return;
    await this.#settled();
    this.#batch = emptyBatch();
    this.#flushing = this.#applyBatch(batch, ends).catch((error: unknown) => {
      this.#failed = { error };
    });
  }

  async #applyBatch(batch: Batch, ends: boolean): Promise<void> {
    const { client } = this.#options;
    if (!this.#open) {
      await client.query('BEGIN');
      this.#open = true;
    }
    for (const step of batch.steps) await this.#applyStep(step);
    this.#sum.transactions += batch.transactions;
    this.#sum.changes += batch.changes;
    if (batch.commit) this.#reached = batch.commit;
    this.#messages.push(...batch.messages);
    if (ends) await this.#commit();
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
    await client.query('COMMIT');
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
      case 'truncate': {
        const list = step.tables.map((table) => `ONLY ${table.target}`).join(', ');
        const identity = step.restartIdentity ? ' RESTART IDENTITY' : '';
        await this.#options.client.query(`TRUNCATE ${list}${identity}${step.cascade ? ' CASCADE' : ''}`);
        return;
      }
      default:
        step satisfies never;
    }
  }
}

function sameShape(a: StreamRelation, b: StreamRelation): boolean {
  return (
    a.identity === b.identity &&
    a.columns.length === b.columns.length &&
    a.columns.every((column, index) => {
      const other = b.columns[index];
      return other?.name === column.name && other.type === column.type && other.key === column.key;
    })
  );
}

function unknownTable(relation: StreamRelation): MigrateError {
  return new MigrateError('TM2003', {
    side: 'source',
    object: displayName(relation),
    message: 'the table was created on the source after the migration had begun, and rows arrive for it',
    hint:
      `Replay stopped before them and nothing is lost. A table of this kind (a new partition, as a rule) can't be ` +
      `taken in yet: start over with migrate --drop-if-exists, so that ${qualified(relation)} is copied too.`,
  });
}
