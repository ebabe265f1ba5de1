import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import type { Place, SourceTable } from './catalog.ts';
import { readDifferences } from './partition-differences.ts';

/**
 * Partitions whose rows belong to other partitions on the target: they go through the partitioned table on top of them that places
 * rows otherwise, the topmost when there are several. `into` says so.
 */
export async function placePartitions(
  source: pg.Client,
  target: pg.Client,
  tables: readonly SourceTable[],
): Promise<SourceTable[]> {
  if (!tables.some(({ kind }) => kind === 'partitioned')) return [...tables];
  const differences = await readDifferences(source, target);
  if (differences.size === 0) return [...tables];
  const differs = new Set(tables.filter(({ oid }) => differences.has(oid)).map(displayName));
  return tables.map((table) => {
    if (table.kind !== 'partition') return table;
    const through = table.partOf.filter((one) => differs.has(displayName(one))).at(-1);
    return through ? { ...table, into: throughParent(through, table) } : table;
  });
}

/** Rows of a partition go through one of the tables that it is a part of. */
export const throughParent = (
  { schema, name }: { readonly schema: string; readonly name: string },
  partition: { readonly schema: string; readonly name: string },
): Place => ({ schema, name, throughParent: true, shownAs: displayName(partition) });

/** Remembers on the target where rows of partitions go that are to be copied. Those of others are where they were copied to. */
export async function recordPlaces(target: pg.Client, tables: readonly SourceTable[]): Promise<void> {
  const partitions = tables.filter(({ kind }) => kind === 'partition');
  if (partitions.length === 0) return;
  await target.query(
    `UPDATE tiger_migrate.relation r SET target_schema = t.schema, target_name = t.name
       FROM json_to_recordset($1::json) t(oid oid, schema text, name text)
      WHERE r.source_oid = t.oid AND r.kind = 'partition' AND (r.target_schema, r.target_name) IS DISTINCT FROM (t.schema, t.name)`,
    [
      JSON.stringify(
        partitions.map(({ oid, into }) => ({
          oid,
          ...(into?.throughParent ? { schema: into.schema, name: into.name } : {}),
        })),
      ),
    ],
  );
}

/** Knows when all partitions are copied whose rows go through one table: its indexes, and theirs, are built only then. */
export class TreesLeft {
  /** By the name of the table that they go through: how many are to come, and what waits for them. */
  readonly #trees = new Map<string, { left: number; readonly waiting: SourceTable[] }>();

  /** `all`: also the partitioned tables themselves. */
  constructor(toCopy: readonly SourceTable[], all: readonly SourceTable[]) {
    for (const { into } of toCopy) {
      if (!into?.throughParent) continue;
      const tree = this.#trees.get(displayName(into)) ?? { left: 0, waiting: [] };
      tree.left += 1;
      this.#trees.set(displayName(into), tree);
    }
    if (this.#trees.size === 0) return;
    for (const table of all) this.#treeOf(table)?.waiting.push(table);
  }

  #treeOf(table: SourceTable) {
    for (const one of [table, ...table.partOf]) {
      const tree = this.#trees.get(displayName(one));
      if (tree) return tree;
    }
    return null;
  }

  has(table: SourceTable): boolean {
    return this.#treeOf(table) !== null;
  }

  /** What is ready by this copy: the table itself, all of its tree, or nothing as long as others are to come. */
  copied(table: SourceTable): readonly SourceTable[] {
    const tree = table.into?.throughParent ? this.#treeOf(table) : null;
    if (!tree) return [table];
    tree.left -= 1;
    return tree.left === 0 ? tree.waiting.splice(0) : [];
  }

  /** What waits for copies that did not come: these were refused, or the source has dropped the partition. */
  get unfinished(): readonly SourceTable[] {
    return [...this.#trees.values()].flatMap(({ waiting }) => waiting.splice(0));
  }
}
