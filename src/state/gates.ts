import { gateRemedy, type RemedyWords } from '../engine/cutover/gate-remedy.ts';
import { lockingGates, unliftable } from '../engine/cutover/gates.ts';
import type { Progress } from '../engine/progress.ts';
import { mustDecide } from '../providers/identity/changes-seen.ts';
import { withPassword } from './connection-text.ts';
import type { Model } from './model.ts';
import type { IdentityRow, WizardInput } from './services.ts';

/** What the services need to know; the passwords of their own fields are put in. */
export const wizardInput = (model: Model): WizardInput => ({
  source: withPassword(model.connect.source.uri.text, model.connect.source.password.text),
  target: withPassword(model.connect.target.uri.text, model.connect.target.password.text),
  provider: model.provider,
  options: { ...model.options, provider: model.provider },
});

const list = (names: readonly string[], shown = 3): string =>
  names.length <= shown ? names.join(', ') : `${names.slice(0, shown).join(', ')} and ${names.length - shown} more`;

function connectLock(model: Model): string | null {
  for (const side of ['source', 'target'] as const) {
    const { probe } = model.connect[side];
    if (probe.state === 'empty') return `type the ${side}'s connection string`;
    if (probe.state === 'waiting') return `waiting for the ${side} to answer`;
    if (probe.state === 'failed') return `the ${side} cannot be used: ${probe.error.message}`;
  }
  return null;
}

/** What it finds is decided on a screen of its own, the next one. */
const DECIDED_NEXT = 'source-replica-identity';

function checksLock(model: Model): string | null {
  const tab = model.checks[model.provider];
  const failing = tab.results
    .filter(({ id, status }) => status === 'fail' && id !== DECIDED_NEXT)
    .map((result) => result.title);
  if (tab.applying !== null) return 'a fix is being applied';
  if (tab.state === 'idle') return 'the checks of this tab have not run';
  if (tab.state === 'running') return 'the checks are still running';
  if (tab.state === 'failed') return `the checks could not run: ${tab.error?.message ?? 'unknown error'}`;
  return failing.length > 0 ? `must pass first: ${list(failing)}` : null;
}

/** The choice for a table was applied or accepted; a pattern that leaves it out may have been taken away on the plan. */
export function isDecided(model: Model, row: IdentityRow): boolean {
  const kind = model.identity.applied[row.relation];
  if (kind !== 'leave-out') return kind !== undefined;
  const exclude = row.choices.find((choice) => choice.kind === kind)?.exclude ?? '';
  return model.options.excludeTable.includes(exclude);
}

/** Tables whose UPDATEs and DELETEs would be lost because nobody has decided about them. */
export function undecided(model: Model): string[] {
  const { rows } = model.identity;
  if (rows.state !== 'ready') return [];
  return rows.value.filter((row) => mustDecide(row) && !isDecided(model, row)).map((row) => row.relation);
}

function identityLock(model: Model): string | null {
  const { rows, editing } = model.identity;
  const { applying } = model.work;
  if (editing) return 'finish the entry first (Enter), or drop it (Esc)';
  if (applying !== null) return `the choice for ${applying} is being applied`;
  if (rows.state === 'failed') return `the tables could not be read: ${rows.error.message}`;
  if (rows.state !== 'ready') return 'looking for tables without replica identity';
  const open = undecided(model);
  return open.length > 0 ? `apply a choice (a, or A for all) to ${list(open)}` : null;
}

/** Only a plain table can become one, and only where the target has TimescaleDB. */
export function offersHypertables(model: Model): boolean {
  const { probe } = model.connect.target;
  const plain = model.provider === 'selfhosted-postgres' || model.provider === 'rds';
  return plain && probe.state === 'ok' && probe.report.timescaledb !== null;
}

