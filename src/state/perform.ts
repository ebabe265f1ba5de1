import { setTimeout as delay } from 'node:timers/promises';
import type { EngineEvent } from '../engine/events.ts';
import { type ErrorReport, toMigrateError } from '../errors/migrate-error.ts';
import type { StepItem } from '../providers/step.ts';
import type { Effect, Message } from './messages.ts';
import type { ProbedSide } from './model.ts';
import type { EngineLink, WizardInput, WizardServices } from './services.ts';

const report = (error: unknown): ErrorReport => toMigrateError(error).report();
type Dispatch = (message: Message) => void;

export interface Performer {
  readonly perform: (effect: Effect, dispatch: Dispatch) => void;
  /** Ends everything that is under way; the engine goes on. */
  close(): void;
}

/**
 * Carries the model's effects out against the services; every answer, also a failure, comes back as a message.
 * `debounceMs`: how long typing must rest before a server is asked.
 */
export function createPerformer(services: WizardServices, options: { debounceMs?: number } = {}): Performer {
  const { debounceMs = 400 } = options;
  const probes: Record<ProbedSide, AbortController | null> = { source: null, target: null };
  let checks: AbortController | null = null;
  let identities: AbortController | null = null;
  let restart: AbortController | null = null;
  let link: EngineLink | null = null;
  let unlisten: (() => void)[] = [];
  let closed = false;

  const unlink = (): void => {
    for (const stop of unlisten) stop();
    unlisten = [];
    link = null;
  };

  const listen = (next: EngineLink, dispatch: Dispatch): void => {
    unlink();
    if (closed) {
      next.detach();
      return;
    }
    link = next;
    dispatch({ type: 'attached', progress: next.progress, readonly: next.readonly });
    // The answer to `attached` may have been to leave.
    if (link !== next) return;
    let said: EngineEvent[] = [];
    const tell = () => {
      const events = said;
      said = [];
      // Whoever has left hears no more.
      if (events.length > 0 && link === next) dispatch({ type: 'events', events });
    };
    unlisten = [
      next.onEvent((event) => {
        if (said.push(event) === 1) setImmediate(tell);
      }),
      next.onClose((error) => {
        tell();
        unlink();
        dispatch({ type: 'closed', error });
      }),
    ];
  };

  async function open(dispatch: Dispatch): Promise<void> {
    try {
      const [existing, prefill] = await Promise.all([services.findMigration(), services.prefill()]);
      dispatch({ type: 'opened', existing, prefill });
    } catch (error) {
      dispatch({ type: 'open-failed', error: report(error) });
    }
  }

  async function probe(effect: Extract<Effect, { do: 'probe' }>, dispatch: Dispatch): Promise<void> {
    const { side, edition, connection } = effect;
    probes[side]?.abort();
    const controller = new AbortController();
    probes[side] = controller;
    try {
      await delay(debounceMs, undefined, { signal: controller.signal });
      const found = await services.probe(side, connection, controller.signal);
      dispatch({ type: 'probed', side, edition, report: found });
    } catch (error) {
      if (!controller.signal.aborted) dispatch({ type: 'probe-failed', side, edition, error: report(error) });
    }
  }

  async function runChecks(effect: Extract<Effect, { do: 'run-checks' }>, dispatch: Dispatch): Promise<void> {
    const { input, run } = effect;
    cancelChecks();
    const controller = new AbortController();
    checks = controller;
    let failure: ErrorReport | null = null;
    try {
      await services.runChecks(
        input,
        (result) => dispatch({ type: 'checked', provider: input.provider, run, result }),
        controller.signal,
      );
    } catch (error) {
      failure = report(error);
    }
    if (controller.signal.aborted) return;
    dispatch({ type: 'checks-ended', provider: input.provider, run, error: failure });
  }

  const cancelChecks = (): void => {
    checks?.abort();
    restart?.abort();
  };

  async function awaitRestart(effect: Extract<Effect, { do: 'await-restart' }>, dispatch: Dispatch): Promise<void> {
    const { input, side, run } = effect;
    restart?.abort();
    const controller = new AbortController();
    restart = controller;
    let failure: ErrorReport | null = null;
    try {
      await services.awaitRestart(input, side, controller.signal);
    } catch (error) {
      failure = report(error);
    }
    if (controller.signal.aborted) return;
    dispatch({ type: 'restarted', provider: input.provider, run, side, error: failure });
  }

  function tellSteps(input: WizardInput, steps: Promise<readonly StepItem[]>, dispatch: Dispatch): void {
    const { provider, source } = input;
    steps.then(
      (found) => dispatch({ type: 'steps', provider, source, steps: found }),
      (error: unknown) => dispatch({ type: 'steps-failed', error: report(error) }),
    );
  }

  async function applyIdentities(
    effect: Extract<Effect, { do: 'apply-identities' }>,
    dispatch: Dispatch,
  ): Promise<void> {
    const controller = new AbortController();
    identities = controller;
    for (const choice of effect.choices) {
      dispatch({ type: 'identity-applying', choice });
      let failure: ErrorReport | null = null;
      try {
        await services.applyIdentity(effect.input, choice, controller.signal);
      } catch (error) {
        failure = report(error);
      }
      dispatch({ type: 'identity-applied', choice, error: failure });
      if (failure) return;
    }
  }

  /** Runs `work` and answers with what `done` makes of its error, null when there was none. */
  const answered = (work: Promise<void>, done: (error: ErrorReport | null) => Message, dispatch: Dispatch): void => {
    work.then(
      () => dispatch(done(null)),
      (error: unknown) => dispatch(done(report(error))),
    );
  };

  const attached = (work: Promise<EngineLink>, dispatch: Dispatch): void => {
    work.then(
      (next) => listen(next, dispatch),
      (error: unknown) => dispatch({ type: 'attach-failed', error: report(error) }),
    );
  };

  const perform = (effect: Effect, dispatch: Dispatch): void => {
    switch (effect.do) {
      case 'open':
        void open(dispatch);
        return;
      case 'probe':
        void probe(effect, dispatch);
        return;
      case 'cancel-probe':
        probes[effect.side]?.abort();
        return;
      case 'run-checks':
        void runChecks(effect, dispatch);
        return;
      case 'cancel-checks':
        cancelChecks();
        return;
      case 'await-restart':
        void awaitRestart(effect, dispatch);
        return;
      case 'load-steps':
        tellSteps(effect.input, services.steps(effect.input), dispatch);
        return;
      case 'tick':
        tellSteps(effect.input, services.tick(effect.input, effect.id, effect.ticked), dispatch);
        return;
      case 'save-report':
        services.saveReport(effect.input, effect.results).then(
          (path) => dispatch({ type: 'report-saved', path }),
          (error: unknown) => dispatch({ type: 'report-failed', error: report(error) }),
        );
        return;
      case 'apply-fix': {
        const { input, result } = effect;
        answered(services.applyFix(input, result), (error) => ({ type: 'fix-applied', result, error }), dispatch);
        return;
      }
      case 'load-identities':
        services.identities(effect.input).then(
          (rows) => dispatch({ type: 'identities', rows }),
          (error: unknown) => dispatch({ type: 'identities-failed', error: report(error) }),
        );
        return;
      case 'apply-identities':
        void applyIdentities(effect, dispatch);
        return;
      case 'cancel-identities':
        identities?.abort();
        return;
      case 'save-identities':
        services.saveIdentitySql(effect.input, effect.choices).then(
          (path) => dispatch({ type: 'identities-saved', path }),
          (error: unknown) => dispatch({ type: 'identities-unsaved', error: report(error) }),
        );
        return;
      case 'load-hypertables':
        services.hypertables(effect.input).then(
          (rows) => dispatch({ type: 'hypertables', run: effect.run, rows }),
          (error: unknown) => dispatch({ type: 'hypertables-failed', run: effect.run, error: report(error) }),
        );
        return;
      case 'plan':
        services.plan(effect.input).then(
          (summary) => dispatch({ type: 'planned', run: effect.run, summary }),
          (error: unknown) => dispatch({ type: 'plan-failed', run: effect.run, error: report(error) }),
        );
        return;
      case 'start':
        attached(services.start(effect.input), dispatch);
        return;
      case 'attach':
        attached(services.attach(), dispatch);
        return;
      case 'resume':
        attached(services.resume(effect.connections), dispatch);
        return;
      case 'cutover':
        if (link) answered(link.cutover(effect.request), (error) => ({ type: 'cutover-asked', error }), dispatch);
        return;
      case 'resync':
        if (link) answered(link.resync(), (error) => ({ type: 'resync-asked', error }), dispatch);
        return;
      case 'carry-over':
        if (link) answered(link.carryOver(effect.changes), (error) => ({ type: 'carried-over', error }), dispatch);
        return;
      case 'unfreeze':
        answered(services.unfreeze(effect.connections), (error) => ({ type: 'unfrozen', error }), dispatch);
        return;
      case 'stop':
        if (link) answered(link.stop(), (error) => ({ type: 'stop-ended', error }), dispatch);
        return;
      case 'detach': {
        const left = link;
        unlink();
        left?.detach();
        return;
      }
      default:
        effect satisfies never;
    }
  };

  return {
    perform,
    close: () => {
      closed = true;
      probes.source?.abort();
      probes.target?.abort();
      cancelChecks();
      identities?.abort();
      const left = link;
      unlink();
      left?.detach();
    },
  };
}
