import { hasCutoverForm, openGates } from './gates.ts';
import { CUTOVER_FIELDS, type CutoverForm, type Model } from './model.ts';
import type { TextField } from './text-field.ts';

/** The text field that takes what is typed, and how to put it back. */
export interface FocusedText {
  readonly field: TextField;
  put(field: TextField): Model;
}

/** The fields of the cut-over form that are there now: without open conditions there is nothing to override. */
export const cutoverFields = (model: Model): readonly CutoverForm['focus'][] =>
  openGates(model.engine.progress, model.cutover).length > 0 ? CUTOVER_FIELDS : CUTOVER_FIELDS.slice(0, 2);

export const cutoverFocus = (model: Model): CutoverForm['focus'] =>
  cutoverFields(model).includes(model.cutover.focus) ? model.cutover.focus : 'confirm';

function connectText(model: Model): FocusedText {
  const [side, name] = model.connect.focus.split('.') as ['source' | 'target', 'uri' | 'password'];
  const form = model.connect[side];
  return {
    field: form[name],
    put: (field) => ({ ...model, connect: { ...model.connect, [side]: { ...form, [name]: field } } }),
  };
}

function cutoverText(model: Model): FocusedText | null {
  const name = cutoverFocus(model);
  if (!hasCutoverForm(model) || name === 'freeze') return null;
  const form = model.cutover;
  return { field: form[name], put: (field) => ({ ...model, cutover: { ...form, [name]: field, error: null } }) };
}

/** Null when letters are commands. */
export function focusedText(model: Model): FocusedText | null {
  const { overlay } = model;
  if (overlay) {
    if (overlay.kind !== 'stop') return null;
    return { field: overlay.word, put: (word) => ({ ...model, overlay: { ...overlay, word, error: null } }) };
  }
  switch (model.screen) {
    case 'connect':
      return connectText(model);
    case 'resume': {
      const form = model.resume;
      return {
        field: form[form.focus],
        put: (field) => ({ ...model, resume: { ...form, [form.focus]: field, error: null } }),
      };
    }
    case 'identity': {
      const form = model.identity;
      return (
        form.editing && { field: form.editing, put: (field) => ({ ...model, identity: { ...form, editing: field } }) }
      );
    }
    case 'hypertables': {
      const form = model.hypertables;
      return (
        form.editing && {
          field: form.editing,
          put: (field) => ({ ...model, hypertables: { ...form, editing: field } }),
        }
      );
    }
    case 'plan': {
      const { editing } = model.plan;
      return editing && { field: editing, put: (field) => ({ ...model, plan: { ...model.plan, editing: field } }) };
    }
    case 'cutover':
      return cutoverText(model);
    default:
      return null;
  }
}

/** Whether letters are text: in a field, and before the first screen is there, whose field may want them. */
export const isTyping = (model: Model): boolean =>
  focusedText(model) !== null || (model.screen === 'opening' && model.overlay === null);
