import type { EngineEvent, EventPayload } from '../../src/engine/events.ts';
import type { Model } from '../../src/state/model.ts';
import { reach } from './model-play.ts';

/** When a script begins. */
export const MOMENT = Date.UTC(2026, 0, 2, 3, 4, 5);

/** The model after so many steps of a script, half a second each. */
export function played(model: Model, steps: Iterator<EventPayload[]>, count: number): Model {
  let next = model;
  let time = next.now === 0 ? MOMENT : next.now;
  for (let at = 0; at < count; at += 1) {
    const step = steps.next();
    if (step.done) break;
    time += 500;
    for (const payload of step.value) {
      next = reach(next, {
        type: 'events',
        events: [{ ...payload, time: new Date(time).toISOString() } as EngineEvent],
      });
    }
  }
  return reach(next, { type: 'tick', now: time });
}
