import {
  formatHypertable,
  type HypertableOption,
  hypertableFor,
  parseHypertable,
} from '../../engine/timescale/hypertable-option.ts';
import { nextLock, offersHypertables, wizardInput } from '../gates.ts';
import { failed, loading, ready } from '../loadable.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { HypertablesForm, Model } from '../model.ts';
import type { HypertableRow } from '../services.ts';
import { textField } from '../text-field.ts';
import { enterPlan } from './plan.ts';

const withForm = (model: Model, form: Partial<HypertablesForm>): Model => ({
  ...model,
  hypertables: { ...model.hypertables, ...form },
});

export const hypertableRows = (model: Model): readonly HypertableRow[] =>
  model.hypertables.rows.state === 'ready' ? model.hypertables.rows.value : [];

export const selectedHypertable = (model: Model): HypertableRow | undefined =>
  hypertableRows(model)[model.hypertables.selected];

/** Looks at the tables as the options say now; what is in sight stays there meanwhile. */
function look(model: Model): Step {
  const run = model.hypertables.run + 1;
  const { rows } = model.hypertables;
  const next = withForm(model, { run, looking: true, rows: rows.state === 'ready' ? rows : loading });
  return step(next, { do: 'load-hypertables', input: wizardInput(next), run });
}

/** The screen, or the next one where no table can be a hypertable. */
export function enterHypertables(model: Model): Step {
  if (!offersHypertables(model)) return enterPlan(model);
  return look(withForm({ ...model, screen: 'hypertables', notice: null }, { editing: null }));
}

const without = (hypertables: readonly HypertableOption[], one: HypertableOption): HypertableOption[] =>
  hypertables.filter(({ schema, name }) => schema !== one.schema || name !== one.name);

function withOptions(model: Model, options: Partial<Model['options']>): Step {
  const rows = model.hypertables.rows;
  const changed = { ...model.options, ...options };
  // What was chosen shows at once, what hinders it when the source has answered.
  const shown =
    rows.state === 'ready'
      ? ready(
          rows.value.map((row) => ({ ...row, chosen: hypertableFor(changed.hypertables, row.option) !== undefined })),
        )
      : rows;
  return look(withForm({ ...model, options: changed }, { rows: shown }));
}

function toggle(model: Model): Step {
  const row = selectedHypertable(model);
  if (!row) return step(model);
  const rest = without(model.options.hypertables, row.option);
  return withOptions(model, { hypertables: row.chosen ? rest : [...rest, row.option] });
}

function accept(model: Model, text: string): Step {
  const option = parseHypertable(text);
  if (option === null) {
    const how = 'write it as schema.table=column,interval or schema.table=column,interval,hash:column:partitions';
    return step({ ...model, notice: { tone: 'fail', text: how } });
  }
  const hypertables = [...without(model.options.hypertables, option), option];
  return withOptions(withForm(model, { editing: null }), { hypertables });
}

/** Messages of the hypertables; null when it has no answer to this one. */
export function hypertablesStep(model: Model, message: Message): Step | null {
  const { editing, selected, run } = model.hypertables;
  switch (message.type) {
    case 'hypertables': {
      if (message.run !== run) return step(model);
      const at = Math.min(selected, Math.max(0, message.rows.length - 1));
      return step(withForm(model, { rows: ready(message.rows), selected: at, looking: false }));
    }
    case 'hypertables-failed':
      if (message.run !== run) return step(model);
      return step(withForm(model, { rows: failed(message.error), looking: false }));
    case 'move': {
      const last = Math.max(0, hypertableRows(model).length - 1);
      return step(editing ? model : withForm(model, { selected: Math.max(0, Math.min(last, selected + message.by)) }));
    }
    case 'toggle':
      return editing ? step(model) : toggle(model);
    case 'edit-row': {
      const row = selectedHypertable(model);
      return step(row ? withForm(model, { editing: textField(formatHypertable(row.option)) }) : model);
    }
    case 'apply':
      return withOptions(model, {
        skipHypertableIncompatibleObjects: !model.options.skipHypertableIncompatibleObjects,
      });
    case 'rerun':
      return look(model);
    case 'back':
      return step(editing ? withForm(model, { editing: null }) : { ...model, screen: 'identity' });
    case 'next': {
      if (editing) return accept(model, editing.text);
      const lock = nextLock(model);
      return lock === null ? enterPlan(model) : step({ ...model, notice: { tone: 'locked', text: lock } });
    }
    default:
      return null;
  }
}
