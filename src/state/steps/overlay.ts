import { type Message, type Step, step } from '../messages.ts';
import type { Model } from '../model.ts';

/** What must be typed to stop the engine. */
export const STOP_WORD = 'stop';

/**
 * While an overlay is open, keys are its own. Null when the message is none of its business (answers, events, time).
 * `then` carries out what a yes stands for.
 */
export function overlayStep(
  model: Model,
  message: Message,
  then: (model: Model, message: Message) => Step,
): Step | null {
  const { overlay } = model;
  if (!overlay) return null;
  switch (message.type) {
    case 'close-overlay':
    case 'back':
      return step({ ...model, overlay: null });
    case 'yes':
      return overlay.kind === 'question' ? then({ ...model, overlay: null }, overlay.yes) : step(model);
    case 'read':
      return overlay.kind === message.reader ? step({ ...model, overlay: null }) : null;
    case 'move':
      return 'scroll' in overlay
        ? step({ ...model, overlay: { ...overlay, scroll: Math.max(0, overlay.scroll + message.by) } })
        : step(model);
    case 'next':
      return overlay.kind === 'stop' ? confirmStop(model, overlay) : step({ ...model, overlay: null });
    case 'focus':
    case 'choose':
    case 'apply':
    case 'apply-all':
    case 'rerun':
    case 'toggle':
    case 'edit-row':
    case 'save-report':
    case 'start-over':
      return step(model);
    default:
      return null;
  }
}

type StopOverlay = Extract<Model['overlay'], { kind: 'stop' }>;

function confirmStop(model: Model, overlay: StopOverlay): Step {
  if (overlay.busy) return step(model);
  if (overlay.word.text.trim() !== STOP_WORD) {
    return step({ ...model, notice: { tone: 'locked', text: `type ${STOP_WORD} to stop the engine` } });
  }
  const engine = { ...model.engine, stopped: true };
  return step({ ...model, engine, overlay: { ...overlay, busy: true, error: null } }, { do: 'stop' });
}
