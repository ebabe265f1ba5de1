import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Loadable } from '../state/loadable.ts';
import type { Model } from '../state/model.ts';
import type { Reading } from '../state/reading.ts';
import type { IdentityChoice } from '../state/services.ts';
import { oneLine } from '../state/text-field.ts';
import { formatMs } from '../terminal/format.ts';
import { errorNodes } from '../ui/error-block.tsx';
import { Gap } from '../ui/heading.tsx';
import { windowAround } from '../ui/list-window.ts';
import { Mark } from '../ui/status.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Text } from '../ui/text.tsx';
import { Line, ScrolledLines } from './scrolled-lines.tsx';

export interface SourceTablesProps<Row> {
  readonly now: number;
  readonly form: { readonly rows: Loadable<unknown>; readonly selected: number };
  readonly rows: readonly Row[];
  /** What is said while the source is read, and when there is nothing to decide. */
  readonly looking: string;
  readonly none: string;
  readonly summary: string;
  readonly columns: readonly Column<Row>[];
  /** Lines of the table of tables, headings included. */
  readonly height: number;
  readonly width: number;
  /** Lines that there are for all of it. */
  readonly bodyHeight: number;
  readonly reading: Reading;
  readonly gap: boolean;
  /** Behind the name and the place of the selected one. */
  readonly facts: (row: Row) => string;
  /** Below: what is to be decided about the selected one. */
  readonly children: (row: Row) => ReactNode;
}

/** Tables of the source about which something is to be decided, and below them the selected one. */
export function SourceTables<Row extends { readonly relation: string }>(props: SourceTablesProps<Row>) {
  const { form, rows, height, now } = props;
  if (form.rows.state === 'failed') {
    const { bodyHeight, width, reading } = props;
    const lines = errorNodes(form.rows.error, width);
    return <ScrolledLines lines={lines} reading={reading} height={bodyHeight} width={width} />;
  }
  if (form.rows.state !== 'ready') {
    return (
      <Text>
        <Mark status="running" now={now} /> {props.looking}
      </Text>
    );
  }
  const row = rows[form.selected];
  if (!row) {
    return (
      <Text>
        <Mark status="pass" /> {props.none}
      </Text>
    );
  }
  const place = rows.length + 1 > height ? ` (${form.selected + 1} of ${rows.length})` : '';
  return (
    <>
      <Line>
        <Text tone="muted" wrap="truncate-end">
          {props.summary}
        </Text>
      </Line>
      <Table
        columns={props.columns}
        rows={rows}
        rowKey={(item) => item.relation}
        selected={form.selected}
        height={height}
      />
      {props.gap ? <Gap /> : null}
      <Line>
        <Text wrap="truncate-end" tone="muted">
          {`${oneLine(row.relation)}${place}: ${props.facts(row)}`}
        </Text>
      </Line>
      {props.children(row)}
    </>
  );
}

/** Choices as radio buttons; those around the chosen one where there is no room for all. */
export function Choices(props: { all: readonly IdentityChoice[]; chosen: IdentityChoice | undefined; height: number }) {
  const { all, chosen, height } = props;
  const at = Math.max(
    0,
    chosen === undefined ? 0 : all.findIndex(({ kind, label }) => kind === chosen.kind && label === chosen.label),
  );
  const { start, end } = windowAround(at, all.length, height);
  return (
    <Box flexDirection="column" height={end - start} flexShrink={0}>
      {all.slice(start, end).map((choice, index) => (
        <Text key={choice.label} wrap="truncate-end" bold={start + index === at}>
          {`${start + index === at ? '(x)' : '( )'} ${oneLine(choice.label)}`}
          <Text tone="muted">{start + index === 0 ? '  recommended' : ''}</Text>
        </Text>
      ))}
    </Box>
  );
}

/** While something runs on the source: for how long, what it waits for, and how to end it. */
export function Applying({ model }: { model: Model }) {
  const { applying, applyingSince, building, cancelling } = model.work;
  const ms = Math.max(0, model.now - applyingSince);
  const doing = cancelling ? 'stopping' : 'running on the source';
  return (
    <>
      <Text wrap="truncate-end">
        <Mark status="running" now={model.now} />
        {` ${oneLine(applying ?? '')}: ${doing}, ${formatMs(ms)}${cancelling ? '' : '; x stops it'}`}
      </Text>
      <Text wrap="truncate-end" tone="muted">
        {building ? '  It waits for transactions that are open, as long as they take.' : ''}
      </Text>
    </>
  );
}
