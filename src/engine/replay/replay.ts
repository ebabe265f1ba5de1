import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import { INVALID_LSN, type Lsn } from '../../postgres/lsn.ts';
import { Applier } from '../apply/applier.ts';
import type { NamedChange } from '../apply/applier-options.ts';
import { prepareApplying } from '../apply/session.ts';
import type { Applied } from '../apply/target-transaction.ts';
import { bindFitting, type FittingOptions } from '../ddl/bind-fitting.ts';
import { SchemaHold } from '../ddl/hold.ts';
import { asMisfit, type SchemaMisfit } from '../ddl/misfit.ts';
import { NamedTables } from '../decode/named-tables.ts';
import type { OutputPlugin } from '../decode/plugin.ts';
import { explain, untilHealed } from '../error-policy.ts';
import { RUNNING_RULES } from '../error-rules.ts';
import type { Emit } from '../events.ts';
import { remedyOnTarget } from '../missing-rights.ts';
import type { MigrationOptions } from '../options.ts';
import { type Heartbeat, readHeartbeat } from '../source/heartbeat.ts';
import { explainName, readNamedTables } from '../source/named-tables.ts';
import { readSpool, type SpoolWatermark } from '../spool/reader.ts';
import { deleteSegmentsBefore, type SpoolPosition } from '../spool/segments.ts';
import { markDamaged, TableDamage, tellDamage } from '../sync/damage.ts';
import { readTableStates, type SyncedTable } from '../sync/table-states.ts';
import { backendOf, endBackend } from '../target/end-backend.ts';
import { readApplied } from '../target/progress-schema.ts';
import { ChunksDamaged, damageChunks } from '../timescale/chunk-damage.ts';
import { ChunkMissing, explainChunk, takeInChunks } from '../timescale/new-chunks.ts';
import { APPLYING } from '../troubles.ts';

export interface ReplayOptions {
  readonly connectTarget: (application: string) => Promise<pg.Client>;
  /** For looking up a name that the stream has and the migration does not. */
  readonly connectSource: (application: string) => Promise<pg.Client>;
  readonly destroy: (client: pg.Client) => void;
  readonly spoolDirectory: string;
  readonly watermark: SpoolWatermark;
  readonly plugin: OutputPlugin;
  readonly options: MigrationOptions;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Works the spool off, for the rest of the migration; everybody who waits for something to be applied asks here. */
export class Replay {
  readonly #options: ReplayOptions;
  #applied: Lsn = INVALID_LSN;
  #position: SpoolPosition | null = null;
  #transactions = 0;
  #changes = 0;
  #heartbeat: Heartbeat | null = null;
  #backend: string | null = null;
  #pruning: Promise<void> = Promise.resolve();
  /** Tables that an UPDATE or DELETE was left out of, told once. */
  readonly #unidentified = new Set<number>();
  readonly #seen = new Map<string, (changes: number) => void>();

  readonly #hold: SchemaHold;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#hold = new SchemaHold(options);
  }

  get applied(): Lsn {
    return this.#applied;
  }

  get transactions(): number {
    return this.#transactions;
  }

  /** Row changes applied since the migration began. */
  get changes(): number {
    return this.#changes;
  }

  /** Why replay waits for the operator to alter the target; null when it does not. */
  get held(): SchemaMisfit | null {
    return this.#hold.standing;
  }

  /** The newest heartbeat that was applied. */
  get heartbeat(): Heartbeat | null {
    return this.#heartbeat;
  }

  /** Nothing in the spool waits to be applied. */
  get drained(): boolean {
    return this.#applied >= this.#options.watermark.end.commitEnd;
  }

