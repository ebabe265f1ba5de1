import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { destroy } from '../../postgres/connect.ts';
import { INVALID_LSN, type Lsn, maxLsn } from '../../postgres/lsn.ts';
import type { OutputPlugin } from '../decode/plugin.ts';
import { shortOfRoom, tooBigAlone } from '../disk-full.ts';
import { ruleOf, untilHealed } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { isMissing, measureSpool, removed } from '../spool/segments.ts';
import type { SpoolWriter } from '../spool/writer.ts';
import { RECEIVING } from '../troubles.ts';
import { ReplicationStream } from './replication-stream.ts';
import { explainStreamError } from './stream-error.ts';

export interface ReceiverOptions {
  /** Opens a replication connection to the source. */
  readonly connect: () => Promise<pg.Client>;
  readonly slot: string;
  readonly plugin: OutputPlugin;
  readonly publications: readonly string[];
  readonly binary: boolean;
  readonly spoolDirectory: string;
  /** Bytes that are left free on the spool's disk: below, the source keeps its WAL instead. */
  readonly reserveBytes: number;
  /** No more than this share of the disk's size, though. */
  readonly reserveShare?: number;
  /** Whether the target holds everything before this position. */
  readonly isApplied?: (position: Lsn) => boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const FLUSH_INTERVAL_MS = 20;
/** Well inside any `wal_sender_timeout` in use; the server's default is 60 s. */
const STATUS_INTERVAL_MS = 1000;
const MEASURE_INTERVAL_MS = 5000;
/**
 * So much may wait to be written, and may come before the disk is looked at again: this share of what is left to others, for
 * what comes between two looks must not take all of that.
 */
const STEP_SHARE = 1 / 4;
const LONGEST_STEP_BYTES = 16 * 1024 * 1024;
const SHORTEST_STEP_BYTES = 1024 * 1024;
const TOLD_EXACTLY: ReadonlySet<string> = new Set(['TM1206', 'TM4003']);

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
  /** In the middle of a long message. */
  #inside = false;
  /** Everything the source had to say before this is here; not yet necessarily on disk. */
  #received: Lsn = INVALID_LSN;
  #durable: Lsn = INVALID_LSN;
  #readable: Lsn = INVALID_LSN;
  #paused = false;
  #bytes = 0;
  #bytesAtBegin = 0;
  #wantsFlush = false;
  #stepBytes = LONGEST_STEP_BYTES;
  /** A run has ended for want of room, and nothing whole has come since. */
  #ranOut = false;

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

  /** Every transaction that committed before can be read from the spool: none of them is on its way to the disk. */
  get readable(): Lsn {
    this.#noteReadable();
    return this.#readable;
  }

