/**
 * A table, or all such partitions of a partitioned table, of which UPDATE and DELETE cannot be replayed, and what can be
 * done about it. https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY
 */
export interface TableWithoutIdentity {
  /** As people read it: `shop.events`. */
  readonly relation: string;
  readonly schema: string;
  readonly name: string;
  /** How many partitions of it lack an identity; 0 for an ordinary table. */
  readonly partitions: number;
  /** What is to be changed: the table itself, or these partitions. */
  readonly tables: readonly LackingTable[];
  /** The columns that all of `tables` have. */
  readonly columns: readonly IdentityColumn[];
  /** Generated columns of the key that would be its identity. They are not sent, and so the key identifies nothing. */
  readonly notSent?: readonly string[];
  /** Virtual generated columns, with which FULL is no identity: the server refuses UPDATE and DELETE then. */
  readonly virtual?: readonly string[];
  readonly bytes: number;
  /** An estimate. */
  readonly rows: number;
  /** Rows updated or deleted while the server was counting, of a partitioned table those of all its partitions. */
  readonly updatesDeletes: number;
  /** How long it has been counting; null when not known. */
  readonly countedSeconds: number | null;
  /** Foreign keys by which a change of another table changes rows of it, without a statement of the application's. */
  readonly cascades: readonly Cascade[];
  /** Another role that owns one of the tables and must run the SQL; null: we may. */
  readonly owner: string | null;
  /** The recommended one first. */
  readonly choices: readonly IdentityChoice[];
}

export interface LackingTable {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** What it has now, in the words of ALTER TABLE: `DEFAULT`, `NOTHING`, or an index that is gone or deferrable. */
  readonly identity: string;
}

export interface Cascade {
  /** The table that it refers to, as people read it. */
  readonly parent: string;
  /** `ON DELETE CASCADE`, `ON UPDATE SET NULL` …; of one key perhaps both. */
  readonly actions: readonly string[];
}

export interface IdentityColumn {
  readonly name: string;
  /** Never of a generated column, which can't be a part of an identity. */
  readonly notNull: boolean;
  readonly generated?: boolean;
  /** Why its values may be unique: from 4 (an identity column) over 2 (the statistics say so) to 0 (nothing says so). */
  readonly evidence: number;
}

export type IdentityKind = 'index' | 'create-index' | 'full' | 'insert-only' | 'leave-out';

export interface IdentityChoice {
  readonly relation: string;
  readonly kind: IdentityKind;
  readonly label: string;
  /** What it costs, or what the operator promises. */
  readonly cost: string;
  /** What is run on the source, one table after the other. */
  readonly sql: readonly string[];
  /** The same table by table, for who runs it. */
  readonly changes: readonly IdentityChange[];
  /** The pattern that leaves the table out of the migration. */
  readonly exclude: string | null;
}

/** What happens to one table. */
export interface IdentityChange {
  readonly table: LackingTable;
  /** The columns of the index that is made first; null: there is one, or none is needed. */
  readonly create: readonly string[] | null;
  /** The index that becomes the identity; null: FULL. */
  readonly index: string | null;
}
