import { Box } from 'ink';
import { formatHypertable } from '../engine/timescale/hypertable-option.ts';
import type { Obstacle } from '../providers/hypertables/obstacles.ts';
import type { Model } from '../state/model.ts';
import type { HypertableRow } from '../state/services.ts';
import { hypertableRows } from '../state/steps/hypertables.ts';
import { oneLine } from '../state/text-field.ts';
import { formatBytesShort, formatCount, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Text } from '../ui/text.tsx';
import { wrapLines } from '../ui/wrap.ts';

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
  { title: 'table', width: wide ? 26 : 18, cut: 'middle', cell: (row) => oneLine(row.relation) },
  ...(wide ? [{ title: 'size', width: 7, align: 'right', cell: sizeOf } as const] : []),
  { title: 'by', width: wide ? 20 : 14, cut: 'middle', cell: partitioning },
  { title: 'state', cell: stateOf },
];
const sizeOf = (row: HypertableRow): string => formatBytesShort(row.bytes);

function summary(model: Model, rows: readonly HypertableRow[]): string {
  const chosen = rows.filter((row) => row.chosen);
  const keys = model.options.skipHypertableIncompatibleObjects
    ? 'keys that they can not have are left out (a)'
    : 'keys that they can not have hinder (a leaves them out)';
  if (chosen.length === 0)
    return `none of ${formatNumberOf(rows.length, 'table')} chosen; Space chooses, Enter goes on`;
  return `${chosen.length} of ${formatNumberOf(rows.length, 'table')} chosen; ${keys}`;
}

/** What hinders the selected table, the first of it with its remedy; v shows all. */
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
  const all = row.obstacles.flatMap(({ problem, remedy, blocks: does }) => [
    ...wrapLines(`${does ? 'hinders: ' : 'to know: '}${oneLine(problem)}`, width).map((line) => ({ line, fix: false })),
    ...wrapLines(oneLine(remedy), width - 2).map((line) => ({ line: `  ${line}`, fix: true })),
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
      <Text tone="muted" wrap="truncate-end">
        {'  schema.table=column,interval,hash:column:partitions; the hash may be left away'}
      </Text>
      <Text tone="muted" wrap="truncate-end">{`  ${known}`}</Text>
    </Box>
  );
}

function Body({ model, size }: { model: Model; size: Size }) {
  const form = model.hypertables;
  if (form.rows.state === 'failed') return <ErrorBlock error={form.rows.error} />;
  if (form.rows.state !== 'ready') {
    return (
      <Text>
        <Mark status="running" now={model.now} /> looking for tables with a time
      </Text>
    );
  }
  const rows = hypertableRows(model);
  const row = rows[form.selected];
  if (!row) {
    return (
      <Text>
        <Mark status="pass" /> no table has a time that leads an index: nothing to choose
      </Text>
    );
  }
  const gaps = size.rows >= 20 ? 1 : 0;
  const left = size.rows - 3 - gaps;
  const table = Math.max(3, Math.min(rows.length + 1, Math.ceil(left / 2)));
  const position = rows.length + 1 > table ? ` (${form.selected + 1} of ${rows.length})` : '';
  const facts = `${oneLine(row.relation)}${position}: ${formatCount(row.rows)} rows, ${row.why}${isHindered(row) && row.chosen ? '; can not go on so' : ''}`;
  return (
    <>
      <Text tone="muted" wrap="truncate-end">
        {summary(model, rows)}
      </Text>
      <Table
        columns={columns(size.columns >= WIDE)}
        rows={rows}
        rowKey={(item) => item.relation}
        selected={form.selected}
        height={table}
      />
      {gaps > 0 ? <Gap /> : null}
      <Text wrap="truncate-end" tone="muted">
        {facts}
      </Text>
      {form.editing ? (
        <Editing model={model} row={row} width={size.columns} />
      ) : (
        <Obstacles model={model} row={row} height={left - table} width={size.columns} />
      )}
    </>
  );
}

/** Plain tables that may be hypertables on the target, and what hinders each. */
export function HypertablesScreen({ model, size }: { model: Model; size: Size }) {
  return (
    <Box flexDirection="column" height={size.rows}>
      <Heading title="Hypertables" note="plain tables that are kept in chunks of time on the target" />
      <Body model={model} size={size} />
    </Box>
  );
}
