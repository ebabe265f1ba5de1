import { cutoverFields, cutoverFocus } from '../focus.ts';
import { cutoverOpenLock, cutoverStartLock, openGates } from '../gates.ts';
import { type Message, type Step, step } from '../messages.ts';
import { type CutoverForm, emptyCutover, type Model } from '../model.ts';

const withForm = (model: Model, form: Partial<CutoverForm>): Model => ({
  ...model,
  cutover: { ...model.cutover, ...form },
});

/** Opens the form, empty: a name typed an hour ago confirms nothing. */
export function openCutover(model: Model): Step {
  const lock = cutoverOpenLock(model);
  if (lock !== null) return step({ ...model, notice: { tone: 'locked', text: lock } });
  const form = { ...emptyCutover, freezeSource: model.options.freezeSource };
  return step({ ...model, screen: 'cutover', cutover: form, notice: null });
}

function moveFocus(model: Model, by: number): Model {
  const fields = cutoverFields(model);
  const at = fields.indexOf(cutoverFocus(model)) + by + fields.length;
  return withForm(model, { focus: fields[at % fields.length] ?? 'confirm' });
}

function submit(model: Model): Step {
  const lock = cutoverStartLock(model);
  if (lock !== null) return step({ ...model, notice: { tone: 'locked', text: lock } });
  const { confirm, freezeSource, override } = model.cutover;
  const reason = openGates(model.engine.progress, model.cutover).length > 0 ? override.text.trim() : null;
  return step(withForm({ ...model, notice: null }, { busy: true, error: null }), {
    do: 'cutover',
    request: { confirm: confirm.text, freezeSource, override: reason },
  });
}

/** Messages of the cut-over; null when it has no answer to this one. */
export function cutoverStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'focus':
    case 'move':
      return step(moveFocus(model, message.by));
    case 'toggle':
      return step(withForm(model, { freezeSource: !model.cutover.freezeSource }));
    case 'back':
      return step({ ...model, screen: 'dashboard' });
    case 'next':
      return submit(model);
    case 'cutover-asked':
      return step(message.error ? withForm(model, { busy: false, error: message.error }) : model);
    default:
      return null;
  }
}
