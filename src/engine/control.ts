import { EventEmitter, once } from 'node:events';
import type { DefinitionChange } from './events.ts';
import type { MigrationOptions } from './options.ts';

export interface CutoverRequest {
  readonly freezeSource: boolean;
  /** Why conditions that do not hold are overridden; null: they must hold. */
  readonly override: string | null;
}

/** Tables that are to be copied again: patterns; none: all that are damaged. */
export interface ResyncRequest {
  readonly tables: readonly string[];
  /** Answers whoever asked: null, or why it can't be done. */
  readonly answer: (error: unknown) => void;
}

/** Changed definitions that are to be brought to the target, as they were shown. */
export interface CarryOverRequest {
  readonly changes: readonly DefinitionChange[];
  readonly answer: (error: unknown) => void;
}

/** What is decided only when a prepared migration is let go. */
export type GoAhead = Partial<Pick<MigrationOptions, 'cutover' | 'freezeSource'>>;

/** What others ask of a running engine. The engine waits here; sockets, signals and keys call in. */
export class Control {
  readonly #bus = new EventEmitter();
  #going: GoAhead | null = null;
  #cutover: CutoverRequest | null = null;
  readonly #resyncs: ResyncRequest[] = [];
  readonly #carryOvers: CarryOverRequest[] = [];

  /** Lets a prepared migration begin to copy. */
  go(how: GoAhead = {}): void {
    this.#going = how;
    this.#bus.emit('go');
  }

  /** Resolves with what was said when it was let go. */
  async whenGoing(signal: AbortSignal): Promise<GoAhead> {
    if (!this.#going) await once(this.#bus, 'go', { signal });
    return this.#going ?? {};
  }

  requestCutover(request: CutoverRequest): void {
    this.#cutover = request;
    this.#bus.emit('cutover');
  }

  /** Takes the request, if there is one. */
  takeCutover(): CutoverRequest | null {
    const request = this.#cutover;
    this.#cutover = null;
    return request;
  }

  /** Resolves when the tables are marked to be copied again; rejects with why they can't be. */
  requestResync(tables: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resyncs.push({ tables, answer: (error) => (error === null ? resolve() : reject(error)) });
      this.#bus.emit('resync');
    });
  }

  /** Resolves when the statements have been run, or are kept for the cut-over; rejects with why the target refuses one. */
  requestCarryOver(changes: readonly DefinitionChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#carryOvers.push({ changes, answer: (error) => (error === null ? resolve() : reject(error)) });
      this.#bus.emit('carry-over');
    });
  }

  takeCarryOver(): CarryOverRequest | null {
    return this.#carryOvers.shift() ?? null;
  }

  /** Takes the oldest request for another copy, if there is one. */
  takeResync(): ResyncRequest | null {
    return this.#resyncs.shift() ?? null;
  }

  /** Resolves at the next request, or when the signal aborts. */
  async whenAsked(signal: AbortSignal): Promise<void> {
    if (this.#cutover || this.#resyncs.length > 0 || this.#carryOvers.length > 0) return;
    const kinds = ['cutover', 'resync', 'carry-over'];
    await Promise.race(kinds.map((kind) => once(this.#bus, kind, { signal }))).catch(() => {});
  }
}
