import { Box } from 'ink';
import { copyTotals, type Progress } from '../../engine/progress.ts';
import type { Model } from '../../state/model.ts';
import { tableLines, tablesWord } from '../../state/table-order.ts';
import { formatBytesShort, formatPercent } from '../../terminal/format.ts';
import type { Size } from '../../terminal/use-size.ts';
import { Gap } from '../../ui/heading.tsx';
import { ProgressBar } from '../../ui/progress-bar.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { Text } from '../../ui/text.tsx';
import { copyPace } from './copy.tsx';
import { SafeToClose, Storage, Warnings } from './health.tsx';
import { PHASE_WORDS } from './phase-words.ts';
import { LagLine, LEAST_PEAK } from './replay.tsx';
import { troubleIn, troubleNodes } from './trouble.tsx';

function CopyBlock({ model, progress, width }: { model: Model; progress: Progress; width: number }) {
  const totals = copyTotals(progress);
  const share = totals.bytes_total === 0 ? 0 : totals.bytes_done / totals.bytes_total;
  const moving = tableLines(progress).filter(({ table }) => table.state === 'copying');
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Box height={1}>
        <ProgressBar share={share} width={Math.max(8, width - 6)} />
        <Text>{` ${formatPercent(share)}`}</Text>
      </Box>
      <Text wrap="truncate-end">
        {`${formatBytesShort(totals.bytes_done)} of ${formatBytesShort(totals.bytes_total)}, ${totals.tables_done} of ${totals.tables_total} ${tablesWord(progress)}`}
      </Text>
      <Text wrap="truncate-end" tone="muted">
        {copyPace(model, progress)}
      </Text>
      <Text wrap="truncate-end" tone="muted">
        {moving.length === 0 ? '' : `now: ${moving.map(({ relation }) => relation).join(', ')}`}
      </Text>
    </Box>
  );
}

const MOST_TROUBLE = 6;
const LEAST_TROUBLE = 3;

/** The state of the migration in a handful of lines. */
export function CompactDashboard({ model, progress, size }: { model: Model; progress: Progress; size: Size }) {
  const roomy = size.rows >= 13;
  const replaying = progress.phase === 'replay';
  return (
    <Box flexDirection="column" height={size.rows} overflow="hidden">
      {troubleIn(troubleNodes(model, progress, size.columns), roomy ? MOST_TROUBLE : LEAST_TROUBLE)}
      {replaying ? (
        <>
          <LagLine model={model} progress={progress} />
          {size.rows > 7 ? (
            <Sparkline values={model.engine.lag} width={size.columns} height={roomy ? 2 : 1} floor={LEAST_PEAK} />
          ) : null}
        </>
      ) : (
        <>
          <Text bold wrap="truncate-end">
            {PHASE_WORDS[progress.phase]}
          </Text>
          <CopyBlock model={model} progress={progress} width={size.columns} />
        </>
      )}
      {roomy ? <Gap /> : null}
      <Storage progress={progress} stacked={roomy} />
      {roomy ? <Gap /> : null}
      <Warnings progress={progress} lines={Math.max(0, Math.min(2, size.rows - (roomy ? 12 : 8)))} />
      <SafeToClose model={model} />
    </Box>
  );
}
