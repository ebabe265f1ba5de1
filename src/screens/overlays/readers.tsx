import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Progress } from '../../engine/progress.ts';
import type { Model } from '../../state/model.ts';
import { tableCounts, tableLines } from '../../state/table-order.ts';
import { formatTimeOfDay } from '../../terminal/format.ts';
import type { Size } from '../../terminal/use-size.ts';
import { type KeyTable, keyName } from '../../ui/key-table.ts';
import { ALL_TABLES, FIELD_KEYS, GLOBAL_KEYS, SCREEN_KEYS } from '../../ui/keys/tables.ts';
import { windowAround } from '../../ui/list-window.ts';
import { Mark } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Text } from '../../ui/text.tsx';
import { useTheme } from '../../ui/theme.ts';
import { wrapLines } from '../../ui/wrap.ts';
import { tableColumns } from '../dashboard/table-columns.tsx';
import { ChangesReader } from './changes-reader.tsx';
import { EntryReader } from './entry-reader.tsx';
import { HypertableReader } from './hypertable-reader.tsx';
import { IdentityReader } from './identity-reader.tsx';
import { Lines, type ReaderOverlay, range } from './lines.tsx';
import { Panel, panelSize } from './panel.tsx';
import { PlanReader } from './plan-reader.tsx';
import { useScrollWindow } from './scroll.ts';

interface ReaderProps {
  readonly model: Model;
  readonly overlay: ReaderOverlay;
  readonly size: Size;
}

/** A line of an entry; the time stands in front of its first one. */
const Stamped = ({ time, text, warning }: { time: string | null; text: string; warning: boolean }) => (
  <Box height={1} flexShrink={0}>
    <Box width={warning ? 2 : 0} flexShrink={0}>
      {warning && time !== null ? <Mark status="warn" /> : null}
    </Box>
    <Box width={TIME_WIDTH} flexShrink={0}>
      <Text tone="muted">{time === null ? ' ' : formatTimeOfDay(time)}</Text>
    </Box>
    <Text wrap="truncate-end">{text === '' ? ' ' : text}</Text>
  </Box>
);
/** `12:03:01` and a space. */
const TIME_WIDTH = 9;

/** Entries over as many lines as they need: nothing else shows their end. */
function stamped(entries: readonly { time: string; text: string }[], warning: boolean, size: Size): ReactNode[] {
  const width = panelSize(size).columns - TIME_WIDTH - (warning ? 2 : 0);
  const lines = entries.flatMap(({ time, text }) =>
    wrapLines(text, width).map((line, at) => ({ time: at === 0 ? time : null, text: line })),
  );
  // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be alike in time and text
  return lines.map((line, at) => <Stamped key={at} time={line.time} text={line.text} warning={warning} />);
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
    <Box key={`below ${table.name}`} height={1} flexShrink={0} />,
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

const TablesReader = (props: ReaderProps) =>
  props.model.engine.progress ? (
    <EngineTables {...props} progress={props.model.engine.progress} />
  ) : (
    <PlanReader {...props} />
  );

function EngineTables({ model, overlay, size, progress }: ReaderProps & { readonly progress: Progress }) {
  const rows = tableLines(progress, model.opened);
  const opens = rows.some(({ chunks }) => chunks !== undefined);
  const counts = Object.entries(tableCounts(progress)).filter(([, count]) => count > 0);
  const inner = panelSize(size);
  // Where lines can be opened, one is selected, in the middle of what is in sight.
  const scrolled = useScrollWindow(overlay.scroll, rows.length, opens ? 1 : inner.rows - 1);
  const window = opens ? windowAround(scrolled.start, rows.length, inner.rows - 1) : scrolled;
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
        {...(opens ? { selected: scrolled.start } : {})}
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
      if (model.screen === 'hypertables') return <HypertableReader {...props} />;
      return model.screen === 'identity' ? <IdentityReader {...props} /> : <EntryReader {...props} />;
    case 'help':
      return <HelpReader {...props} />;
    case 'tables':
      return <TablesReader {...props} />;
    case 'log':
      return (
        <Lines
          lines={stamped(progress?.log ?? [], false, size)}
          title="Log"
          overlay={overlay}
          size={size}
          empty="nothing yet"
        />
      );
    case 'changes':
      return <ChangesReader {...props} />;
    case 'warnings':
      return (
        <Lines
          lines={stamped(progress?.warnings ?? [], true, size)}
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
