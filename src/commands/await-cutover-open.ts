import { type CutoverOutlook, outlookOf } from '../engine/cutover/locked.ts';
import type { EngineClient } from '../engine/process/client.ts';
import { foldProgress, type Progress } from '../engine/progress.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { formatMs } from '../terminal/format.ts';

export interface AwaitOpen {
  readonly request: { readonly freezeSource: boolean; readonly override: string | null };
  /** What is waited for, as a line: when it changes, and every few seconds. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

const TELL_EVERY_MS = 5000;

/** Follows the conditions of the cut-over in a running engine. */
export class CutoverGateWatch implements Disposable {
  readonly #client: EngineClient;
  readonly #waitMs: number;
  readonly #startedAt = performance.now();
  readonly #unlisten: () => void;
  #progress: Progress;
  #changed: () => void = () => {};

  constructor(client: EngineClient, waitMs: number) {
    this.#client = client;
    this.#waitMs = waitMs;
    this.#progress = structuredClone(client.progress);
    this.#unlisten = client.onEvent((event) => {
      this.#progress = foldProgress(this.#progress, event, true);
      this.#changed();
    });
  }

  get leftMs(): number {
    return Math.max(0, this.#waitMs - (performance.now() - this.#startedAt));
  }

  outlook(request: AwaitOpen['request']): CutoverOutlook {
    return outlookOf(this.#progress, request);
  }

  /**
   * Resolves when the cut-over can be asked for. Rejects with TM6002 at once where only somebody can help, and when the time is
   * over; with the engine's error when it ends, and with the signal's reason.
   */
  async untilOpen({ request, tell, signal }: AwaitOpen): Promise<void> {
    let said = '';
    let saidAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      signal.throwIfAborted();
      const outlook = this.outlook(request);
      if (outlook.state === 'open') return;
      if (outlook.state === 'refuse') throw outlook.error;
      if (this.leftMs === 0) throw this.#over(outlook.error);
      const key = outlook.ids.join(' ');
      if (said !== key || performance.now() - saidAt >= TELL_EVERY_MS) {
        tell(`Waiting for at most ${formatMs(this.leftMs)}: ${outlook.why.join('; ')}`);
        [said, saidAt] = [key, performance.now()];
      }
      await this.#nextChange(signal);
    }
  }

  #over(error: MigrateError): MigrateError {
    if (this.#waitMs === 0) return error;
    const report = error.report();
    return new MigrateError('TM6002', { ...report, message: `${report.message} (waited ${formatMs(this.#waitMs)})` });
  }

  /** Resolves at the next event of the engine, or when the time is over. */
  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (then: () => void) => () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        unlistenClose();
        this.#changed = () => {};
        then();
      };
      const aborted = end(() => reject(signal.reason));
      const timer = setTimeout(
        end(() => resolve()),
        this.leftMs,
      );
      signal.addEventListener('abort', aborted, { once: true });
      this.#changed = end(() => resolve());
      let unlistenClose = () => {};
      unlistenClose = this.#client.onClose((error) => {
        end(() => reject(error ? new MigrateError(error.code, error) : stopped()))();
      });
    });
  }

  [Symbol.dispose](): void {
    this.#unlisten();
  }
}

const stopped = (): MigrateError =>
  new MigrateError('TM9002', {
    side: 'local',
    message: 'the engine was stopped',
    hint: 'Go on with migrate --resume.',
  });
