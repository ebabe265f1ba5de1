import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { formatLsn, type Lsn, lsn } from '../../postgres/lsn.ts';
import { unknownTable } from '../ddl/misfit.ts';
import {
  type Change,
  MESSAGE_PREFIX,
  type RowChange,
  type StreamRelation,
  sameShape,
  type Truncate,
} from '../decode/change.ts';
import { outsideMarkers } from '../decode/compression-markers.ts';
import type { Decoder } from '../decode/plugin.ts';
import { SHARED_FROM_BYTES } from '../spool/long-message.ts';
import type { SpoolChunk } from '../spool/reader.ts';
import type { SpoolPosition } from '../spool/segments.ts';
import { TableDamage } from '../sync/damage.ts';
import { appliesTo, placeOf, type SyncedTable } from '../sync/table-states.ts';
import { membersOfTree } from '../sync/trees.ts';
import type { ApplierOptions } from './applier-options.ts';
import { Batch } from './batch.ts';
import { type BoundTable, requireSameForm } from './bound-table.ts';
import { CommitsAhead } from './commits-ahead.ts';
import { COPY_AGAIN, requireWholeValues } from './segment.ts';
import { TablesAhead } from './tables-ahead.ts';
import { TargetTransaction } from './target-transaction.ts';

const BATCH_CHANGES = 10_000;
/** A message that has as many by itself ends its batch. */
const BATCH_BYTES = SHARED_FROM_BYTES;

const LEFT_OUT: readonly Change[] = [{ kind: 'other' }];

