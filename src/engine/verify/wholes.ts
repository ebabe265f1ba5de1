import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import type { SourceTable } from '../source/catalog.ts';
import { type RowSum, sumRows } from './compare-rows.ts';
import type { RowHash } from './row-hash.ts';

/** What is compared as one: a table, or all partitions whose rows go through one partitioned table of the target. */
export interface Whole {
  /** As people know it. */
  readonly relation: string;
  readonly table: SourceTable;
  /** On the source. */
  readonly parts: readonly SourceTable[];
  /** In the order of the table that is compared: a partition may have them in another one. */
  readonly columns: readonly string[];
  /** OID of the table of the source whose columns these are. */
  readonly columnsOf: number;
}

/**
 * Gathers partitions that are placed otherwise on the target: one by one they differ by design. `all`: those that are migrated, of
 * which a whole is made up, whichever of them was asked for. `parents`: the partitioned tables of the source.
 */
export function asWholes(
  tables: readonly SourceTable[],
  all: readonly SourceTable[],
  parents: readonly SourceTable[],
): Whole[] {
  const byName = new Map(parents.map((table) => [displayName(table), table]));
  const trees = new Map<string, SourceTable[]>();
  const nameOf = ({ into }: SourceTable) => (into?.throughParent ? displayName(into) : null);
  for (const table of all) {
    const name = nameOf(table);
    if (name !== null) trees.set(name, [...(trees.get(name) ?? []), table]);
  }
  const wholes: Whole[] = [];
  for (const table of tables) {
    const name = nameOf(table);
    const parts = name === null ? [table] : trees.get(name);
    if (!parts) continue;
    if (name !== null) trees.delete(name);
    const compared = (name === null ? undefined : byName.get(name)) ?? table;
    const columns = compared.columns.map((column) => column.name);
    wholes.push({ relation: name ?? displayName(table), table, parts, columns, columnsOf: compared.oid });
  }
  return wholes;
}

/** The rows of all parts together: sums of hashes add up. */
export async function sumParts(client: pg.Client, parts: readonly SourceTable[], hash: RowHash): Promise<RowSum> {
  let [rows, total] = [0n, 0n];
  for (const part of parts) {
    const sum = await sumRows(client, part, hash);
    rows += BigInt(sum.rows);
    total += BigInt(sum.hash);
  }
  return { rows: String(rows), hash: String(total) };
}
