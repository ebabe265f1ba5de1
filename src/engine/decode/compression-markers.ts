import type { Change } from './change.ts';
import type { Decoder } from './plugin.ts';

/**
 * The messages between which TimescaleDB (from 2.16 on) moves rows from one form into the other.
 * https://github.com/timescale/timescaledb/blob/main/tsl/src/compression/wal_utils.h
 */
const MARKER = /^::timescaledb-(?:compression|decompression)-(start|end)$/;
export const MARKER_PREFIXES = ['compression', 'decompression'].flatMap((what) => [
  `::timescaledb-${what}-start`,
  `::timescaledb-${what}-end`,
]);

const FRAME: ReadonlySet<Change['kind']> = new Set(['begin', 'commit', 'message', 'relation']);
const LEFT_OUT: readonly Change[] = [{ kind: 'other' }];

/**
 * Leaves out what stands between the markers: the same rows leave one table and enter another, and to the target, where nothing is
 * compressed yet, nothing has happened.
 */
export function outsideMarkers(decode: Decoder): Decoder {
  let inside = 0;
  return (record) => {
    const changes = decode(record);
    const [first] = changes;
    if (first?.kind === 'begin') inside = 0;
    if (first?.kind === 'message') {
      const marker = MARKER.exec(first.prefix);
      if (marker) inside = Math.max(0, inside + (marker[1] === 'start' ? 1 : -1));
      return changes;
    }
    if (inside === 0) return changes;
    const kept = changes.filter(({ kind }) => FRAME.has(kind));
    return kept.length > 0 ? kept : LEFT_OUT;
  };
}
