import { Box } from 'ink';
import { Text } from './text.tsx';
import { type Tone, useTheme } from './theme.ts';

/**
 * The newest `width` values as bars between nothing and their maximum, as `height` lines, the top one first. What is
 * above nothing is never shown as nothing. `floor` is the least that the top stands for, so that noise stays low.
 */
export function sparkLines(
  values: readonly number[],
  width: number,
  height: number,
  spark: readonly string[],
  floor = 0,
): string[] {
  const shown = values.slice(-Math.max(0, width));
  const max = Math.max(...shown, floor);
  const levels = spark.length;
  // Eighths of a cell, from the bottom; one at least, so that the line has no holes.
  const eighths = shown.map((value) => (max <= 0 ? 1 : Math.max(1, Math.round((value / max) * height * levels))));
  return Array.from({ length: height }, (_, line) => {
    const below = (height - 1 - line) * levels;
    return eighths.map((all) => (all <= below ? ' ' : (spark[Math.min(levels, all - below) - 1] ?? ' '))).join('');
  });
}

export function Sparkline(props: {
  values: readonly number[];
  width: number;
  height?: number;
  floor?: number;
  tone?: Tone;
}) {
  const { symbol } = useTheme();
  const lines = sparkLines(props.values, props.width, props.height ?? 1, symbol.spark, props.floor);
  return (
    <Box flexDirection="column" flexShrink={0}>
      {lines.map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Text key={at} tone={props.tone ?? 'accent'} wrap="truncate">
          {line === '' ? ' ' : line}
        </Text>
      ))}
    </Box>
  );
}
