import type { ArchiveEntry } from './archive.ts';

/** Locks that making an entry holds until the end of the transaction: a table has a TOAST table and its index besides. */
const LOCKS: Readonly<Record<string, number>> = {
  TABLE: 4,
  'FOREIGN TABLE': 2,
  'MATERIALIZED VIEW': 3,
  VIEW: 1,
  SEQUENCE: 1,
  INDEX: 1,
  CONSTRAINT: 1,
};
const locksOf = ({ type }: ArchiveEntry): number => LOCKS[type] ?? 0;

export interface TrialBatches {
  /** Each can be made by itself, in this order: with everything that its entries depend on. */
  readonly batches: readonly (readonly ArchiveEntry[])[];
  /** These need more at once than a transaction may lock. */
  readonly tooBig: readonly ArchiveEntry[];
}

/**
 * Splits entries, in the order in which they can be made, into batches that need at most `locks` locks each. What belongs to a table
 * is in the same batch, so that few tables are made more than once. Pure.
 */
export function planBatches(entries: readonly ArchiveEntry[], locks: number): TrialBatches {
  const byId = new Map(entries.map((entry) => [entry.dumpId, entry]));
  const order = new Map(entries.map((entry, index) => [entry.dumpId, index]));
  const inOrder = (ids: ReadonlySet<number>) =>
    [...ids].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0)).flatMap((id) => byId.get(id) ?? []);
  if (entries.reduce((sum, entry) => sum + locksOf(entry), 0) <= locks) {
    return { batches: entries.length > 0 ? [entries] : [], tooBig: [] };
  }
  const batches: ArchiveEntry[][] = [];
  const tooBig: ArchiveEntry[] = [];
  const covered = new Set<number>();
  let batch = new Set<number>();
  let held = 0;
  const close = () => {
    if (batch.size > 0) batches.push(inOrder(batch));
    [batch, held] = [new Set(), 0];
  };
  const weigh = (ids: readonly number[]) => ids.reduce((sum, id) => sum + locksOf(byId.get(id) as ArchiveEntry), 0);
  for (const entry of byTable(entries)) {
    if (covered.has(entry.dumpId)) continue;
    const needed = closure(entry, byId);
    if (weigh(needed) > locks) {
      tooBig.push(entry);
      continue;
    }
    if (held + weigh(needed.filter((id) => !batch.has(id))) > locks) close();
    const added = needed.filter((id) => !batch.has(id));
    held += weigh(added);
    for (const id of added) {
      batch.add(id);
      covered.add(id);
    }
  }
  close();
  return { batches, tooBig };
}

/** Each table followed by what stands on it first of all: constraints, indexes, triggers, comments. */
function byTable(entries: readonly ArchiveEntry[]): ArchiveEntry[] {
  const tables = new Set(entries.filter(({ type }) => type === 'TABLE').map(({ dumpId }) => dumpId));
  const owned = new Map<number, ArchiveEntry[]>();
  const rest: ArchiveEntry[] = [];
  for (const entry of entries) {
    const table = tables.has(entry.dumpId) ? entry.dumpId : entry.dependencies.find((id) => tables.has(id));
    if (table === undefined) rest.push(entry);
    else owned.set(table, [...(owned.get(table) ?? []), entry]);
  }
  return [...rest, ...[...owned.values()].flat()];
}

function closure(entry: ArchiveEntry, byId: ReadonlyMap<number, ArchiveEntry>): number[] {
  const found = new Set([entry.dumpId]);
  for (const id of found) {
    for (const dependency of byId.get(id)?.dependencies ?? []) if (byId.has(dependency)) found.add(dependency);
  }
  return [...found];
}
