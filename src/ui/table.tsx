import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type ListWindow, windowAround } from './list-window.ts';
import { Text } from './text.tsx';
import { useTheme } from './theme.ts';

export interface Column<Row> {
  readonly title: string;
  /** Cells; absent: what is left. */
  readonly width?: number;
  readonly align?: 'right';
  /** Where a cell that is too long is cut: in names the ends tell more than the middle. By default its end. */
  readonly cut?: 'middle';
  cell(row: Row, index: number): ReactNode;
}

const GAP = 2;

function Cell(props: { column: Column<never>; first: boolean; children: ReactNode }) {
  const { width, align, cut = 'end' } = props.column;
  const room = width === undefined ? { flexGrow: 1, flexBasis: 0 } : { width, flexShrink: 0 };
  return (
    <Box
      {...room}
      marginLeft={props.first ? 0 : GAP}
      overflow="hidden"
      justifyContent={align === 'right' ? 'flex-end' : 'flex-start'}
    >
      <Text wrap={`truncate-${cut}`}>{props.children}</Text>
    </Box>
  );
}

interface RowProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly row: Row;
  readonly index: number;
  /** Absent: nothing can be selected and no room is kept for its sign. */
  readonly selected?: boolean;
}

function Sign({ on }: { on: boolean | undefined }) {
  const { symbol } = useTheme();
  return on === undefined ? null : (
    <Box width={2} flexShrink={0}>
      <Text tone="accent">{on ? symbol.here : ' '}</Text>
    </Box>
  );
}

/** One line of a table. */
export function TableRow<Row>({ columns, row, index, selected }: RowProps<Row>) {
  return (
    <Box height={1} flexShrink={0} flexGrow={1}>
      <Sign on={selected} />
      {columns.map((column, at) => (
        <Cell key={column.title} column={column as Column<never>} first={at === 0}>
          <Text bold={selected ?? false} wrap={`truncate-${column.cut ?? 'end'}`}>
            {column.cell(row, index)}
          </Text>
        </Cell>
      ))}
    </Box>
  );
}

/** The headings of a table. */
export function TableHead<Row>({ columns, selectable }: { columns: readonly Column<Row>[]; selectable?: boolean }) {
  return (
    <Box height={1} flexShrink={0} flexGrow={1}>
      <Sign on={selectable ? false : undefined} />
      {columns.map((column, at) => (
        <Cell key={column.title} column={column as Column<never>} first={at === 0}>
          <Text tone="muted">{column.title}</Text>
        </Cell>
      ))}
    </Box>
  );
}

export interface TableProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** Lines including the headings. */
  readonly height: number;
  /** Absent: nothing can be selected and no room is kept for its sign. */
  readonly selected?: number;
  /** Which rows are in sight; by default those around the selected one. */
  readonly window?: ListWindow;
  readonly empty?: string;
}

/** Rows under headings. The selected row has a sign in front of it and stands out in bold. */
export function Table<Row>(props: TableProps<Row>) {
  const { columns, rows, selected, height } = props;
  const { start, end } = props.window ?? windowAround(selected ?? 0, rows.length, height - 1);
  return (
    <Box flexDirection="column" height={height} flexShrink={0} overflow="hidden">
      <Box height={1} flexShrink={0}>
        <TableHead columns={columns} selectable={selected !== undefined} />
      </Box>
      {rows.length === 0 && props.empty !== undefined ? <Text tone="muted">{props.empty}</Text> : null}
      {rows.slice(start, end).map((row, at) => (
        <Box key={props.rowKey(row)} height={1} flexShrink={0}>
          <TableRow
            columns={columns}
            row={row}
            index={start + at}
            {...(selected === undefined ? {} : { selected: start + at === selected })}
          />
        </Box>
      ))}
    </Box>
  );
}
