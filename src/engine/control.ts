import { EventEmitter, once } from 'node:events';
import type { MigrationOptions } from './options.ts';

export interface CutoverRequest {
  readonly freezeSource: boolean;
  /** Why conditions that do not hold are overridden; null: they must hold. */
  readonly override: string | null;
}

/** What is decided only when a prepared migration is let go. */
export type GoAhead = Partial<Pick<MigrationOptions, 'cutover' | 'freezeSource'>>;

/** What others ask of a running engine. The engine waits here; sockets, signals and keys call in. */
export class Control {
  readonly #bus = new EventEmitter();
  #going: GoAhead | null = null;
  #cutover: CutoverRequest | null = null;

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

  /** Resolves at the next request, or when the signal aborts. */
  async whenCutover(signal: AbortSignal): Promise<void> {
    if (!this.#cutover) await once(this.#bus, 'cutover', { signal }).catch(() => {});
  }
}
