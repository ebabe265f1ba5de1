import type { SourceTable } from '../source/catalog.ts';

/** A piece of a table that one COPY moves: all of it, or a range of its pages. */
export interface CopyPart {
  readonly table: SourceTable;
  readonly part: number;
  readonly parts: number;
  /** Pages `from` ≤ page < `to`; null for the whole table. */
  readonly pages: { readonly from: number; readonly to: number | null } | null;
  /** Estimated, for ordering and progress. */
  readonly bytes: number;
}

/** TID range scans, so that a part reads only its own pages: https://www.postgresql.org/docs/14/release-14.html */
const TID_RANGE_SCAN_VERSION = 140000;

/**
 * Cuts tables into parts by page ranges under the same snapshot, the biggest part first. The last part has no upper
 * end: pages that were added since are searched too (the snapshot hides what is too new). A partition that goes through its parent on the
 * target is one part: see `emptyTrees`.
 */
export function planParts(
  tables: readonly SourceTable[],
  splitBytes: number,
  sourceVersionNum: number,
  maximumParts: number,
): CopyPart[] {
  const parts: CopyPart[] = [];
  for (const table of tables) {
    const wanted =
      sourceVersionNum < TID_RANGE_SCAN_VERSION || table.compressedOid !== null || table.into?.throughParent
        ? 1
        : Math.min(maximumParts, Math.floor(table.bytes / splitBytes) + 1);
    const count = Math.max(1, Math.min(wanted, table.pages));
    const pagesEach = Math.ceil(table.pages / count);
    for (let part = 0; part < count; part += 1) {
      parts.push({
        table,
        part,
        parts: count,
        pages: count === 1 ? null : { from: part * pagesEach, to: part === count - 1 ? null : (part + 1) * pagesEach },
        bytes: table.bytes / count,
      });
    }
  }
  return parts.sort((a, b) => b.bytes - a.bytes);
}
