import { PROVIDERS } from '../../engine/options.ts';
import { type CheckEntry, checkEntries, restartNeeded, selectedEntry, selectedIndex } from '../check-entries.ts';
import { nextLock, wizardInput } from '../gates.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { CheckTab, Model } from '../model.ts';
import { enterIdentity } from './identity.ts';

const shown = (model: Model): CheckTab => model.checks[model.provider];
const withTab = (model: Model, tab: Partial<CheckTab>, provider = model.provider): Model => ({
  ...model,
  checks: { ...model.checks, [provider]: { ...model.checks[provider], ...tab } },
});
const noticed = (model: Model, tone: 'info' | 'fail' | 'locked', text: string): Model => ({
  ...model,
  notice: { tone, text },
});

/** Runs the checks of the tab. The results of the run before stay in sight until the new ones come. */
function runChecks(model: Model): Step {
  const tab = shown(model);
  const run = tab.run + 1;
  const input = wizardInput(model);
  const next = withTab(model, { state: 'running', stale: tab.results.map(({ id }) => id), error: null, run });
  return step(next, { do: 'run-checks', input, run }, { do: 'load-steps', input });
}

/** Shows the tab of the source's kind: runs its checks the first time, and waits again for what it waited for. */
export function enterChecks(model: Model): Step {
  const opened: Model = { ...model, screen: 'checks', notice: null };
  return shown(model).state === 'idle' ? runChecks(opened) : awaitRestart(opened);
}

function awaitRestart(model: Model): Step {
  const { restart: side, run } = shown(model);
  return side === null ? step(model) : step(model, { do: 'await-restart', input: wizardInput(model), side, run });
}

function move(model: Model, by: number): Model {
  const entries = checkEntries(shown(model));
  const at = Math.max(0, Math.min(entries.length - 1, selectedIndex(shown(model), entries) + by));
  return withTab(model, { selected: entries[at]?.id ?? null });
}

/** Leaves the tab: checks under way end, and begin again when it is shown again. */
function leaveTab(model: Model): Model {
  return shown(model).state === 'running' ? withTab(model, { state: 'idle' }) : model;
}

function turnTo(model: Model, by: number): Step {
  const at = PROVIDERS.indexOf(model.provider);
  const provider = PROVIDERS[(at + by + PROVIDERS.length) % PROVIDERS.length] ?? model.provider;
  const turned = enterChecks({ ...leaveTab(model), provider, providerDetected: false });
  return step(turned.model, { do: 'cancel-checks' }, ...turned.effects);
}

/** The one whose choices have a screen of their own. */
const IDENTITY_CHECK = 'source-replica-identity';

function noFix(entry: CheckEntry | undefined): string {
  if (entry?.kind === 'step') return 'this is done by hand: Space ticks it';
  if (entry?.kind === 'check' && entry.result.status === 'pass') return 'this one passes: there is nothing to fix';
  return entry?.id === IDENTITY_CHECK
    ? 'Replica identity is chosen on the next screen (Enter), table by table'
    : 'this one has no fix that could be run from here: v shows what to do';
}

function askToApply(model: Model): Step {
  const tab = shown(model);
  const entry = selectedEntry(tab);
  const apply = entry?.kind === 'check' && entry.result.status !== 'pass' ? entry.result.apply : null;
  if (entry?.kind !== 'check' || !apply) {
    return step(noticed(model, 'info', noFix(entry)));
  }
  if (tab.applying !== null) return step(noticed(model, 'info', 'a fix is being applied already'));
  if (tab.stale.includes(entry.id)) return step(noticed(model, 'info', 'this one is being checked again'));
  const { side, sql, restart } = apply;
  return step({
    ...model,
    overlay: {
      kind: 'question',
      title: `Run this on the ${side}?`,
      lines: [...sql, ...(restart ? ['', `It takes effect after a restart of the ${side} server.`] : [])],
      yes: { type: 'apply-fix', result: entry.result },
    },
  });
}

/** After a fix was run: whether it helped is looked up, not believed. */
function applied(model: Model, message: Extract<Message, { type: 'fix-applied' }>): Step {
  const { apply, id } = message.result;
  const provider = PROVIDERS.find((kind) => model.checks[kind].applying === id) ?? model.provider;
  const calm = withTab(model, { applying: null }, provider);
  if (message.error) return step(noticed(calm, 'fail', message.error.message));
  const { applied: before } = model.checks[provider];
  const now = apply?.restart ? withTab(calm, { applied: [...before, id] }, provider) : calm;
  const text = apply?.restart ? `done; now restart the ${apply.side} server` : 'done; checking again';
  return provider === model.provider && model.screen === 'checks'
    ? runChecks(noticed(now, 'info', text))
    : step(withTab(now, { state: 'idle' }, provider));
}

