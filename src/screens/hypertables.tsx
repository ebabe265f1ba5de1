import { Box } from 'ink';
import { formatHypertable } from '../engine/timescale/hypertable-option.ts';
import type { Obstacle } from '../providers/hypertables/obstacles.ts';
import type { Model } from '../state/model.ts';
import type { HypertableRow } from '../state/services.ts';
import { hypertableRows, remediesOf, remedyFor } from '../state/steps/hypertables.ts';
import { oneLine } from '../state/text-field.ts';
import { formatBytesShort, formatCount, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Heading } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import type { Column } from '../ui/table.tsx';
import { Text } from '../ui/text.tsx';
import { wrapLines } from '../ui/wrap.ts';
import { Applying, Choices, SourceTables } from './source-tables.tsx';

const WIDE = 74;

const blocks = ({ blocks: does }: Obstacle): boolean => does;
const isHindered = ({ obstacles }: HypertableRow): boolean => obstacles.some(blocks);

/** `time, 7 days, hash device_id`: how the table is to be partitioned. */
const partitioning = ({ option: { column, interval, hash } }: HypertableRow): string =>
  oneLine([column, interval ?? '7 days', ...(hash ? [`hash ${hash.column}`] : [])].join(', '));

function stateOf({ chosen, recommended, obstacles }: HypertableRow): string {
  const open = obstacles.filter(blocks).length;
  if (open > 0) return formatNumberOf(open, 'obstacle');
  if (chosen) return 'hypertable';
  return recommended ? 'proposed' : 'stays';
}

const columns = (wide: boolean): readonly Column<HypertableRow>[] => [
  { title: ' ', width: 3, cell: (row) => (row.chosen ? '[x]' : '[ ]') },
  { title: 'table', width: wide ? 26 : 16, cut: 'middle', cell: (row) => oneLine(row.relation) },
  ...(wide ? [{ title: 'size', width: 7, align: 'right', cell: sizeOf } as const] : []),
  { title: 'by', width: wide ? 20 : 12, cut: 'middle', cell: partitioning },
  { title: 'state', cell: stateOf },
];
const sizeOf = (row: HypertableRow): string => formatBytesShort(row.bytes);

function summary(model: Model, rows: readonly HypertableRow[]): string {
  const chosen = rows.filter((row) => row.chosen);
  if (chosen.length === 0)
    return `none of ${formatNumberOf(rows.length, 'table')} chosen; Space chooses, Enter goes on`;
  const hindered = chosen.filter(isHindered).length;
  const keys = model.options.skipHypertableIncompatibleObjects
    ? 'keys that they can not have are left out (o)'
    : 'Enter goes on';
  const next = hindered > 0 ? `${hindered} of them hindered: a mends, o leaves keys out` : keys;
  return `${chosen.length} of ${formatNumberOf(rows.length, 'table')} chosen; ${next}`;
}

/** What hinders the selected table; of what a choice below mends only the problem, of the first else the remedy, too. */
function Obstacles({ model, row, height, width }: { model: Model; row: HypertableRow; height: number; width: number }) {
  if (height < 1) return null;
  if (row.obstacles.length === 0) {
    return (
      <Text wrap="truncate-end">
        <Mark status={model.hypertables.looking ? 'running' : 'pass'} now={model.now} />
        {model.hypertables.looking ? ' looking' : ' nothing hinders it'}
      </Text>
    );
  }
  const all = row.obstacles.flatMap(({ problem, remedy, blocks: does, identifies }) => [
    ...wrapLines(`${does ? 'hinders: ' : 'to know: '}${oneLine(problem)}`, width).map((line) => ({ line, fix: false })),
    ...(identifies && row.remedy
      ? []
      : wrapLines(oneLine(remedy), width - 2).map((line) => ({ line: `  ${line}`, fix: true }))),
  ]);
  const room = all.length > height ? height - 1 : height;
  const more = all.length - room;
  return (
    <Box flexDirection="column" flexShrink={0}>
      {all.slice(0, room).map(({ line, fix }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Text key={at} {...(fix ? { tone: 'accent' as const } : {})} wrap="truncate-end">
          {line}
        </Text>
      ))}
      {more > 0 ? <Text tone="muted">{`${formatNumberOf(more, 'more line')}; v shows all`}</Text> : null}
    </Box>
  );
}

