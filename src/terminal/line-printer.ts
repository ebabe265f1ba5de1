import type { EngineEvent, ReplayVerdict } from '../engine/events.ts';
import { verdictOf } from '../engine/replay/verdict.ts';
import { formatTimeOfDay } from './format.ts';
import { formatLine } from './format-line.ts';

export { formatLine } from './format-line.ts';

/** Reads events, writes text. */
export interface EventPrinter {
  print(event: EngineEvent): void;
}

export interface LinePrinterOptions {
  /** Progress of one table at most this often. */
  readonly tableEveryMs?: number;
  /** The lag line at most this often, unless replay has just caught up or fallen behind. */
  readonly replayEveryMs?: number;
}

/**
 * Prints events as lines, `12:03:01 text`. Progress that changes all the time is thinned out by the events' own times;
 * beginnings, ends and turns are always printed. A write after the reader has gone does no harm here: errors of the
 * stream are its owner's.
 */
export function createLinePrinter(write: (text: string) => void, options: LinePrinterOptions = {}): EventPrinter {
  const { tableEveryMs = 10_000, replayEveryMs = 5_000 } = options;
  const printedAt = new Map<string, number>();
  const gates = new Map<string, boolean>();
  let verdict: ReplayVerdict | null = null;

  const due = (key: string, time: number, everyMs: number): boolean => {
    const last = printedAt.get(key);
    if (last !== undefined && time - last < everyMs) return false;
    printedAt.set(key, time);
    return true;
  };

  const wanted = (event: EngineEvent): boolean => {
    const time = Date.parse(event.time);
    if (event.type === 'table' && event.state === 'copying') return due(event.relation, time, tableEveryMs);
    if (event.type === 'compression' && event.state === 'running') return due('compression', time, tableEveryMs);
    if (event.type === 'gate') {
      const turned = gates.get(event.id) !== event.ok;
      gates.set(event.id, event.ok);
      return turned;
    }
    if (event.type !== 'replay') return true;
    const turned = verdict !== verdictOf(event);
    verdict = verdictOf(event);
    if (!turned) return due('replay', time, replayEveryMs);
    printedAt.set('replay', time);
    return true;
  };

  return {
    print(event) {
      if (!wanted(event)) return;
      const text = formatLine(event);
      if (text === null) return;
      const time = formatTimeOfDay(event.time);
      for (const line of text.split('\n')) write(`${time} ${line}\n`);
    },
  };
}

/** Prints every event as one JSON object on a line of its own: `--json`. */
export const createJsonPrinter = (write: (text: string) => void): EventPrinter => ({
  print: (event) => write(`${JSON.stringify(event)}\n`),
});
