import type { EngineEvent } from '../events.ts';

const FIGURES_EVERY_MS = 10_000;

/**
 * Gives a function that says which events go to the log file: figures that come every second, for days, only every ten
 * seconds; conditions of the cut-over when they change; all else.
 */
export function logThinning(): (event: EngineEvent) => boolean {
  const last = new Map<string, { readonly atMs: number; readonly state: string }>();
  const changed = (key: string, state: string, atMs: number, everyMs: number): boolean => {
    const before = last.get(key);
    if (before?.state === state && atMs - before.atMs < everyMs) return false;
    last.set(key, { atMs, state });
    return true;
  };
  return (event) => {
    const atMs = Date.parse(event.time);
    switch (event.type) {
      case 'replay':
        return changed('replay', String(event.caught_up), atMs, FIGURES_EVERY_MS);
      case 'spool':
        return changed('spool', '', atMs, FIGURES_EVERY_MS);
      case 'slot':
        return changed('slot', event.wal_status, atMs, FIGURES_EVERY_MS);
      case 'table':
        return changed(`table ${event.relation}`, event.state, atMs, FIGURES_EVERY_MS);
      case 'compression':
        return changed('compression', event.state, atMs, FIGURES_EVERY_MS);
      case 'gate':
        return changed(`gate ${event.id}`, String(event.ok), atMs, Number.POSITIVE_INFINITY);
      default:
        return true;
    }
  };
}
