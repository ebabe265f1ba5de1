import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import { useTheme } from '../../ui/theme.ts';

/** What a panel leaves for its content: border, title and margin go off. */
export const panelSize = ({ columns, rows }: Size): Size => ({ columns: columns - 4, rows: rows - 3 });

/** A framed panel over the whole body; with `fit` only as high as its content. */
export function Panel(props: { title: string; note?: string; size: Size; fit?: boolean; children: ReactNode }) {
  const { border } = useTheme();
  return (
    <Box
      flexDirection="column"
      borderStyle={border}
      borderDimColor
      width={props.size.columns}
      {...(props.fit ? {} : { height: props.size.rows })}
      flexShrink={props.fit ? 0 : 1}
      paddingX={1}
      overflow="hidden"
    >
      <Box height={1} flexShrink={0}>
        <Text wrap="truncate-end">
          <Text bold>{props.title}</Text>
          {props.note === undefined ? null : <Text tone="muted">{`  ${props.note}`}</Text>}
        </Text>
      </Box>
      {props.children}
    </Box>
  );
}