/**
 * Applies the spool to the target: one transaction there holds one or more whole transactions of the source and the
 * position that they reach. Decoding the next batch overlaps with applying the last one.
 */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #target: TargetTransaction;
  readonly #decode: Decoder;
  readonly #relations = new Map<number, StreamRelation>();
  readonly #bound = new Map<number, BoundTable | null>();
  readonly #ahead: TablesAhead;
  /** Chunks whose place was emptied of the rows of the one before. */
  readonly #tookOver = new Set<number>();
  /** End of the last transaction that was applied before or read by this applier. */
  #readUpTo: Lsn;
  #batch = new Batch();
  #flushing: Promise<void> = Promise.resolve();
  #failed: { error: unknown } | null = null;
  /**
   * The transaction being read: its commit position, and whether it was applied before. Where the spool begins inside of one,
   * that one is: the segments in front were removed because of it.
   */
  #commitLsn: Lsn | null = null;
  #skipping = true;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#target = new TargetTransaction(options);
    this.#ahead = new TablesAhead(options.tables);
    this.#decode = outsideMarkers(options.plugin.decoder(options.named));
    this.#readUpTo = options.appliedLsn;
  }

  /**
   * Applies everything that `chunks` gives. Resolves when they end and all whole transactions are committed. After a
   * rejection the target has rolled back to its last commit: make a new applier on a new connection.
   */
  async run(chunks: AsyncIterable<SpoolChunk>): Promise<void> {
    try {
      await this.#applyAll(chunks);
    } finally {
      // Whoever rolls back on this connection must not do it in the middle of a batch.
      await this.#flushing;
    }
  }

  async #applyAll(chunks: AsyncIterable<SpoolChunk>): Promise<void> {
    for await (const chunk of chunks) {
      const commits = new CommitsAhead(chunk, this.#options.plugin);
      for (const message of chunk.messages) {
        const decoded = this.#changesOf(message);
        const atOnce = decoded !== null && decoded[0]?.kind !== 'unknown-table';
        for (const change of atOnce ? decoded : await this.#changesAtLast(message, decoded)) {
          if (change.kind === 'begin') this.#begin(change.commitLsn ?? lsn((await commits.nextEnd()) - 1n));
          else await this.#take(change, message.length, chunk.end);
          if (change.kind === 'commit') commits.passed();
        }
        if (this.#isFull()) await this.#flush();
        // Its buffer is the next one's, too; and two such rows at once would be too much.
        if (message.length >= SHARED_FROM_BYTES) await this.#settled();
      }
      if (!chunk.last) continue;
      // Nothing is left to be read meanwhile; and what fails must be known now, not when the source writes again.
      await this.#applyWhole();
    }
    await this.#applyWhole();
  }

  #isFull(): boolean {
    return this.#batch.changes >= BATCH_CHANGES || this.#batch.bytes >= BATCH_BYTES;
  }

  /** Null when it can't be decoded. */
  #changesOf(message: Buffer): readonly Change[] | null {
    try {
      return this.#decode(message);
    } catch {
      return null;
    }
  }

  /** The same, with unknown names found out. What can't be decoded ends the replay: everything before it is applied. */
  async #changesAtLast(message: Buffer, decoded: readonly Change[] | null): Promise<readonly Change[]> {
    await this.#applyWhole();
    for (let changes = decoded ?? this.#decode(message); ; changes = this.#decode(message)) {
      const [first] = changes;
      if (first?.kind !== 'unknown-table') return changes;
      const commitLsn = this.#skipping ? null : this.#commitLsn;
      if (!(await this.#options.explainName({ ...first, commitLsn }))) return LEFT_OUT;
      this.#options.named.ignore(first);
    }
  }

  async #applyWhole(): Promise<void> {
    await this.#flushWhole();
    await this.#settled();
  }

  #begin(commitLsn: Lsn): void {
    this.#commitLsn = commitLsn;
    // A commit record right at the position that was reached belongs to the next transaction: not `<=`.
    this.#skipping = commitLsn < this.#readUpTo;
  }

  async #take(change: Exclude<Change, { kind: 'begin' }>, bytes: number, position: SpoolPosition): Promise<void> {
    switch (change.kind) {
      case 'commit':
        if (this.#commitLsn === null && change.endLsn > this.#options.appliedLsn) throw withoutBeginning(change.endLsn);
        if (!this.#skipping) {
          this.#batch.commit({ lsn: change.endLsn, position });
          this.#readUpTo = change.endLsn;
        }
        this.#commitLsn = null;
        return;
      case 'relation':
        this.#describe(change.relation);
        return;
      case 'message':
        if (change.prefix === MESSAGE_PREFIX) this.#takeMessage(change.content.toString('utf8'), position);
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
        await this.#requireSameForm(table, change);
        const of = { table, change, commitLsn: this.#commitLsn ?? this.#readUpTo };
        requireWholeValues(of);
        this.#batch.addRow(of, bytes);
        return;
      }
      case 'unidentified': {
        const table = this.#options.tables.get(change.relation);
        if (!this.#skipping && table && this.#commitLsn !== null && appliesTo(table, this.#commitLsn)) {
          this.#options.onUnidentified(table);
        }
        return;
      }
      case 'unknown-table':
      case 'other':
        return;
      default:
        change satisfies never;
    }
  }

  #takeMessage(content: string, position: SpoolPosition): void {
    if (!this.#skipping) this.#batch.messages.push(content);
    // It was applied on a connection that broke before it could say so: whoever waits for it must hear of it all the same.
    else
      this.#options.onApplied({
        lsn: this.#target.applied,
        transactions: 0,
        changes: 0,
        messages: [content],
        position,
      });
  }

  #describe(relation: StreamRelation): void {
    const before = this.#relations.get(relation.oid);
    this.#relations.set(relation.oid, relation);
    const bound = this.#bound.get(relation.oid);
    if (bound === undefined || (before && sameShape(before, relation))) return;
    this.#bound.delete(relation.oid);
    if (!bound) return;
    this.#batch.addStep({ kind: 'forget', table: bound });
  }

  /** The table that a change goes to; null when it is not ours or its copy holds the change already. */
  async #tableFor(oid: number): Promise<BoundTable | null> {
    const synced = this.#options.tables.get(oid);
    const relation = this.#relations.get(oid);
    if (!relation || this.#commitLsn === null) {
      throw new MigrateError('TM4005', { side: 'source', message: `a change of table ${oid} outside its context` });
    }
    if (synced && !appliesTo(synced, this.#commitLsn)) return null;
    const known = this.#bound.get(oid);
    if (known !== undefined) return known;
    const bound = (synced && this.#ahead.bind(relation, synced)) ?? (await this.#bind(relation, synced));
    this.#bound.set(oid, bound);
    if (bound && synced?.takesOver && !this.#tookOver.has(oid)) {
      this.#tookOver.add(oid);
      this.#batch.addStep({ kind: 'take-over', table: bound });
    }
    return bound;
  }

  async #bind(relation: StreamRelation, synced: SyncedTable | undefined): Promise<BoundTable | null> {
    // Should the target's table not fit, everything before is to be applied: the operator may only alter it then.
    // And binding asks the target, on the connection that may be applying at this moment.
    await this.#applyWhole();
    if (!synced) throw unknownTable(relation);
    return this.#target.asOurs(async () => {
      await this.#ahead.read(this.#options.client, synced);
      return this.#ahead.bind(relation, synced) ?? this.#options.bind(relation, synced);
    });
  }

  async #requireSameForm(table: BoundTable, change: RowChange): Promise<void> {
    try {
      requireSameForm(table, change);
    } catch (error) {
      await this.#applyWhole();
      throw error;
    }
  }

  async #takeTruncate(change: Truncate): Promise<void> {
    const tables: BoundTable[] = [];
    let partly = false;
    for (const oid of change.relations) {
      const table = await this.#tableFor(oid);
      if (table) tables.push(table);
      else partly ||= this.#options.tables.get(oid)?.copyRows ?? false;
    }
    if (tables.length === 0) return;
    this.#requireWholeTrees(tables);
    this.#batch.addStep({ ...change, tables, partly, commitLsn: this.#commitLsn ?? this.#readUpTo });
  }

  /** Where the rows of one partition stand among those of others, they can't be deleted alone. */
  #requireWholeTrees(truncated: readonly BoundTable[]): void {
    const oids = new Set(truncated.map(({ relation }) => relation.oid));
    for (const { relation, display, throughParent } of truncated) {
      const table = throughParent ? this.#options.tables.get(relation.oid) : undefined;
      if (!table || membersOfTree(table, this.#options.tables.values()).every((one) => oids.has(one.sourceOid)))
        continue;
      const message = `only a part of ${displayName(placeOf(table))} was truncated; on the target its rows stand among those of other partitions`;
      const about = { side: 'target', object: display, message, hint: COPY_AGAIN } as const;
      const lsn = this.#commitLsn ?? this.#readUpTo;
      throw new TableDamage('TM5007', about, { sourceOid: relation.oid, row: 'all rows', lsn });
    }
  }

  async #settled(): Promise<void> {
    await this.#flushing;
    if (this.#failed) throw this.#failed.error;
  }

  /**
   * Hands over what fills a batch. It is mostly full in the middle of a transaction: what is whole is committed, however
   * far behind the replay is. Only of a transaction that fills a batch by itself is the beginning handed over, too; the
   * target's transaction then stays open until its end.
   */
  async #flush(): Promise<void> {
    await this.#flushWhole();
    if (!this.#isFull()) return;
    const batch = this.#batch;
    this.#batch = new Batch();
    await this.#hand(batch, false);
  }

  /** Hands over the whole transactions only; the beginning of one more stays. */
  async #flushWhole(): Promise<void> {
    const batch = this.#batch;
    if (batch.reached === null) return;
    this.#batch = batch.splitAtCommit();
    await this.#hand(batch, true);
  }

  async #hand(batch: Batch, ends: boolean): Promise<void> {
    await this.#settled();
    // By now, or while that is applied, the operator may have altered them.
    this.#ahead.forget();
    this.#flushing = this.#target.apply(batch, ends).catch((error: unknown) => {
      this.#failed = { error };
    });
  }
}

/** A spool may begin inside a transaction, when that is applied and its beginning has been pruned; else it is damaged. */
const withoutBeginning = (end: Lsn): MigrateError =>
  new MigrateError('TM4004', {
    side: 'local',
    message: `the beginning of the transaction that ends at ${formatLsn(end)} is missing in the spool`,
    hint: 'All tables must be copied again, with a new slot: migrate --resync.',
  });
