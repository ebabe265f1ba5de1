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
import type { HypertableRow, IdentityChoice } from '../services.ts';
import { textField } from '../text-field.ts';
import { leftOutQuestion, remedyQuestion } from './hypertable-question.ts';
import { refusal } from './identity.ts';
import { beginWork, endWork, saveSql, withNotice, withWork, workLock } from './identity-work.ts';
import { enterPlan } from './plan.ts';

const withForm = (model: Model, form: Partial<HypertablesForm>): Model => ({
  ...model,
  hypertables: { ...model.hypertables, ...form },
});

export const hypertableRows = (model: Model): readonly HypertableRow[] =>
  model.hypertables.rows.state === 'ready' ? model.hypertables.rows.value : [];

export const selectedHypertable = (model: Model): HypertableRow | undefined =>
  hypertableRows(model)[model.hypertables.selected];

/** What the selected table may get as replica identity, which a hypertable can have; none where it need not change. */
export const remediesOf = (row: HypertableRow): readonly IdentityChoice[] => row.remedy?.choices ?? [];

/** The one of them that is chosen: the operator's, else the recommended one, which stands first. */
export const remedyFor = (model: Model, row: HypertableRow): IdentityChoice | undefined =>
  remediesOf(row)[model.hypertables.remedies[row.relation] ?? 0];

/** Looks at the tables as the options say now; what is in sight stays there meanwhile. */
function look(model: Model): Step {
  const run = model.hypertables.run + 1;
  const { rows } = model.hypertables;
  const next = withForm(withWork(model, { error: null }), {
    run,
    looking: true,
    rows: rows.state === 'ready' ? rows : loading,
  });
  return step(next, { do: 'load-hypertables', input: wizardInput(next), run });
}

/** The screen, or the next one where no table can be a hypertable. */
export function enterHypertables(model: Model): Step {
  if (!offersHypertables(model)) return enterPlan(model);
  return look(withForm({ ...model, screen: 'hypertables', notice: null }, { editing: null }));
}

const without = (hypertables: readonly HypertableOption[], one: HypertableOption): HypertableOption[] =>
  hypertables.filter(({ schema, name }) => schema !== one.schema || name !== one.name);

/** What was chosen shows at once, what hinders it when the source has answered. */
function withOptions(model: Model, options: Partial<Model['options']>): Model {
  const { rows } = model.hypertables;
  const changed = { ...model, options: { ...model.options, ...options } };
  if (rows.state !== 'ready') return changed;
  const shown = rows.value.map((row) => {
    const option = hypertableFor(changed.options.hypertables, row.option);
    return { ...row, option: option ?? row.option, chosen: option !== undefined };
  });
  return withForm(changed, { rows: ready(shown) });
}

function toggle(model: Model): Step {
  const row = selectedHypertable(model);
  if (!row) return step(model);
  const rest = without(model.options.hypertables, row.option);
  return look(withOptions(model, { hypertables: row.chosen ? rest : [...rest, row.option] }));
}

function accept(model: Model, text: string): Step {
  const option = parseHypertable(text);
  if (option === null) {
    const how =
      'write it as schema.table=column,interval; behind it, if wanted, ,hash:column:partitions and ,compress:30 days:segmentby=column';
    return step({ ...model, notice: { tone: 'fail', text: how } });
  }
  const hypertables = [...without(model.options.hypertables, option), option];
  return look(withOptions(withForm(model, { editing: null }), { hypertables }));
}

/** Takes what hinders the selected table away, as far as that can be done from here. */
function askRemedy(model: Model): Step {
  const row = selectedHypertable(model);
  const lock = workLock(model);
  if (lock !== null) return withNotice(model, lock, 'locked');
  if (!row) return step(model);
  const choice = remedyFor(model, row);
  if (!choice || !row.remedy) return nothingToApply(model, row);
  const refused = refusal(row.remedy, choice);
  if (refused !== null) return withNotice(model, `${row.relation}: ${refused}`, 'locked');
  const others = hypertableRows(model).filter((one) => one.chosen && one !== row);
  const question = remedyQuestion(choice, model.options.skipHypertableIncompatibleObjects ? [] : [row, ...others]);
  return step({
    ...model,
    overlay: { kind: 'question', ...question, yes: { type: 'apply-identities', choices: [choice] } },
  });
}

