import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Progress } from '../../engine/progress.ts';
import type { Model } from '../../state/model.ts';
import { tableCounts, tableLines } from '../../state/table-order.ts';
import { formatTimeOfDay } from '../../terminal/format.ts';
import type { Size } from '../../terminal/use-size.ts';
import { answers, type KeyTable, keyName } from '../../ui/key-table.ts';
import { ALL_TABLES, FIELD_KEYS, GLOBAL_KEYS, SCREEN_KEYS } from '../../ui/keys/tables.ts';
import { windowAround, windowFrom } from '../../ui/list-window.ts';
import { Mark } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Text } from '../../ui/text.tsx';
import { useTheme } from '../../ui/theme.ts';
import { wrapLines } from '../../ui/wrap.ts';
import { tableColumns } from '../dashboard/table-columns.tsx';
import { troubleNodes } from '../dashboard/trouble.tsx';
import { Line, range } from '../scrolled-lines.tsx';
import { ChangesReader } from './changes-reader.tsx';
import { EntryReader } from './entry-reader.tsx';
import { HypertableReader } from './hypertable-reader.tsx';
import { IdentityReader } from './identity-reader.tsx';
import { Lines, type ReaderOverlay } from './lines.tsx';
import { Panel, panelSize } from './panel.tsx';
import { PlanReader } from './plan-reader.tsx';
import { useDrawn } from './scroll.ts';

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

/** `now`: the model whose keys they are; those that would do nothing now are marked. */
function keyLines(table: KeyTable, graphic: boolean, now: Model | null, width: number): ReactNode[] {
  return [
    <Text key={table.name} bold>
      {table.title}
    </Text>,
    ...table.bindings.flatMap((binding) => {
      const isOff = now !== null && !answers(binding, now);
      const names = `  ${binding.keys.map((key) => keyName(key, graphic)).join(' ')}`;
      return wrapLines(`${isOff ? '(not now) ' : ''}${binding.help}`, width - KEYS_WIDTH).map((line, at) => (
        <Box key={`${table.name} ${names} ${line}`} height={1} flexShrink={0}>
          <Box width={KEYS_WIDTH} flexShrink={0}>
            <Text tone="accent">{at === 0 ? names : ' '}</Text>
          </Box>
          <Text tone={isOff ? 'muted' : 'plain'}>{line}</Text>
        </Box>
      ));
    }),
    <Box key={`below ${table.name}`} height={1} flexShrink={0} />,
  ];
}

function HelpReader({ model, overlay, size }: ReaderProps) {
  const { symbol } = useTheme();
  const own = SCREEN_KEYS[model.screen];
  const first = [own, GLOBAL_KEYS, FIELD_KEYS];
  const rest = ALL_TABLES.filter((table) => !first.includes(table));
  const below = { ...model, overlay: null };
  const lines = [...first, ...rest].flatMap((table) =>
    keyLines(table, symbol.here !== '>', table === own ? below : null, panelSize(size).columns),
  );
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
  const height = inner.rows - 1;
  const scrolled = windowFrom(overlay.scroll, rows.length, opens ? 1 : height);
  const window = opens ? windowAround(scrolled.start, rows.length, height) : scrolled;
  useDrawn({ start: scrolled.start, end: scrolled.start + height }, rows.length, inner.columns);
  return (
    <Panel
      title="Tables"
      note={counts.map(([state, count]) => `${count} ${state}`).join(', ')}
      place={range(window.start, window.end, rows.length)}
      size={size}
    >
      <Table
        columns={tableColumns(inner.columns, model)}
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
          lines={[
            ...stamped(progress?.warnings ?? [], true, size),
            // The newest stand at the end, and what stands in the way now behind them.
            ...(progress ? troubleNodes(model, progress, panelSize(size).columns) : []).map((line, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
              <Line key={`now ${at}`}>{line}</Line>
            )),
          ]}
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