  /** Bytes received since the start. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Never resolves; rejects when the signal aborts or when the slot is lost. */
  async run(spool: SpoolWriter): Promise<never> {
    this.#spool = spool;
    const { emit, signal } = this.#options;
    const runOnce = (healthy: () => void) =>
      this.#runOnce(spool, healthy).catch((error: unknown) => {
        if (ruleOf(error)?.code !== 'TM4003') throw error;
        this.#ranOut = true;
        const alone = this.#inTransaction && this.#options.isApplied?.(spool.end.commitEnd);
        throw alone ? tooBigAlone(this.#options.spoolDirectory, this.#bytes - this.#bytesAtBegin) : error;
      });
    return untilHealed<never>(runOnce, {
      what: RECEIVING,
      side: 'source',
      emit,
      signal,
      // Whoever failed to connect knows the role by name, and whoever ran out of room what took it.
      remedy: async (error) => (error instanceof MigrateError && TOLD_EXACTLY.has(error.code) ? error.hint : null),
    });
  }

  async #runOnce(spool: SpoolWriter, healthy: () => void): Promise<never> {
    const { signal, slot, plugin, publications, binary } = this.#options;
    signal.throwIfAborted();
    await this.#cutToLastCommit(spool);
    this.#inTransaction = false;
    this.#inside = false;
    this.#paused = false;
    this.#wantsFlush = false;
    await this.#findRoom(spool);
    const client = await this.#options.connect();
    const ended = new AbortController();
    const beside: Promise<never>[] = [];
    let stream: ReplicationStream | null = null;
    const take = (message: Buffer, rest: number) => {
      this.#take(message, rest);
      this.#holdBack(stream);
    };
    const stop = () => (stream ? stream.close() : destroy(client));
    signal.addEventListener('abort', stop, { once: true });
    try {
      // Stopped while it connected: no event will come any more.
      signal.throwIfAborted();
      const started = await ReplicationStream.start(
        client,
        { slot, plugin, publications, start: spool.end.commitEnd, binary },
        {
          onMessage: take,
          onKeepalive: (walEnd, reply) => {
            if (!this.#inTransaction) this.#received = maxLsn(this.#received, walEnd);
            if (reply) this.#confirm(stream);
          },
        },
      ).catch((error: unknown) => {
        throw explainStreamError(error, slot, false);
      });
      stream = started.stream;
      beside.push(this.#tend(stream, healthy, ended.signal), this.#keepInTouch(stream, ended.signal));
      const done = started.done.catch((error: unknown) => {
        throw explainStreamError(error, slot, true);
      });
      return await Promise.race([done, ...beside]);
    } finally {
      ended.abort();
      // A write or fsync of ours may still be under way: the next run must find the spool at rest.
      await Promise.allSettled(beside);
      signal.removeEventListener('abort', stop);
      if (stream) stream.close();
      else destroy(client);
    }
  }

  /** Brings the spool to rest: what was not confirmed comes again. */
  async #cutToLastCommit(spool: SpoolWriter): Promise<void> {
    await spool.cutToLastCommit().catch((error: unknown) => {
      throw isMissing(error) ? removed(this.#options.spoolDirectory, error) : error;
    });
    this.#received = maxLsn(spool.end.commitEnd, spool.durable);
  }

  #take(message: Buffer, rest: number): void {
    const spool = this.#writer();
    this.#wantsFlush = true;
    this.#bytes += message.length;
    const isPart = rest > 0 || this.#inside;
    this.#inside = rest > 0;
    if (isPart) {
      // So long a message is neither a BEGIN nor a COMMIT, and describes no table.
      spool.append(message, null, rest);
      return;
    }
    const { plugin } = this.#options;
    const relation = plugin.describedRelation(message);
    if (relation !== null) this.#relations.set(relation, Buffer.from(message));
    const commitEnd = plugin.commitEndOf(message);
    spool.append(message, commitEnd);
    if (plugin.isBegin(message)) {
      this.#inTransaction = true;
      this.#bytesAtBegin = this.#bytes;
    }
    if (commitEnd !== null) {
      this.#inTransaction = false;
      this.#received = maxLsn(this.#received, commitEnd);
    }
  }

  #writer(): SpoolWriter {
    if (!this.#spool) throw new Error('the receiver is not running');
    return this.#spool;
  }

  /** Writes soon, makes durable and confirms every second, looks at the disk every five. */
  async #tend(stream: ReplicationStream, healthy: () => void, signal: AbortSignal): Promise<never> {
    let nextLook = 0;
    let nextSync = 0;
    let bytesAtLook = this.#bytes;
    for (;;) {
      // A fast network brings more in five seconds than is left to others.
      if (performance.now() >= nextLook || this.#bytes - bytesAtLook >= this.#stepBytes) {
        await this.#lookAtDisk();
        nextLook = performance.now() + MEASURE_INTERVAL_MS;
        bytesAtLook = this.#bytes;
      }
      if (this.#wantsFlush) {
        this.#wantsFlush = false;
        await this.#writer().flush();
      }
      this.#noteReadable();
      this.#holdBack(stream);
      if (performance.now() >= nextSync) {
        await this.#makeDurable();
        this.#confirm(stream);
        // As long as it is only what did not fit before that comes again, nothing is healed.
        if (nextSync > 0 && !(this.#ranOut && this.#inTransaction)) {
          this.#ranOut = false;
          healthy();
        }
        nextSync = performance.now() + STATUS_INTERVAL_MS;
      }
      await delay(FLUSH_INTERVAL_MS, undefined, { signal });
    }
  }

  /** Tells the source that we live, however long the disk takes: it would end a silent connection. */
  async #keepInTouch(stream: ReplicationStream, signal: AbortSignal): Promise<never> {
    for (;;) {
      await delay(STATUS_INTERVAL_MS, undefined, { signal });
      // The answer is the sign of life by which an idle source is told from a connection that is dead.
      this.#confirm(stream, true);
    }
  }

  #noteReadable(): void {
    if (!this.#inTransaction && this.#spool?.pendingBytes === 0) this.#readable = this.#received;
  }

  /**
   * Reading stops while too much waits to be written. Asked at each message: where the network brings more than the disk
   * takes, writing what waits does not end, and after it would be too late.
   */
  #holdBack(stream: ReplicationStream | null): void {
    const pending = this.#writer().pendingBytes;
    if (!this.#paused && pending > this.#stepBytes) {
      this.#paused = stream !== null;
      stream?.pause();
    } else if (stream && this.#paused && pending <= this.#stepBytes / 2) {
      this.#paused = false;
      stream.resume();
    }
  }

  async #makeDurable(): Promise<void> {
    // Of the transaction that is just coming in, nothing is safe before its commit is.
    const received = this.#inTransaction ? INVALID_LSN : this.#received;
    this.#durable = maxLsn(this.#durable, await this.#writer().sync(received));
  }

  #confirm(stream: ReplicationStream | null, reply = false): void {
    // An invalid position confirms nothing, and is answered all the same.
    if (reply || this.#durable > INVALID_LSN)
      stream?.confirm(maxLsn(this.#received, this.#durable), this.#durable, reply);
  }

  /** Rejects with TM4003 while there is too little room: the source keeps its WAL instead. */
  async #lookAtDisk(): Promise<void> {
    const { spoolDirectory, reserveBytes, reserveShare = 1, emit } = this.#options;
    const { bytes, freeBytes, diskBytes } = await measureSpool(spoolDirectory).catch((error: unknown) => {
      throw isMissing(error) ? removed(spoolDirectory, error) : error;
    });
    emit({ type: 'spool', bytes, free_bytes: freeBytes });
    const reserve = Math.min(reserveBytes, diskBytes * reserveShare);
    this.#stepBytes = Math.max(SHORTEST_STEP_BYTES, Math.min(LONGEST_STEP_BYTES, reserve * STEP_SHARE));
    if (freeBytes < reserve) throw shortOfRoom(spoolDirectory, freeBytes, reserve);
  }

  /** Before receiving: where room has run out, what is applied gives its own back. */
  async #findRoom(spool: SpoolWriter): Promise<void> {
    const isApplied = spool.segmentBytes > 0 && this.#options.isApplied?.(spool.end.commitEnd);
    if (this.#ranOut && isApplied) await spool.beginAnew();
    await this.#lookAtDisk();
  }
}
