import { type Step, step } from '../messages.ts';
import type { Model } from '../model.ts';

/** Whether it is asked already whether the demo may end. */
export const asksToEnd = ({ overlay }: Model): boolean =>
  overlay?.kind === 'question' && overlay.yes.type === 'end-demo';

/** Asks before the demo ends: unlike with a migration of one's own nothing goes on without the screen. */
export function askToEndDemo(model: Model): Step {
  if (asksToEnd(model)) return step(model);
  const { state } = model.engine;
  const lines = [
    'Both servers are stopped, and all their data is removed.',
    ...(state === 'attached' || state === 'starting' ? ['The engine is stopped, too.'] : []),
    'This demo cannot be resumed.',
  ];
  return step({ ...model, overlay: { kind: 'question', title: 'End the demo?', lines, yes: { type: 'end-demo' } } });
}
