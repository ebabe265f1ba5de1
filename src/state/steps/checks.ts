import { PROVIDERS } from '../../engine/options.ts';
import type { CheckResult } from '../../providers/check.ts';
import { nextLock, wizardInput } from '../gates.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { CheckTab, Model } from '../model.ts';
import { enterIdentity } from './identity.ts';

const withTab = (model: Model, tab: CheckTab, provider = model.provider): Model => ({
  ...model,
  checks: { ...model.checks, [provider]: tab },
});

function runChecks(model: Model): Step {
  const tab = model.checks[model.provider];
  const run = tab.run + 1;
  const next = withTab(model, { ...tab, state: 'running', results: [], selected: 0, error: null, run });
  return step(next, { do: 'run-checks', input: wizardInput(model), run });
}

export function enterChecks(model: Model): Step {
  const opened: Model = { ...model, screen: 'checks', notice: null };
  return model.checks[model.provider].state === 'idle' ? runChecks(opened) : step(opened);
}

/** The results as they are shown: what must be mended first, then what should be looked at. */
const ORDER: Record<CheckResult['status'], number> = { fail: 0, warn: 1, info: 2, pass: 3 };
export const sortedResults = (tab: CheckTab): CheckResult[] =>
  [...tab.results].sort((a, b) => ORDER[a.status] - ORDER[b.status]);

export const selectedResult = (tab: CheckTab): CheckResult | undefined => sortedResults(tab)[tab.selected];

function move(model: Model, by: number): Model {
  const tab = model.checks[model.provider];
  const selected = Math.max(0, Math.min(tab.results.length - 1, tab.selected + by));
  return withTab(model, { ...tab, selected });
}

/** Leaves the tab: checks under way end, and begin again when it is shown again. */
function leaveTab(model: Model): Model {
  const tab = model.checks[model.provider];
  return tab.state === 'running' ? withTab(model, { ...tab, state: 'idle' }) : model;
}

function turnTo(model: Model, by: number): Step {
  const at = PROVIDERS.indexOf(model.provider);
  const provider = PROVIDERS[(at + by + PROVIDERS.length) % PROVIDERS.length] ?? model.provider;
  const turned = enterChecks({ ...leaveTab(model), provider, providerDetected: false });
  return step(turned.model, { do: 'cancel-checks' }, ...turned.effects);
}

function askToApply(model: Model): Step {
  const result = selectedResult(model.checks[model.provider]);
  if (!result?.apply) {
    return step({ ...model, notice: { tone: 'info', text: 'this one has no fix that could be applied from here' } });
  }
  const { side, sql, restart } = result.apply;
  return step({
    ...model,
    overlay: {
      kind: 'question',
      title: `Run this on the ${side}?`,
      lines: [...sql, ...(restart ? ['', `It takes effect after a restart of the ${side} server.`] : [])],
      yes: { type: 'apply-fix', result },
    },
  });
}

function applied(model: Model, message: Extract<Message, { type: 'fix-applied' }>): Step {
  const calm = withTab(model, { ...model.checks[model.provider], applying: null });
  if (message.error) return step({ ...calm, notice: { tone: 'fail', text: message.error.message } });
  const restart = message.result.apply?.restart ?? false;
  const text = restart ? `done; restart the server, then check again` : 'done; checking again';
  const noticed: Model = { ...calm, notice: { tone: 'info', text } };
  return restart ? step(noticed) : runChecks(noticed);
}

/** Messages of the checks; null when they have no answer to this one. */
export function checksStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'checked': {
      const tab = model.checks[message.provider];
      if (tab.run !== message.run) return step(model);
      const others = tab.results.filter((result) => result.id !== message.result.id);
      return step(withTab(model, { ...tab, results: [...others, message.result] }, message.provider));
    }
    case 'checks-ended': {
      const tab = model.checks[message.provider];
      if (tab.run !== message.run) return step(model);
      const state = message.error ? 'failed' : 'done';
      return step(withTab(model, { ...tab, state, error: message.error }, message.provider));
    }
    case 'move':
      return step(move(model, message.by));
    case 'choose':
    case 'focus':
      return turnTo(model, message.by);
    case 'rerun':
      return runChecks(model);
    case 'apply':
      return askToApply(model);
    case 'apply-fix': {
      const tab = model.checks[model.provider];
      const busy = withTab(model, { ...tab, applying: message.result.id });
      return step(busy, { do: 'apply-fix', input: wizardInput(model), result: message.result });
    }
    case 'fix-applied':
      return applied(model, message);
    case 'back':
      return step({ ...leaveTab(model), screen: 'connect' }, { do: 'cancel-checks' });
    case 'next': {
      const lock = nextLock(model);
      return lock === null ? enterIdentity(model) : step({ ...model, notice: { tone: 'locked', text: lock } });
    }
    default:
      return null;
  }
}
