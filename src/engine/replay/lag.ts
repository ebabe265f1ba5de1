import { formatLsn, type Lsn, lsnDistance } from '../../postgres/lsn.ts';
import type { ReplayReport } from '../events.ts';

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

/** Rates over the last ten seconds, and when replay will have caught up at these rates. Pure. */
export class LagMeter {
  #samples: LagSample[] = [];

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
    const seconds = (last.atMs - first.atMs) / 1000;
    const rate = (from: Lsn, to: Lsn) => (seconds > 0 ? lsnDistance(from, to) / seconds : 0);
    const sourceRate = rate(first.source, last.source);
    const replayRate = rate(first.applied, last.applied);
    const lagBytes = lsnDistance(last.applied, last.source);
    const caughtUp =
      counted.lagSeconds !== null &&
      counted.lagSeconds < CAUGHT_UP_SECONDS &&
      (counted.drained || lagBytes < CAUGHT_UP_BYTES);
    return {
      ...base,
      received_lsn: formatLsn(last.received),
      applied_lsn: formatLsn(last.applied),
      lag_bytes: lagBytes,
      source_wal_rate: sourceRate,
      target_replay_rate: replayRate,
      eta_seconds: caughtUp ? 0 : replayRate > sourceRate ? lagBytes / (replayRate - sourceRate) : null,
      caught_up: caughtUp,
    };
  }
}
