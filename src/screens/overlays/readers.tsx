import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Model } from '../../state/model.ts';
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
import { tableColumns } from '../dashboard/table-columns.tsx';
import { EntryReader } from './entry-reader.tsx';
import { IdentityReader } from './identity-reader.tsx';
import { Lines, type ReaderOverlay, range } from './lines.tsx';
import { Panel, panelSize } from './panel.tsx';
import { PlanReader } from './plan-reader.tsx';

interface ReaderProps {
  readonly model: Model;
  readonly overlay: ReaderOverlay;
  readonly size: Size;
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

function TablesReader(props: ReaderProps) {
  const { model, overlay, size } = props;
  const { progress } = model.engine;
  if (!progress) return <PlanReader {...props} />;
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

/** The overlays that are read: help, log, tables, warnings, a check in full. */
export function ReaderPanel(props: ReaderProps) {
  const { model, overlay, size } = props;
  const { progress } = model.engine;
  switch (overlay.kind) {
    case 'check':
      return model.screen === 'identity' ? <IdentityReader {...props} /> : <EntryReader {...props} />;
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
