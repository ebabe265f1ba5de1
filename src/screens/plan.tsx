import { Box } from 'ink';
import type { MigrationOptions } from '../engine/options.ts';
import type { Model } from '../state/model.ts';
import { PLAN_OPTIONS, type PlanOption } from '../state/plan-options.ts';
import type { PlanSummary } from '../state/services.ts';
import { formatBytesShort, formatMs, formatNumberOf, formatRate } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { errorNodes, fitLines } from '../ui/error-block.tsx';
import { Field } from '../ui/field.tsx';
import { Gap, Heading } from '../ui/heading.tsx';
import { windowAround } from '../ui/list-window.ts';
import { Mark } from '../ui/status.tsx';
import { Table } from '../ui/table.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';
import { bySize, plannedColumns } from './plan-tables.ts';
import { Line } from './scrolled-lines.tsx';

const LABEL = 18;

const ofLimits = (jobs: number | undefined): string =>
  jobs === undefined ? 'automatic' : `${jobs} (from the servers' limits)`;
const created = (names: readonly string[] | undefined): string =>
  names === undefined || names.length === 0 ? '' : `  (${names.join(', ')})`;

/** What is shown of an option, and what stands behind it: for one that is not set, what that means here. */
function valueShown(option: PlanOption, options: MigrationOptions, summary: PlanSummary | null): [string, string] {
  const text = option.read(options);
  if (option.id === 'skipRoles') return [text, options.skipRoles ? '' : created(summary?.roles)];
  if (option.id === 'skipExtensions' && text === '') return ['none', created(summary?.extensions)];
  if (text !== '') return [text, ''];
  if (option.id === 'tableJobs') return [ofLimits(summary?.tableJobs), ''];
  return [option.id === 'indexJobs' ? ofLimits(summary?.indexJobs) : 'none', ''];
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
  const [shown, behind] = valueShown(option, options, summary);
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
          {shown}
        </Text>
        <Text tone="muted">{behind}</Text>
      </Text>
    </Box>
  );
}

interface OptionsProps {
  readonly model: Model;
  readonly summary: PlanSummary | null;
  readonly width: number;
  readonly height: number;
}

/** The options, or those around the selected one where there is no room for all. */
function Options({ model, summary, width, height }: OptionsProps) {
  const { selected, editing } = model.plan;
  const { start, end } = windowAround(selected, PLAN_OPTIONS.length, height);
  return (
    <Box flexDirection="column" flexShrink={0}>
      {PLAN_OPTIONS.slice(start, end).map((option, at) =>
        start + at === selected && editing ? (
          <Field key={option.id} label={option.label} labelWidth={LABEL} field={editing} focused width={width} />
        ) : (
          <OptionLine
            key={option.id}
            option={option}
            options={model.options}
            summary={summary}
            selected={start + at === selected}
          />
        ),
      )}
    </Box>
  );
}

/** The plan's figures in one line. */
function totals(summary: PlanSummary): string {
  const chunks = summary.tables.filter(({ hypertable }) => hypertable !== undefined).length;
  const tables = formatNumberOf(bySize(summary).length, 'table');
  const parts = [
    chunks === 0 ? tables : `${tables} with ${formatNumberOf(chunks, 'chunk')}`,
    formatBytesShort(summary.bytes),
    `${summary.indexes} indexes`,
  ];
  const { estimateSeconds: seconds } = summary;
  // The figure is rough: seconds would say more than is known.
  if (seconds !== null) parts.push(seconds < 60 ? 'under a minute' : `about ${formatMs(seconds * 1000)}`);
  return parts.join(', ');
}

const LITTLE_SPOOL = 1024 ** 2;

/** What the changes that come meanwhile need here. */
function spool({ walPerSecond, spoolBytes, spoolFreeBytes }: PlanSummary): string {
  const free = spoolFreeBytes === null ? '' : ` (${formatBytesShort(spoolFreeBytes)} free)`;
  if (walPerSecond === null) return `changes wait here while the copy runs${free}`;
  const size =
    spoolBytes === null || spoolBytes < LITTLE_SPOOL
      ? 'next to nothing'
      : `up to about ${formatBytesShort(spoolBytes)}`;
  return `WAL ${formatRate(walPerSecond)}: ${size} to keep here during the copy${free}`;
}

/** What somebody should know before starting, the gravest first. */
function warningsOf(model: Model, summary: PlanSummary): string[] {
  const { spoolBytes, spoolFreeBytes, remarks, skipped } = summary;
  const tight = spoolBytes !== null && spoolFreeBytes !== null && spoolBytes > spoolFreeBytes;
  return [
    ...(model.options.dropIfExists ? ['drop if exists: the target loses what the source has too'] : []),
    ...(tight ? ['there is less room here than the changes may need; then the source keeps its WAL'] : []),
    ...remarks,
    ...(skipped.length > 0 ? [`not migrated: ${formatNumberOf(skipped.length, 'object')} (t lists them)`] : []),
  ];
}

const LEAST_TABLE = 3;
const LEAST_OPTIONS = 2;
/** The heading, what the selected option is for, and an empty line. */
const CHROME = 3;

function Tables(props: { model: Model; summary: PlanSummary; height: number; width: number }) {
  const { model, summary, height, width } = props;
  const all = warningsOf(model, summary);
  const most = Math.max(1, height - 2);
  const warnings =
    all.length <= most ? all : [...all.slice(0, most - 1), `and ${all.length - most + 1} more to know: t tells`];
  const room = height - 1 - warnings.length;
  const rows = bySize(summary);
  const shown = rows.length + 1 > room ? room - 1 : rows.length + 1;
  return (
    <>
      <Text wrap="truncate-end" tone="muted">
        {spool(summary)}
      </Text>
      {warnings.map((text) => (
        <Text key={text} wrap="truncate-end" tone="warn">
          <Mark status="warn" />
          {` ${text}`}
        </Text>
      ))}
      {room < LEAST_TABLE ? null : (
        <Table columns={plannedColumns(width)} rows={rows} rowKey={(table) => table.relation} height={shown} />
      )}
      {room > 0 && rows.length + 1 > shown ? (
        <Text tone="muted" wrap="truncate-end">
          {room < LEAST_TABLE
            ? `${formatNumberOf(rows.length, 'table')} (t shows all)`
            : `and ${rows.length - shown + 1} more (t shows all)`}
        </Text>
      ) : null}
    </>
  );
}

/** What will be done, and the choices that change it. */
export function PlanScreen({ model, size }: { model: Model; size: Size }) {
  const { summary, selected } = model.plan;
  const plan = summary.state === 'ready' ? summary.value : null;
  const options = Math.min(PLAN_OPTIONS.length, Math.max(LEAST_OPTIONS, size.rows - CHROME - LEAST_TABLE));
  const place = options < PLAN_OPTIONS.length ? `(${selected + 1} of ${PLAN_OPTIONS.length}) ` : '';
  const room = size.rows - options - CHROME;
  return (
    <Box flexDirection="column" height={size.rows}>
      <Heading title="Plan" note={plan ? totals(plan) : ''} />
      <Options model={model} summary={plan} width={size.columns} height={options} />
      <Line>
        <Text tone="muted" wrap="truncate-end">
          {`  ${place}${PLAN_OPTIONS[selected]?.explain ?? ''}`}
        </Text>
      </Line>
      {room > 1 ? <Gap /> : null}
      {summary.state === 'failed'
        ? fitLines(errorNodes(summary.error, size.columns), room, 't').map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
            <Line key={at}>{line}</Line>
          ))
        : null}
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
        <Tables model={model} summary={plan} width={size.columns} height={room} />
      )}
    </Box>
  );
}
