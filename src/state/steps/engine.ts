import type { EngineEvent, Phase } from '../../engine/events.ts';
import { copyTotals, foldProgress, type Progress } from '../../engine/progress.ts';
import type { ErrorReport } from '../../errors/migrate-error.ts';
import { wizardInput } from '../gates.ts';
import { type Message, type Step, step } from '../messages.ts';
import type { EngineView, Model, Screen } from '../model.ts';
import { addSample } from '../rates.ts';
import { askCarryOver, carriedNotice } from './carry-over.ts';
import { enterResume } from './resume.ts';

const KEPT_LAG = 240;

const withEngine = (model: Model, engine: Partial<EngineView>): Model => ({
  ...model,
  engine: { ...model.engine, ...engine },
});

/** The screen that belongs to a phase of the engine. */
export function screenOf(phase: Phase): Screen {
  switch (phase) {
    case 'done':
    case 'failed':
    case 'cutover':
      return phase;
    default:
      return 'dashboard';
  }
}

/** Starts the engine with the plan as it stands. */
export const beginStart = (model: Model): Step =>
  step(withEngine(model, { state: 'starting', closed: null, stopped: false }), {
    do: 'start',
    input: wizardInput(model),
  });

/** Attaches to the engine that runs already. */
export const beginAttach = (model: Model): Step =>
  step(withEngine(model, { state: 'starting', closed: null }), { do: 'attach' });

/** The exit code of leaving now. */
export function exitCode(model: Model): number {
  const { state, progress, stopped } = model.engine;
  if (progress?.phase === 'done' && model.screen !== 'connect') return 0;
  if (model.screen === 'failed') return 1;
  if (state === 'attached') return 0;
  return state === 'closed' && !stopped && model.engine.closed !== null ? 1 : 130;
}

/** Leaves the wizard; an attached engine goes on. */
export function leave(model: Model, now: boolean): Step {
  if (model.engine.state === 'starting' && !now) {
    const text = 'the engine is being started; leaving as soon as it stands (Ctrl-C again: at once)';
    return step({ ...model, leaving: true, notice: { tone: 'info', text } });
  }
  const ended: Model = { ...model, exit: exitCode(model) };
  return model.engine.state === 'attached' ? step(ended, { do: 'detach' }) : step(ended);
}

function attached(model: Model, progress: Progress, linkReadonly: boolean): Step {
  const readonly = linkReadonly || model.watch;
  const next: Model = {
    ...withEngine(model, {
      state: 'attached',
      readonly,
      progress,
      closed: null,
      trouble: null,
      stopped: false,
      copied: [],
    }),
    screen: screenOf(progress.phase),
    resume: { ...model.resume, busy: false },
    notice: null,
  };
  return model.leaving ? leave({ ...next, leaving: false }, false) : step(next);
}

function attachFailed(model: Model, message: Extract<Message, { type: 'attach-failed' }>): Step {
  const { error } = message;
  const next: Model = { ...withEngine(model, { state: 'closed', closed: error }), leaving: false };
  if (model.screen === 'resume') return step({ ...next, resume: { ...model.resume, busy: false, error } });
  // A start that failed and an attach without an engine are told apart by what is known of a migration.
  if (model.existing && !model.watch && model.screen !== 'plan') {
    return enterResume({ ...next, resume: { ...next.resume, error } }, model.existing);
  }
  return step({ ...next, screen: 'failed' });
}

/** One copy of the record of tables for all events that came at once: ten thousand tables tell three things each. */
function heardAll(model: Model, events: readonly EngineEvent[]): Model {
  let next = model;
  let isOurs = false;
  for (const event of events) {
    next = heard(next, event, isOurs);
    isOurs ||= event.type === 'table' || event.type === 'plan';
  }
  return next;
}

