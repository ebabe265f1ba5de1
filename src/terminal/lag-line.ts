import type { ReplayReport } from '../engine/events.ts';
import { formatBytes, formatRate, formatSecondsLong } from './format.ts';

export type LagSummary = Pick<
  ReplayReport,
  'source_wal_rate' | 'target_replay_rate' | 'lag_bytes' | 'eta_seconds' | 'caught_up'
>;

/** What replay is doing, in one sentence without its figures. */
export function lagSentence(replay: LagSummary): string {
  if (replay.caught_up) return 'Target has caught up with source';
  if (replay.eta_seconds === null) return 'Live-replay not keeping up with source load';
  return `Live-replay will complete in ${formatSecondsLong(replay.eta_seconds)}`;
}

/** `source_wal_rate: 106.0B/s, target_replay_rate: 589.0KiB/s, replay_lag: 56MiB` */
export const lagFigures = (replay: LagSummary): string =>
  `source_wal_rate: ${formatRate(replay.source_wal_rate)}, target_replay_rate: ${formatRate(replay.target_replay_rate)}, replay_lag: ${formatBytes(replay.lag_bytes)}`;

/** The line that operators of the live-migration image know, word for word. */
export const lagLine = (replay: LagSummary): string => `${lagSentence(replay)} (${lagFigures(replay)})`;
