import type { DefinitionChange } from '../../engine/events.ts';
import type { ErrorReport } from '../../errors/migrate-error.ts';
import { type Step, step } from '../messages.ts';
import type { Model } from '../model.ts';

/** Those for which there is a statement. */
export const changesToCarry = (model: Model): readonly DefinitionChange[] =>
  (model.engine.progress?.definition_changes ?? []).filter(({ when }) => when !== 'hand');

/** Asks before anything is run on the target, with every statement. */
export function askCarryOver(model: Model): Step {
  const changes = changesToCarry(model);
  const lock = model.engine.progress?.phase === 'replay' ? null : 'definitions are carried over while replay runs';
  if (lock !== null || changes.length === 0)
    return step({ ...model, notice: { tone: 'locked', text: lock ?? 'no changed definition has a statement' } });
  const shown = (statements: readonly string[]) => statements.flatMap((statement) => `  ${statement};`.split('\n'));
  const lines = changes.flatMap(({ what, sql, at_once, when }) => [
    ...(at_once.length === 0 ? [] : [`${what}; run on the target at once:`, ...shown(at_once)]),
    `${what}; run on the target${when === 'cutover' ? ' in the cut-over' : ''}:`,
    ...shown(sql),
  ]);
  return step({
    ...model,
    overlay: { kind: 'question', title: 'Carry these definitions over?', lines, yes: { type: 'carry-over', changes } },
  });
}

export const carriedNotice = (error: ErrorReport | null): Model['notice'] =>
  error === null
    ? { tone: 'info', text: 'carried over; what waits for the cut-over is run there' }
    : { tone: 'fail', text: `${error.code} ${error.message}` };