function heard(model: Model, event: EngineEvent, isOurs: boolean): Model {
  const before = model.engine.progress;
  if (!before) return model;
  const progress = foldProgress(before, event, isOurs);
  const engine: Partial<EngineView> = { progress };
  const next = withEngine(model, engine);
  switch (event.type) {
    case 'phase': {
      const busy = { ...model.cutover, busy: false };
      const trouble = event.phase === 'cutover' ? null : model.engine.trouble;
      const followed: Screen = screenOf(event.phase);
      // Back from the cut-over to replay: its screen still holds what went wrong.
      const screen = model.screen === 'cutover' && followed === 'dashboard' ? 'cutover' : followed;
      return { ...withEngine(next, { trouble }), cutover: busy, screen };
    }
    case 'replay':
      return withEngine(next, { lag: [...model.engine.lag, event.lag_bytes].slice(-KEPT_LAG) });
    case 'table': {
      // A table that an earlier run has copied is only told of: nothing was copied at this moment.
      if (event.state !== 'copying' && event.ms === undefined) return withEngine(next, { copied: [] });
      const sample = { time: Date.parse(event.time), bytes: () => copyTotals(progress).bytes_done };
      return withEngine(next, { copied: addSample(model.engine.copied, sample) });
    }
    // Over an interruption there is no rate.
    case 'retry':
    case 'healed':
      return withEngine(next, { copied: [] });
    case 'error':
      return withEngine(next, { trouble: { time: event.time, error: event.error } });
    default:
      return next;
  }
}

/** Whoever stops the engine of a migration that is done has only stopped its compression. */
const exitStopped = (model: Model): number => (model.engine.progress?.phase === 'done' ? 0 : 130);

function closed(model: Model, message: Extract<Message, { type: 'closed' }>): Step {
  const next = withEngine(model, { state: 'closed', closed: message.error });
  return model.engine.stopped ? step({ ...next, exit: exitStopped(model) }) : step(next);
}

/** Tables that do not follow the source any more, as the engine has told. */
export const damagedTables = (model: Model): string[] =>
  Object.entries(model.engine.progress?.tables ?? {}).flatMap(([name, { state, hypertable }]) =>
    state === 'damaged' ? [hypertable === undefined ? name : `${name} (a chunk of ${hypertable})`] : [],
  );

/** Why no table can be copied again now; null: it can. */
export const resyncLock = (model: Model): string | null =>
  model.engine.progress?.phase === 'replay' ? null : 'a table is copied again only while replay runs';

/** Asks before the damaged tables are copied again: it is done beside nothing else. */
function askResync(model: Model): Step {
  const damaged = damagedTables(model);
  if (damaged.length === 0) return step({ ...model, notice: { tone: 'info', text: 'no table is damaged' } });
  const lock = resyncLock(model);
  if (lock !== null) return step({ ...model, notice: { tone: 'locked', text: lock } });
  const lines = [
    ...damaged,
    '',
    'Their rows on the target are removed and copied anew in a new snapshot of the source.',
    '',
    'Meanwhile replay waits, for the other tables too: what the source writes is received into the spool and applied afterwards.',
    '',
    'Find out first what changed the target, or it happens again.',
  ];
  const title = damaged.length === 1 ? 'Copy the damaged table again?' : 'Copy the damaged tables again?';
  return step({ ...model, overlay: { kind: 'question', title, lines, yes: { type: 'resync' } } });
}

const resyncNotice = (error: ErrorReport | null): Model['notice'] =>
  error === null
    ? { tone: 'info', text: 'copying the damaged tables again; replay goes on afterwards' }
    : { tone: 'fail', text: `${error.code} ${error.message}` };

/** Messages about the engine, whatever the screen; null when this is none. */
export function engineStep(model: Model, message: Message): Step | null {
  switch (message.type) {
    case 'attached':
      return attached(model, message.progress, message.readonly);
    case 'attach-failed':
      return attachFailed(model, message);
    case 'events':
      return step(heardAll(model, message.events));
    case 'closed':
      return closed(model, message);
    case 'dismiss-trouble':
      return step(withEngine(model, { trouble: null }));
    case 'reattach':
      return beginAttach(model);
    case 'ask-resync':
      return askResync(model);
    case 'resync':
      return step(model, { do: 'resync' });
    case 'resync-asked':
      return step({ ...model, notice: resyncNotice(message.error) });
    case 'ask-carry-over':
      return askCarryOver(model);
    case 'carry-over':
      return step(model, { do: 'carry-over', changes: message.changes });
    case 'carried-over':
      return step({ ...model, notice: carriedNotice(message.error) });
    case 'stop-ended': {
      const { overlay } = model;
      if (message.error === null) {
        const exit = exitStopped(model);
        return step({ ...withEngine(model, { stopped: true, state: 'closed' }), overlay: null, exit });
      }
      const told = overlay?.kind === 'stop' ? { ...overlay, busy: false, error: message.error } : overlay;
      return step({ ...withEngine(model, { stopped: false }), overlay: told });
    }
    default:
      return null;
  }
}
