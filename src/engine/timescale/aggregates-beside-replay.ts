import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { toMigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { Engine } from '../engine.ts';
import { untilHealed } from '../error-policy.ts';
import { Resources } from '../resources.ts';
import { backendOf, endBackend } from '../target/end-backend.ts';
import { gapsCopied } from './aggregate-history.ts';
import { missesChanges, refreshAggregates } from './refresh-aggregates.ts';
import type { Aggregate } from './source-aggregates.ts';

/** What replay has changed is refreshed so often, so that little is left for the cut-over. */
const PAUSE_MS = 30_000;

/** Fills the target's continuous aggregates and keeps them fresh while replay goes on, on sessions of its own. */
export class AggregatesBesideReplay {
  readonly #engine: Engine;
  readonly #aggregates: readonly Aggregate[];
  #open: readonly string[] = [];

  constructor(engine: Engine, aggregates: readonly Aggregate[]) {
    this.#engine = engine;
    this.#aggregates = aggregates;
    this.#open = aggregates.map(displayName);
  }

  /** Names of those that have no rows yet: a cut-over would have to wait for all of them. */
  get open(): readonly string[] {
    return this.#open;
  }

  /** Resolves when the signal aborts, and nothing of it runs on the target any more. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#aggregates.length === 0) return;
    const { input } = this.#engine;
    let backend: string | null = null;
    const rounds = async () => {
      await using sessions = new Resources();
      const open = async (connect: (application: string) => Promise<pg.Client>) => {
        const client = await connect('aggregates');
        const stop = () => this.#engine.servers.destroy(client);
        sessions.defer(stop);
        signal.addEventListener('abort', stop, { once: true });
        return client;
      };
      const [source, target] = [await open(this.#engine.servers.onSource), await open(this.#engine.servers.onTarget)];
      // Of a session that was lost: it may still refresh, and nobody else could meanwhile.
      if (backend !== null) await endBackend(target, backend);
      backend = backendOf(target);
      if (await missesChanges(target)) {
        this.#open = [];
        const text =
          'The target has TimescaleDB before 2.23: continuous aggregates are filled in the cut-over, not before.';
        input.emit({ type: 'warning', text });
        return;
      }
      const of = { source, target, emit: input.emit, signal, besideReplay: new Map<string, string>() };
      for (;;) {
        for (const aggregate of this.#aggregates) {
          await refreshAggregates({ ...of, aggregates: [aggregate] });
          this.#open = this.#open.filter((name) => name !== displayName(aggregate));
        }
        await delay(PAUSE_MS, undefined, { signal });
      }
    };
    const what = 'filling continuous aggregates';
    try {
      await untilHealed<void>(rounds, { what, side: 'target', emit: input.emit, signal });
    } catch (error) {
      if (!signal.aborted) {
        const text = `Continuous aggregates wait for the cut-over: ${toMigrateError(error).message}`;
        input.emit({ type: 'warning', text });
        this.#open = [];
      }
    } finally {
      if (signal.aborted && backend !== null) await this.#end(backend);
    }
  }

  /** What is filled already, by a run before this one. */
  async look(target: pg.Client): Promise<void> {
    const open: string[] = [];
    for (const aggregate of this.#aggregates) {
      if ((await gapsCopied(target, aggregate)) === null) open.push(displayName(aggregate));
    }
    this.#open = open;
  }

  async #end(backend: string): Promise<void> {
    await this.#engine.servers.afterwards('target', (client) => endBackend(client, backend)).catch(() => undefined);
  }
}
