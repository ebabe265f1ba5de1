import type { PlannedTable, PlanSummary } from '../state/services.ts';
import { chunkName } from '../state/table-order.ts';
import { formatBytesShort, formatCount } from '../terminal/format.ts';
import type { Column } from '../ui/table.tsx';

const nameOf = ({ relation, hypertable }: PlannedTable): string =>
  hypertable === undefined ? relation : chunkName(relation);

const COLUMNS: readonly Column<PlannedTable>[] = [
  { title: 'table', width: 32, cut: 'middle', cell: nameOf },
  { title: 'size', width: 7, align: 'right', cell: (table) => formatBytesShort(table.bytes) },
  { title: 'rows', width: 7, align: 'right', cell: (table) => formatCount(table.rows) },
  { title: 'parts', width: 5, align: 'right', cell: (table) => (table.parts > 1 ? table.parts : '') },
  { title: 'note', cell: (table) => table.note },
];

const NARROW_COLUMNS: readonly Column<PlannedTable>[] = [
  { title: 'table', cut: 'middle', cell: nameOf },
  ...COLUMNS.filter(({ title }) => title === 'size' || title === 'rows'),
];

/** The columns of the planned tables; fewer where there is less room. */
export const plannedColumns = (columns: number): readonly Column<PlannedTable>[] =>
  columns < 72 ? NARROW_COLUMNS : COLUMNS;

/** The biggest first; the chunks of a hypertable as one, and those of the `opened` ones also below it. */
export function bySize(summary: PlanSummary, opened: readonly string[] = []): readonly PlannedTable[] {
  const plain = summary.tables.filter(({ hypertable }) => hypertable === undefined);
  const chunks = new Map<string, PlannedTable[]>();
  for (const table of summary.tables) {
    if (table.hypertable === undefined) continue;
    const own = chunks.get(table.hypertable);
    if (own) own.push(table);
    else chunks.set(table.hypertable, [table]);
  }
  const sum = (own: readonly PlannedTable[], of: 'bytes' | 'rows') => own.reduce((total, one) => total + one[of], 0);
  const whole = [...chunks].map(([relation, own]): PlannedTable => {
    const notes = new Set(own.map(({ note }) => note));
    const note = [`${own.length} chunks`, ...[...notes].filter((one) => one !== '')].join(', ');
    return { relation, bytes: sum(own, 'bytes'), rows: sum(own, 'rows'), parts: 1, note };
  });
  const size = (a: PlannedTable, b: PlannedTable) => b.bytes - a.bytes;
  const lines = [...plain, ...whole].sort(size);
  if (opened.length === 0) return lines;
  return lines.flatMap((line) =>
    opened.includes(line.relation) ? [line, ...(chunks.get(line.relation) ?? []).sort(size)] : [line],
  );
}
