import type { StatementKind } from './generator/statement.ts';

/** What was done, of one round or of all. */
export class Tally {
  transactions = 0;
  rolledBack = 0;
  prepared = 0;
  /** Among the application's own connections. */
  deadlocks = 0;
  /** Connections that a fault, or the fence, has ended. */
  lostConnections = 0;
  streamBytes = 0;
  peakRssBytes = 0;
  readonly statements = new Map<StatementKind, number>();
  /** Refused by a constraint, a lock timeout or a deadlock, as an application must take it. */
  readonly refused = new Map<string, number>();
  readonly faults = new Map<string, number>();
  readonly features = new Map<string, number>();

  add(other: Tally): void {
    this.transactions += other.transactions;
    this.rolledBack += other.rolledBack;
    this.prepared += other.prepared;
    this.deadlocks += other.deadlocks;
    this.lostConnections += other.lostConnections;
    this.streamBytes += other.streamBytes;
    this.peakRssBytes = Math.max(this.peakRssBytes, other.peakRssBytes);
    const pairs = [
      [this.statements, other.statements],
      [this.refused, other.refused],
      [this.faults, other.faults],
      [this.features, other.features],
    ] as [Map<string, number>, ReadonlyMap<string, number>][];
    for (const [ours, theirs] of pairs) for (const [name, count] of theirs) countUp(ours, name, count);
  }
}

export function countUp<K>(map: Map<K, number>, name: K, by = 1): void {
  map.set(name, (map.get(name) ?? 0) + by);
}

/** `a 3, b 1`, the most frequent first. */
export const spellCounts = (map: ReadonlyMap<string, number>): string =>
  [...map]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';
