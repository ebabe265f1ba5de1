import { connect, type Socket } from 'node:net';
import type { ErrorReport } from '../../errors/migrate-error.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { EngineEvent } from '../events.ts';
import type { Progress } from '../progress.ts';
import { type Action, type FromEngine, fromEngineSchema, LineSplitter, PROTOCOL_VERSION } from './protocol.ts';
import { socketPath } from './work-directory.ts';

const ANSWER_TIMEOUT_MS = 5000;

/** A connection to a running engine: its state at the moment of attaching, then every event. */
export class EngineClient {
  readonly progress: Progress;
  readonly pid: number;
  /** Everything that was said before, when the engine has just been started. */
  readonly earlier: readonly EngineEvent[];
  readonly #socket: Socket;
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  readonly #closers = new Set<(error: ErrorReport | null) => void>();
  readonly #replies = new Map<number, (error: ErrorReport | null) => void>();
  /** Events that came before anybody listened. */
  #early: EngineEvent[] | null = [];
  #nextId = 1;
  #ended: { error: ErrorReport | null } | null = null;
  #left = false;

  private constructor(socket: Socket, hello: { progress: Progress; pid: number; earlier: readonly EngineEvent[] }) {
    this.#socket = socket;
    this.progress = hello.progress;
    this.pid = hello.pid;
    this.earlier = hello.earlier;
  }

  /** Attaches to the engine of a work directory; null when none answers there. */
  static attach(directory: string): Promise<EngineClient | null> {
    return new Promise((resolve, reject) => {
      const socket = connect(socketPath(directory));
      socket.setEncoding('utf8');
      const lines = new LineSplitter();
      let client: EngineClient | null = null;
      let pid = 0;
      let earlier: EngineEvent[] = [];
      const patience = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS);
      socket.on('error', () => {});
      socket.on('close', () => {
        clearTimeout(patience);
        if (client) client.#end({ code: 'TM1109', side: 'local', message: 'the engine went away', hint: RESUME_HINT });
        else resolve(null);
      });
      socket.on('data', (text: string) => {
        try {
          for (const line of lines.push(text)) {
            const message = fromEngineSchema.parse(JSON.parse(line));
            if (message.type === 'hello') {
              if (message.protocol !== PROTOCOL_VERSION) throw otherVersion(message.protocol);
              pid = message.pid;
              earlier = message.earlier as EngineEvent[];
            } else if (message.type === 'progress') {
              clearTimeout(patience);
              client = new EngineClient(socket, { progress: message.progress, pid, earlier });
              resolve(client);
            } else client?.take(message);
          }
        } catch (error) {
          reject(error);
          socket.destroy();
        }
      });
    });
  }

  private take(message: FromEngine): void {
    if (message.type === 'event') this.#tell(message.event as EngineEvent);
    else if (message.type === 'reply') this.#replies.get(message.id)?.(message.error ?? null);
    else if (message.type === 'bye') this.#end(message.error ?? null);
  }

  #tell(event: EngineEvent): void {
    if (this.#early) this.#early.push(event);
    for (const listener of this.#listeners) listener(event);
  }

  #end(error: ErrorReport | null): void {
    if (this.#ended) return;
    this.#ended = { error };
    for (const reply of this.#replies.values()) reply(error ?? GONE);
    if (!this.#left) for (const closer of this.#closers) closer(error);
  }

  /** Gives every event from the moment of attaching on. */
  onEvent(listener: (event: EngineEvent) => void): () => void {
    for (const event of this.#early ?? []) listener(event);
    this.#early = null;
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called once when the engine ends: with null when it was done or stopped, else with the reason. */
  onClose(listener: (error: ErrorReport | null) => void): () => void {
    if (this.#ended && !this.#left) listener(this.#ended.error);
    this.#closers.add(listener);
    return () => this.#closers.delete(listener);
  }

  /** Resolves when the engine has accepted; rejects with its `MigrateError`. */
  request(action: Action): Promise<void> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(asError(this.#ended.error ?? GONE));
      this.#replies.set(id, (error) => {
        this.#replies.delete(id);
        if (error) reject(asError(error));
        else resolve();
      });
      this.#socket.write(`${JSON.stringify({ id, request: action })}\n`);
    });
  }

  /** Leaves; the engine goes on. */
  detach(): void {
    this.#left = true;
    this.#socket.destroy();
  }
}

const RESUME_HINT = 'Look into engine.log in the work directory, then go on with migrate --resume.';
const GONE: ErrorReport = { code: 'TM1306', side: 'local', message: 'the engine has ended', hint: RESUME_HINT };

const asError = (report: ErrorReport): MigrateError => new MigrateError(report.code, report);

const otherVersion = (protocol: number): MigrateError =>
  new MigrateError('TM1307', {
    side: 'local',
    message: `the running engine speaks protocol ${protocol}, this program ${PROTOCOL_VERSION}`,
    hint: 'Use the version of tiger-migrate-tui that started the engine.',
  });
