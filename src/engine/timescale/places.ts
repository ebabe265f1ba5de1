import type { SyncedTable } from '../sync/table-states.ts';
import { overlap, parseSlices, type Slices } from './slices.ts';

/** The target's chunks by their boundaries. */
export class Places {
  readonly #byRoot = new Map<number, { readonly table: SyncedTable; readonly slices: Slices }[]>();

  constructor(tables: readonly SyncedTable[]) {
    for (const table of tables) {
      if (!table.isChunk || !table.into || table.slices === null) continue;
      const own = this.#byRoot.get(table.rootOid) ?? [];
      own.push({ table, slices: parseSlices(table.slices) });
      this.#byRoot.set(table.rootOid, own);
    }
  }

  /** Chunks of this hypertable in which a row of those boundaries could be. */
  overlapping(rootOid: number, slices: Slices): SyncedTable[] {
    const own = this.#byRoot.get(rootOid) ?? [];
    return own.filter((place) => overlap(place.slices, slices)).map(({ table }) => table);
  }
}
