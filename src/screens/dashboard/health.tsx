import { Box } from 'ink';
import type { Progress } from '../../engine/progress.ts';
import { type Trouble as StandingTrouble, troubleReason } from '../../engine/troubles.ts';
import type { Model } from '../../state/model.ts';
import { formatBytesShort, formatTimeOfDay } from '../../terminal/format.ts';
import { ErrorBlock } from '../../ui/error-block.tsx';
import { Paragraph } from '../../ui/heading.tsx';
import { Mark } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';

/** `wal_status` values after which the slot is in danger or gone: https://www.postgresql.org/docs/current/view-pg-replication-slots.html */
const BAD_WAL = new Set(['unreserved', 'lost']);
const LITTLE_DISK = 1024 ** 3;

function Retained({ slot }: { slot: Progress['slot'] }) {
  const bad = slot !== null && BAD_WAL.has(slot.wal_status);
  return (
    <Text>
      <Text tone="muted">{'WAL retained on the source '}</Text>
      {slot === null ? 'none' : formatBytesShort(slot.retained_bytes)}
      {slot === null ? null : (
        <Text tone={bad ? 'fail' : 'muted'}>{` (${bad ? 'in danger: ' : ''}${slot.wal_status})`}</Text>
      )}
    </Text>
  );
}

function Spool({ spool }: { spool: Progress['spool'] }) {
  const little = spool.free_bytes > 0 && spool.free_bytes < LITTLE_DISK;
  const free = spool.free_bytes === 0 ? 'unknown' : formatBytesShort(spool.free_bytes);
  return (
    <Text>
      <Text tone="muted">{'spool '}</Text>
      {formatBytesShort(spool.bytes)}
      <Text tone="muted">{'   free disk '}</Text>
      <Text tone={little ? 'warn' : 'plain'}>{`${free}${little ? ' (little)' : ''}`}</Text>
    </Text>
  );
}

/** What piles up: WAL on the source, the spool here, and the room that is left for it; in one line or two. */
export function Storage({ progress, stacked = false }: { progress: Progress; stacked?: boolean }) {
  if (stacked) {
    return (
      <Box flexDirection="column" flexShrink={0}>
        <Retained slot={progress.slot} />
        <Spool spool={progress.spool} />
      </Box>
    );
  }
  return (
    <Box height={1} flexShrink={0} columnGap={3}>
      <Retained slot={progress.slot} />
      <Spool spool={progress.spool} />
    </Box>
  );
}

/** The newest warnings with their time, newest last. */
export function Warnings({ progress, lines }: { progress: Progress; lines: number }) {
  const shown = lines > 0 ? progress.warnings.slice(-lines) : [];
  return (
    <Box flexDirection="column" flexShrink={0}>
      {shown.map((warning) => (
        <Text key={`${warning.time} ${warning.text}`} wrap="truncate-end">
          <Mark status="warn" />
          <Text tone="muted">{` ${formatTimeOfDay(warning.time)} `}</Text>
          {warning.text}
        </Text>
      ))}
    </Box>
  );
}

/** What stands in the way just now: a lost connection, an error the engine went on after, something tried again. */
export function Trouble({ model, progress }: { model: Model; progress: Progress }) {
  const { state, closed, trouble } = model.engine;
  if (state === 'closed') {
    return (
      <Box flexDirection="column" flexShrink={0}>
        {closed ? <ErrorBlock error={closed} /> : null}
        <Paragraph tone="fail">
          <Mark status="fail" />
          {closed
            ? ' the connection to the engine broke: r connects again, R starts it again where it stopped'
            : ' the engine has ended: R starts it again where it stopped'}
        </Paragraph>
      </Box>
    );
  }
  if (trouble) return <ErrorBlock error={trouble.error} />;
  return (
    <Box flexDirection="column" flexShrink={0}>
      {progress.troubles.map((one) => (
        <Standing key={one.what} trouble={one} now={model.now} />
      ))}
      <Changes changes={progress.schema_changes} />
      <Definitions changes={progress.definition_changes} />
    </Box>
  );
}

/** What, why, and what to do where time alone does not heal. */
const linesOf = ({ policy }: StandingTrouble): number => (policy === 'retry' ? 2 : 3);

/** That the source's tables changed: what, and what to run, has an overlay of its own. */
function Changes({ changes }: { changes: Progress['schema_changes'] }) {
  const [first, ...more] = changes;
  if (!first) return null;
  return (
    <Text tone={changes.some(({ locks }) => locks) ? 'warn' : 'muted'} wrap="truncate-end">
      <Mark status={changes.some(({ locks }) => locks) ? 'warn' : 'info'} />
      {` D shows what to run: ${first.table}: ${first.what}${more.length > 0 ? ` (and ${more.length} more)` : ''}`}
    </Text>
  );
}

/** That definitions of the source changed: none of them locks the cut-over. */
export function Definitions({ changes }: { changes: Progress['definition_changes'] }) {
  const [first, ...more] = changes;
  if (!first) return null;
  return (
    <Text tone="warn" wrap="truncate-end">
      <Mark status="warn" />
      {` D shows what to run: ${first.what}${more.length > 0 ? ` (and ${more.length} more)` : ''}`}
    </Text>
  );
}

const MOST_LINES = 6;

/** Lines that `Trouble` takes, at most. */
export function troubleLines(model: Model): number {
  const { state, trouble, progress } = model.engine;
  if (state === 'closed' || trouble) return 4;
  const lines = (progress?.troubles ?? []).reduce((sum, one) => sum + linesOf(one), 0);
  const changes =
    ((progress?.schema_changes ?? []).length > 0 ? 1 : 0) + ((progress?.definition_changes ?? []).length > 0 ? 1 : 0);
  return Math.min(lines, MOST_LINES - changes) + changes;
}

/** What is tried again, since when; and what to do where time alone does not heal. */
function Standing({ trouble, now }: { trouble: StandingTrouble; now: number }) {
  const { what, policy, since, hint } = trouble;
  const waits = policy === 'operator';
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Text tone="warn" wrap="truncate-end">
        <Mark status={waits ? 'warn' : 'running'} now={now} />
        {` since ${formatTimeOfDay(since)} ${waits ? 'waiting for you' : 'trying again'}: ${what}`}
      </Text>
      <Text wrap="truncate-end">{`  ${troubleReason(trouble)}`}</Text>
      {waits ? <Text wrap="truncate-end" tone="muted">{`  ${hint}`}</Text> : null}
    </Box>
  );
}

export const SAFE_TO_CLOSE = 'safe to close: the engine goes on without this screen';

export function SafeToClose({ model }: { model: Model }) {
  if (model.engine.state !== 'attached') return <Box height={1} flexShrink={0} />;
  return (
    <Box height={1} flexShrink={0}>
      <Text tone="muted" wrap="truncate-end">
        {SAFE_TO_CLOSE}
      </Text>
    </Box>
  );
}
