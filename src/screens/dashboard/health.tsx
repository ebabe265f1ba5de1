import { Box } from 'ink';
import type { Progress } from '../../engine/progress.ts';
import type { Model } from '../../state/model.ts';
import { formatBytesShort, formatTimeOfDay } from '../../terminal/format.ts';
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

export const SAFE_TO_CLOSE = 'safe to close: the engine goes on without this screen';

/** In the demo nothing goes on without the screen. */
export const ENDS_WITH_SCREEN = 'a demo: its servers and its engine end with this screen (q asks first)';

/** Whether the screen may be closed. */
export function SafeToClose({ model }: { model: Model }) {
  if (model.engine.state !== 'attached') return <Box height={1} flexShrink={0} />;
  return (
    <Box height={1} flexShrink={0}>
      <Text tone="muted" wrap="truncate-end">
        {model.isDemo ? ENDS_WITH_SCREEN : SAFE_TO_CLOSE}
      </Text>
    </Box>
  );
}
