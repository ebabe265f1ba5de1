import { passwordFor } from './connection-text.ts';
import { focusedText } from './focus.ts';
import { type Message, type Step, step } from './messages.ts';
import type { Model } from './model.ts';
import { followLock } from './notice-lock.ts';
import { drawn, followText, readOn, scrolled } from './reading.ts';
import { checksStep, enterChecks } from './steps/checks.ts';
import { connectEdited, connectStep, enterConnect } from './steps/connect.ts';
import { cutoverStep, openCutover } from './steps/cutover.ts';
import { beginAttach, engineStep, leave } from './steps/engine.ts';
import { hypertablesStep } from './steps/hypertables.ts';
import { identityStep } from './steps/identity.ts';
import { workStep } from './steps/identity-work.ts';
import { askToEndDemo } from './steps/leave-demo.ts';
import { overlayStep } from './steps/overlay.ts';
import { planStep } from './steps/plan.ts';
import { enterResume, resumeFrom, resumeStep } from './steps/resume.ts';
import { unfreezeStep } from './steps/unfreeze.ts';
import { editField, type FieldEdit, textField } from './text-field.ts';

function opened(model: Model, message: Extract<Message, { type: 'opened' }>): Step {
  const { existing, prefill } = message;
  const { source, target } = model.connect;
  const connect = {
    ...model.connect,
    source: source.uri.text === '' ? { ...source, uri: textField(prefill.source) } : source,
    target: target.uri.text === '' ? { ...target, uri: textField(prefill.target) } : target,
  };
  const resume = existing && {
    ...model.resume,
    source: textField(passwordFor(existing.source, connect.source.uri.text)),
    target: textField(passwordFor(existing.target, connect.target.uri.text)),
  };
  const filled: Model = { ...model, existing, connect, resume: resume ?? model.resume };
  if (existing?.running || model.watch) return beginAttach(filled);
  if (!existing) return enterConnect(filled);
  if (existing.progress.phase !== 'done') return enterResume(filled, existing);
  return step({ ...filled, screen: 'done', engine: { ...model.engine, progress: existing.progress } });
}

function edited(model: Model, edit: FieldEdit): Step {
  const focused = focusedText(model);
  if (!focused) return step(model);
  const field = editField(focused.field, edit);
  const next = focused.put(field);
  const changed = field.text !== focused.field.text;
  return changed && model.screen === 'connect' && !model.overlay ? connectEdited(next) : step(next);
}

/** What every screen answers alike. */
function everywhere(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'tick':
      return step({ ...model, now: message.now });
    case 'opened':
      return opened(model, message);
    case 'open-failed':
      return step({ ...model, screen: 'failed', engine: { ...model.engine, closed: message.error } });
    case 'drawn':
      return step(drawn(model, message));
    case 'read-on':
      return step(readOn(model));
    case 'scroll':
    case 'page': {
      const next = scrolled(model, message);
      return 'type' in next ? update(model, next) : step(next);
    }
    case 'edit':
      return edited(model, message.edit);
    case 'read':
      return step({ ...model, overlay: { kind: message.reader, scroll: 0 } });
    case 'ask-stop':
      return step({ ...model, overlay: { kind: 'stop', word: textField(), busy: false, error: null } });
    case 'leave':
      return model.isDemo && model.screen !== 'opening' ? askToEndDemo(model) : leave(model, model.leaving);
    case 'end-demo':
      return leave(model, model.leaving);
    case 'leave-now':
      return leave(model, true);
    case 'open-cutover':
      return openCutover(model);
    default:
      return null;
  }
}

/** Keys of the screens that only look. */
function ended(model: Model, message: Message): Step | null {
  if (message.type === 'start-over') {
    return enterConnect({ ...model, existing: null, engine: { ...model.engine, state: 'none', progress: null } });
  }
  if (message.type === 'back' && model.engine.progress === null) return enterConnect(model);
  return message.type === 'next' || message.type === 'rerun' ? resumeFrom(model) : null;
}

const KEYS: ReadonlySet<Message['type']> = new Set<Message['type']>([
  'focus',
  'move',
  'scroll',
  'page',
  'read-on',
  'choose',
  'next',
  'back',
  'apply',
  'apply-all',
  'rerun',
  'toggle',
  'edit-row',
  'save-report',
  'start-over',
  'omit-keys',
  'compress',
]);

/** Answers go to their step whatever is on the screen by then; keys to the screen that is shown. */
function byScreen(model: Model, message: Message): Step | null {
  const { screen } = model;
  if (!KEYS.has(message.type)) {
    return (
      connectStep(model, message) ??
      checksStep(model, message) ??
      workStep(model, message) ??
      identityStep(model, message) ??
      hypertablesStep(model, message) ??
      planStep(model, message) ??
      cutoverStep(model, message) ??
      unfreezeStep(model, message)
    );
  }
  switch (screen) {
    case 'connect':
      return connectStep(model, message);
    case 'checks':
      return checksStep(model, message);
    case 'identity':
      // The tab may have to wait for a restart again.
      return message.type === 'back' && !model.identity.editing ? enterChecks(model) : identityStep(model, message);
    case 'hypertables':
      return hypertablesStep(model, message);
    case 'plan':
      return planStep(model, message);
    case 'cutover':
      return cutoverStep(model, message);
    case 'resume':
      return resumeStep(model, message);
    case 'dashboard':
    case 'failed':
    case 'done':
      return ended(model, message);
    case 'opening':
      return null;
    default:
      return screen satisfies never;
  }
}

/** The model after one message, and what is to be done outside. Pure. */
export function update(model: Model, message: Message): Step {
  if (model.exit !== null) return step(model);
  const calm = KEYS.has(message.type) || message.type === 'edit' ? { ...model, notice: null } : model;
  const next =
    overlayStep(calm, message, update) ??
    everywhere(calm, message) ??
    engineStep(calm, message) ??
    byScreen(calm, message) ??
    step(calm);
  return step(followText(followLock(calm, next.model)), ...next.effects);
}
