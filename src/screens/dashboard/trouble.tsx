import type { ReactNode } from 'react';
import type { Progress } from '../../engine/progress.ts';
import { type Trouble as StandingTrouble, troubleReason } from '../../engine/troubles.ts';
import type { Model } from '../../state/model.ts';
import { formatTimeOfDay } from '../../terminal/format.ts';
import { errorNodes, fitLines } from '../../ui/error-block.tsx';
import { Mark, type Status } from '../../ui/status.tsx';
import { Text } from '../../ui/text.tsx';
import type { Tone } from '../../ui/theme.ts';
import { wrapLines } from '../../ui/wrap.ts';
import { Line } from '../scrolled-lines.tsx';

/** A text over as many lines as it needs, a mark in front of its first one. */
function marked(status: Status, tone: Tone, text: string, width: number, now: number): ReactNode[] {
  return wrapLines(text, width - 2).map((line, at) => (
    <Text key={`${text} ${line}`} tone={tone}>
      {at === 0 ? <Mark status={status} now={now} /> : ' '}
      {` ${line}`}
    </Text>
  ));
}

/** What is tried again, since when; why; and what to do where time alone does not heal. */
function standing(trouble: StandingTrouble, width: number, now: number): ReactNode[] {
  const { what, policy, since, hint } = trouble;
  const waits = policy === 'operator';
  const doing = `since ${formatTimeOfDay(since)} ${waits ? 'waiting for you' : 'trying again'}: ${what}`;
  const below = (text: string, tone: Tone): ReactNode[] =>
    wrapLines(text, width - 2).map((line) => <Text key={`${what} ${line}`} tone={tone}>{`  ${line}`}</Text>);
  return [
    ...marked(waits ? 'warn' : 'running', 'warn', doing, width, now),
    ...below(troubleReason(trouble), 'plain'),
    ...(waits ? below(hint, 'muted') : []),
  ];
}

/** That the source's tables changed: what, and what to run, has an overlay of its own. */
function changed(changes: Progress['schema_changes'], width: number, now: number): ReactNode[] {
  const [first, ...more] = changes;
  if (!first) return [];
  const locks = changes.some((change) => change.locks);
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  const text = `D shows what to run: ${first.table}: ${first.what}${others}`;
  return marked(locks ? 'warn' : 'info', locks ? 'warn' : 'muted', text, width, now);
}

/** That definitions of the source changed: none of them locks the cut-over. In a field D is a letter (`isTyping`). */
export function definitionNodes(
  changes: Progress['definition_changes'],
  width: number,
  now: number,
  isTyping = false,
): ReactNode[] {
  const [first, ...more] = changes;
  if (!first) return [];
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  const keys = isTyping ? 'Esc, then D shows' : 'D shows';
  return marked('warn', 'warn', `${keys} what to run: ${first.what}${others}`, width, now);
}

/** What stands in the way just now: a lost connection, an error the engine went on after, something tried again. */
export function troubleNodes(model: Model, progress: Progress, width: number): ReactNode[] {
  const { state, closed, trouble } = model.engine;
  if (state === 'closed') {
    const text = closed
      ? 'the connection to the engine broke: r connects again, R starts it again where it stopped'
      : 'the engine has ended: R starts it again where it stopped';
    return [...marked('fail', 'fail', text, width, model.now), ...(closed ? errorNodes(closed, width) : [])];
  }
  return [
    ...(trouble ? errorNodes(trouble.error, width) : []),
    ...progress.troubles.flatMap((one) => standing(one, width, model.now)),
    ...changed(progress.schema_changes, width, model.now),
    ...definitionNodes(progress.definition_changes, width, model.now),
  ];
}

/** The same in the lines that there are; `w` shows all of it. */
export const troubleIn = (nodes: readonly ReactNode[], room: number): ReactNode =>
  fitLines(nodes, room, 'w').map((line, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
    <Line key={at}>{line}</Line>
  ));
