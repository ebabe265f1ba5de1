import type { RowChange } from '../decode/change.ts';
import { fillUnchanged, hasUnchanged, keyOf, type Tuple } from '../decode/tuple.ts';

/** What is left of a run of changes to one table when only the last change of each row counts. */
export interface Folded {
  /** Tuples whose key columns name the rows to delete. */
  readonly deletes: readonly Tuple[];
  /** New versions of rows that stay; values may be unchanged. */
  readonly updates: readonly Tuple[];
  /** Whole new rows. */
  readonly inserts: readonly Tuple[];
}

interface Entry {
  /** The row was on the target before this run. */
  readonly existed: boolean;
  /** Names the row on the target. */
  readonly named: Tuple;
  /** Its last version; null when it is gone. */
  row: Tuple | null;
  /** Deleted and inserted again within the run. */
  replaced: boolean;
}

/**
 * Folds changes in source order to one per key. Null when they can't be folded: a row moves to another key and its
 * TOASTed value was not sent, or the changes contradict each other; then they must be applied one by one.
 *
 * `oldIsWholeRow`: with REPLICA IDENTITY FULL the old tuple holds every value; else it has NULL in all but its key
 * columns, and those must never be taken for values.
 */
export function fold(
  changes: readonly RowChange[],
  keyColumns: readonly number[],
  oldIsWholeRow: boolean,
): Folded | null {
  const entries = new Map<string, Entry>();

  const remove = (key: string, named: Tuple): boolean => {
    const entry = entries.get(key);
    if (!entry) {
      entries.set(key, { existed: true, named, row: null, replaced: false });
      return true;
    }
    if (entry.row === null) return false;
    if (entry.existed) entry.row = null;
    else entries.delete(key);
    return true;
  };
  const add = (key: string, row: Tuple): boolean => {
    const entry = entries.get(key);
    if (!entry) {
      entries.set(key, { existed: false, named: row, row, replaced: false });
      return true;
    }
    if (entry.row !== null) return false;
    entry.row = row;
    entry.replaced = true;
    return true;
  };

  for (const change of changes) {
    switch (change.kind) {
      case 'insert':
        if (!add(keyOf(change.tuple, keyColumns), change.tuple)) return null;
        break;
      case 'delete':
        if (!remove(keyOf(change.old, keyColumns), change.old)) return null;
        break;
      case 'update': {
        // A TOASTed key that did not change is not sent again, but the old tuple always has it.
        const whole = change.old
          ? fillUnchanged(change.tuple, change.old, oldIsWholeRow ? null : keyColumns)
          : change.tuple;
        const key = keyOf(whole, keyColumns);
        const oldKey = change.old ? keyOf(change.old, keyColumns) : key;
        const entry = entries.get(oldKey);
        if (entry?.row === null) return null;
        if (oldKey === key) {
          if (entry) entry.row = fillUnchanged(whole, entry.row);
          else entries.set(key, { existed: true, named: whole, row: whole, replaced: false });
          break;
        }
        const moved = entry ? fillUnchanged(whole, entry.row) : whole;
        if (hasUnchanged(moved)) return null;
        if (!remove(oldKey, change.old ?? change.tuple) || !add(key, moved)) return null;
        break;
      }
      default:
        change satisfies never;
    }
  }

  const deletes: Tuple[] = [];
  const updates: Tuple[] = [];
  const inserts: Tuple[] = [];
  for (const entry of entries.values()) {
    if (entry.existed && (entry.row === null || entry.replaced)) deletes.push(entry.named);
    if (entry.row === null) continue;
    if (!entry.existed || entry.replaced) inserts.push(entry.row);
    else updates.push(entry.row);
  }
  return { deletes, updates, inserts };
}
