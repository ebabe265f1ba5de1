import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Model, Overlay, Reader } from '../../state/model.ts';
import { selectedResult } from '../../state/steps/checks.ts';
import { tableCounts, tableLines } from '../../state/table-order.ts';
import { formatTimeOfDay } from '../../terminal/format.ts';
import type { Size } from '../../terminal/use-size.ts';
import { type KeyTable, keyName } from '../../ui/key-table.ts';
import { ALL_TABLES, FIELD_KEYS, GLOBAL_KEYS, SCREEN_KEYS } from '../../ui/keys/tables.ts';
import { windowFrom } from '../../ui/list-window.ts';
import { Mark } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Text } from '../../ui/text.tsx';
import { useTheme } from '../../ui/theme.ts';
import { wrapLines } from '../../ui/wrap.ts';
import { tableColumns } from '../dashboard/table-columns.tsx';
import { bySize, plannedColumns } from '../plan.tsx';
import { Panel, panelSize } from './panel.tsx';

type ReaderOverlay = Extract<Overlay, { kind: Reader }>;
interface ReaderProps {
  readonly model: Model;
  readonly overlay: ReaderOverlay;
  readonly size: Size;
}

/** `3–18 of 40` when not all is in sight. */
const range = (start: number, end: number, length: number): string =>
  end - start >= length ? '' : `${start + 1}-${end} of ${length}`;

/** Lines from `scroll` on; `fromEnd` counts from the newest line at the bottom. */
function Lines(props: {
  lines: readonly ReactNode[];
  title: string;
  overlay: ReaderOverlay;
  size: Size;
  empty: string;
}) {
  const { lines, overlay, size } = props;
  const { rows } = panelSize(size);
  const newestFirst = overlay.kind === 'log' || overlay.kind === 'warnings';
  const at = windowFrom(overlay.scroll, lines.length, rows);
  const { start, end } = newestFirst ? { start: lines.length - at.end, end: lines.length - at.start } : at;
  return (
    <Panel title={props.title} note={range(start, end, lines.length)} size={size}>
      {lines.length === 0 ? <Text tone="muted">{props.empty}</Text> : lines.slice(start, end)}
    </Panel>
  );
}

const Stamped = ({ time, text, warning }: { time: string; text: string; warning: boolean }) => (
  <Box height={1} flexShrink={0}>
    <Text wrap="truncate-end">
      {warning ? <Mark status="warn" /> : null}
      <Text tone="muted">{`${warning ? ' ' : ''}${formatTimeOfDay(time)} `}</Text>
      {text}
    </Text>
  </Box>
);

function stamped(entries: readonly { time: string; text: string }[], warning: boolean): ReactNode[] {
  // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be alike in time and text
  return entries.map((entry, at) => <Stamped key={at} time={entry.time} text={entry.text} warning={warning} />);
}

const KEYS_WIDTH = 18;

function keyLines(table: KeyTable, graphic: boolean): ReactNode[] {
  return [
    <Box key={table.name} height={1} flexShrink={0}>
      <Text bold>{table.title}</Text>
    </Box>,
    ...table.bindings.map((binding) => (
      <Box key={`${table.name} ${binding.keys.join()}`} height={1} flexShrink={0}>
        <Box width={KEYS_WIDTH} flexShrink={0}>
          <Text tone="accent">{`  ${binding.keys.map((key) => keyName(key, graphic)).join(' ')}`}</Text>
        </Box>
        <Text wrap="truncate-end">{binding.help}</Text>
      </Box>
    )),
    <Box key={`${table.name} end`} height={1} flexShrink={0} />,
  ];
}

function HelpReader({ model, overlay, size }: ReaderProps) {
  const { symbol } = useTheme();
  const own = SCREEN_KEYS[model.screen];
  const first = [own, GLOBAL_KEYS, FIELD_KEYS];
  const rest = ALL_TABLES.filter((table) => !first.includes(table));
  const lines = [...first, ...rest].flatMap((table) => keyLines(table, symbol.here !== '>'));
  return <Lines lines={lines} title="Keys" overlay={overlay} size={size} empty="" />;
}

