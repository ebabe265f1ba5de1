import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { Reading } from '../state/reading.ts';
import { windowFrom } from '../ui/list-window.ts';
import { Text } from '../ui/text.tsx';
import { useDrawn } from './overlays/scroll.ts';

/** `3-18 of 40` when not all is in sight. */
export const range = (start: number, end: number, length: number): string =>
  end - start >= length ? '' : `${start + 1}-${end} of ${length}`;

export interface ScrolledLinesProps {
  /** Each takes one line. */
  readonly lines: readonly ReactNode[];
  readonly reading: Pick<Reading, 'scroll' | 'of'>;
  readonly height: number;
  readonly width: number;
}

/** The lines for which there is room. When some are out of sight, the last line says which are in sight. */
export function ScrolledLines({ lines, reading, height, width }: ScrolledLinesProps) {
  const room = Math.max(1, lines.length <= height ? height : height - 1);
  const window = windowFrom(reading.scroll, lines.length, room);
  useDrawn(window, lines.length, width, reading.of);
  const place = range(window.start, window.end, lines.length);
  return (
    <Box flexDirection="column" flexShrink={0} overflow="hidden" height={Math.min(lines.length, Math.max(1, height))}>
      {lines.slice(window.start, window.end).map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Line key={window.start + at}>{line}</Line>
      ))}
      {place === '' || height < 2 ? null : (
        <Line>
          <Text tone="muted">{`${place}  PgUp and PgDn scroll`}</Text>
        </Line>
      )}
    </Box>
  );
}

/** One line, whatever else needs room. */
export const Line = ({ children }: { children?: ReactNode }) => (
  <Box height={1} flexShrink={0} overflow="hidden">
    {typeof children === 'string' ? <Text wrap="truncate-end">{children === '' ? ' ' : children}</Text> : children}
  </Box>
);
