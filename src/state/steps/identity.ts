import { mustDecide } from '../../providers/identity/changes-seen.ts';
import { createIndexChoice } from '../../providers/identity/choices.ts';
import { formatColumns, parseColumns } from '../../providers/identity/columns.ts';
import { isDecided, nextLock, wizardInput } from '../gates.ts';
import { failed, loading, ready } from '../loadable.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { IdentityForm, Model } from '../model.ts';
import type { IdentityChoice, IdentityRow } from '../services.ts';
import { textField } from '../text-field.ts';
import { enterHypertables } from './hypertables.ts';
import { identityQuestion } from './identity-question.ts';
import { beginWork, endWork, saveSql, withNotice, withWork, workLock } from './identity-work.ts';

const withForm = (model: Model, form: Partial<IdentityForm>): Model => ({
  ...model,
  identity: { ...model.identity, ...form },
});

export const identityRows = (model: Model): readonly IdentityRow[] =>
  model.identity.rows.state === 'ready' ? model.identity.rows.value : [];

export const selectedRow = (model: Model): IdentityRow | undefined => identityRows(model)[model.identity.selected];

/** What a table can get, with the columns that the operator has named for a new index. */
export function choicesOf(form: IdentityForm, row: IdentityRow): readonly IdentityChoice[] {
  const columns = form.columns[row.relation];
  if (columns === undefined) return row.choices;
  return row.choices.map((choice) => (choice.kind === 'create-index' ? createIndexChoice(row, columns) : choice));
}

/** The choice that is shown for a row: the operator's, else the recommended one, which stands first. */
export const chosenFor = (form: IdentityForm, row: IdentityRow): IdentityChoice | undefined =>
  choicesOf(form, row)[form.chosen[row.relation] ?? 0];

const excludeOf = (row: IdentityRow): string | null =>
  row.choices.find((choice) => choice.kind === 'leave-out')?.exclude ?? null;

/** What went wrong before is no more to be seen. */
const calm = (model: Model): Model => withWork(model, { error: null });

/** Looks again: what was run on the source shows itself; what was only decided stays so, and in the list. */
function load(model: Model): Step {
  const input = wizardInput(model);
  const decided = Object.entries(model.identity.applied).filter(
    ([, kind]) => kind === 'insert-only' || kind === 'leave-out',
  );
  const leftOut = identityRows(model)
    .filter((row) => model.identity.applied[row.relation] === 'leave-out')
    .map(excludeOf);
  const excludeTable = input.options.excludeTable.filter((pattern) => !leftOut.includes(pattern));
  return step(withForm(calm(model), { rows: loading, applied: Object.fromEntries(decided) }), {
    do: 'load-identities',
    input: { ...input, options: { ...input.options, excludeTable } },
  });
}

export function enterIdentity(model: Model): Step {
  const opened: Model = { ...model, screen: 'identity', notice: null };
  return model.identity.rows.state === 'ready' ? step(opened) : load(opened);
}

function choose(model: Model, by: number): Model {
  const row = selectedRow(model);
  if (!row || row.choices.length === 0) return model;
  const at = (model.identity.chosen[row.relation] ?? 0) + by + row.choices.length;
  const chosen = { ...model.identity.chosen, [row.relation]: at % row.choices.length };
  return withForm(calm(model), { chosen });
}

function move(model: Model, by: number): Model {
  const last = Math.max(0, identityRows(model).length - 1);
  const selected = Math.max(0, Math.min(last, model.identity.selected + by));
  return withForm(calm(model), { selected });
}

/** Opens the field for the columns of a new index, whichever choice is shown. */
function editColumns(model: Model): Step {
  const row = selectedRow(model);
  const at = row?.choices.findIndex((choice) => choice.kind === 'create-index') ?? -1;
  if (!row || at < 0) return withNotice(model, 'a new index is not among the choices of this table');
  const columns = choicesOf(model.identity, row)[at]?.changes[0]?.create ?? [];
  const chosen = { ...model.identity.chosen, [row.relation]: at };
  return step(withForm(calm(model), { chosen, editing: textField(formatColumns(columns)) }));
}

function acceptColumns(model: Model, text: string): Step {
  const row = selectedRow(model);
  if (!row) return step(withForm(model, { editing: null }));
  const columns = parseColumns(text, row.columns);
  if (typeof columns === 'string') return withNotice(model, columns, 'fail');
  return step(withForm(model, { editing: null, columns: { ...model.identity.columns, [row.relation]: columns } }));
}

/** A new index whose columns nobody has named. */
const isUnnamed = (choice: IdentityChoice): boolean => choice.kind === 'create-index' && choice.changes.length === 0;

/** Why a row's choice cannot be applied from here; null: it can. */
export function refusal(row: Pick<IdentityRow, 'owner'>, choice: IdentityChoice): string | null {
  if (isUnnamed(choice)) return 'name the columns first (e)';
  if (choice.sql.length > 0 && row.owner !== null) return `role ${row.owner} owns it and must run the SQL: s saves it`;
  return null;
}

interface Chosen {
  readonly row: IdentityRow;
  readonly choice: IdentityChoice;
}

