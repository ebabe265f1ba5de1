import { BeginAgainAsked } from './begin-again.ts';
import type { EngineInput } from './engine.ts';
import { explain, mayHeal, policyOf, untilHealed } from './error-policy.ts';
import type { EventPayload } from './events.ts';
import { runOnce } from './run-once.ts';
import { ResyncAsked } from './sync/resync.ts';
import { GOING_ON, TroubleWatch } from './troubles.ts';

/** As often a migration begins in all while the source can not decode its WAL for the slot. */
const ATTEMPTS = 5;

/**
 * A whole migration: checks → snapshot → schema → copy → replay → cut-over. Resolves when the cut-over is done, with whether there
 * are chunks to be compressed by now; rejects with a `MigrateError`, or with the signal's reason when stopped. Either way it can be resumed. Once begun, what time
 * may heal (a server that restarts) is tried again by the same way as after a crash: by resuming.
 */
export async function runMigration(input: EngineInput): Promise<boolean> {
  let { resume, resync } = input;
  const troubles = new TroubleWatch(input.emit);
  const { emit } = troubles;
  /** The process on the target of the run before: it holds the lock for as long as the server has not noticed. */
  const left: { backend: string | null } = { backend: null };
  const begun = () => {
    resume = true;
    resync = null;
    troubles.healed(GOING_ON);
  };
  let compresses = false;
  const run = async (healthy: () => void) => {
    // A table that was copied to its end is progress enough to begin the waits anew.
    const noticing = (event: EventPayload) => {
      if (event.type === 'table' && event.state === 'copied' && event.ms !== undefined) healthy();
      emit(event);
    };
    compresses = await runOnce({ ...input, emit: noticing, resume, resync }, { begun, healthy, troubles, left });
  };
  const runHealing = async () => {
    try {
      await run(() => {});
    } catch (error) {
      if (input.signal.aborted || !mayHeal(error)) throw error;
      const doing = resume ? 'a session was lost' : 'the migration could not begin';
      const as = { code: 'TM1109', retryCode: 'TM1109', side: undefined, doing } as const;
      const interruption = explain(error, as);
      // There is nothing yet to go on with.
      if (!resume) throw interruption;
      const text = `Interrupted: ${interruption.message}. Going on from what is done.`;
      emit({ type: 'warning', text });
      emit({ type: 'retry', what: GOING_ON, policy: policyOf(error), error: interruption.report(), retry_ms: 0 });
      await untilHealed<void>(run, { what: GOING_ON, side: undefined, emit, signal: input.signal });
    }
  };
  let attempts = 1;
  for (let done = false; !done; ) {
    done = await runHealing().then(
      () => true,
      (error: unknown) => {
        // Both by the way of a resume, the first with another slot; the second brings what was marked.
        if (error instanceof BeginAgainAsked && attempts < ATTEMPTS) [resync, attempts] = [[], attempts + 1];
        else if (error instanceof BeginAgainAsked) throw error.cause;
        else if (!(error instanceof ResyncAsked)) throw error;
        // What ran has ended, and with it what it tried again.
        troubles.healed();
        return false;
      },
    );
  }
  return compresses;
}
