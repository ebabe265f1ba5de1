import type { CheckResult } from '../providers/check.ts';
import type { StepItem } from '../providers/step.ts';
import { formatNumberOf } from '../terminal/format.ts';
import type { CheckTab } from './model.ts';

/** One line of a tab: what a check found, or what is ticked by hand. */
export type CheckEntry =
  | {
      readonly kind: 'check';
      readonly id: string;
      readonly result: CheckResult;
      /** Its fix was run from here and waits for a restart. */
      readonly applied: boolean;
    }
  | { readonly kind: 'step'; readonly id: string; readonly step: StepItem };

/** What must be mended first, then what should be looked at, then what is to be done by hand, then what is well. */
const ORDER: Record<CheckResult['status'], number> = { fail: 0, warn: 1, info: 3, pass: 4 };
const STEP_ORDER = 2;

const orderOf = (entry: CheckEntry): number => (entry.kind === 'step' ? STEP_ORDER : ORDER[entry.result.status]);

/** The lines of a tab as they are shown. Steps keep their own order, ticked or not: one follows from the other. */
export function checkEntries(tab: Pick<CheckTab, 'results' | 'steps' | 'applied'>): CheckEntry[] {
  const entries: CheckEntry[] = [
    ...tab.results.map(
      (result) => ({ kind: 'check', id: result.id, result, applied: tab.applied.includes(result.id) }) as const,
    ),
    ...tab.steps.map((step) => ({ kind: 'step', id: step.id, step }) as const),
  ];
  return entries.sort((a, b) => orderOf(a) - orderOf(b));
}

/** Where the selected line is. */
export const selectedIndex = (tab: CheckTab, entries: readonly CheckEntry[] = checkEntries(tab)): number =>
  Math.max(
    0,
    entries.findIndex(({ id }) => id === tab.selected),
  );

export function selectedEntry(tab: CheckTab): CheckEntry | undefined {
  const entries = checkEntries(tab);
  return entries[selectedIndex(tab, entries)];
}

export const openSteps = (tab: Pick<CheckTab, 'steps'>): StepItem[] =>
  tab.steps.filter(({ ticked }) => ticked === null);

/** The server that has to be restarted before something in the tab can get better; the source first. */
export function restartNeeded(tab: CheckTab): CheckResult['restart'] {
  const sides = tab.results.filter(({ status }) => status !== 'pass').map(({ restart }) => restart);
  return sides.find((side) => side === 'source') ?? sides.find((side) => side !== null) ?? null;
}

/** Whether a restart would be too early: every check that needs one has a fix that was not run from here. */
export function fixBeforeRestart(tab: CheckTab): boolean {
  const needing = tab.results.filter(({ status, restart }) => status !== 'pass' && restart !== null);
  return needing.length > 0 && needing.every(({ id, apply }) => apply !== null && !tab.applied.includes(id));
}

/** How many lines of a tab are of which kind; together they are all its lines. */
export function checkCounts(
  tab: Pick<CheckTab, 'results' | 'steps'>,
): Record<CheckResult['status'] | 'ticked' | 'open', number> {
  const counts = { pass: 0, warn: 0, fail: 0, info: 0, ticked: 0, open: 0 };
  for (const { status } of tab.results) counts[status] += 1;
  for (const { ticked } of tab.steps) counts[ticked === null ? 'open' : 'ticked'] += 1;
  return counts;
}

/** What came of the checks of a tab, in one line that counts every line of the list. */
export function checksSummary(tab: Pick<CheckTab, 'state' | 'results' | 'stale' | 'steps'>): string {
  const { pass, warn, fail, info, ticked, open } = checkCounts(tab);
  switch (tab.state) {
    case 'idle':
      return 'not run yet';
    case 'running':
      return `running, ${tab.results.length - tab.stale.length} so far`;
    case 'failed':
      return 'could not run';
    case 'done':
      return [
        `${pass} passed`,
        formatNumberOf(warn, 'warning'),
        `${fail} failed`,
        ...(open > 0 ? [`${formatNumberOf(open, 'step')} to tick`] : []),
        ...(ticked > 0 ? [`${ticked} ticked`] : []),
        ...(info > 0 ? [`${info} to know`] : []),
      ].join(', ');
    default:
      return tab.state satisfies never;
  }
}
