import { setTimeout as delay } from 'node:timers/promises';
import { withClient } from '../support/test-servers.ts';

/** Statements of the application that wait for a lock of ours. What takes a table for itself alone may have to wait for a copy. */
const BLOCKED = `
  SELECT a.pid, left(a.query, 200) AS query, extract(epoch FROM clock_timestamp() - a.query_start) * 1000 AS ms, left(o.query, 200) AS ours
  FROM pg_stat_activity a, unnest(pg_blocking_pids(a.pid)) b JOIN pg_stat_activity o ON o.pid = b
  WHERE a.application_name = 'the application' AND a.query !~* '^(TRUNCATE|REFRESH)' AND o.application_name <> 'the application'`;
const INTERVAL_MS = 500;
/** Of a lock that we hold for a moment: CREATE PUBLICATION and the like wait no longer, and hold no longer. */
const LONGEST_MS = 1500;

/** Looks whether the engine keeps the application waiting. */
export class LockWatch {
  readonly #found: string[] = [];
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;

  constructor(sourceUri: string) {
    this.#done = this.#run(sourceUri);
  }

  async stop(): Promise<readonly string[]> {
    this.#stopping.abort();
    await this.#done;
    return this.#found;
  }

  async #run(uri: string): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // The server may be down: that is somebody else's fault.
      await withClient(uri, async (client) => {
        while (!signal.aborted) {
          const { rows } = await client.query<{ query: string; ms: string; ours: string }>(BLOCKED);
          for (const { query, ms, ours } of rows)
            if (Number(ms) > LONGEST_MS) this.#found.push(`${query} waited ${ms} ms for ours: ${ours}`);
          await delay(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
        }
      }).catch(() => undefined);
      if (!signal.aborted) await delay(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
