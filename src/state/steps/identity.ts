import { nextLock, wizardInput } from '../gates.ts';
import { failed, loading, ready } from '../loadable.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { IdentityForm, Model } from '../model.ts';
import type { IdentityChoice, IdentityRow } from '../services.ts';
import { enterPlan } from './plan.ts';

const withForm = (model: Model, form: Partial<IdentityForm>): Model => ({
  ...model,
  identity: { ...model.identity, ...form },
});

const load = (model: Model): Step =>
  step(withForm(model, { rows: loading, error: null }), { do: 'load-identities', input: wizardInput(model) });

export function enterIdentity(model: Model): Step {
  const opened: Model = { ...model, screen: 'identity', notice: null };
  return model.identity.rows.state === 'ready' ? step(opened) : load(opened);
}

export const identityRows = (model: Model): readonly IdentityRow[] =>
  model.identity.rows.state === 'ready' ? model.identity.rows.value : [];

/** The choice that is shown for a row: the operator's, else the recommended one, which stands first. */
export const chosenFor = (form: IdentityForm, row: IdentityRow): IdentityChoice | undefined =>
  row.choices[form.chosen[row.relation] ?? 0];

function choose(model: Model, by: number): Model {
  const row = identityRows(model)[model.identity.selected];
  if (!row || row.choices.length === 0) return model;
  const at = (model.identity.chosen[row.relation] ?? 0) + by + row.choices.length;
  return withForm(model, { chosen: { ...model.identity.chosen, [row.relation]: at % row.choices.length } });
}

/** Asks before anything runs on the source; a choice without SQL is taken at its word. */
function ask(model: Model, rows: readonly IdentityRow[]): Step {
  const choices = rows.flatMap((row) => chosenFor(model.identity, row) ?? []);
  const sql = choices.flatMap((choice) => choice.sql);
  if (choices.length === 0) return step({ ...model, notice: { tone: 'info', text: 'nothing left to choose' } });
  if (sql.length === 0) return apply(model, choices);
  return step({
    ...model,
    overlay: {
      kind: 'question',
      title: 'Run this on the source?',
      lines: [...sql, '', 'Each takes a short lock; when it cannot have it at once, it gives up.'],
      yes: { type: 'apply-identities', choices },
    },
  });
}

const apply = (model: Model, choices: readonly IdentityChoice[]): Step =>
  step(withForm(model, { applying: choices[0]?.relation ?? null, error: null }), {
    do: 'apply-identities',
    input: wizardInput(model),
    choices,
  });

function applied(model: Model, message: Extract<Message, { type: 'identity-applied' }>): Model {
  const { choice, error } = message;
  if (error) return withForm(model, { applying: null, error });
  const done = { ...model.identity.applied, [choice.relation]: choice.kind };
  return withForm(model, { applying: null, applied: done });
}

/** Messages of the replica identity screen; null when it has no answer to this one. */
export function identityStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'identities': {
      const selected = Math.min(model.identity.selected, Math.max(0, message.rows.length - 1));
      return step(withForm(model, { rows: ready(message.rows), selected }));
    }
    case 'identities-failed':
      return step(withForm(model, { rows: failed(message.error) }));
    case 'move': {
      const last = Math.max(0, identityRows(model).length - 1);
      const selected = Math.max(0, Math.min(last, model.identity.selected + message.by));
      return step(withForm(model, { selected }));
    }
    case 'choose':
      return step(choose(model, message.by));
    case 'apply': {
      const row = identityRows(model)[model.identity.selected];
      return row ? ask(model, [row]) : step(model);
    }
    case 'apply-all':
      return ask(
        model,
        identityRows(model).filter((row) => !model.identity.applied[row.relation]),
      );
    case 'apply-identities':
      return apply(model, message.choices);
    case 'identity-applying':
      return step(withForm(model, { applying: message.relation }));
    case 'identity-applied':
      return step(applied(model, message));
    case 'rerun':
      return load(withForm(model, { applied: {} }));
    case 'back':
      return step({ ...model, screen: 'checks' });
    case 'next': {
      const lock = nextLock(model);
      return lock === null ? enterPlan(model) : step({ ...model, notice: { tone: 'locked', text: lock } });
    }
    default:
      return null;
  }
}
