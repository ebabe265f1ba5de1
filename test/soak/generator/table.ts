import { KEY_TYPES, type KeyType } from './key-types.ts';
import type { ValueType } from './value-types.ts';

/** A column whose value follows from the number of the row. */
export interface NumberedColumn {
  /** Quoted, as all names here. */
  readonly name: string;
  readonly type: KeyType;
}

export interface PlainColumn {
  readonly name: string;
  readonly type: ValueType;
  readonly nullable: boolean;
}

/** A column that refers to a row of another table, or of its own. */
export interface Reference {
  readonly name: string;
  readonly type: KeyType;
}

/** What the transactions need to know of a table. */
export interface Table {
  /** With its schema. */
  readonly name: string;
  readonly shape: Shape;
  /** By which a row is found; empty for a table without columns. */
  readonly address: readonly NumberedColumn[];
  /** No two rows have the same address. */
  readonly unique: boolean;
  /** What ON CONFLICT may name: the address is an index that is not deferrable. */
  readonly arbiter: boolean;
  /** Other columns that hold the row's number: deferrable keys, exclusion constraints. */
  readonly numbered: readonly NumberedColumn[];
  readonly references: readonly Reference[];
  readonly columns: readonly PlainColumn[];
  /** Its key is GENERATED ALWAYS AS IDENTITY. */
  readonly overriding: boolean;
  /** It has a serial or identity column besides, which a child would inherit without its default. */
  readonly identityColumn: boolean;
  /** It has no replica identity: UPDATE and DELETE on it are not replayed (docs/limits.md), so that there are none. */
  readonly insertsOnly: boolean;
}

export const SHAPES = [
  'one key',
  'composite key',
  'index as identity',
  'full without key',
  'full with key',
  'deferrable key',
  'no identity',
  'range partitions',
  'list partitions',
  'hash partitions',
  'inherited',
  'unlogged',
  'no columns',
  'identity always',
  'identity by default',
] as const;
export type Shape = (typeof SHAPES)[number];

/** Key types whose values come in ranges that partitions can name. */
export const RANGED: readonly string[] = ['bigint', 'integer', 'numeric', 'double precision', 'domain'];

/** The part of a composite key that list partitions go by. */
export const REGION: KeyType = {
  sql: 'text',
  of: (n) => `'r' || (${n}) % 5`,
  text: (n) => `r${n % 5}`,
};

/** Any key type by its name. */
export function keyType(name: string): KeyType {
  const type = KEY_TYPES[name];
  if (!type) throw new Error(`no key type ${name}`);
  return type;
}
