import { Box } from 'ink';
import { Text, type TextProps } from './text.tsx';

/** A word in bold and what belongs to it, muted, in one line. */
export function Heading({ title, note = '' }: { title: string; note?: string }) {
  return (
    <Box height={1} flexShrink={0}>
      <Text wrap="truncate-end">
        <Text bold>{title}</Text>
        {note === '' ? null : <Text tone="muted">{`  ${note}`}</Text>}
      </Text>
    </Box>
  );
}

/** Text over as many lines as it needs, never fewer; for columns. */
export const Paragraph = (props: Omit<TextProps, 'wrap'>) => (
  <Box flexShrink={0}>
    <Text {...props} wrap="wrap" />
  </Box>
);

/** An empty line. */
export const Gap = () => <Box height={1} flexShrink={0} />;
