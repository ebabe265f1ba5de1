import { Box } from 'ink';
import type { MigrationOptions } from '../engine/options.ts';
import type { Model } from '../state/model.ts';
import { PLAN_OPTIONS, type PlanOption } from '../state/plan-options.ts';
import type { PlanSummary } from '../state/services.ts';
import { formatBytesShort, formatCount, formatMs, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { ErrorBlock } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';

const LABEL = 18;

/** What an option that is not set stands for. */
function unset(option: PlanOption, summary: PlanSummary | null): string {
  if (option.id === 'tableJobs') return summary ? `${summary.tableJobs} (from the servers' limits)` : 'automatic';
  if (option.id === 'indexJobs') return summary ? `${summary.indexJobs} (from the servers' limits)` : 'automatic';
  return 'none';
}

interface OptionLineProps {
  readonly option: PlanOption;
  readonly options: MigrationOptions;
  readonly summary: PlanSummary | null;
  readonly selected: boolean;
}

function OptionLine({ option, options, summary, selected }: OptionLineProps) {
  const { symbol } = useTheme();
  const text = option.read(options);
  const changed = text !== '' && text !== 'no';
  return (
    <Box height={1} flexShrink={0}>
      <Box width={2} flexShrink={0}>
        <Text tone="accent">{selected ? symbol.here : ' '}</Text>
      </Box>
      <Box width={LABEL} flexShrink={0}>
        <Text bold={selected}>{option.label}</Text>
      </Box>
      <Text wrap="truncate-end">
        <Text bold={changed} tone={changed ? 'plain' : 'muted'}>
          {text === '' ? unset(option, summary) : text}
        </Text>
      </Text>
    </Box>
  );
}

function Options({ model, summary, width }: { model: Model; summary: PlanSummary | null; width: number }) {
  const { selected, editing } = model.plan;
  return (
    <Box flexDirection="column" flexShrink={0}>
      {PLAN_OPTIONS.map((option, at) =>
        at === selected && editing ? (
          <Field key={option.id} label={option.label} labelWidth={LABEL} field={editing} focused width={width} />
        ) : (
          <OptionLine
            key={option.id}
            option={option}
            options={model.options}
            summary={summary}
            selected={at === selected}
          />
        ),
      )}
    </Box>
  );
}

type PlannedTable = PlanSummary['tables'][number];
const PLANNED_COLUMNS: readonly Column<PlannedTable>[] = [
  { title: 'table', width: 32, cell: (table) => table.relation },
  { title: 'size', width: 7, align: 'right', cell: (table) => formatBytesShort(table.bytes) },
  { title: 'rows', width: 7, align: 'right', cell: (table) => formatCount(table.rows) },
  { title: 'parts', width: 5, align: 'right', cell: (table) => (table.parts > 1 ? table.parts : '') },
  { title: 'note', cell: (table) => table.note },
];

const NARROW_COLUMNS: readonly Column<PlannedTable>[] = [
  { title: 'table', cell: (table) => table.relation },
  ...PLANNED_COLUMNS.filter(({ title }) => title === 'size' || title === 'rows'),
];

/** The columns of the planned tables; fewer where there is less room. */
export const plannedColumns = (columns: number): readonly Column<PlannedTable>[] =>
  columns < 72 ? NARROW_COLUMNS : PLANNED_COLUMNS;

export const bySize = (summary: PlanSummary): readonly PlannedTable[] =>
  [...summary.tables].sort((a, b) => b.bytes - a.bytes);

/** The plan's figures in one line. */
function totals(summary: PlanSummary): string {
  const parts = [`${summary.tables.length} tables`, formatBytesShort(summary.bytes), `${summary.indexes} indexes`];
  if (summary.estimateSeconds !== null) parts.push(`about ${formatMs(summary.estimateSeconds * 1000)}`);
  return parts.join(', ');
}

function Extras({ summary, warnings }: { summary: PlanSummary; warnings: readonly string[] }) {
  const names = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join(', '));
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Text wrap="truncate-end" tone="muted">
        {`extensions: ${names(summary.extensions)}`}
      </Text>
      <Text wrap="truncate-end" tone="muted">
        {`roles: ${names(summary.roles)}`}
      </Text>
      {warnings.map((text) => (
        <Text key={text} wrap="truncate-end" tone="warn">
          <Mark status="warn" />
          {` ${text}`}
        </Text>
      ))}
    </Box>
  );
}

function Tables(props: { model: Model; summary: PlanSummary; height: number; width: number }) {
  const { model, summary, height, width } = props;
  const warnings = [
    ...(summary.skipped.length > 0
      ? [`not migrated: ${formatNumberOf(summary.skipped.length, 'object')} (t lists them)`]
      : []),
    ...(model.options.dropIfExists ? ['drop if exists: the target loses what the source has too'] : []),
  ];
  const room = height - 2 - warnings.length;
  const rows = bySize(summary);
  const shown = rows.length + 1 > room ? room - 1 : rows.length + 1;
  return (
    <>
      {room < 3 ? null : (
        <Table columns={plannedColumns(width)} rows={rows} rowKey={(table) => table.relation} height={shown} />
      )}
      {room >= 3 && rows.length + 1 > shown ? (
        <Text tone="muted" wrap="truncate-end">{`and ${rows.length - shown + 1} more (t shows all)`}</Text>
      ) : null}
      <Extras summary={summary} warnings={warnings} />
    </>
  );
}

/** What will be done, and the choices that change it. */
export function PlanScreen({ model, size }: { model: Model; size: Size }) {
  const { summary } = model.plan;
  const plan = summary.state === 'ready' ? summary.value : null;
  return (
    <Box flexDirection="column" height={size.rows}>
      <Heading title="Plan" note={plan ? totals(plan) : ''} />
      <Options model={model} summary={plan} width={size.columns} />
      <Text tone="muted" wrap="truncate-end">
        {`  ${PLAN_OPTIONS[model.plan.selected]?.explain ?? ''}`}
      </Text>
      <Gap />
      {summary.state === 'failed' ? <ErrorBlock error={summary.error} /> : null}
      {model.engine.state === 'starting' || plan === null ? (
        <Text>
          {summary.state === 'failed' ? null : (
            <>
              <Mark status="running" now={model.now} />
              {model.engine.state === 'starting' ? ' starting the engine' : ' reading the source'}
            </>
          )}
        </Text>
      ) : (
        <Tables model={model} summary={plan} width={size.columns} height={size.rows - PLAN_OPTIONS.length - 3} />
      )}
    </Box>
  );
}
