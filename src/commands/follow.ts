import type { EngineEvent } from '../engine/events.ts';
import type { EngineClient } from '../engine/process/client.ts';
import { MigrateError } from '../errors/migrate-error.ts';

export interface FollowOptions {
  readonly print: (event: EngineEvent) => void;
  /** The exit code once it is known; throws to end with an error. */
  readonly until: (event: EngineEvent) => number | undefined;
  readonly signal: AbortSignal;
  /** Begin with what an engine that was just started has said already. */
  readonly fromStart?: boolean;
}

/** Resolves when the engine has ended, or has gone away. */
export const ended = (client: EngineClient): Promise<void> => new Promise((resolve) => client.onClose(() => resolve()));

/**
 * Prints what a running engine says until `until` gives an exit code. Rejects with the engine's error when it ends
 * before, and with the signal's reason when that aborts; the engine goes on then.
 */
export function follow(client: EngineClient, { print, until, signal, fromStart }: FollowOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stops: (() => void)[] = [];
    const end = (then: () => void) => {
      for (const stop of stops) stop();
      then();
    };
    const abort = () => end(() => reject(signal.reason));
    signal.addEventListener('abort', abort, { once: true });
    stops.push(() => signal.removeEventListener('abort', abort));
    const take = (event: EngineEvent) => {
      print(event);
      try {
        const code = until(event);
        if (code !== undefined) end(() => resolve(code));
      } catch (error) {
        end(() => reject(error));
      }
    };
    if (fromStart) for (const event of client.earlier) take(event);
    stops.push(client.onEvent(take));
    client.onClose((error) => {
      reject(
        error
          ? new MigrateError(error.code, error)
          : new MigrateError('TM9002', {
              side: 'local',
              message: 'the engine was stopped',
              hint: 'Go on with migrate --resume.',
            }),
      );
    });
  });
}
