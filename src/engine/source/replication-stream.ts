import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import { formatLsn, type Lsn, lsn } from '../../postgres/lsn.ts';
import type { OutputPlugin } from '../decode/plugin.ts';
import { CopyFrames } from './copy-frames.ts';

/** The parts of node-postgres' connection that streaming replication needs; they are not in its public types. */
interface WireConnection {
  readonly stream: Duplex;
  once(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
}

/** What the server sends: https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-START-REPLICATION */
export interface StreamHandlers {
  /**
   * One output plugin message, the frame's LSN in front where the plugin needs it; a long one in parts, of which `rest`
   * bytes come in the next calls. The bytes are valid only during the call: copy what is kept.
   */
  onMessage(message: Buffer, rest: number): void;
  /** The server has sent everything before `walEnd`. `reply`: it wants a status message at once. */
  onKeepalive(walEnd: Lsn, reply: boolean): void;
}

export interface StreamOptions {
  readonly slot: string;
  readonly plugin: OutputPlugin;
  /** For a plugin that uses them. */
  readonly publications: readonly string[];
  /** Where to go on: the end LSN of the last transaction that is durable here. */
  readonly start: Lsn;
  /** Values in PostgreSQL's binary form (14+); all columns must have the same binary form on both sides. */
  readonly binary: boolean;
}

const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const XLOG_DATA_HEADER_BYTES = 25;
const LSN_BYTES = 8;
/** Microseconds from 1970 to 2000, PostgreSQL's epoch. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n;

/** `START_REPLICATION SLOT … LOGICAL …` with the plugin's options. */
export function startReplicationCommand(options: StreamOptions): string {
  const parameters = options.plugin.parameters(options);
  return `START_REPLICATION SLOT ${quoteIdent(options.slot)} LOGICAL ${formatLsn(options.start)} (${parameters.join(', ')})`;
}

/**
 * A standby status update. `flushed` is exclusive, as an end LSN is: sent as it is, never plus one, or a transaction
 * that was committed right behind it would never be sent again.
 */
export function standbyStatus(received: Lsn, flushed: Lsn, nowMs: number, reply = false): Buffer {
  const message = Buffer.alloc(34);
  message[0] = 0x72; // 'r'
  message.writeBigUInt64BE(received, 1);
  message.writeBigUInt64BE(flushed, 9);
  message.writeBigUInt64BE(flushed, 17);
  message.writeBigInt64BE(BigInt(nowMs) * 1000n - POSTGRES_EPOCH_US, 25);
  message[33] = reply ? 1 : 0;
  return message;
}

/**
 * One run of streaming replication on one connection. A broken run is not taken up again: make a new one on a new
 * connection from the last durable LSN.
 */
export class ReplicationStream {
  readonly #wire: WireConnection;
  readonly #withLsn: boolean;
  #closed = false;
  /** In the middle of a long message. */
  #inside = false;

  private constructor(client: pg.Client, plugin: OutputPlugin) {
    this.#withLsn = plugin.needsLsn;
    this.#wire = (client as unknown as { connection: WireConnection }).connection;
  }

  /**
   * Starts streaming on `client`, a replication connection that this stream owns from now on. Resolves once the server
   * streams; `done` then settles when the stream ends, with the reason. Nothing is acknowledged but by `confirm`.
   */
  static async start(
    client: pg.Client,
    options: StreamOptions,
    handlers: StreamHandlers,
  ): Promise<{ stream: ReplicationStream; done: Promise<never> }> {
    const self = new ReplicationStream(client, options.plugin);
    // A throwing handler must end the stream: a message that was not taken must never be followed by a later one.
    let refuse: (error: unknown) => void = () => {};
    const refused = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    self.#readFrames((payload, rest) => {
      if (!self.#closed) self.#guarded(() => self.#dispatch(payload, rest, handlers), refuse);
    });
    // A warning stands where the server has it, among the messages: what follows it must not be taken without it.
    const { recordOfWarning } = options.plugin;
    if (recordOfWarning) {
      client.on('notice', ({ message }) => {
        const record = recordOfWarning(message ?? '');
        if (record && !self.#closed) self.#guarded(() => handlers.onMessage(record, 0), refuse);
      });
    }
    const started = new Promise<void>((resolve) => self.#wire.once('replicationStart', resolve));
    const ended = client.query(startReplicationCommand(options)).then(() => {
      throw new MigrateError('TM4001', { side: 'source', message: 'the server ended the replication stream' });
    });
    const disconnected = once(client, 'end').then(() => {
      throw new MigrateError('TM4001', { side: 'source', message: 'the replication connection was closed' });
    });
    const done = Promise.race([ended, refused, disconnected]) as Promise<never>;
    // Whichever loses the race must not become an unhandled rejection.
    for (const promise of [ended, refused, disconnected, done]) promise.catch(() => {});
    await Promise.race([started, done]);
    return { stream: self, done };
  }

  #guarded(handle: () => void, refuse: (error: unknown) => void): void {
    try {
      handle();
    } catch (error) {
      this.close();
      refuse(error);
    }
  }

  /**
   * Stands between the socket and node-postgres, which gets everything but CopyData. Before the stream is asked for, so
   * that nothing of it is in node-postgres' buffer.
   */
  #readFrames(onCopyData: (payload: Buffer, rest: number) => void): void {
    const { stream } = this.#wire;
    const listeners = stream.listeners('data') as ((bytes: Buffer) => void)[];
    for (const listener of listeners) stream.off('data', listener);
    const frames = new CopyFrames({
      onCopyData,
      onOther: (bytes) => {
        for (const listener of listeners) listener(bytes);
      },
    });
    stream.on('data', (bytes: Buffer) => frames.push(bytes));
  }

  #dispatch(payload: Buffer, rest: number, handlers: StreamHandlers): void {
    if (this.#inside) {
      this.#inside = rest > 0;
      handlers.onMessage(payload, rest);
      return;
    }
    switch (payload[0]) {
      case XLOG_DATA:
        this.#inside = rest > 0;
        // Its time of sending stands in front of the message, and nobody wants it: its LSN takes the place.
        if (this.#withLsn) payload.copyWithin(XLOG_DATA_HEADER_BYTES - LSN_BYTES, 1, 1 + LSN_BYTES);
        handlers.onMessage(payload.subarray(XLOG_DATA_HEADER_BYTES - (this.#withLsn ? LSN_BYTES : 0)), rest);
        return;
      case KEEPALIVE:
        handlers.onKeepalive(lsn(payload.readBigUInt64BE(1)), payload[17] === 1);
        return;
      default:
        throw new MigrateError('TM4005', { side: 'source', message: `replication frame ${payload[0]} not understood` });
    }
  }

  /** Tells the source what it need not keep for us any more. `reply`: it shall answer at once. */
  confirm(received: Lsn, flushed: Lsn, reply = false): void {
    if (!this.#closed) this.#wire.sendCopyFromChunk(standbyStatus(received, flushed, Date.now(), reply));
  }

  /** Stops reading from the network; the source keeps what it could not send. */
  pause(): void {
    this.#wire.stream.pause();
  }

  resume(): void {
    if (!this.#closed) this.#wire.stream.resume();
  }

  /** Ends the connection at once. */
  close(): void {
    this.#closed = true;
    this.#wire.stream.destroy();
  }
}
