import { nextLock } from './gates.ts';
import type { Model } from './model.ts';
import { resyncLock } from './steps/engine.ts';
import { workLock } from './steps/identity-work.ts';

/** All that a notice may name as what is in the way, and that may change without a key. */
const LOCKS: readonly ((model: Model) => string | null)[] = [nextLock, workLock, resyncLock];

/** A notice that says what was in the way says what is in the way now; nothing, once nothing is. */
export function followLock(before: Model, after: Model): Model {
  const { notice } = after;
  // What this message said itself is new.
  if (notice?.tone !== 'locked' || notice !== before.notice) return after;
  const lock = LOCKS.find((lockOf) => lockOf(before) === notice.text);
  const now = lock?.(after);
  if (now === undefined || now === notice.text) return after;
  return { ...after, notice: now === null ? null : { tone: 'locked', text: now } };
}