const refused = (model: Model, { row, choice }: Chosen): Step => {
  const at = identityRows(model).indexOf(row);
  return withNotice(withForm(model, { selected: at }), `${row.relation}: ${refusal(row, choice)}`, 'locked');
};

/** Asks before anything is done, and says exactly what; a table that nobody updates may be taken at its word. */
function ask(model: Model, rows: readonly IdentityRow[]): Step {
  const form = model.identity;
  const lock = workLock(model);
  if (lock !== null) return withNotice(model, lock, 'locked');
  const all = rows.flatMap((row): Chosen[] => {
    const choice = chosenFor(form, row);
    return choice ? [{ row, choice }] : [];
  });
  const pairs = all.filter(({ row, choice }) => refusal(row, choice) === null);
  const [first] = all;
  if (!first) return withNotice(model, 'nothing left to choose');
  if (pairs.length === 0)
    return isUnnamed(first.choice) && all.length === 1 ? editColumns(model) : refused(model, first);
  const choices = pairs.map(({ choice }) => choice);
  const plain = pairs.every(({ row, choice }) => choice.kind === 'insert-only' && !mustDecide(row));
  if (plain && pairs.length === all.length) return apply(model, choices);
  const question = identityQuestion(choices, all.length - pairs.length);
  return step({ ...model, overlay: { kind: 'question', ...question, yes: { type: 'apply-identities', choices } } });
}

/** What a choice means for us: the table is done, and in or out of the migration. */
function settle(model: Model, choice: IdentityChoice): Model {
  const row = identityRows(model).find((one) => one.relation === choice.relation);
  const pattern = row ? excludeOf(row) : null;
  const others = model.options.excludeTable.filter((one) => one !== pattern);
  const excludeTable = choice.exclude === null ? others : [...others, choice.exclude];
  const accepted = model.options.insertsOnly.filter((one) => one !== pattern);
  const insertsOnly = choice.kind === 'insert-only' && pattern !== null ? [...accepted, pattern] : accepted;
  const applied = { ...model.identity.applied, [choice.relation]: choice.kind };
  return withForm({ ...model, options: { ...model.options, excludeTable, insertsOnly } }, { applied });
}

function apply(model: Model, choices: readonly IdentityChoice[]): Step {
  const [run, decide] = [choices.filter(({ sql }) => sql.length > 0), choices.filter(({ sql }) => sql.length === 0)];
  return beginWork(decide.reduce(settle, calm(model)), 'identity', run);
}

function applied(model: Model, message: Extract<Message, { type: 'identity-applied' }>): Step {
  const { choice, error } = message;
  const ended = endWork(model, message);
  if (!error) return withNotice(settle(ended, choice), `done: ${choice.relation}, ${choice.label}`);
  const at = identityRows(model).findIndex((row) => row.relation === choice.relation);
  return step(withForm(ended, { selected: Math.max(0, at) }));
}

function save(model: Model): Step {
  const open = identityRows(model).filter((row) => !isDecided(model, row));
  return saveSql(
    model,
    open.flatMap((row) => chosenFor(model.identity, row) ?? []),
  );
}

const byName = new Intl.Collator('en', { numeric: true });

/** Those that are updated come first, the most often updated of them before the others. */
const inOrder = (rows: readonly IdentityRow[]): IdentityRow[] =>
  [...rows].sort(
    (one, other) => other.updatesDeletes - one.updatesDeletes || byName.compare(one.relation, other.relation),
  );

/** Messages of the replica identity screen; null when it has no answer to this one. */
export function identityStep(model: Model, message: Message): Step | null {
  const { editing } = model.identity;
  const lock = workLock(model);
  switch (message.type) {
    case 'identities': {
      // The answer may be that of another source: the connection has been changed since.
      if (model.identity.rows.state !== 'loading') return step(model);
      const selected = Math.min(model.identity.selected, Math.max(0, message.rows.length - 1));
      return step(withForm(model, { rows: ready(inOrder(message.rows)), selected }));
    }
    case 'identities-failed':
      return step(withForm(model, { rows: failed(message.error) }));
    case 'move':
      return step(editing ? model : move(model, message.by));
    case 'choose':
      return step(editing ? model : choose(model, message.by));
    case 'edit-row':
      return lock === null ? editColumns(model) : withNotice(model, lock, 'locked');
    case 'apply': {
      const row = selectedRow(model);
      return row ? ask(model, [row]) : step(model);
    }
    case 'apply-all':
      return ask(
        model,
        identityRows(model).filter((row) => !isDecided(model, row)),
      );
    case 'apply-identities':
      return model.screen === 'identity' ? apply(model, message.choices) : null;
    case 'identity-applied':
      if (model.work.screen !== 'identity') return null;
      return model.identity.rows.state === 'ready' ? applied(model, message) : step(model);
    case 'save-identities':
      return model.screen === 'identity' ? save(model) : null;
    case 'rerun':
      return lock === null ? load(model) : withNotice(model, lock, 'locked');
    case 'back':
      return step(editing ? withForm(model, { editing: null }) : { ...model, screen: 'checks' });
    case 'next': {
      if (editing) return acceptColumns(model, editing.text);
      const locked = nextLock(model);
      return locked === null ? enterHypertables(model) : withNotice(model, locked, 'locked');
    }
    default:
      return null;
  }
}