function PlannedTables({ model, overlay, size }: ReaderProps) {
  const { summary } = model.plan;
  if (summary.state !== 'ready')
    return (
      <Panel title="Tables" size={size}>
        {null}
      </Panel>
    );
  const tables = bySize(summary.value);
  const { skipped } = summary.value;
  const inner = panelSize(size);
  const room = Math.max(2, inner.rows - Math.min(skipped.length, 6) - (skipped.length > 0 ? 1 : 0));
  const window = windowFrom(overlay.scroll, tables.length, room - 1);
  return (
    <Panel title="Tables of the plan" note={range(window.start, window.end, tables.length)} size={size}>
      <Table
        columns={plannedColumns(inner.columns)}
        rows={tables}
        rowKey={(row) => row.relation}
        height={room}
        window={window}
      />
      {skipped.length > 0 ? <Text bold>{`Not migrated: ${skipped.length}`}</Text> : null}
      {skipped.slice(0, 6).map((item) => (
        <Text key={item.object} wrap="truncate-end">
          {item.object}
          <Text tone="muted">{`  ${item.why}`}</Text>
        </Text>
      ))}
    </Panel>
  );
}

function TablesReader(props: ReaderProps) {
  const { model, overlay, size } = props;
  const { progress } = model.engine;
  if (!progress) return <PlannedTables {...props} />;
  const rows = tableLines(progress);
  const counts = Object.entries(tableCounts(progress)).filter(([, count]) => count > 0);
  const inner = panelSize(size);
  const window = windowFrom(overlay.scroll, rows.length, inner.rows - 1);
  const note = [
    counts.map(([state, count]) => `${count} ${state}`).join(', '),
    range(window.start, window.end, rows.length),
  ];
  return (
    <Panel title="Tables" note={note.filter((part) => part !== '').join('  ')} size={size}>
      <Table
        columns={tableColumns(inner.columns, model.now)}
        rows={rows}
        rowKey={(row) => row.relation}
        height={inner.rows}
        window={window}
      />
    </Panel>
  );
}

const CHECK_LABEL = 8;

function CheckReader({ model, overlay, size }: ReaderProps) {
  const result = selectedResult(model.checks[model.provider]);
  const width = panelSize(size).columns - CHECK_LABEL;
  const parts = result
    ? ([
        ['found', result.found],
        ['wanted', result.wanted],
        ['why', result.why],
        ['fix', result.status === 'pass' ? '' : result.fix],
        ['runs', (result.apply?.sql ?? []).join('\n')],
      ] as const)
    : [];
  const lines = parts
    .filter(([, text]) => text !== '')
    .flatMap(([label, text]) =>
      [...wrapLines(text, width), ''].map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Box key={`${label} ${at}`} height={1} flexShrink={0}>
          <Box width={CHECK_LABEL} flexShrink={0}>
            <Text tone="muted">{at === 0 ? label : ''}</Text>
          </Box>
          <Text>{line}</Text>
        </Box>
      )),
    );
  return <Lines lines={lines} title={result?.title ?? 'Check'} overlay={overlay} size={size} empty="" />;
}

/** The overlays that are read: help, log, tables, warnings, a check in full. */
export function ReaderPanel(props: ReaderProps) {
  const { model, overlay, size } = props;
  const { progress } = model.engine;
  switch (overlay.kind) {
    case 'check':
      return <CheckReader {...props} />;
    case 'help':
      return <HelpReader {...props} />;
    case 'tables':
      return <TablesReader {...props} />;
    case 'log':
      return (
        <Lines
          lines={stamped(progress?.log ?? [], false)}
          title="Log"
          overlay={overlay}
          size={size}
          empty="nothing yet"
        />
      );
    case 'warnings':
      return (
        <Lines
          lines={stamped(progress?.warnings ?? [], true)}
          title="Warnings"
          overlay={overlay}
          size={size}
          empty="none"
        />
      );
    default:
      return overlay.kind satisfies never;
  }
}
