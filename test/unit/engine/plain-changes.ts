import { expect } from 'vitest';
import type { Change } from '../../../src/engine/decode/change.ts';
import { cellBytes, columnCount, isBinary, isNull, isUnchanged, type Tuple } from '../../../src/engine/decode/tuple.ts';

const valuesOf = (of: Tuple): (string | null | undefined)[] =>
  Array.from({ length: columnCount(of) }, (_, column) => {
    if (isUnchanged(of, column)) return undefined;
    if (isNull(of, column)) return null;
    expect(isBinary(of, column)).toBe(false);
    expect(of.buffer.readInt32BE((of.cells[column * 2] as number) - 4)).toBe(of.cells[column * 2 + 1]);
    return cellBytes(of, column)?.toString();
  });

/** A change of a stream of text in plain values. */
export function plain(change: Change): unknown {
  switch (change.kind) {
    case 'insert':
      return ['insert', change.relation, valuesOf(change.tuple)];
    case 'update':
      return ['update', change.relation, change.old && valuesOf(change.old), valuesOf(change.tuple)];
    case 'delete':
      return ['delete', change.relation, valuesOf(change.old)];
    case 'relation':
      return [
        'relation',
        change.relation.oid,
        change.relation.columns.map(({ name, key }) => (key ? `${name}*` : name)),
      ];
    case 'message':
      return ['message', change.prefix, change.content.toString()];
    case 'truncate':
      return ['truncate', change.relations, change.cascade, change.restartIdentity];
    case 'unidentified':
      return ['unidentified', change.relation];
    default:
      return [change.kind];
  }
}
