import type { RowChange } from '../../../src/engine/decode/change.ts';
import { decodePgoutput } from '../../../src/engine/decode/pgoutput.ts';
import { cellBytes, columnCount, isNull, isUnchanged, type Tuple } from '../../../src/engine/decode/tuple.ts';
import { insert, remove, update, type Value } from './messages.ts';

function row(message: Buffer): RowChange {
  const change = decodePgoutput(message);
  if (change.kind !== 'insert' && change.kind !== 'update' && change.kind !== 'delete') throw new Error(change.kind);
  return change;
}

/** Changes as the decoder gives them. `key` and `whole` are the old tuple of an update, of key columns or of all. */
export const inserted = (...values: Value[]): RowChange => row(insert(1, values));
export const updated = (values: Value[], old: { key?: Value[]; whole?: Value[] } = {}): RowChange =>
  row(
    update(1, values, old.key ? { kind: 'K', values: old.key } : old.whole ? { kind: 'O', values: old.whole } : null),
  );
export const deleted = (...old: Value[]): RowChange => row(remove(1, 'K', old));

export const tupleOf = (...values: Value[]): Tuple => {
  const change = inserted(...values);
  if (change.kind === 'delete') throw new Error('no tuple');
  return change.tuple;
};

/** A tuple's values: text, NULL as null, unchanged as `undefined`. */
export const plain = (tuple: Tuple): (string | null | undefined)[] =>
  Array.from({ length: columnCount(tuple) }, (_, column) => {
    if (isUnchanged(tuple, column)) return undefined;
    return isNull(tuple, column) ? null : (cellBytes(tuple, column)?.toString() ?? '');
  });
