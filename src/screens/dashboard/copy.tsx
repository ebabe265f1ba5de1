import { Box } from 'ink';
import { copyTotals, type Progress } from '../../engine/progress.ts';
import type { Model } from '../../state/model.ts';
import { copyRate, isMeasured, secondsLeft } from '../../state/rates.ts';
import { tableLines, tablesWord } from '../../state/table-order.ts';
import { formatBytesShort, formatMoment, formatMs, formatPercent, formatRate } from '../../terminal/format.ts';
import { Gap } from '../../ui/heading.tsx';
import { ProgressBar } from '../../ui/progress-bar.tsx';
import { Table } from '../../ui/table.tsx';
import { Text } from '../../ui/text.tsx';
import { useTheme } from '../../ui/theme.ts';
import { tableColumns } from './table-columns.tsx';

/** Rate and remaining time in words; what is known of them. */
export function copyPace(model: Model, progress: Progress): string {
  if (progress.as_of !== null) return `as of ${formatMoment(progress.as_of)}`;
  if (!isMeasured(model.engine)) return 'not measured now';
  const totals = copyTotals(progress);
  const rate = copyRate(model.engine.copied);
  const left = secondsLeft(totals.bytes_total - totals.bytes_done, rate);
  const words = [rate === null ? 'measuring the rate' : formatRate(rate)];
  if (left !== null && left > 0) words.push(`about ${formatMs(left * 1000)} left`);
  return words.join(', ');
}

const indexes = ({ indexes: { total, done, building } }: Progress): string => {
  const now = building[0];
  const more = building.length > 1 ? ` and ${building.length - 1} more` : '';
  return `indexes ${done} of ${total}${now === undefined ? '' : `, building ${now}${more}`}`;
};

/** All tables together, in two lines. */
export function CopyTotals({ model, progress, width }: { model: Model; progress: Progress; width: number }) {
  const { symbol } = useTheme();
  const totals = copyTotals(progress);
  const share = totals.bytes_total === 0 ? 0 : totals.bytes_done / totals.bytes_total;
  const done = totals.tables_total > 0 && totals.tables_done === totals.tables_total ? 1 : share;
  const figures = ` ${formatPercent(done).padStart(4)}  ${formatBytesShort(totals.bytes_done)} of ${formatBytesShort(totals.bytes_total)}, ${totals.tables_done} of ${totals.tables_total} ${tablesWord(progress)}`;
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Box height={1}>
        <Text bold>{'Copy  '}</Text>
        <ProgressBar share={done} width={Math.max(8, width - 6 - figures.length)} />
        <Text wrap="truncate">{figures}</Text>
      </Box>
      <Text wrap="truncate-end" tone="muted">
        {`      ${copyPace(model, progress)} ${symbol.separator} ${indexes(progress)}`}
      </Text>
    </Box>
  );
}

/** The copy: all together, then table by table. */
export function CopyView(props: { model: Model; progress: Progress; width: number; height: number }) {
  const { model, progress, width, height } = props;
  const rows = tableLines(progress);
  const room = height - 3;
  const table = rows.length < room ? rows.length + 1 : Math.max(2, room - 1);
  const more = rows.length - table + 1;
  return (
    <Box flexDirection="column" height={height} flexShrink={0}>
      <CopyTotals model={model} progress={progress} width={width} />
      <Gap />
      <Table columns={tableColumns(width, model)} rows={rows} rowKey={(line) => line.relation} height={table} />
      {more > 0 ? (
        <Text tone="muted" wrap="truncate-end">
          {`and ${more} more (t shows all)`}
        </Text>
      ) : null}
    </Box>
  );
}
