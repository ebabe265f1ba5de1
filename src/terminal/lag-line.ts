import type { ReplayReport } from '../engine/events.ts';
import { hasRates, verdictOf } from '../engine/replay/verdict.ts';
import { formatBytes, formatRate, formatSecondsLong } from './format.ts';

export type LagSummary = Pick<
  ReplayReport,
  'source_wal_rate' | 'target_replay_rate' | 'lag_bytes' | 'eta_seconds' | 'caught_up' | 'verdict'
>;

/** What replay is doing, in one sentence without its figures. */
export function lagSentence(replay: LagSummary): string {
  const verdict = verdictOf(replay);
  switch (verdict) {
    case 'measuring':
      return 'Live-replay goes on; measuring how far it is';
    case 'unknown':
      return 'The lag is not known now';
    case 'interrupted':
      return 'Live-replay is interrupted';
    case 'caught-up':
      return 'Target has caught up with source';
    case 'catching-up':
      return `Live-replay will complete in ${formatSecondsLong(replay.eta_seconds ?? 0)}`;
    case 'falling-behind':
      return 'Live-replay not keeping up with source load';
    default:
      return verdict satisfies never;
  }
}

/** `source_wal_rate: 106.0B/s, target_replay_rate: 589.0KiB/s, replay_lag: 56MiB`; only what is measured. */
export function lagFigures(replay: LagSummary): string {
  if (verdictOf(replay) === 'interrupted') return `replay_lag: ${formatBytes(replay.lag_bytes)}`;
  if (!hasRates(replay)) return '';
  return `source_wal_rate: ${formatRate(replay.source_wal_rate)}, target_replay_rate: ${formatRate(replay.target_replay_rate)}, replay_lag: ${formatBytes(replay.lag_bytes)}`;
}

/** The line that operators of the live-migration image know, word for word. */
export function lagLine(replay: LagSummary): string {
  const figures = lagFigures(replay);
  return figures === '' ? lagSentence(replay) : `${lagSentence(replay)} (${figures})`;
}
