import type { Change } from './change.ts';
import type { Decoder } from './plugin.ts';

/**
 * The messages between which TimescaleDB (from 2.16 on) moves rows from one form into the other.
 * https://github.com/timescale/timescaledb/blob/main/tsl/src/compression/wal_utils.h
 */
const MARKER = /^::timescaledb-(compression|decompression)-(start|end)$/;
export const MARKER_PREFIXES = ['compression', 'decompression'].flatMap((what) => [
  `::timescaledb-${what}-start`,
  `::timescaledb-${what}-end`,
]);

const FRAME: ReadonlySet<Change['kind']> = new Set(['begin', 'commit', 'message', 'relation']);
const LEFT_OUT: readonly Change[] = [{ kind: 'other' }];

type UnknownTable = Extract<Change, { kind: 'unknown-table' }>;

/**
 * Leaves out what stands between the markers: the same rows leave one table and enter another, and to the target, where nothing is
 * compressed yet, nothing has happened. But where a compressed batch leaves and no row enters, the batch was deleted as a whole:
 * then the end gives the table that it was in as unknown, for somebody to find out what that means.
 */
export function outsideMarkers(decode: Decoder): Decoder {
  let inside = 0;
  let decompressed: { gone: UnknownTable | null; entered: boolean } | null = null;
  let asked: Buffer | null = null;
  const pass = (what: string, edge: string): UnknownTable | null => {
    if (edge === 'start') {
      inside += 1;
      decompressed = what === 'decompression' ? { gone: null, entered: false } : null;
      return null;
    }
    const lost = decompressed?.gone && !decompressed.entered ? decompressed.gone : null;
    decompressed = null;
    inside = Math.max(0, inside - 1);
    return lost;
  };
  return (record) => {
    const changes = decode(record);
    const [first] = changes;
    if (first?.kind === 'begin') {
      inside = 0;
      decompressed = null;
    }
    if (first?.kind === 'message') {
      const [, what = '', edge = ''] = MARKER.exec(first.prefix) ?? [];
      // It is decoded again when it is known what the table is.
      const lost = edge && record !== asked ? pass(what, edge) : null;
      if (lost) asked = record;
      return lost ? [lost] : changes;
    }
    if (inside === 0) return changes;
    if (decompressed) {
      if (first?.kind === 'unknown-table' && first.deleted) decompressed.gone = first;
      // Of a chunk that is not known, or not wanted, it is no `insert`.
      else decompressed.entered = true;
    }
    const kept = changes.filter(({ kind }) => FRAME.has(kind));
    return kept.length > 0 ? kept : LEFT_OUT;
  };
}
