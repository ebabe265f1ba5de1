import type { Lsn } from '../../postgres/lsn.ts';
import type { Tuple } from './tuple.ts';

/** Prefix of our logical messages on the source. */
export const MESSAGE_PREFIX = 'tiger_migrate';

/** A table as the stream describes it at this point. */
export interface StreamRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY */
  readonly identity: 'default' | 'nothing' | 'full' | 'index';
  readonly columns: readonly StreamColumn[];
}

export interface StreamColumn {
  readonly name: string;
  /** Part of the replica identity. */
  readonly key: boolean;
  /** Type OID on the source. */
  readonly type: number;
  readonly typmod: number;
}

export type RowChange =
  | { readonly kind: 'insert'; readonly relation: number; readonly tuple: Tuple }
  | {
      readonly kind: 'update';
      readonly relation: number;
      /** The old key columns (`key`) or the whole old row (`full`); null when the key did not change. */
      readonly old: Tuple | null;
      readonly tuple: Tuple;
    }
  | { readonly kind: 'delete'; readonly relation: number; readonly old: Tuple };

export interface Truncate {
  readonly kind: 'truncate';
  readonly relations: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
}

/** One message of the stream, whichever output plugin wrote it. */
export type Change =
  | RowChange
  | Truncate
  /** `commitLsn`: a position inside the commit record. Null where only the commit itself tells it; `xid`: where nothing does. */
  | { readonly kind: 'begin'; readonly commitLsn: Lsn | null; readonly xid: number | null }
  | { readonly kind: 'commit'; readonly commitLsn: Lsn; readonly endLsn: Lsn }
  | { readonly kind: 'relation'; readonly relation: StreamRelation }
  | { readonly kind: 'message'; readonly prefix: string; readonly content: Buffer; readonly lsn: Lsn }
  /** A row, or a TRUNCATE, of a table whose name is not known: find out what it is, then decode the record again. Comes alone. */
  | {
      readonly kind: 'unknown-table';
      readonly schema: string;
      readonly name: string;
      /** What was done to it, where that matters: `truncated`, or a row `deleted`. */
      readonly truncated?: true;
      readonly deleted?: true;
    }
  /** An UPDATE or DELETE that does not say which row it hit: the table has no replica identity. */
  | { readonly kind: 'unidentified'; readonly relation: number }
  /** Says nothing about rows: origin, type. */
  | { readonly kind: 'other' };

/** Whether a row of the one can be read as a row of the other. */
export function sameShape(a: StreamRelation, b: StreamRelation): boolean {
  return (
    a.identity === b.identity &&
    a.columns.length === b.columns.length &&
    a.columns.every((column, index) => {
      const other = b.columns[index];
      const sameType = other?.type === column.type && other.typmod === column.typmod;
      return sameType && other.name === column.name && other.key === column.key;
    })
  );
}
