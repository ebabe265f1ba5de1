import type { Progress } from '../engine/progress.ts';
import { lagIsKnown } from '../engine/troubles.ts';
import type { EngineView } from './model.ts';

/** Whether what the engine does is known as of now: it is connected, and works. */
export const isMeasured = ({ state, progress }: Pick<EngineView, 'state' | 'progress'>): boolean =>
  state === 'attached' && lagIsKnown(progress?.troubles ?? []);

/** How much was copied at a moment; `time` in ms since the epoch, `bytes` of table size on the source. */
export interface CopySample {
  readonly time: number;
  readonly bytes: number;
}

const WINDOW_MS = 20_000;
const MIN_SPAN_MS = 500;

/** Adds a sample and forgets those that have left the window. One a quarter second is enough: `bytes` is asked for then. */
export function addSample(
  samples: readonly CopySample[],
  { time, bytes }: { readonly time: number; readonly bytes: () => number },
): readonly CopySample[] {
  const last = samples.at(-1);
  if (last && time - last.time < 250) return samples;
  const sample = { time, bytes: bytes() };
  return [...samples.filter((old) => sample.time - old.time <= WINDOW_MS), sample];
}

/** Bytes a second over the window; null while too little time has passed to say. */
export function copyRate(samples: readonly CopySample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.time - first.time < MIN_SPAN_MS) return null;
  return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.time - first.time));
}

/** Seconds to go; null when there is no rate, or none that would ever end. */
export function secondsLeft(bytesLeft: number, rate: number | null): number | null {
  if (bytesLeft <= 0) return 0;
  return rate === null || rate <= 0 ? null : bytesLeft / rate;
}

/** Rate and remaining time of one table that is being copied, since it began. */
export function tableRate(
  table: Progress['tables'][string],
  now: number,
): { bytesPerSecond: number; secondsLeft: number } | null {
  if (table.since === null) return null;
  const elapsedMs = table.ms ?? now - Date.parse(table.since);
  if (elapsedMs < MIN_SPAN_MS || table.bytes === 0) return null;
  const bytesPerSecond = (table.bytes * 1000) / elapsedMs;
  const left = table.done > 0 ? (elapsedMs / 1000) * ((1 - table.done) / table.done) : 0;
  return { bytesPerSecond, secondsLeft: left };
}
