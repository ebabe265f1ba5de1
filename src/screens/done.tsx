import { Box } from 'ink';
import type { Model } from '../state/model.ts';
import { formatMs, formatNumberOf } from '../terminal/format.ts';
import type { Size } from '../terminal/use-size.ts';
import { Gap, Paragraph } from '../ui/heading.tsx';
import { Mark } from '../ui/status.tsx';
import { Text } from '../ui/text.tsx';
import { useTheme } from '../ui/theme.ts';

/** What is left to do after the end. */
const NEXT = [
  'Point the application at the target and let it write.',
  'tiger-migrate-tui verify compares once more, whenever you like.',
  "tiger-migrate-tui clean removes slot, publications and the migration's own schema.",
  'Keep the source until you are sure: nothing of it was deleted.',
];

/** The end: what was moved, how long nobody could write, what to do next. */
export function DoneScreen({ model, size }: { model: Model; size: Size }) {
  const { symbol } = useTheme();
  const { progress } = model.engine;
  const downtime = progress?.downtime_ms ?? null;
  return (
    <Box flexDirection="column">
      <Text bold tone="ok">
        <Mark status="pass" /> Migration successfully completed
      </Text>
      {size.rows > 15 ? <Gap /> : null}
      {downtime === null ? null : (
        <Text>
          <Text tone="muted">{'downtime  '}</Text>
          <Text bold>{formatMs(downtime)}</Text>
          <Text tone="muted"> from the fence to the end of the last step</Text>
        </Text>
      )}
      {(progress?.summary ?? []).map((line) => (
        <Paragraph key={line}>{line}</Paragraph>
      ))}
      {progress && progress.warnings.length > 0 ? (
        <Text tone="warn">
          <Mark status="warn" />
          {` ${formatNumberOf(progress.warnings.length, 'warning')}: w shows them`}
        </Text>
      ) : null}
      {size.rows > 15 ? <Gap /> : null}
      <Text bold>Next</Text>
      {NEXT.map((line) => (
        <Paragraph key={line}>{`${symbol.pending} ${line}`}</Paragraph>
      ))}
    </Box>
  );
}
