import type { ApplicableFix, CheckResult } from '../providers/check.ts';
import type { StepItem } from '../providers/step.ts';
import type { CheckEntry } from '../state/check-entries.ts';
import { formatMoment } from '../terminal/format.ts';
import type { Tone } from '../ui/theme.ts';
import { wrapLines } from '../ui/wrap.ts';

/** One line of what is to be said about a check or a step; `label` stands in front of the first line of a part. */
export interface EntryLine {
  /** The label of the part that it belongs to. */
  readonly part: string;
  readonly label: string;
  readonly text: string;
  readonly tone: Tone;
}

/** Cells in front of the text. */
export const LABEL_WIDTH = 8;

type Part = readonly [label: string, text: string, tone?: Tone];

/** The fix that can be run from here, as long as there is something to fix. */
export const applicable = (result: CheckResult): ApplicableFix | null =>
  result.status === 'pass' ? null : result.apply;

function checkParts(result: CheckResult, applied: boolean): Part[] {
  const { status, found, wanted, why, fix } = result;
  const parts: Part[] = [
    ['found', found, status === 'fail' || status === 'warn' ? status : 'plain'],
    ['wanted', wanted],
    ['why', why],
  ];
  if (applicable(result)) {
    const now = applied ? 'was run from here; now restart the server:' : 'press a to run it from here; or:';
    parts.push(['fix', now, 'accent'], ['', fix]);
  }
  if (!applicable(result) && status !== 'pass' && status !== 'info') parts.push(['fix', fix]);
  return parts;
}

const stepParts = ({ why, how, ticked }: StepItem): Part[] => [
  ['why', why],
  ['how', how.join('\n')],
  ticked === null
    ? ['', 'press Space when it is done', 'accent']
    : ['', `ticked ${formatMoment(ticked)}; Space takes it away`, 'muted'],
];

function wrapped(parts: readonly Part[], width: number): EntryLine[] {
  const room = width - LABEL_WIDTH;
  return parts.flatMap(([label, text, tone = 'plain']) =>
    text === ''
      ? []
      : wrapLines(text, room).map((line, at) => ({ part: label, label: at === 0 ? label : '', text: line, tone })),
  );
}

const partsOf = (entry: CheckEntry): Part[] =>
  entry.kind === 'check' ? checkParts(entry.result, entry.applied) : stepParts(entry.step);

/** Everything about a check or a step in lines of `width` cells. */
export const entryLines = (entry: CheckEntry, width: number): EntryLine[] => wrapped(partsOf(entry), width);

/** The same in at most `room` lines: where all don't fit, the fix goes before the why. `left` counts what is not shown. */
export function entryLinesIn(entry: CheckEntry, width: number, room: number): { shown: EntryLine[]; left: number } {
  const lines = entryLines(entry, width);
  if (lines.length <= room) return { shown: lines, left: 0 };
  const fix = lines.some(({ part }) => part === 'fix' || part === 'how');
  const first = fix ? lines.filter(({ part }) => part !== 'why') : lines;
  const shown = first.slice(0, Math.max(0, room - 1));
  return { shown, left: lines.length - shown.length };
}

/** The same at leisure: with the SQL that would be run, and room between the parts. */
export function entryLinesInFull(entry: CheckEntry, width: number): EntryLine[] {
  const runs: Part[] =
    entry.kind === 'check' ? [['runs', (applicable(entry.result)?.sql ?? []).join('\n'), 'accent']] : [];
  return [...partsOf(entry), ...runs].flatMap((part) => {
    const lines = wrapped([part], width);
    return lines.length === 0 ? [] : [...lines, { part: '', label: '', text: '', tone: 'plain' } as const];
  });
}

export const entryTitle = (entry: CheckEntry): string =>
  entry.kind === 'check' ? entry.result.title : entry.step.title;