function nothingToApply(model: Model, row: HypertableRow): Step {
  const hinders = row.obstacles.filter(({ blocks }) => blocks);
  if (hinders.length === 0) return withNotice(model, `${row.relation}: nothing need be done on the source`);
  if (hinders.every(({ leavesOut }) => leavesOut !== null))
    return withNotice(model, `${row.relation}: o leaves out on the target what hinders it`);
  return withNotice(model, `${row.relation}: only you can mend that: v says how, r looks again`, 'locked');
}

/** The table is to be a hypertable then, without the keys that it can't have there. */
function apply(model: Model, choices: readonly IdentityChoice[]): Step {
  const rows = hypertableRows(model).filter(({ relation }) => choices.some((choice) => choice.relation === relation));
  const hypertables = rows.reduce<HypertableOption[]>(
    (all, { option }) => [...without(all, option), option],
    model.options.hypertables,
  );
  const chosen = withOptions(model, { hypertables, skipHypertableIncompatibleObjects: true });
  return beginWork(chosen, 'hypertables', choices);
}

function applied(model: Model, message: Extract<Message, { type: 'identity-applied' }>): Step {
  const { choice, error } = message;
  const ended = endWork(model, message);
  if (error) return step(ended);
  return look({ ...ended, notice: { tone: 'info', text: `done: ${choice.relation}, ${choice.label}` } });
}

/** Leaves out on the target what a hypertable can't have, after a yes; or no more. */
function omitKeys(model: Model): Step {
  const { skipHypertableIncompatibleObjects: omits } = model.options;
  const names = leftOutQuestion(hypertableRows(model).filter(({ chosen }) => chosen));
  const overlay = { kind: 'question', ...names, yes: { type: 'omit-keys-now' } } as const;
  return omits ? look(withOptions(model, { skipHypertableIncompatibleObjects: false })) : step({ ...model, overlay });
}

/** A policy on the target for the selected table, as we propose it; or none. It is to be a hypertable then. */
function toggleCompression(model: Model): Step {
  const row = selectedHypertable(model);
  if (!row) return step(model);
  const option = { ...row.option, compress: row.option.compress === null ? row.compress : null };
  return look(withOptions(model, { hypertables: [...without(model.options.hypertables, option), option] }));
}

function choose(model: Model, by: number): Step {
  const row = selectedHypertable(model);
  const count = row ? remediesOf(row).length : 0;
  if (!row || count === 0) return step(model);
  const at = ((model.hypertables.remedies[row.relation] ?? 0) + by + count) % count;
  return step(
    withForm(withWork(model, { error: null }), { remedies: { ...model.hypertables.remedies, [row.relation]: at } }),
  );
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
    case 'choose':
      return editing ? step(model) : choose(model, message.by);
    case 'apply':
      return askRemedy(model);
    case 'apply-identities':
      return apply(model, message.choices);
    case 'identity-applied':
      return model.hypertables.rows.state === 'ready' ? applied(model, message) : step(model);
    case 'save-identities':
      return saveSql(
        model,
        hypertableRows(model)
          .filter((row) => row.chosen || row === selectedHypertable(model))
          .flatMap((row) => remedyFor(model, row) ?? []),
      );
    case 'compress':
      return editing ? step(model) : toggleCompression(model);
    case 'omit-keys':
      return omitKeys(model);
    case 'omit-keys-now':
      return look(withOptions(model, { skipHypertableIncompatibleObjects: true }));
    case 'rerun': {
      const lock = workLock(model);
      return lock === null ? look(model) : withNotice(model, lock, 'locked');
    }
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
