import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';
import { INVALID_LSN, parseLsn } from '../postgres/lsn.ts';
import type { SchemaWatch } from './ddl/watch.ts';
import { untilHealed } from './error-policy.ts';
import { RUNNING_RULES } from './error-rules.ts';
import type { Emit, ReplayReport } from './events.ts';
import { remedyOnSource } from './missing-rights.ts';
import { LagMeter } from './replay/lag.ts';
import type { Replay } from './replay/replay.ts';
import { replayNow } from './replay/verdict.ts';
import type { Servers } from './servers.ts';
import { emitHeartbeat } from './source/heartbeat.ts';
import { fingerprintOfNames, readNamesAtStart, requireSameNames } from './source/named-tables.ts';
import type { PublicationWatch } from './source/published.ts';
import type { Receiver } from './source/receiver.ts';
import { readSlot } from './source/slot.ts';
import { fingerprintOfSlices, lookForReshaped } from './timescale/settle-chunks.ts';
import { stopsReplay, type TroubleWatch, WATCHING } from './troubles.ts';

export interface MonitorOptions {
  readonly servers: Servers;
  readonly slot: string;
  /** The stream tells tables by name. */
  readonly namesMustStay: boolean;
  readonly schema: SchemaWatch;
  readonly published: PublicationWatch;
  readonly receiver: Receiver;
  readonly replay: Replay;
  readonly troubles: TroubleWatch;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const SAMPLE_INTERVAL_MS = 1000;
const SLOT_EVERY = 5;
const HEARTBEAT_EVERY = 2;

/**
 * Looks at the source while the migration runs: WAL position, the slot's health, and a heartbeat through the stream, by
 * which the lag in seconds is known and the slot of a quiet database moves on.
 */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #meter = new LagMeter();
  #replaying = false;
  #report: ReplayReport;
  #slotWarned = '';
  #namesSeen = '';
  #slicesSeen = '';

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#report = this.#meter.report({ transactions: 0, rows: 0, lagSeconds: null, drained: false });
  }

  /** From now on `replay` events are given out. */
  startReplaying(): void {
    this.#replaying = true;
  }

  get report(): ReplayReport {
    return this.#report;
  }

  /** Resolves when the signal aborts; rejects with TM4002 when the slot is lost. */
  async run(): Promise<void> {
    const { servers, emit, signal } = this.#options;
    await untilHealed<void>(
      async (healthy) => {
        const client = await servers.onSource('monitor');
        const stop = () => servers.destroy(client);
        signal.addEventListener('abort', stop, { once: true });
        this.#meter.reset();
        try {
          for (let tick = 0; !signal.aborted; tick += 1) {
            await this.#look(client, tick);
            healthy();
            await delay(SAMPLE_INTERVAL_MS, undefined, { signal });
          }
        } finally {
          signal.removeEventListener('abort', stop);
          servers.destroy(client);
        }
      },
      {
        what: WATCHING,
        side: 'source',
        emit,
        signal,
        rules: RUNNING_RULES,
        remedy: remedyOnSource(async (ask) => {
          const client = await servers.onSource('rights');
          return ask(client).finally(() => servers.destroy(client));
        }),
      },
    ).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  async #look(client: pg.Client, tick: number): Promise<void> {
    const { receiver, replay, troubles, emit } = this.#options;
    if (tick % HEARTBEAT_EVERY === 0) {
      await this.#options.published.guard(client);
      await emitHeartbeat(client, randomUUID());
    }
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
    if (tick % SLOT_EVERY === 0) {
      await this.#lookAtSlot(client);
      if (this.#options.namesMustStay) await this.#lookAtNames(client);
      if (this.#replaying) await this.#options.published.look(client);
    }
    await this.#options.schema.tick(client);
    // Before replay has read where it stands, there is nothing to measure from.
    if (!this.#replaying || replay.applied === INVALID_LSN) return;
    if (troubles.standing.some(stopsReplay)) this.#meter.reset();
    // With the spool worked off, what arrived without a commit (other databases' WAL) counts as applied. Not what has just
    // arrived: a long transaction may wait for the disk, where replay does not see it yet.
    const { readable } = receiver;
    const applied = replay.drained && readable > replay.applied ? readable : replay.applied;
    this.#meter.add({
      atMs: performance.now(),
      source: parseLsn(rows[0]?.lsn ?? '0/0'),
      received: receiver.received,
      applied,
    });
    const heartbeat = replay.heartbeat;
    const report = this.#meter.report({
      transactions: replay.transactions,
      rows: replay.changes,
      lagSeconds: heartbeat ? Math.max(0, (Date.now() - heartbeat.at) / 1000) : null,
      drained: replay.drained,
    });
    this.#report = replayNow(report, troubles.standing);
    emit({ type: 'replay', ...this.#report });
  }

  async #lookAtNames(source: pg.Client): Promise<void> {
    const now = await fingerprintOfNames(source);
    if (now === this.#namesSeen) return;
    const { servers } = this.#options;
    const target = await servers.onTarget('names');
    try {
      await requireSameNames(source, await readNamesAtStart(target));
      const slices = await fingerprintOfSlices(source);
      if (slices !== this.#slicesSeen) await lookForReshaped(source, target, this.#options.emit);
      this.#slicesSeen = slices;
    } finally {
      servers.destroy(target);
    }
    this.#namesSeen = now;
  }

  async #lookAtSlot(client: pg.Client): Promise<void> {
    const { slot, emit } = this.#options;
    const state = await readSlot(client, slot);
    if (!state || state.walStatus === 'lost') {
      throw new MigrateError('TM4002', {
        side: 'source',
        object: slot,
        message: state ? 'the source has removed WAL that the slot needed' : 'the replication slot was dropped',
        hint: 'Raise max_slot_wal_keep_size on the source, then copy all tables again, with a new slot: migrate --resync.',
      });
    }
    emit({ type: 'slot', name: slot, wal_status: state.walStatus, retained_bytes: state.retainedBytes });
    if (state.walStatus === 'unreserved' && this.#slotWarned !== state.walStatus) {
      emit({
        type: 'warning',
        text: `The slot ${slot} is about to be lost: raise max_slot_wal_keep_size on the source now (it needs no restart).`,
      });
    }
    this.#slotWarned = state.walStatus;
  }
}
