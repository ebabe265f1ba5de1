import { Box } from 'ink';
import type { ReactNode } from 'react';
import type { ReplayVerdict } from '../../engine/events.ts';
import type { Progress } from '../../engine/progress.ts';
import { hasLag, hasRates, verdictOf } from '../../engine/replay/verdict.ts';
import { lagIsKnown } from '../../engine/troubles.ts';
import type { Model } from '../../state/model.ts';
import { followCounts, tablesWord } from '../../state/table-order.ts';
import {
  formatBytes,
  formatBytesShort,
  formatCount,
  formatMs,
  formatRate,
  formatTimeOfDay,
} from '../../terminal/format.ts';
import { lagLine } from '../../terminal/lag-line.ts';
import { Gap, Paragraph } from '../../ui/heading.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { Mark, type Status } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';

const LABEL = 14;
const GRAPH_LINES = 4;
/** Lag below this is nothing to look at: the graph does not blow it up. */
export const LEAST_PEAK = 64 * 1024;
/** The lag line takes two, or one on a wide terminal. */
const OTHER_LINES = 9;

function Line({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Box height={1} flexShrink={0}>
      <Box width={LABEL} flexShrink={0}>
        <Text tone="muted">{label}</Text>
      </Box>
      <Text wrap="truncate-end">{children}</Text>
    </Box>
  );
}

const MARKS: Readonly<Record<ReplayVerdict, Status>> = {
  measuring: 'running',
  unknown: 'warn',
  interrupted: 'warn',
  'caught-up': 'pass',
  'catching-up': 'running',
  'falling-behind': 'warn',
};

/** The sentence that operators know, with a sign for what it says. */
export function LagLine({ model, progress }: { model: Model; progress: Progress }) {
  const { replay, troubles } = progress;
  const { now } = model;
  if (replay.received_lsn === null && replay.applied_lsn === null) {
    return (
      <Text>
        <Mark status="running" now={now} /> replay begins
      </Text>
    );
  }
  // Nothing is measured meanwhile: what was so before must not look as if it were so now.
  if (model.engine.state === 'closed') {
    return (
      <Paragraph>
        <Mark status="warn" now={now} />
        {` nothing is known since then; the lag was ${formatBytes(replay.lag_bytes)}`}
      </Paragraph>
    );
  }
  const [unmeasured] = troubles.filter((trouble) => !lagIsKnown([trouble]));
  if (unmeasured) {
    return (
      <Paragraph>
        <Mark status="warn" now={now} />
        {` the lag is not known while this is tried again; it was ${formatBytes(replay.lag_bytes)} at ${formatTimeOfDay(unmeasured.since)}`}
      </Paragraph>
    );
  }
  return (
    <Paragraph>
      <Mark status={MARKS[verdictOf(replay)]} now={now} />
      {` ${lagLine(replay)}`}
    </Paragraph>
  );
}

/** Once the target has caught up, the age is only the time since the last heartbeat was written. */
function behind({ lag_seconds: seconds, caught_up: caughtUp }: Progress['replay']): string {
  if (seconds === null) return 'age not measured yet';
  if (caughtUp) return `last heartbeat ${formatMs(seconds * 1000)} ago`;
  return seconds < 1 ? 'less than a second behind' : `${formatMs(seconds * 1000)} behind`;
}

/** Replay: how far behind, how fast, where it stands. */
export function ReplayView(props: { model: Model; progress: Progress; width: number; height: number }) {
  const { model, progress, width, height } = props;
  const { replay } = progress;
  const counts = followCounts(progress);
  const attached = model.engine.state !== 'closed';
  const measured = attached && hasLag(replay);
  const graph = Math.max(1, Math.min(GRAPH_LINES, height - OTHER_LINES));
  const peak = Math.max(LEAST_PEAK, ...model.engine.lag.slice(-(width - LABEL)));
  const word = tablesWord(progress);
  return (
    <Box flexDirection="column" height={height} flexShrink={0} overflow="hidden">
      <LagLine model={model} progress={progress} />
      <Gap />
      <Line label="lag">
        {replay.applied_lsn === null ? (
          'not measured yet'
        ) : (
          <>
            <Text bold>{formatBytes(replay.lag_bytes)}</Text>
            {measured ? `, ${behind(replay)}` : ' when it was last known'}
          </>
        )}
      </Line>
      <Box flexShrink={0} height={graph}>
        <Box width={LABEL} flexShrink={0} flexDirection="column" justifyContent="space-between">
          <Text tone="muted">{graph > 1 ? `  ${formatBytesShort(peak)}` : ''}</Text>
          <Text tone="muted">{graph > 1 ? '  0' : ''}</Text>
        </Box>
        <Sparkline
          values={model.engine.lag}
          width={width - LABEL}
          height={graph}
          floor={LEAST_PEAK}
          tone={measured && replay.caught_up ? 'ok' : 'accent'}
        />
      </Box>
      <Line label="rates">
        {attached && hasRates(replay)
          ? `source writes ${formatRate(replay.source_wal_rate)}, target replays ${formatRate(replay.target_replay_rate)}`
          : 'not measured now'}
      </Line>
      <Line label="position">
        {`applied ${replay.applied_lsn ?? 'nothing'}, received ${replay.received_lsn ?? 'nothing'}`}
      </Line>
      <Line label="applied">
        {`${formatCount(replay.transactions)} transactions, ${formatCount(replay.rows)} row changes`}
      </Line>
      <Line label="tables">
        {`${counts.following} of ${counts.total}${word === 'tables' ? '' : ` ${word}`} follow the source`}
        {counts.again > 0 ? `, ${counts.again} being copied again` : ''}
        {counts.dropped > 0 ? `, ${counts.dropped} dropped on the source (D)` : ''}
        {counts.damaged > 0 ? <Text tone="fail">{`, ${counts.damaged} damaged (s copies again)`}</Text> : null}
      </Line>
    </Box>
  );
}
