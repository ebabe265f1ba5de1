import type pg from 'pg';
import type { Lsn } from '../../postgres/lsn.ts';
import type { StreamRelation } from '../decode/change.ts';
import type { NamedTables } from '../decode/named-tables.ts';
import type { OutputPlugin } from '../decode/plugin.ts';
import type { SyncedTable } from '../sync/table-states.ts';
import type { BoundTable } from './bound-table.ts';
import type { Applied } from './target-transaction.ts';

export interface ApplierOptions {
  /** A connection to the target, for this applier alone. */
  readonly client: pg.Client;
  readonly tables: ReadonlyMap<number, SyncedTable>;
  readonly plugin: OutputPlugin;
  readonly named: NamedTables;
  /**
   * Finds out about a table that the stream names and the migration does not have. Rejects when it should have it; false: it is to be
   * asked again the next time.
   */
  readonly explainName: (table: NamedChange) => Promise<boolean>;
  /** Finds the place of a table of the stream on the target; null when nothing of it is wanted any more. */
  readonly bind: (relation: StreamRelation, table: SyncedTable) => Promise<BoundTable | null>;
  /** An UPDATE or DELETE of this table was left out: it has no replica identity. */
  readonly onUnidentified: (table: SyncedTable) => void;
  /** Position to go on from: the target's own record. */
  readonly appliedLsn: Lsn;
  readonly onApplied: (applied: Applied) => void;
}

export interface NamedChange {
  readonly schema: string;
  readonly name: string;
  readonly truncated?: true;
  /** A position inside the commit record; null when the transaction was applied before. */
  readonly commitLsn: Lsn | null;
}
