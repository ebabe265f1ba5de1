import type { SourceTable } from '../source/catalog.ts';

/** Knows when the last of a hypertable's chunks is copied: its indexes are built on all of them at once. */
export class ChunksLeft {
  readonly #left = new Map<number, number>();

  constructor(tables: readonly SourceTable[]) {
    for (const { kind, rootOid } of tables) {
      if (kind === 'chunk') this.#left.set(rootOid, (this.#left.get(rootOid) ?? 0) + 1);
    }
  }

  /** Whether chunks of this hypertable are to be copied. */
  has(rootOid: number): boolean {
    return this.#left.has(rootOid);
  }

  /** The hypertable's OID when this was its last chunk, else null. */
  copied(chunk: SourceTable): number | null {
    const left = (this.#left.get(chunk.rootOid) ?? 1) - 1;
    this.#left.set(chunk.rootOid, left);
    return left === 0 ? chunk.rootOid : null;
  }

  /** Hypertables of which chunks were not copied after all: the source has dropped them, or they are damaged. */
  get unfinished(): readonly number[] {
    return [...this.#left].flatMap(([rootOid, left]) => (left > 0 ? [rootOid] : []));
  }
}
