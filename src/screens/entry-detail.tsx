import { Box } from 'ink';
import type { CheckEntry } from '../state/check-entries.ts';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { type EntryLine, entryLinesIn, LABEL_WIDTH } from './entry-lines.ts';

/** A line about a check or a step, its label in front. */
export const EntryText = ({ line }: { line: EntryLine }) => (
  <Box height={1} flexShrink={0}>
    <Box width={LABEL_WIDTH} flexShrink={0}>
      <Text tone="muted">{line.label}</Text>
    </Box>
    <Text tone={line.tone}>{line.text}</Text>
  </Box>
);

interface EntryDetailProps {
  readonly entry: CheckEntry;
  /** Its fix is being run. */
  readonly applying: boolean;
  readonly now: number;
  readonly width: number;
  /** Lines that there is room for; what does not fit is told. */
  readonly height: number;
}

/** The selected check or step below the list. */
export function EntryDetail({ entry, applying, now, width, height }: EntryDetailProps) {
  const { shown, left } = entryLinesIn(entry, width, Math.max(1, height) - (applying ? 1 : 0));
  return (
    <Box flexDirection="column" flexShrink={0} overflow="hidden" height={Math.max(1, height)}>
      {shown.map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <EntryText key={at} line={line} />
      ))}
      {left > 0 ? (
        <Box height={1} flexShrink={0} marginLeft={LABEL_WIDTH}>
          <Text tone="muted">{`${left} more ${left === 1 ? 'line' : 'lines'}: v shows all`}</Text>
        </Box>
      ) : null}
      {applying ? (
        <Box height={1} flexShrink={0} marginLeft={LABEL_WIDTH}>
          <Text>
            <Mark status="running" now={now} /> running it
          </Text>
        </Box>
      ) : null}
    </Box>
  );
}
