import type pg from 'pg';
import { type Lsn, parseLsn } from '../../postgres/lsn.ts';
import type { Emit, SchemaChange } from '../events.ts';
import type { SourceTable } from '../source/catalog.ts';
import { followed, lookAtBothSides } from './both-sides.ts';
import { lookForCreated, type WantedTables } from './created.ts';
import { schemaFingerprint } from './fingerprint.ts';
import { writeShapes } from './recorded-shapes.ts';
import type { TableShape } from './shape.ts';

export interface WatchOptions extends WantedTables {
  /** Lends a session on the target. */
  readonly onTarget: <T>(use: (target: pg.Client) => Promise<T>) => Promise<T>;
  /** Where replay stands. */
  readonly applied: () => Lsn;
  readonly emit: Emit;
}

const LOOK_INTERVAL_MS = 3000;
/** While somebody may be altering the target. */
const OPEN_INTERVAL_MS = 1000;
/** With very many tables a look takes longer: then it is not taken as often, but never more rarely than this. */
const LONGEST_INTERVAL_MS = 20_000;
const REST = 10;

/** Knows in what the source's tables are others by now than those on the target, and says so when it changes. */
export class SchemaWatch {
  readonly #options: WatchOptions;
  #fingerprint = '';
  #changes: readonly SchemaChange[] = [];
  #said = '[]';
  #ready: readonly SourceTable[] = [];
  /** Shapes that the target has followed, and the position that replay must have passed before the older ones count no more. */
  #toRecord: { readonly shapes: readonly TableShape[]; readonly behind: Lsn } | null = null;
  #notBefore = Number.POSITIVE_INFINITY;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** What is open at this moment. */
  get changes(): readonly SchemaChange[] {
    return this.#changes;
  }

  /** Those that lose rows or columns by a cut-over. */
  get locking(): readonly SchemaChange[] {
    return this.#changes.filter(({ locks }) => locks);
  }

  /** Tables that were created since and are on the target by now. */
  get ready(): readonly SourceTable[] {
    return this.#ready;
  }

  /** The target's tables are made: from now on it pays to look. */
  begin(): void {
    this.#notBefore = 0;
  }

  /** Looks when it is time to. */
  async tick(source: pg.Client): Promise<void> {
    if (performance.now() < this.#notBefore) return;
    await this.look(source);
  }

  /** Looks now: closely only when something changed, or is still open. */
  async look(source: pg.Client): Promise<void> {
    const began = performance.now();
    const now = await schemaFingerprint(source);
    const asked = performance.now();
    const changed = now !== this.#fingerprint;
    if (changed || this.#changes.length > 0 || this.#ready.length > 0 || this.#toRecord) {
      await this.#options.onTarget((target) => this.#lookClosely(source, target, changed));
      this.#fingerprint = now;
    }
    const end = performance.now();
    const interval = this.#changes.length > 0 ? OPEN_INTERVAL_MS : LOOK_INTERVAL_MS;
    this.#notBefore = end + Math.min(LONGEST_INTERVAL_MS, Math.max(interval, (asked - began) * REST));
  }

  async #lookClosely(source: pg.Client, target: pg.Client, changed: boolean): Promise<void> {
    if (this.#toRecord && !changed && this.#options.applied() >= this.#toRecord.behind) {
      await writeShapes(target, this.#toRecord.shapes);
      this.#toRecord = null;
    }
    if (!changed && this.#changes.length === 0 && this.#ready.length === 0) return;
    const both = await lookAtBothSides(source, target, null);
    const created = await lookForCreated(source, target, this.#options);
    const { rows } = await source.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
    const shapes = followed(both);
    this.#toRecord = shapes.length === 0 ? null : { shapes, behind: parseLsn(rows[0]?.lsn ?? '0/0') };
    this.#ready = created.ready;
    this.#changes = [...both.changes, ...created.changes];
    const said = JSON.stringify(this.#changes);
    if (said === this.#said) return;
    this.#said = said;
    this.#options.emit({ type: 'schema_changes', changes: [...this.#changes] });
  }
}
