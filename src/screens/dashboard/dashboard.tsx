import { Box } from 'ink';
import type { Progress } from '../../engine/progress.ts';
import type { Model } from '../../state/model.ts';
import { formatTimeOfDay } from '../../terminal/format.ts';
import type { Size } from '../../terminal/use-size.ts';
import { isCompact } from '../../ui/frame.tsx';
import { Gap } from '../../ui/heading.tsx';
import { Mark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import { CompactDashboard } from './compact.tsx';
import { CopyView } from './copy.tsx';
import { SafeToClose, Storage, Warnings } from './health.tsx';
import { PHASE_WORDS } from './phase-words.ts';
import { ReplayView } from './replay.tsx';
import { troubleIn, troubleNodes } from './trouble.tsx';

const REPLAY_LINES = 13;
const MOST_TROUBLE = 7;

/** Before the first table is known there are no figures: what the engine has said so far. */
function Preparation({ model, progress, height }: { model: Model; progress: Progress; height: number }) {
  const said = progress.log.slice(-Math.max(0, height - 2));
  return (
    <Box flexDirection="column" height={height} flexShrink={0} overflow="hidden">
      <Text>
        <Mark status="running" now={model.now} />
        {` ${PHASE_WORDS[progress.phase]}`}
      </Text>
      <Gap />
      {said.map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be alike
        <Text key={at}>
          <Text tone="muted">{`${formatTimeOfDay(line.time)} `}</Text>
          {line.text}
        </Text>
      ))}
    </Box>
  );
}

/** The running migration. `terminal` is the size of the whole screen, `size` that of the body. */
export function DashboardScreen({ model, size, terminal }: { model: Model; size: Size; terminal: Size }) {
  const { progress } = model.engine;
  if (!progress) return null;
  if (isCompact(terminal)) return <CompactDashboard model={model} progress={progress} size={size} />;
  const replaying = progress.phase === 'replay';
  const planned = Object.keys(progress.tables).length > 0;
  const nodes = troubleNodes(model, progress, size.columns);
  const trouble = Math.min(nodes.length, MOST_TROUBLE);
  // Storage, the sentence, and the empty line above them.
  const room = size.rows - trouble - 3;
  const warnings = Math.min(progress.warnings.length, replaying ? Math.max(1, room - REPLAY_LINES) : 2);
  const height = room - warnings;
  const view = { model, progress, width: size.columns, height };
  return (
    <Box flexDirection="column" height={size.rows}>
      {trouble > 0 ? (
        <Box flexDirection="column" height={trouble} flexShrink={0} overflow="hidden">
          {troubleIn(nodes, trouble)}
        </Box>
      ) : null}
      {replaying ? <ReplayView {...view} /> : null}
      {!replaying && planned ? <CopyView {...view} /> : null}
      {!replaying && !planned ? <Preparation model={model} progress={progress} height={height} /> : null}
      <Warnings progress={progress} lines={warnings} />
      <Gap />
      <Storage progress={progress} />
      <SafeToClose model={model} />
    </Box>
  );
}
