import { wizardInput } from '../gates.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { IdentityWork, Model, Notice } from '../model.ts';
import type { IdentityChoice } from '../services.ts';

export const withWork = (model: Model, work: Partial<IdentityWork>): Model => ({
  ...model,
  work: { ...model.work, ...work },
});
export const withNotice = (model: Model, text: string, tone: Notice['tone'] = 'info'): Step =>
  step({ ...model, notice: { tone, text } });

/** Why nothing else can be begun on the source now; null: it can. */
export const workLock = ({ work: { applying } }: Model): string | null =>
  applying === null ? null : `the choice for ${applying} is being applied`;

/** Runs the SQL of these choices, one table after the other; each answer goes to the screen that began it. */
export function beginWork(model: Model, screen: IdentityWork['screen'], choices: readonly IdentityChoice[]): Step {
  const [first] = choices;
  if (!first) return step(model);
  const begun = {
    screen,
    applying: first.relation,
    applyingSince: model.now,
    building: first.kind === 'create-index',
    cancelling: false,
    error: null,
  };
  return step(withWork(model, begun), { do: 'apply-identities', input: wizardInput(model), choices });
}

/** The model when a choice was applied, or not: then with its error. */
export const endWork = (model: Model, { error }: Extract<Message, { type: 'identity-applied' }>): Model =>
  withWork(error ? { ...model, notice: null } : model, {
    applying: null,
    cancelling: false,
    error,
    changed: error === null || model.work.changed,
  });

/** Writes the SQL of these choices into a file, for somebody else to run. */
export function saveSql(model: Model, choices: readonly IdentityChoice[]): Step {
  const runs = choices.filter(({ sql }) => sql.length > 0);
  if (runs.length === 0) return withNotice(model, 'no choice has SQL to be saved');
  return step(model, { do: 'save-identities', input: wizardInput(model), choices: runs });
}

/** Messages about what runs on the source, whatever the screen; null when it has no answer to this one. */
export function workStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'identity-applying':
      // The answer may be that of another source: the connection has been changed since.
      if (model[model.work.screen].rows.state !== 'ready') return step(model);
      return step(
        withWork(model, {
          applying: message.choice.relation,
          applyingSince: model.now,
          building: message.choice.kind === 'create-index',
        }),
      );
    case 'cancel-identities':
      return model.work.applying === null
        ? step(model)
        : step(withWork(model, { cancelling: true }), { do: 'cancel-identities' });
    case 'identities-saved':
      return withNotice(
        withWork(model, { saved: message.path }),
        `saved as ${message.path}; r looks again when it has run`,
      );
    case 'identities-unsaved':
      return withNotice(model, message.error.message, 'fail');
    default:
      return null;
  }
}
