import { formatLsn, type Lsn, lsnDistance } from '../../postgres/lsn.ts';
import type { ReplayReport, ReplayVerdict } from '../events.ts';

/** What was seen at one moment. */
export interface LagSample {
  readonly atMs: number;
  /** The source's WAL insert position. */
  readonly source: Lsn;
  /** Everything before has arrived here. */
  readonly received: Lsn;
  /** Everything before is on the target. */
  readonly applied: Lsn;
}

const WINDOW_MS = 10_000;
/** Lag below which, with nothing left in the spool, we call it caught up: what the source writes for itself. */
export const CAUGHT_UP_BYTES = 1024 * 1024;
const CAUGHT_UP_SECONDS = 15;
/** Two samples that are closer to each other give no rate. */
const MIN_SPAN_MS = 500;
/** How long replay is watched before it is reported as falling behind: its first transactions may be large. */
const FALLING_BEHIND_AFTER_MS = 5000;
/** The shortest time that is reported: about that between two samples. */
const LEAST_ETA_SECONDS = 1;

/**
 * Rates over the last ten seconds, and when replay will have caught up at these rates. Before there are two samples, nothing is
 * concluded. Pure.
 */
export class LagMeter {
  #samples: LagSample[] = [];

  /** Forgets all samples: rates are not measured across an interruption. */
  reset(): void {
    this.#samples = [];
  }

  add(sample: LagSample): void {
    this.#samples.push(sample);
    while (this.#samples.length > 2 && (this.#samples[0]?.atMs ?? 0) < sample.atMs - WINDOW_MS) this.#samples.shift();
  }

  report(counted: { transactions: number; rows: number; lagSeconds: number | null; drained: boolean }): ReplayReport {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const base = { transactions: counted.transactions, rows: counted.rows, lag_seconds: counted.lagSeconds };
    if (!first || !last) {
      return {
        ...base,
        received_lsn: null,
        applied_lsn: null,
        lag_bytes: 0,
        source_wal_rate: 0,
        target_replay_rate: 0,
        eta_seconds: null,
        caught_up: false,
      };
    }
    const spanMs = last.atMs - first.atMs;
    const isMeasured = spanMs >= MIN_SPAN_MS;
    const rate = (from: Lsn, to: Lsn) => (isMeasured ? (lsnDistance(from, to) * 1000) / spanMs : 0);
    const sourceRate = rate(first.source, last.source);
    const replayRate = rate(first.applied, last.applied);
    const lagBytes = lsnDistance(last.applied, last.source);
    const caughtUp =
      isMeasured &&
      counted.lagSeconds !== null &&
      counted.lagSeconds < CAUGHT_UP_SECONDS &&
      (counted.drained || lagBytes < CAUGHT_UP_BYTES);
    const eta = replayRate > sourceRate ? Math.max(LEAST_ETA_SECONDS, lagBytes / (replayRate - sourceRate)) : null;
    const verdict = ((): ReplayVerdict => {
      if (caughtUp) return 'caught-up';
      if (eta !== null) return 'catching-up';
      return isMeasured && spanMs >= FALLING_BEHIND_AFTER_MS ? 'falling-behind' : 'measuring';
    })();
    return {
      ...base,
      verdict,
      received_lsn: formatLsn(last.received),
      applied_lsn: formatLsn(last.applied),
      lag_bytes: lagBytes,
      source_wal_rate: sourceRate,
      target_replay_rate: replayRate,
      eta_seconds: caughtUp ? 0 : eta,
      caught_up: caughtUp,
    };
  }
}
