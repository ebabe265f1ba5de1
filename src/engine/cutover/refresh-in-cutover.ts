import type pg from 'pg';
import type { Emit } from '../events.ts';
import type { Servers } from '../servers.ts';
import { refreshAggregates } from '../timescale/refresh-aggregates.ts';
import type { Aggregate } from '../timescale/source-aggregates.ts';
import { failedFinish } from './finish-error.ts';

export interface RefreshInCutoverOptions {
  readonly servers: Servers;
  readonly source: pg.Client;
  readonly aggregates: readonly Aggregate[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const LOCK_TIMEOUT_MS = 10_000;

/** Refreshes what replay has changed of the continuous aggregates, on a session of its own. Says how long that took; null: there are none. */
export async function refreshInCutover(options: RefreshInCutoverOptions): Promise<string | null> {
  const { servers, aggregates, signal } = options;
  if (aggregates.length === 0) return null;
  const started = performance.now();
  const target = await servers.onTarget('aggregates');
  const stop = () => servers.destroy(target);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await target.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    const count = await refreshAggregates({ ...options, target, afterDrops: true }).catch(
      failedFinish('continuous aggregates', 'they could not be refreshed'),
    );
    return `${count} continuous aggregates refreshed in ${Math.round(performance.now() - started)} ms`;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
