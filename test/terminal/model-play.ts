import type { EngineEvent, EventPayload } from '../../src/engine/events.ts';
import { initialProgress } from '../../src/engine/progress.ts';
import type { ErrorReport } from '../../src/errors/migrate-error.ts';
import type { Effect, Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { update } from '../../src/state/update.ts';
import { CHECKS, SOURCE_REPORT, SOURCE_URI, STEPS, TARGET_REPORT, TARGET_URI } from './shop.ts';

/** Models at the places where the tests of the state begin, and how to go on from there. */

export const ERROR: ErrorReport = { code: 'TM1104', message: 'wrong password', side: 'source', hint: 'type it again' };
export const progress = initialProgress({ migration_id: 'm', source: 'h/s', target: 'h/t', target_database: 'tsdb' });

/** Runs messages through the model; keeps the effects of the last one. */
export function play(model: Model, ...messages: Message[]): { model: Model; effects: readonly Effect[] } {
  let effects: readonly Effect[] = [];
  let next = model;
  for (const message of messages) ({ model: next, effects } = update(next, message));
  return { model: next, effects };
}
export const reach = (model: Model, ...messages: Message[]): Model => play(model, ...messages).model;
export const event = (payload: EventPayload): Message => ({
  type: 'events',
  events: [{ ...payload, time: '2026-01-02T03:04:05.000Z' } as EngineEvent],
});
export const insert = (text: string): Message => ({ type: 'edit', edit: { kind: 'insert', text } });

export const opened = reach(initialModel({ now: 0 }), {
  type: 'opened',
  existing: null,
  prefill: { source: SOURCE_URI, target: TARGET_URI },
});
export const probed = reach(
  opened,
  { type: 'probed', side: 'source', edition: opened.connect.source.edition, report: SOURCE_REPORT },
  { type: 'probed', side: 'target', edition: opened.connect.target.edition, report: TARGET_REPORT },
);
export const checked = (model: Model): Model =>
  reach(
    model,
    ...CHECKS.map(
      (result): Message => ({
        type: 'checked',
        provider: model.provider,
        run: model.checks[model.provider].run,
        result,
      }),
    ),
    { type: 'steps', provider: model.provider, source: SOURCE_URI, steps: STEPS },
    { type: 'checks-ended', provider: model.provider, run: model.checks[model.provider].run, error: null },
  );
export const passed = (): Model => {
  const model = checked(reach(probed, { type: 'next' }));
  const tab = model.checks[model.provider];
  const results = tab.results.map((result) => ({ ...result, status: 'pass' as const }));
  return { ...model, checks: { ...model.checks, [model.provider]: { ...tab, results } } };
};
export const attached = reach(
  { ...probed, screen: 'plan' },
  { type: 'start' },
  { type: 'attached', progress, readonly: false },
);
