import type { TableState } from '../engine/events.ts';
import type { Progress } from '../engine/progress.ts';

export interface TableLine {
  readonly relation: string;
  readonly table: Progress['tables'][string];
}

/** What needs the eye first: damage, then what is moving, then what waits, then what is done; large before small. */
const ORDER: Record<TableState, number> = { damaged: 0, copying: 1, pending: 2, copied: 3, live: 3 };

export const tableLines = (progress: Progress): TableLine[] =>
  Object.entries(progress.tables)
    .map(([relation, table]) => ({ relation, table }))
    .sort(
      (a, b) =>
        ORDER[a.table.state] - ORDER[b.table.state] ||
        b.table.bytes_total - a.table.bytes_total ||
        (a.relation < b.relation ? -1 : 1),
    );

/** How many tables are in each state. */
export function tableCounts(progress: Progress): Record<TableState, number> {
  const counts: Record<TableState, number> = { pending: 0, copying: 0, copied: 0, live: 0, damaged: 0 };
  for (const table of Object.values(progress.tables)) counts[table.state] += 1;
  return counts;
}
