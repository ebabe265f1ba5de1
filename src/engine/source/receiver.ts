import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { INVALID_LSN, type Lsn, maxLsn } from '../../postgres/lsn.ts';
import { commitEndOf, describedRelation, MESSAGE } from '../decode/pgoutput.ts';
import { sqlState, untilHealed } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { measureSpool } from '../spool/segments.ts';
import type { SpoolWriter } from '../spool/writer.ts';
import { ReplicationStream } from './replication-stream.ts';

export interface ReceiverOptions {
  /** Opens a replication connection to the source. */
  readonly connect: () => Promise<pg.Client>;
  readonly slot: string;
  readonly publications: readonly string[];
  readonly binary: boolean;
  readonly spoolDirectory: string;
  /** Bytes that are left free on the spool's disk: below, the source keeps its WAL instead. */
  readonly reserveBytes: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Well inside any `wal_sender_timeout` in use; the server's default is 60 s. */
const FLUSH_INTERVAL_MS = 20;
const STATUS_INTERVAL_MS = 1000;
const MEASURE_INTERVAL_MS = 5000;
const PENDING_BYTES_LIMIT = 16 * 1024 * 1024;

/** Which errors of START_REPLICATION mean that the slot is gone for good. */
function explainSlotError(error: unknown, slot: string): unknown {
  const state = sqlState(error);
  const message = error instanceof Error ? error.message : '';
  if (state === '42704' || (state === '55000' && /slot|WAL/i.test(message)) || /requested WAL segment/.test(message)) {
    return new MigrateError('TM4002', {
      side: 'source',
      object: slot,
      message: `the replication slot is lost: ${message}`,
      hint: 'Start over with migrate --drop-if-exists; raise max_slot_wal_keep_size on the source first.',
      cause: error,
    });
  }
  if (state === '55006') {
    return new MigrateError('TM4007', { side: 'source', object: slot, message, cause: error });
  }
  return error;
}

/**
 * Receives the stream from the slot's position on, for the whole life of the migration, and spools it. What is
 * confirmed to the source is only what was fsynced here. Reconnects where time heals.
 */
export class Receiver {
  readonly #options: ReceiverOptions;
  #spool: SpoolWriter | null = null;
  /** The newest description of every table, for the beginning of a new segment. */
  readonly #relations = new Map<number, Buffer>();
  #inTransaction = false;
  /** Everything the source had to say before this is here; not yet necessarily on disk. */
  #received: Lsn = INVALID_LSN;
  #durable: Lsn = INVALID_LSN;
  #paused: 'disk' | 'pending' | null = null;
  #bytes = 0;
  #wantsFlush = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** What a new segment of the spool begins with. */
  readonly prologue = (): Iterable<Buffer> => this.#relations.values();

  /** Position up to which everything that the source sent has arrived. */
  get received(): Lsn {
    return this.#received;
  }

  /** Position that was confirmed to the source. */
  get durable(): Lsn {
    return this.#durable;
  }

  /** Bytes received since the start. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True while the spool's disk is too full to go on. */
  get waitsForDisk(): boolean {
    return this.#paused === 'disk';
  }

  /** Never resolves; rejects when the signal aborts or when the slot is lost. */
  async run(spool: SpoolWriter): Promise<never> {
    this.#spool = spool;
    const { emit, signal } = this.#options;
    this.#received = maxLsn(this.#received, spool.end.commitEnd);
    return untilHealed<never>((healthy) => this.#runOnce(spool, healthy), {
      what: 'receiving changes from the source',
      side: 'source',
      emit,
      signal,
    });
  }

  async #runOnce(spool: SpoolWriter, healthy: () => void): Promise<never> {
    const { signal, slot, publications, binary } = this.#options;
    signal.throwIfAborted();
    await spool.cutToLastCommit();
    this.#inTransaction = false;
    this.#paused = null;
    const client = await this.#options.connect();
    let tending: Promise<never> | null = null;
    const tended = new AbortController();
    let stream: ReplicationStream | null = null;
    const stop = () => stream?.close();
    try {
      const started = await ReplicationStream.start(
        client,
        { slot, publications, start: spool.end.commitEnd, binary },
        {
          onMessage: (message) => this.#take(message),
          onKeepalive: (walEnd, reply) => {
            if (!this.#inTransaction) this.#received = maxLsn(this.#received, walEnd);
            if (reply) this.#confirm(stream);
          },
        },
      ).catch((error: unknown) => {
        throw explainSlotError(error, slot);
      });
      stream = started.stream;
      signal.addEventListener('abort', stop, { once: true });
      tending = this.#tend(stream, healthy, tended.signal);
      return await Promise.race([started.done, tending]);
    } finally {
      tended.abort();
      // A write or fsync of ours may still be under way: the next run must find the spool at rest.
      await tending?.catch(() => {});
      signal.removeEventListener('abort', stop);
      if (stream) stream.close();
      else await client.end().catch(() => {});
    }
  }

