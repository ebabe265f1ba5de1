import type pg from 'pg';
import { SchemaMisfit } from '../ddl/misfit.ts';
import type { StreamRelation } from '../decode/change.ts';
import { isComplete, placeOf, type SyncedTable } from '../sync/table-states.ts';
import { type BoundTable, bindTo } from './bound-table.ts';
import { readTargetTables, type TargetTable } from './target-table.ts';

const MOST_AT_ONCE = 256;

/**
 * What the target knows of tables whose first change may come next: of many it is asked at once, since a transaction may
 * write to ten thousand of them. It asks for more the more of the last was of use.
 */
export class TablesAhead {
  readonly #tables: readonly SyncedTable[];
  readonly #places: ReadonlyMap<number, number>;
  readonly #known = new Map<number, TargetTable | null>();
  /** Bound, or found not to fit at once: not to be asked about again. */
  readonly #done = new Set<number>();
  #used = 0;

  constructor(tables: ReadonlyMap<number, SyncedTable>) {
    this.#tables = [...tables.values()];
    this.#places = new Map(this.#tables.map(({ sourceOid }, place) => [sourceOid, place]));
  }

  /** What was found out is not to be trusted any more: the target's tables may have been altered since. */
  forget(): void {
    this.#known.clear();
  }

  /** Binds by what is known; null when that is nothing, or when the table does not fit exactly and must be looked at anew. */
  bind(relation: StreamRelation, table: SyncedTable): BoundTable | null {
    const known = this.#known.get(table.sourceOid);
    if (!known) return null;
    this.#known.delete(table.sourceOid);
    this.#done.add(table.sourceOid);
    try {
      const bound = bindTo(known, relation, placeOf(table));
      if (bound.otherTypes.length + bound.otherModifiers.length > 0) return null;
      this.#used += 1;
      return bound;
    } catch (error) {
      if (error instanceof SchemaMisfit) return null;
      throw error;
    }
  }

  /** Asks about this table and some that follow it. */
  async read(client: pg.Client, table: SyncedTable): Promise<void> {
    const wanted = Math.min(2 * (1 + this.#used), MOST_AT_ONCE);
    this.#used = 0;
    const some = [table];
    const place = this.#places.get(table.sourceOid) ?? 0;
    for (let step = 1; step < this.#tables.length && some.length < wanted; step += 1) {
      const next = this.#tables[(place + step) % this.#tables.length];
      if (next && this.#mayCome(next)) some.push(next);
    }
    const found = await readTargetTables(client, some.map(placeOf));
    for (const [index, one] of found.entries()) {
      const of = some[index];
      if (of) this.#known.set(of.sourceOid, one);
    }
  }

  #mayCome(table: SyncedTable): boolean {
    const { sourceOid } = table;
    return (
      table.copyRows &&
      table.into !== null &&
      isComplete(table) &&
      !this.#done.has(sourceOid) &&
      !this.#known.has(sourceOid)
    );
  }
}
