import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Model } from '../../state/model.ts';
import type { PlanSummary } from '../../state/services.ts';
import type { Size } from '../../terminal/use-size.ts';
import { errorNodes } from '../../ui/error-block.tsx';
import { Mark } from '../../ui/status.tsx';
import { TableHead, TableRow } from '../../ui/table.tsx';
import { Text } from '../../ui/text.tsx';
import { wrapLines } from '../../ui/wrap.ts';
import { bySize, plannedColumns } from '../plan-tables.ts';
import { range } from '../scrolled-lines.tsx';
import type { ReaderOverlay } from './lines.tsx';
import { Panel, panelSize } from './panel.tsx';
import { useScrollWindow } from './scroll.ts';

/** Objects that are left out and stand above the tables; the others stand below. */
const SKIPPED_FIRST = 5;

const title = (text: string) => (): ReactNode => (
  <Box height={1} flexShrink={0}>
    <Text bold>{text}</Text>
  </Box>
);
const gap = (): ReactNode => <Box height={1} flexShrink={0} />;

/** Everything about the plan, line by line; drawn only where it is in sight. */
function planLines(summary: PlanSummary, width: number, opened: readonly string[]): (() => ReactNode)[] {
  const columns = plannedColumns(width);
  const remarks = summary.remarks.flatMap((text) =>
    wrapLines(text, width - 2).map((line, at) => () => (
      <Box height={1} flexShrink={0}>
        <Box width={2} flexShrink={0}>
          {at === 0 ? <Mark status="warn" /> : null}
        </Box>
        <Text tone="warn">{line}</Text>
      </Box>
    )),
  );
  const skipped = summary.skipped.map(({ object, why }) => () => (
    <Text wrap="truncate-end">
      {object}
      <Text tone="muted">{`  ${why}`}</Text>
    </Text>
  ));
  const first = skipped.length > SKIPPED_FIRST + 1 ? skipped.slice(0, SKIPPED_FIRST) : skipped;
  const rest = skipped.slice(first.length);
  return [
    ...remarks,
    ...(remarks.length > 0 ? [gap] : []),
    ...(first.length > 0 ? [title(`Not migrated: ${skipped.length}`), ...first] : []),
    ...(rest.length > 0 ? [() => <Text tone="muted">{`and ${rest.length} more below the tables`}</Text>] : []),
    ...(first.length > 0 ? [gap] : []),
    title(`Copied: ${summary.tables.length}`),
    () => <TableHead columns={columns} />,
    ...bySize(summary, opened).map((table, at) => () => <TableRow columns={columns} row={table} index={at} />),
    ...(rest.length > 0 ? [gap, title('Not migrated, the others'), ...rest] : []),
  ];
}

/** What the plan says of every table, and of what is left out. */
export function PlanReader({ model, overlay, size }: { model: Model; overlay: ReaderOverlay; size: Size }) {
  const { summary } = model.plan;
  const inner = panelSize(size);
  const lines =
    summary.state === 'ready'
      ? planLines(summary.value, inner.columns, model.opened)
      : summary.state === 'failed'
        ? errorNodes(summary.error, inner.columns).map((line) => () => line)
        : [];
  const { start, end } = useScrollWindow(overlay.scroll, lines.length, inner.rows, inner.columns);
  return (
    <Panel title="The plan in full" place={range(start, end, lines.length)} size={size}>
      {lines.slice(start, end).map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Box key={start + at} height={1} flexShrink={0}>
          {line()}
        </Box>
      ))}
    </Panel>
  );
}