  #take(message: Buffer): void {
    const spool = this.#writer();
    const relation = describedRelation(message);
    if (relation !== null) this.#relations.set(relation, Buffer.from(message));
    const commitEnd = commitEndOf(message);
    spool.append(message, commitEnd);
    this.#bytes += message.length;
    if (message[0] === MESSAGE.begin) this.#inTransaction = true;
    if (commitEnd !== null) {
      this.#inTransaction = false;
      this.#received = maxLsn(this.#received, commitEnd);
    }
    this.#wantsFlush = true;
  }

  #writer(): SpoolWriter {
    if (!this.#spool) throw new Error('the receiver is not running');
    return this.#spool;
  }

  /** Writes soon, confirms every second, looks at the disk every five. */
  async #tend(stream: ReplicationStream, healthy: () => void, signal: AbortSignal): Promise<never> {
    for (let ticks = 0; ; ticks += 1) {
      if (ticks % (MEASURE_INTERVAL_MS / FLUSH_INTERVAL_MS) === 0) await this.#lookAtDisk(stream);
      if (this.#wantsFlush && this.#paused !== 'disk') {
        this.#wantsFlush = false;
        await this.#flush(stream);
      }
      this.#holdBack(stream);
      if (ticks % (STATUS_INTERVAL_MS / FLUSH_INTERVAL_MS) === 0) {
        await this.#makeDurable();
        this.#confirm(stream);
        if (ticks > 0) healthy();
      }
      await delay(FLUSH_INTERVAL_MS, undefined, { signal });
    }
  }

  async #flush(stream: ReplicationStream): Promise<void> {
    try {
      await this.#writer().flush();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#wantsFlush = true;
      this.#pauseForDisk(stream, 0);
    }
  }

  /** Reading stops while too much waits to be written. */
  #holdBack(stream: ReplicationStream): void {
    const pending = this.#writer().pendingBytes;
    if (this.#paused === null && pending > PENDING_BYTES_LIMIT) {
      this.#paused = 'pending';
      stream.pause();
    } else if (this.#paused === 'pending' && pending < PENDING_BYTES_LIMIT / 2) {
      this.#paused = null;
      stream.resume();
    }
  }

  async #makeDurable(): Promise<void> {
    const spool = this.#writer();
    const received = spool.pendingBytes === 0 && !this.#inTransaction ? this.#received : INVALID_LSN;
    const synced = await spool.sync();
    // With nothing on its way to disk, the position of a keepalive is as safe as the last commit.
    this.#durable = maxLsn(this.#durable, maxLsn(synced, received));
  }

  #confirm(stream: ReplicationStream | null): void {
    if (this.#durable > INVALID_LSN) stream?.confirm(maxLsn(this.#received, this.#durable), this.#durable);
  }

  async #lookAtDisk(stream: ReplicationStream): Promise<void> {
    const { bytes, freeBytes } = await measureSpool(this.#options.spoolDirectory);
    this.#options.emit({ type: 'spool', bytes, free_bytes: freeBytes });
    if (freeBytes < this.#options.reserveBytes) this.#pauseForDisk(stream, freeBytes);
    else if (this.#paused === 'disk') {
      this.#paused = null;
      this.#wantsFlush = true;
      stream.resume();
      this.#options.emit({ type: 'log', text: 'There is room for the spool again: receiving goes on.' });
    }
  }

  #pauseForDisk(stream: ReplicationStream, freeBytes: number): void {
    stream.pause();
    if (this.#paused === 'disk') return;
    this.#paused = 'disk';
    this.#options.emit({
      type: 'warning',
      text:
        `TM4003 local, ${this.#options.spoolDirectory}: ${freeBytes} bytes are free. Receiving waits and the source ` +
        'keeps its WAL meanwhile; make room on this disk.',
    });
  }
}

export const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
