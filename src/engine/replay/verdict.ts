import type { ReplayReport, ReplayVerdict } from '../events.ts';
import { lagIsKnown, stopsReplay, type Trouble } from '../troubles.ts';

/** What may be said of replay by a report; one of an earlier version of this program has no verdict of its own. */
export function verdictOf(report: ReportedReplay): ReplayVerdict {
  if (report.verdict !== undefined) return report.verdict;
  if (report.caught_up) return 'caught-up';
  if (report.received_lsn === null && report.applied_lsn === null) return 'measuring';
  return report.eta_seconds === null ? 'falling-behind' : 'catching-up';
}

type ReportedReplay = Pick<ReplayReport, 'caught_up' | 'eta_seconds' | 'verdict'> &
  Partial<Pick<ReplayReport, 'received_lsn' | 'applied_lsn'>>;

/** Whether the report says how fast source and target are. */
export const hasRates = (report: ReportedReplay): boolean =>
  ['caught-up', 'catching-up', 'falling-behind'].includes(verdictOf(report));

/** Whether the report says how far replay is behind at this moment. */
export const hasLag = (report: ReportedReplay): boolean => hasRates(report) || verdictOf(report) === 'interrupted';

/**
 * The report as it holds while these troubles stand, and after them: what was measured before a trouble says nothing of the
 * time after it. Engine, progress and gates all decide by this function. Pure.
 */
export function replayNow(report: ReplayReport, troubles: readonly Pick<Trouble, 'what'>[]): ReplayReport {
  const before = verdictOf(report);
  if (!lagIsKnown(troubles)) return withoutVerdict(report, 'unknown');
  if (troubles.some(stopsReplay)) return withoutVerdict(report, 'interrupted');
  // The trouble is over, and nothing was measured since.
  if (before === 'unknown' || before === 'interrupted') return withoutVerdict(report, 'measuring');
  return report;
}

/** The same report without what it concludes. Positions and lag stay: they were so when they were measured. */
export const withoutVerdict = (
  report: ReplayReport,
  verdict: Extract<ReplayVerdict, 'measuring' | 'unknown' | 'interrupted'>,
): ReplayReport => ({
  ...report,
  verdict,
  source_wal_rate: 0,
  target_replay_rate: 0,
  eta_seconds: null,
  caught_up: false,
});