function checked(model: Model, message: Extract<Message, { type: 'checked' }>): Model {
  const { provider, run, result } = message;
  const tab = model.checks[provider];
  if (tab.run !== run) return model;
  const known = tab.results.some(({ id }) => id === result.id);
  const results = known
    ? tab.results.map((other) => (other.id === result.id ? result : other))
    : [...tab.results, result];
  return withTab(model, { results, stale: tab.stale.filter((id) => id !== result.id) }, provider);
}

/** What the last line promised while the checks ran is over with them. */
const checkedAgain = (model: Model): Model => {
  const { notice } = model;
  if (notice?.tone !== 'info' || !notice.text.endsWith('checking again')) return model;
  return noticed(model, 'info', notice.text.replace(/checking again$/, 'checked again'));
};

function ended(model: Model, message: Extract<Message, { type: 'checks-ended' }>): Step {
  const { provider, run, error } = message;
  const tab = model.checks[provider];
  if (tab.run !== run) return step(model);
  const results = tab.results.filter(({ id }) => !tab.stale.includes(id));
  const now: CheckTab = { ...tab, results, stale: [], state: error ? 'failed' : 'done', error };
  // A server that goes down in the middle of the checks is being restarted, if that is what we wait for.
  const next = withTab(model, { ...now, restart: error ? tab.restart : restartNeeded(now) }, provider);
  return model.screen === 'checks' && provider === model.provider ? awaitRestart(checkedAgain(next)) : step(next);
}

function restarted(model: Model, message: Extract<Message, { type: 'restarted' }>): Step {
  const { provider, run, side, error } = message;
  const tab = model.checks[provider];
  if (tab.run !== run || provider !== model.provider || model.screen !== 'checks') return step(model);
  if (error) return step(noticed(withTab(model, { restart: null }), 'fail', error.message));
  return runChecks(noticed(withTab(model, { applied: [] }), 'info', `the ${side} was restarted: checking again`));
}

function toggle(model: Model): Step {
  const entry = selectedEntry(shown(model));
  if (entry?.kind !== 'step') return step(noticed(model, 'info', 'this one is looked up: only [ ] is ticked by hand'));
  const { id, ticked } = entry.step;
  return step(withTab(model, { selected: id }), {
    do: 'tick',
    input: wizardInput(model),
    id,
    ticked: ticked === null,
  });
}

function saveReport(model: Model): Step {
  const { state, results } = shown(model);
  if (state === 'idle' || state === 'running') {
    return step(noticed(model, 'info', 'the report is written when the checks have run'));
  }
  return step(model, { do: 'save-report', input: wizardInput(model), results });
}

/** Messages of the checks; null when they have no answer to this one. */
export function checksStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'checked':
      return step(checked(model, message));
    case 'checks-ended':
      return ended(model, message);
    case 'restarted':
      return restarted(model, message);
    case 'steps':
      return step(
        message.source === wizardInput(model).source
          ? withTab(model, { steps: message.steps }, message.provider)
          : model,
      );
    case 'steps-failed':
    case 'report-failed':
      return step(noticed(model, 'fail', message.error.message));
    case 'report-saved':
      return step(noticed(model, 'info', `written: ${message.path}`));
    case 'move':
      return step(move(model, message.by));
    case 'choose':
    case 'focus':
      return turnTo(model, message.by);
    case 'rerun':
      return runChecks(model);
    case 'toggle':
      return toggle(model);
    case 'save-report':
      return saveReport(model);
    case 'apply':
      return askToApply(model);
    case 'apply-fix':
      return step(withTab(model, { applying: message.result.id, selected: message.result.id }), {
        do: 'apply-fix',
        input: wizardInput(model),
        result: message.result,
      });
    case 'fix-applied':
      return applied(model, message);
    case 'back':
      return step({ ...leaveTab(model), screen: 'connect' }, { do: 'cancel-checks' });
    case 'next': {
      const lock = nextLock(model);
      if (lock !== null) return step(noticed(model, 'locked', lock));
      const entered = enterIdentity(model);
      return step(entered.model, { do: 'cancel-checks' }, ...entered.effects);
    }
    default:
      return null;
  }
}
