import { MigrateError } from '../../errors/migrate-error.ts';
import type { EventPayload } from '../events.ts';
import { AUTOMATIC_CUTOVER } from '../troubles.ts';

/** After an automatic cut-over failed, the next try; each further wait is twice as long, up to the longest. */
const FIRST_RETRY_MS = 10_000;
const LONGEST_RETRY_MS = 300_000;
/** How often the situation is looked at while it is given up. */
const LOOK_INTERVAL_MS = 1000;

type Failure = { readonly error: MigrateError; readonly mayHeal: boolean };

/**
 * Decides when a cut-over that nobody asks for is tried: each try fences the source. After the same failure twice it stops, until
 * somebody asks for a cut-over or `situation` has changed. What time heals is tried again, ever more rarely.
 */
export class AutomaticCutover {
  #notBefore = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #last = '';
  /** The situation in which it was given up; null while it is not. */
  #givenUpIn: string | null = null;

  /** Whether it has stopped trying. */
  get hasGivenUp(): boolean {
    return this.#givenUpIn !== null;
  }

  /** Whether to try now; `now` in ms. `situation`: what may keep a cut-over from succeeding, as text. */
  mayTry(now: number, situation: string): boolean {
    if (this.#givenUpIn !== null && this.#givenUpIn !== situation) this.begin();
    return this.#givenUpIn === null && now >= this.#notBefore;
  }

  /** Somebody asks, or something has changed: all counts begin anew. */
  begin(): void {
    this.#givenUpIn = null;
    this.#failures = 0;
    this.#last = '';
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  /** Notes a failure; gives the event by which the operator is told that it is not tried any more, else null. */
  failed({ error, mayHeal }: Failure, now: number, situation: string): EventPayload | null {
    this.#notBefore = now + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    const isSame = this.#last === likeness(error);
    this.#last = likeness(error);
    if (mayHeal || !isSame) return null;
    this.#givenUpIn = situation;
    const report = error.report();
    const told = new MigrateError('TM6008', {
      side: report.side,
      object: report.object,
      message: `failed twice for the same reason and is not tried again: ${report.code} ${report.message}`,
      hint: `${report.hint}\nThen ask for it: cutover, or c in the wizard. Replay goes on meanwhile.`,
    });
    return {
      type: 'retry',
      what: AUTOMATIC_CUTOVER,
      policy: 'operator',
      error: told.report(),
      retry_ms: LOOK_INTERVAL_MS,
    };
  }
}

/** Two failures are the same when only counts and positions in their words differ. */
const likeness = ({ code, object, message }: MigrateError): string =>
  `${code} ${object ?? ''} ${message.replace(/\d+/g, '#')}`;
