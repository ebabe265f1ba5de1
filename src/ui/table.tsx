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
  cell(row: Row, index: number): ReactNode;
}

const GAP = 2;

function Cell(props: { column: Column<never>; first: boolean; children: ReactNode }) {
  const { width, align } = props.column;
  const room = width === undefined ? { flexGrow: 1, flexBasis: 0 } : { width, flexShrink: 0 };
  return (
    <Box
      {...room}
      marginLeft={props.first ? 0 : GAP}
      overflow="hidden"
      justifyContent={align === 'right' ? 'flex-end' : 'flex-start'}
    >
      <Text wrap="truncate-end">{props.children}</Text>
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
  const { symbol } = useTheme();
  const { start, end } = props.window ?? windowAround(selected ?? 0, rows.length, height - 1);
  const sign = (on: boolean): ReactNode =>
    selected === undefined ? null : (
      <Box width={2} flexShrink={0}>
        <Text tone="accent">{on ? symbol.here : ' '}</Text>
      </Box>
    );
  return (
    <Box flexDirection="column" height={height} flexShrink={0} overflow="hidden">
      <Box height={1} flexShrink={0}>
        {sign(false)}
        {columns.map((column, at) => (
          <Cell key={column.title} column={column as Column<never>} first={at === 0}>
            <Text tone="muted">{column.title}</Text>
          </Cell>
        ))}
      </Box>
      {rows.length === 0 && props.empty !== undefined ? <Text tone="muted">{props.empty}</Text> : null}
      {rows.slice(start, end).map((row, at) => (
        <Box key={props.rowKey(row)} height={1} flexShrink={0}>
          {sign(start + at === selected)}
          {columns.map((column, first) => (
            <Cell key={column.title} column={column as Column<never>} first={first === 0}>
              <Text bold={start + at === selected}>{column.cell(row, start + at)}</Text>
            </Cell>
          ))}
        </Box>
      ))}
    </Box>
  );
}