  /** Resolves with the number of changes applied until then, when the heartbeat with this id has been applied. */
  whenApplied(id: string, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#seen.delete(id);
        reject(signal.reason);
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#seen.set(id, (changes) => {
        signal.removeEventListener('abort', abort);
        this.#seen.delete(id);
        resolve(changes);
      });
    });
  }

  /** Resolves when the signal aborts; rejects with what time does not heal. */
  async run(): Promise<void> {
    const { emit, signal } = this.#options;
    const untilStopped = async (healthy: () => void) => {
      // Again from the applied position, each time without one table more.
      while ((await this.#runOnce(healthy)) !== 'stopped');
    };
    await untilHealed<void>(untilStopped, {
      what: APPLYING,
      side: 'target',
      emit,
      signal,
      rules: RUNNING_RULES,
      remedy: remedyOnTarget((ask) => this.#asking(ask)),
    }).catch((error: unknown) => {
      if (signal.aborted) return;
      throw explain(error, { code: 'TM5002', retryCode: 'TM5003', side: 'target', doing: 'applying changes failed' });
    });
  }

  async #runOnce(healthy: () => void): Promise<'stopped' | 'damage' | 'fits'> {
    const { destroy, spoolDirectory, watermark, plugin, signal } = this.#options;
    signal.throwIfAborted();
    // A segment that is just being deleted must not be found by the next reader.
    await this.#pruning;
    const client = await this.#options.connectTarget('apply');
    const stop = () => destroy(client);
    signal.addEventListener('abort', stop, { once: true });
    try {
      // A session of ours whose connection broke may still be committing: what it did must be seen first.
      if (this.#backend) await endBackend(client, this.#backend);
      this.#backend = backendOf(client);
      await prepareApplying(client);
      const { appliedLsn, transactions, changes } = await readApplied(client);
      this.#applied = appliedLsn;
      this.#transactions = transactions;
      this.#changes = changes;
      const tables = new Map((await readTableStates(client)).map((table) => [table.sourceOid, table]));
      const applier = new Applier({
        client,
        tables,
        plugin,
        named: plugin.usesPublications ? new NamedTables([]) : await readNamedTables(client, tables.values()),
        explainName: (name) => this.#explainName(name, tables),
        bind: (relation, table) => bindFitting(this.#fitting(client), relation, table),
        onUnidentified: (table) => this.#tellOfUnidentified(table),
        appliedLsn,
        onApplied: (applied) => {
          healthy();
          this.#note(applied);
        },
      });
      await applier.run(readSpool(spoolDirectory, watermark, appliedLsn, signal));
      return 'stopped';
    } catch (error) {
      const misfit = asMisfit(error);
      if (!misfit && !(error instanceof TableDamage) && !isAboutChunks(error)) throw error;
      // Without locks on the target: the operator is to alter what this transaction may have touched.
      await client.query('ROLLBACK');
      if (misfit) {
        await this.#hold.untilFits(misfit, this.#applied, this.#fitting(client));
        return 'fits';
      }
      if (error instanceof ChunkMissing) {
        const { options, emit } = this.#options;
        const of = { missing: error.chunk, applied: this.#applied, options, emit };
        await this.#fitting(client).onSource((source) => takeInChunks(source, client, of));
        return 'fits';
      }
      if (error instanceof ChunksDamaged) {
        await damageChunks(client, this.#options.emit, { ...error, at: this.#applied });
        return 'damage';
      }
      if (error instanceof TableDamage) await this.#damaged(client, error);
      return 'damage';
    } finally {
      signal.removeEventListener('abort', stop);
      destroy(client);
    }
  }

  #fitting(target: pg.Client): FittingOptions {
    const { connectSource, destroy, emit } = this.#options;
    return {
      target,
      onSource: async (use) => {
        const source = await connectSource('names');
        return use(source).finally(() => destroy(source));
      },
      tell: (text) => emit({ type: 'warning', text }),
    };
  }

  async #asking<T>(ask: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await this.#options.connectTarget('rights');
    return ask(client).finally(() => this.#options.destroy(client));
  }

  async #explainName(name: NamedChange, tables: ReadonlyMap<number, SyncedTable>): Promise<boolean> {
    const { connectSource, destroy, options, emit } = this.#options;
    const source = await connectSource('names');
    const tell = (text: string) => emit({ type: 'warning', text });
    try {
      const said = await explainChunk(source, name, { tables, options });
      if (said === 'foreign') await explainName(name, { source, tables, options, tell });
      return said !== 'ask again';
    } finally {
      destroy(source);
    }
  }

  #tellOfUnidentified(table: SyncedTable): void {
    // Of a hypertable once, not of each chunk.
    if (this.#unidentified.has(table.rootOid)) return;
    this.#unidentified.add(table.rootOid);
    this.#options.emit({
      type: 'warning',
      text: `${displayName(table.chunkOf ?? table)} has no replica identity: its INSERT and TRUNCATE are applied, UPDATE and DELETE are left out.`,
    });
  }

  /** From now on nothing is applied to that table: the target itself remembers it. */
  async #damaged(client: pg.Client, { sourceOid, others, damage }: TableDamage): Promise<void> {
    const marked: number[] = [];
    for (const oid of [sourceOid, ...others]) {
      if (await markDamaged(client, oid, damage, ['copied', 'live'])) marked.push(oid);
    }
    for (const table of await readTableStates(client)) {
      if (marked.includes(table.sourceOid)) tellDamage(this.#options.emit, { ...table, damage });
    }
  }

  #note(applied: Applied): void {
    this.#applied = applied.lsn;
    this.#options.watermark.applied = applied.lsn;
    this.#transactions += applied.transactions;
    this.#changes += applied.changes;
    const before = this.#position?.segment;
    this.#position = applied.position;
    if (before !== applied.position.segment) this.#pruning = this.#pruning.then(() => this.#prune(applied.position));
    for (const message of applied.messages) {
      const heartbeat = readHeartbeat(message);
      if (!heartbeat) continue;
      this.#heartbeat = heartbeat;
      this.#seen.get(heartbeat.id)?.(this.#changes);
    }
  }

  async #prune(position: SpoolPosition): Promise<void> {
    const { spoolDirectory, emit } = this.#options;
    await deleteSegmentsBefore(spoolDirectory, position.segment).catch((error: unknown) => {
      emit({ type: 'warning', text: `The spool could not be pruned: ${String(error)}` });
    });
  }
}

const isAboutChunks = (error: unknown): boolean => error instanceof ChunkMissing || error instanceof ChunksDamaged;