function hypertablesLock(model: Model): string | null {
  const { rows, editing, looking } = model.hypertables;
  const { applying } = model.work;
  if (editing) return 'finish the entry first (Enter), or drop it (Esc)';
  if (applying !== null) return `the choice for ${applying} is being applied`;
  if (rows.state === 'failed') return `the tables could not be read: ${rows.error.message}`;
  if (rows.state !== 'ready' || looking) return 'looking at the tables';
  const hindered = rows.value.filter((row) => row.chosen && row.obstacles.some(({ blocks }) => blocks));
  if (hindered.length === 0) return null;
  return `something hinders ${list(hindered.map(({ relation }) => relation))}: a mends it, or v says how; Space leaves a table as it is`;
}

function planLock(model: Model): string | null {
  const { summary, editing } = model.plan;
  if (editing) return 'finish the entry first (Enter), or drop it (Esc)';
  if (summary.state === 'failed') return `no plan: ${summary.error.message}`;
  return summary.state === 'ready' ? null : 'the plan is being made';
}

/** The conditions that lock the cut-over now, as the form stands. */
export const openGates = (progress: Progress | null, form: Pick<Model['cutover'], 'freezeSource'>): Progress['gates'] =>
  lockingGates(progress?.gates ?? [], form.freezeSource);

/** May the cut-over be opened? */
export function cutoverOpenLock(model: Model): string | null {
  const { engine } = model;
  if (engine.readonly || model.watch) return 'this screen is attached to look only';
  if (engine.state !== 'attached' || !engine.progress) return 'no connection to the engine';
  const { phase } = engine.progress;
  if (phase === 'replay' || phase === 'cutover') return null;
  return phase === 'done' ? 'the migration is finished' : `the cut-over needs replay, now: ${phase}`;
}

/** Whether the fields of the cut-over are on its screen. */
export const hasCutoverForm = (model: Model): boolean =>
  cutoverOpenLock(model) === null && model.engine.progress?.phase !== 'cutover';

const WIZARD_REMEDIES: RemedyWords = {
  freeze: 'freeze the source (Tab, then Space)',
  changes: 'run what Esc and D show',
  override: 'give a reason to override',
};

/** Whether the cut-over could begin now, as far as it lies with the engine. */
export function isCutoverReady(model: Model): boolean {
  const { progress } = model.engine;
  if (cutoverOpenLock(model) !== null || !progress || progress.gates.length === 0) return false;
  return progress.phase === 'cutover' || openGates(progress, model.options).length === 0;
}

/** May the cut-over be started as the form stands? */
export function cutoverStartLock(model: Model): string | null {
  const closed = cutoverOpenLock(model);
  if (closed) return closed;
  if (model.engine.progress?.phase === 'cutover') return 'the cut-over is running';
  if (model.cutover.busy) return 'the engine has been asked';
  const { progress } = model.engine;
  if (model.cutover.confirm.text !== progress?.target_database) {
    return `type the target database's name, ${progress?.target_database ?? ''}`;
  }
  if (progress.gates.length === 0) return 'the engine has not looked at the conditions yet';
  const firm = unliftable(progress.gates);
  if (firm.length > 0) return `not met, and no reason overrides it: ${list(firm.map((gate) => gate.title))}`;
  const open = openGates(progress, model.cutover);
  if (open.length > 0 && model.cutover.override.text.trim() === '') {
    return gateRemedy(open, WIZARD_REMEDIES);
  }
  return null;
}

/** Which condition locks the step that Enter would take; null when it is open. */
export function nextLock(model: Model): string | null {
  switch (model.screen) {
    case 'connect':
      return connectLock(model);
    case 'checks':
      return checksLock(model);
    case 'identity':
      return identityLock(model);
    case 'hypertables':
      return hypertablesLock(model);
    case 'plan':
      return planLock(model);
    case 'dashboard':
      return cutoverOpenLock(model);
    case 'cutover':
      return cutoverStartLock(model);
    case 'resume':
      return model.resume.busy ? 'the engine is being started' : null;
    case 'opening':
    case 'done':
    case 'failed':
      return null;
    default:
      return model.screen satisfies never;
  }
}
