import type { TableState } from '../../engine/events.ts';
import type { Model } from '../../state/model.ts';
import { isMeasured, tableRate } from '../../state/rates.ts';
import { chunkName, type TableLine } from '../../state/table-order.ts';
import { formatBytesShort, formatCount, formatMs, formatPercent, formatRate } from '../../terminal/format.ts';
import { ProgressBar } from '../../ui/progress-bar.tsx';
import { Mark, type Status } from '../../ui/status.tsx';
import type { Column } from '../../ui/table.tsx';
import { Text } from '../../ui/text.tsx';

const STATUS: Record<TableState, Status> = {
  pending: 'pending',
  copying: 'running',
  copied: 'pass',
  live: 'pass',
  damaged: 'fail',
};

/** Null: nothing is measured now. */
type Now = number | null;

const rate = (line: TableLine, now: Now): string => {
  // Its line says how many of them are done.
  if (line.chunks) return 'chunks';
  const known = line.table.state === 'copying' && now !== null ? tableRate(line.table, now) : null;
  return known ? formatRate(known.bytesPerSecond) : '';
};

/** What is left while it copies, how long it took afterwards, else its state; of a hypertable its chunks. */
function timing({ table, chunks }: TableLine, now: Now): string {
  if (chunks) return chunks.damaged > 0 ? `${chunks.damaged} damaged` : `${chunks.done}/${chunks.total}`;
  if (table.state === 'copying') {
    if (now === null) return 'interrupted';
    const known = tableRate(table, now);
    return known ? `${formatMs(known.secondsLeft * 1000)} left` : 'copying';
  }
  if (table.state === 'copied' || table.state === 'live') {
    return table.ms === null ? table.state : `in ${formatMs(table.ms)}`;
  }
  return table.state;
}

function Share({ line, width }: { line: TableLine; width: number }) {
  if (line.table.state === 'pending') return <Text> </Text>;
  return <ProgressBar share={line.table.done} width={width} />;
}

const nameOf = ({ relation, table }: TableLine): string =>
  table.hypertable === undefined ? relation : chunkName(relation);

/** What is not measured does not turn. */
const StateMark = ({ state, now }: { state: TableState; now: Now }) =>
  now === null && state === 'copying' ? <Mark status="pending" /> : <Mark status={STATUS[state]} now={now ?? 0} />;

/** The columns of the tables with their copy; fewer where there is less room. */
export function tableColumns(columns: number, model: Pick<Model, 'engine' | 'now'>): readonly Column<TableLine>[] {
  const now = isMeasured(model.engine) ? model.now : null;
  const wide = columns >= 70;
  const widest = columns >= 94;
  const bar = widest ? 16 : wide ? 10 : 6;
  const all: (Column<TableLine> | null)[] = [
    { title: ' ', width: 1, cell: ({ table }) => <StateMark state={table.state} now={now} /> },
    { title: 'table', cut: 'middle', cell: nameOf },
    { title: 'size', width: 7, align: 'right', cell: ({ table }) => formatBytesShort(table.bytes_total) },
    widest
      ? {
          title: 'rows',
          width: 6,
          align: 'right',
          cell: ({ table }) => (table.state === 'pending' ? '' : formatCount(table.rows)),
        }
      : null,
    { title: 'copied', width: bar, cell: (line) => <Share line={line} width={bar} /> },
    {
      title: '%',
      width: 4,
      align: 'right',
      cell: ({ table }) => (table.state === 'pending' ? '' : formatPercent(table.done)),
    },
    wide ? { title: 'rate', width: 10, align: 'right', cell: (line) => rate(line, now) } : null,
    { title: 'time', width: widest ? 14 : 11, cell: (line) => timing(line, now) },
  ];
  return all.filter((column) => column !== null);
}