function Editing({ model, row, width }: { model: Model; row: HypertableRow; width: number }) {
  const { editing } = model.hypertables;
  if (!editing) return null;
  const known = row.columns.length > 0 ? `times with an index: ${oneLine(row.columns.join(', '))}` : '';
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Field
        label="table"
        labelWidth={7}
        field={editing}
        focused
        placeholder={formatHypertable(row.option)}
        width={width}
      />
      <Text tone="muted" wrap="wrap">
        {'schema.table=column,interval[,hash:column:partitions][,compress:age[:segmentby=column+column]]'}
      </Text>
      <Text tone="muted" wrap="truncate-end">{`  ${known}`}</Text>
    </Box>
  );
}

/** What becomes of its old chunks on the target. */
function compression({ chosen, option, compress }: HypertableRow): string {
  const { after, segmentby } = option.compress ?? compress;
  const how = `chunks older than ${after}${segmentby.length === 0 ? '' : `, in segments of ${segmentby.join(', ')}`}`;
  return oneLine(
    chosen && option.compress
      ? `from the cut-over on compresses ${how} (c: not)`
      : `not compressed; c compresses ${how}`,
  );
}

function Selected({ model, row, height, width }: { model: Model; row: HypertableRow; height: number; width: number }) {
  if (model.work.error) return <ErrorBlock error={model.work.error} width={width} room={height} />;
  if (model.hypertables.editing) return <Editing model={model} row={row} width={width} />;
  const choices = remediesOf(row);
  if (choices.length === 0) {
    return (
      <>
        <Obstacles model={model} row={row} height={height - 1} width={width} />
        <Text wrap="truncate-end" tone="muted">
          {compression(row)}
        </Text>
      </>
    );
  }
  const list = Math.min(choices.length, Math.max(1, height - 3));
  return (
    <>
      <Obstacles model={model} row={row} height={height - list - 1} width={width} />
      <Text wrap="truncate-end" tone="muted">
        a gives it another replica identity on the source, after a yes:
      </Text>
      {model.work.applying === null ? (
        <Choices all={choices} chosen={remedyFor(model, row)} height={list} />
      ) : (
        <Applying model={model} />
      )}
    </>
  );
}

function Body({ model, size }: { model: Model; size: Size }) {
  const form = model.hypertables;
  const rows = hypertableRows(model);
  const gaps = size.rows >= 20 ? 1 : 0;
  const left = size.rows - 3 - gaps;
  // A small screen keeps three lines for what is decided about the selected one.
  const table = Math.max(2, Math.min(rows.length + 1, left < 7 ? left - 3 : Math.ceil(left / 2)));
  return (
    <SourceTables
      now={model.now}
      form={form}
      rows={rows}
      looking="looking for tables with a time"
      none="no table has a time that leads an index: nothing to choose"
      summary={summary(model, rows)}
      columns={columns(size.columns >= WIDE)}
      height={table}
      width={size.columns}
      bodyHeight={size.rows - 1}
      reading={model.reading}
      gap={gaps > 0}
      facts={(row) =>
        `${formatCount(row.rows)} rows, ${row.why}${isHindered(row) && row.chosen ? '; can not go on so' : ''}`
      }
    >
      {(row) => <Selected model={model} row={row} height={left - table} width={size.columns} />}
    </SourceTables>
  );
}

/** Plain tables that may be hypertables on the target, and what hinders each. */
export function HypertablesScreen({ model, size }: { model: Model; size: Size }) {
  const { saved, screen } = model.work;
  return (
    <Box flexDirection="column" height={size.rows}>
      <Heading
        title="Hypertables"
        note={
          saved !== null && screen === 'hypertables'
            ? `SQL saved as ${saved}`
            : 'plain tables that are kept in chunks of time on the target'
        }
      />
      <Body model={model} size={size} />
    </Box>
  );
}
