import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Size } from '../../terminal/use-size.ts';
import { Text } from '../../ui/text.tsx';
import { useTheme } from '../../ui/theme.ts';

/** What a panel leaves for its content: border, title and margin go off. */
export const panelSize = ({ columns, rows }: Size): Size => ({ columns: columns - 4, rows: rows - 3 });

interface PanelProps {
  readonly title: string;
  readonly note?: string;
  /** Which lines are in sight: never cut off. */
  readonly place?: string;
  readonly size: Size;
  /** Only as high as its content. */
  readonly fit?: boolean;
  readonly children: ReactNode;
}

/** A framed panel over the whole body. */
export function Panel({ title, note, place = '', size, fit = false, children }: PanelProps) {
  const { border } = useTheme();
  return (
    <Box
      flexDirection="column"
      borderStyle={border}
      borderDimColor
      width={size.columns}
      {...(fit ? {} : { height: size.rows })}
      flexShrink={fit ? 0 : 1}
      paddingX={1}
      overflow="hidden"
    >
      <Box height={1} flexShrink={0}>
        <Text wrap="truncate-end">
          <Text bold>{title}</Text>
          {note === undefined || note === '' ? null : <Text tone="muted">{`  ${note}`}</Text>}
        </Text>
        {place === '' ? null : (
          <Box flexShrink={0} marginLeft={2}>
            <Text tone="muted">{place}</Text>
          </Box>
        )}
      </Box>
      {children}
    </Box>
  );
}
