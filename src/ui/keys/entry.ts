import { selectedEntry } from '../../state/check-entries.ts';
import type { CheckTab, Model } from '../../state/model.ts';
import type { Binding } from '../key-table.ts';

const canApply = (tab: CheckTab): boolean => {
  const entry = selectedEntry(tab);
  return (
    entry?.kind === 'check' && entry.result.apply !== null && entry.result.status !== 'pass' && tab.applying === null
  );
};
const selectsStep = (model: Model): boolean => selectedEntry(model.checks[model.provider])?.kind === 'step';
const isTicked = (model: Model): boolean => {
  const entry = selectedEntry(model.checks[model.provider]);
  return entry?.kind === 'step' && entry.step.ticked !== null;
};

/** What can be done about the selected check or step, in the list and where it is read in full: its text names the keys. */
export const entryKeys: readonly Binding[] = [
  {
    keys: ['a'],
    footer: 'apply fix',
    help: 'run the fix of this check, after a yes',
    when: (model) => model.screen === 'checks',
    offered: (model) => canApply(model.checks[model.provider]),
    send: { type: 'apply' },
  },
  {
    keys: ['space'],
    footer: (model) => (isTicked(model) ? 'untick' : 'tick'),
    help: 'tick a step that is done by hand, or take the tick away',
    when: (model) => model.screen === 'checks',
    offered: selectsStep,
    send: { type: 'toggle' },
  },
];
