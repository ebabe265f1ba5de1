import { setTimeout as delay } from 'node:timers/promises';
import { withClient } from '../postgres/connect.ts';
import { type ConnectionSettings, describeServer } from '../postgres/connection-string.ts';
import { firstRow } from '../postgres/query.ts';

type ServerSide = 'source' | 'target';

export interface RestartWatch {
  /** Remembers when the server was started, as it says itself: `pg_postmaster_start_time()` as text. */
  saw(settings: ConnectionSettings, started: string): void;
  /**
   * Resolves when the server answers and was started at another time than when it was last seen; one that was never seen
   * is taken as it is now. Whatever refuses meanwhile is a server that is not up yet. Rejects only when `signal` aborts.
   */
  restarted(settings: ConnectionSettings, side: ServerSide, signal: AbortSignal): Promise<void>;
}

const POLL_MS = 2_000;
/** A host that is down may not even refuse. */
const CONNECT_TIMEOUT_MS = 3_000;

/** Knows by their start times which servers were restarted. `pollMs`: how often it looks. */
export function createRestartWatch(pollMs = POLL_MS): RestartWatch {
  const seen = new Map<string, string>();
  return {
    saw: (settings, started) => {
      seen.set(describeServer(settings), started);
    },
    async restarted(settings, side, signal) {
      const address = describeServer(settings);
      for (;;) {
        const started = await startTime(settings, side, signal);
        const before = seen.get(address);
        if (started !== null && before !== undefined && started !== before) return;
        if (started !== null && before === undefined) seen.set(address, started);
        await delay(pollMs, undefined, { signal });
      }
    },
  };
}

/** Null while it does not answer. */
async function startTime(settings: ConnectionSettings, side: ServerSide, signal: AbortSignal): Promise<string | null> {
  const impatient = { ...settings, connectTimeoutMs: CONNECT_TIMEOUT_MS };
  try {
    return await withClient(impatient, { side, application: 'wizard', signal }, async (client) => {
      const { started } = await firstRow<{ started: string }>(
        client,
        'SELECT pg_postmaster_start_time()::text AS started',
      );
      return started;
    });
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
