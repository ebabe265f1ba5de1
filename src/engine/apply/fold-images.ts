import type { RowChange } from '../decode/change.ts';
import { fillUnchanged, keyOf, type Tuple } from '../decode/tuple.ts';
import type { Folded } from './fold.ts';

/**
 * Folds changes of a table without any key, in source order: its rows are told apart by nothing but their values, so
 * that an update is a delete and an insert, and a delete takes back an insert of the same values before it. Never the other way
 * round: that the row to delete is there must be seen. Every old tuple must be whole (REPLICA IDENTITY FULL).
 */
export function foldImages(changes: readonly RowChange[], columns: readonly number[]): Folded {
  const deletes: Tuple[] = [];
  const added = new Map<string, Tuple[]>();
  const add = (row: Tuple): void => {
    const image = keyOf(row, columns);
    const same = added.get(image);
    if (same) same.push(row);
    else added.set(image, [row]);
  };
  const remove = (row: Tuple): void => {
    if (!added.get(keyOf(row, columns))?.pop()) deletes.push(row);
  };
  for (const change of changes) {
    switch (change.kind) {
      case 'insert':
        add(change.tuple);
        break;
      case 'delete':
        remove(change.old);
        break;
      case 'update':
        if (!change.old) throw new Error('an update of a table without key has no old row');
        remove(change.old);
        add(fillUnchanged(change.tuple, change.old));
        break;
      default:
        change satisfies never;
    }
  }
  return { deletes, updates: [], inserts: [...added.values()].flat() };
}
