import { type Message, type Step, step } from '../messages.ts';
import type { Model } from '../model.ts';
import { plannedHypertables, tableLines } from '../table-order.ts';

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
    // A check or a step that is read in full names these keys.
    case 'toggle':
      if (overlay.kind === 'tables') return step(openOrClose(model, overlay.scroll));
      return overlay.kind === 'check' && model.screen === 'checks' ? null : step(model);
    case 'apply':
      return overlay.kind === 'check' && model.screen === 'checks' ? null : step(model);
    case 'focus':
    case 'choose':
    case 'apply-all':
    case 'rerun':
    case 'edit-row':
    case 'save-report':
    case 'start-over':
      return step(model);
    default:
      return null;
  }
}

/** Shows the chunks of the hypertable on that line, or puts them away; of the plan those of all. */
function openOrClose(model: Model, at: number): Model {
  const { progress } = model.engine;
  if (!progress) return { ...model, opened: model.opened.length > 0 ? [] : plannedHypertables(model) };
  const lines = tableLines(progress, model.opened);
  const line = lines[Math.min(at, lines.length - 1)];
  const name = line?.chunks ? line.relation : line?.table.hypertable;
  if (name === undefined) return model;
  if (!model.opened.includes(name)) return { ...model, opened: [...model.opened, name] };
  const scroll = lines.findIndex(({ relation, chunks }) => chunks !== undefined && relation === name);
  const opened = model.opened.filter((other) => other !== name);
  return { ...model, opened, overlay: { kind: 'tables', scroll } };
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
