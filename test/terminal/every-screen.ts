import type { EngineEvent, EventPayload } from '../../src/engine/events.ts';
import type { Message } from '../../src/state/messages.ts';
import { initialModel, type Model } from '../../src/state/model.ts';
import { attached, checked, ERROR, insert, opened, passed, probed, reach } from './model-play.ts';
import { copySteps, cutoverSteps, replaySteps } from './scripted-migration.ts';
import { IDENTITIES, PLAN } from './shop.ts';

const MOMENT = Date.UTC(2026, 0, 2, 3, 4, 5);

/** The model after so many steps of a script, half a second each. */
function played(model: Model, steps: Iterator<EventPayload[]>, count: number): Model {
  let next = model;
  let time = next.now === 0 ? MOMENT : next.now;
  for (let at = 0; at < count; at += 1) {
    const step = steps.next();
    if (step.done) break;
    time += 500;
    for (const payload of step.value) {
      next = reach(next, { type: 'event', event: { ...payload, time: new Date(time).toISOString() } as EngineEvent });
    }
  }
  return reach(next, { type: 'tick', now: time });
}

const all = Number.POSITIVE_INFINITY;
const identities = reach(passed(), { type: 'next' }, { type: 'identities', rows: IDENTITIES });
const planned = reach({ ...probed, screen: 'plan' }, { type: 'planned', run: 0, summary: PLAN });
const copying = played(attached, copySteps(), 22);
const copied = played(attached, copySteps(), all);
const behind = played(copied, replaySteps(), 11);
const caughtUp = played(copied, replaySteps(), 60);
const cutover = reach(caughtUp, { type: 'open-cutover' }, insert('tsdb'));
const early = reach(behind, { type: 'open-cutover' }, insert('tsd'), { type: 'next' });
const existing = {
  running: false,
  progress: behind.engine.progress ?? attached.engine.progress,
  source: 'postgres://app@db.shop.example:5432/shop',
  target: 'postgres://tsdbadmin@x1.y2.tsdb.cloud.example:34567/tsdb',
};
const event = (payload: EventPayload): Message => ({
  type: 'event',
  event: { ...payload, time: new Date(MOMENT).toISOString() } as EngineEvent,
});
const refused = reach(opened, {
  type: 'probe-failed',
  side: 'source',
  edition: opened.connect.source.edition,
  error: ERROR,
});

/** Every screen, overlay and state that has a face of its own. */
export const EVERY_SCREEN: Readonly<Record<string, Model>> = {
  opening: initialModel({ now: 0 }),
  'connect, empty': reach(initialModel({ now: 0 }), {
    type: 'opened',
    existing: null,
    prefill: { source: '', target: '' },
  }),
  'connect, refused': reach(refused, { type: 'next' }),
  'connect, found': probed,
  checks: checked(reach(probed, { type: 'next' })),
  'checks, a question': reach(checked(reach(probed, { type: 'next' })), { type: 'apply' }),
  'checks, in full': reach(checked(reach(probed, { type: 'next' })), { type: 'read', reader: 'check' }),
  identity: identities,
  'identity, nothing to do': reach(passed(), { type: 'next' }, { type: 'identities', rows: [] }),
  plan: planned,
  'plan, a field': reach(planned, { type: 'edit-row' }, insert('audit.*')),
  'plan, the start': reach(planned, { type: 'next' }),
  'plan, tables': reach(planned, { type: 'read', reader: 'tables' }),
  'dashboard, schema': played(attached, copySteps(), 3),
  'dashboard, copy': copying,
  'dashboard, replay': behind,
  'dashboard, caught up': caughtUp,
  'dashboard, trouble': reach(behind, event({ type: 'error', error: ERROR })),
  'dashboard, trying again': reach(
    behind,
    event({ type: 'retry', what: 'replication stream', error: { ...ERROR, code: 'TM4001' }, retry_ms: 1000 }),
  ),
  'dashboard, engine gone': reach(behind, { type: 'closed', error: { ...ERROR, code: 'TM1306' } }),
  'cut-over, conditions open': early,
  'cut-over, confirmed': cutover,
  'cut-over, running': played(cutover, cutoverSteps(), 6),
  done: played(cutover, cutoverSteps(), all),
  failed: reach(behind, event({ type: 'error', error: ERROR }), event({ type: 'phase', phase: 'failed' })),
  resume: reach(initialModel({ now: 0 }), {
    type: 'opened',
    existing: existing.progress ? { ...existing, progress: existing.progress } : null,
    prefill: { source: '', target: '' },
  }),
  'overlay, help': reach(behind, { type: 'read', reader: 'help' }),
  'overlay, tables': reach(copying, { type: 'read', reader: 'tables' }),
  'overlay, log': reach(caughtUp, { type: 'read', reader: 'log' }),
  'overlay, warnings': reach(caughtUp, { type: 'read', reader: 'warnings' }),
  'overlay, stop': reach(behind, { type: 'ask-stop' }, insert('sto')),
};
