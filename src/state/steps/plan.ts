import { pluginOf } from '../../engine/options.ts';
import { openSteps } from '../check-entries.ts';
import { nextLock, offersHypertables, wizardInput } from '../gates.ts';
import { failed, loading, ready } from '../loadable.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { Model, PlanForm } from '../model.ts';
import { PLAN_OPTIONS } from '../plan-options.ts';
import { textField } from '../text-field.ts';
import { beginStart } from './engine.ts';

const withForm = (model: Model, form: Partial<PlanForm>): Model => ({ ...model, plan: { ...model.plan, ...form } });

function makePlan(model: Model): Step {
  const run = model.plan.run + 1;
  const { summary } = model.plan;
  // The old plan stays in sight while the new one is made only if there is one.
  const next = withForm(model, { run, summary: summary.state === 'ready' ? summary : loading });
  return step(next, { do: 'plan', input: wizardInput(model), run });
}

export const enterPlan = (model: Model): Step =>
  makePlan(withForm({ ...model, screen: 'plan', notice: null }, { editing: null, summary: loading }));

function changeRow(model: Model): Step {
  const option = PLAN_OPTIONS[model.plan.selected];
  if (!option) return step(model);
  const text = option.read(model.options);
  if (option.kind === 'text') return step(withForm(model, { editing: textField(text) }));
  const changed = option.write(model.options, text === 'yes' ? 'no' : 'yes');
  return typeof changed === 'string' ? step(model) : makePlan({ ...model, options: changed });
}

/** Enter in the field of a row. */
function accept(model: Model, text: string): Step {
  const changed = PLAN_OPTIONS[model.plan.selected]?.write(model.options, text);
  if (changed === undefined) return step(withForm(model, { editing: null }));
  if (typeof changed === 'string') return step({ ...model, notice: { tone: 'fail', text: changed } });
  return makePlan(withForm({ ...model, options: changed }, { editing: null, summary: loading }));
}

function askToStart(model: Model): Step {
  const lock = nextLock(model);
  if (lock !== null || model.plan.summary.state !== 'ready') {
    return step({ ...model, notice: { tone: 'locked', text: lock ?? 'the plan is being made' } });
  }
  const { tables } = model.plan.summary.value;
  const open = openSteps(model.checks[model.provider]);
  const publications = pluginOf(model.options, model.provider).usesPublications ? ' and two publications' : '';
  return step({
    ...model,
    overlay: {
      kind: 'question',
      title: 'Start the migration?',
      lines: [
        `On the source: a replication slot${publications}; its WAL is kept until the engine has it.`,
        `On the target: the schema, then the rows of ${tables.length} tables.`,
        ...(model.options.dropIfExists ? ['What the target has of the same names is DROPPED first.'] : []),
        ...(open.length > 0 ? ['', `Not ticked: ${open.map(({ title }) => title).join('; ')}.`] : []),
        '',
        model.isDemo
          ? 'This is a demo: servers and engine end with this screen.'
          : 'The engine runs on its own: closing this screen does not end it.',
      ],
      yes: { type: 'start' },
    },
  });
}

/** Line by line it goes round; a page ends at the first or the last line. */
function lineAfter(selected: number, by: number): number {
  const { length } = PLAN_OPTIONS;
  const to = selected + by;
  return Math.abs(by) === 1 ? (to + length) % length : Math.max(0, Math.min(length - 1, to));
}

const before = (model: Model): Model['screen'] => (offersHypertables(model) ? 'hypertables' : 'identity');

/** Messages of the plan; null when it has no answer to this one. */
export function planStep(model: Model, message: Message): Step | null {
  const { editing } = model.plan;
  switch (message.type) {
    case 'planned':
      return step(message.run === model.plan.run ? withForm(model, { summary: ready(message.summary) }) : model);
    case 'plan-failed':
      return step(message.run === model.plan.run ? withForm(model, { summary: failed(message.error) }) : model);
    case 'move':
    case 'focus': {
      if (editing) return step(model);
      return step(withForm(model, { selected: lineAfter(model.plan.selected, message.by) }));
    }
    case 'toggle':
    case 'edit-row':
      return changeRow(model);
    case 'rerun':
      return makePlan(withForm(model, { summary: loading }));
    case 'start':
      return beginStart(model);
    case 'back':
      return step(editing ? withForm(model, { editing: null }) : { ...model, screen: before(model) });
    case 'next':
      return editing ? accept(model, editing.text) : askToStart(model);
    default:
      return null;
  }
}
