import type { PlanSummary } from '../state/services.ts';
import { formatBytesShort, formatCount } from '../terminal/format.ts';
import type { Column } from '../ui/table.tsx';

export type PlannedTable = PlanSummary['tables'][number];

const COLUMNS: readonly Column<PlannedTable>[] = [
  { title: 'table', width: 32, cut: 'middle', cell: (table) => table.relation },
  { title: 'size', width: 7, align: 'right', cell: (table) => formatBytesShort(table.bytes) },
  { title: 'rows', width: 7, align: 'right', cell: (table) => formatCount(table.rows) },
  { title: 'parts', width: 5, align: 'right', cell: (table) => (table.parts > 1 ? table.parts : '') },
  { title: 'note', cell: (table) => table.note },
];

const NARROW_COLUMNS: readonly Column<PlannedTable>[] = [
  { title: 'table', cut: 'middle', cell: (table) => table.relation },
  ...COLUMNS.filter(({ title }) => title === 'size' || title === 'rows'),
];

/** The columns of the planned tables; fewer where there is less room. */
export const plannedColumns = (columns: number): readonly Column<PlannedTable>[] =>
  columns < 72 ? NARROW_COLUMNS : COLUMNS;

export const bySize = (summary: PlanSummary): readonly PlannedTable[] =>
  [...summary.tables].sort((a, b) => b.bytes - a.bytes);
