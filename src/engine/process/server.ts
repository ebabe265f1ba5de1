import { chmod, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { ErrorReport } from '../../errors/migrate-error.ts';
import { toMigrateError } from '../../errors/migrate-error.ts';
import type { EngineEvent } from '../events.ts';
import type { Progress } from '../progress.ts';
import { type Action, type FromEngine, LineSplitter, PROTOCOL_VERSION, requestSchema } from './protocol.ts';

/** A client that does not read is let go rather than kept in memory. */
const BACKLOG_BYTES = 16 * 1024 * 1024;

const STARTING_MS = 10_000;
const EARLIER_EVENTS = 1000;

export interface SocketServerOptions {
  readonly path: string;
  readonly progress: () => Progress;
  /** Rejects with a `MigrateError` when the request can't be served. */
  readonly onRequest: (action: Action) => Promise<void>;
}

/** The engine's socket: mode 0600 in a private directory; everybody who can open it may command the engine. */
export class SocketServer implements AsyncDisposable {
  readonly #options: SocketServerOptions;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  /** For whoever has started this engine and is about to attach. */
  #earlier: EngineEvent[] = [];
  readonly #startedAt = performance.now();

  private constructor(options: SocketServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  static async listen(options: SocketServerOptions): Promise<SocketServer> {
    const self = new SocketServer(options);
    // The directory's lock is ours: whatever stands there is left over.
    await unlink(options.path).catch(() => {});
    await new Promise<void>((resolve, reject) => {
      self.#server.once('error', reject);
      self.#server.listen(options.path, resolve);
    });
    await chmod(options.path, 0o600);
    return self;
  }

  #welcome(socket: Socket): void {
    this.#clients.add(socket);
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#clients.delete(socket));
    const earlier = this.#earlier as (FromEngine & { type: 'hello' })['earlier'];
    this.#send(socket, { type: 'hello', protocol: PROTOCOL_VERSION, pid: process.pid, earlier });
    this.#send(socket, { type: 'progress', progress: this.#options.progress() });
    const lines = new LineSplitter();
    socket.on('data', (text: string) => {
      try {
        for (const line of lines.push(text)) void this.#serve(socket, line);
      } catch {
        socket.destroy();
      }
    });
  }

  async #serve(socket: Socket, line: string): Promise<void> {
    let id = 0;
    try {
      const parsed = requestSchema.parse(JSON.parse(line));
      id = parsed.id;
      await this.#options.onRequest(parsed.request);
      this.#send(socket, { type: 'reply', id, error: null });
    } catch (error) {
      this.#send(socket, { type: 'reply', id, error: toMigrateError(error).report() });
    }
  }

  #send(socket: Socket, message: FromEngine | { type: 'event'; event: EngineEvent }): void {
    if (socket.destroyed) return;
    if (socket.writableLength > BACKLOG_BYTES) socket.destroy();
    else socket.write(`${JSON.stringify(message)}\n`);
  }

  broadcast(event: EngineEvent): void {
    if (performance.now() - this.#startedAt > STARTING_MS) this.#earlier = [];
    else if (this.#earlier.length < EARLIER_EVENTS) this.#earlier.push(event);
    for (const socket of this.#clients) this.#send(socket, { type: 'event', event });
  }

  /** Says goodbye with the reason, and closes. */
  async close(error: ErrorReport | null): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#clients) {
      this.#send(socket, { type: 'bye', error });
      socket.end();
    }
    // A client that does not hang up must not keep the engine alive.
    const patience = setTimeout(() => {
      for (const socket of this.#clients) socket.destroy();
    }, 1000);
    await closed;
    clearTimeout(patience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close(null);
  }
}
