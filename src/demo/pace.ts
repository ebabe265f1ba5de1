import { setTimeout as delay } from 'node:timers/promises';

/** Time that was lost to slow transactions is made up for, but not more than this: no flood after a stall. */
const CATCH_UP_MS = 500;

/** Spreads the starts of transactions evenly, over all connections together. */
export interface Pace {
  /** Waits for the next free place; resolves at once and for ever when the signal is aborted. */
  next(signal: AbortSignal): Promise<void>;
}

/** @param perSecond transactions a second; Infinity for as fast as it goes */
export function evenPace(perSecond: number): Pace {
  let place = performance.now();
  return {
    async next(signal) {
      const now = performance.now();
      place = Math.max(place, now - CATCH_UP_MS);
      const waitMs = place - now;
      place += 1000 / perSecond;
      // Timers count whole milliseconds, and shorter waits would only be made up for at once.
      if (waitMs >= 1) await delay(waitMs, undefined, { signal }).catch(() => undefined);
    },
  };
}
