import prettyMs from 'pretty-ms';

/**
 * Sizes, rates and durations as the operators of the live-migration image know them: binary units without a space,
 * sizes without decimals (`56MiB`), rates with one (`589.0KiB/s`) except nothing at all (`0B/s`).
 */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** The largest unit in which the value, printed with that many decimals, stays below 1024. */
function inUnit(bytes: number, decimals: number): { value: number; unit: string } {
  let value = Math.max(0, bytes);
  let index = 0;
  while (index < UNITS.length - 1 && Number(value.toFixed(decimals)) >= 1024) {
    value /= 1024;
    index += 1;
  }
  return { value, unit: UNITS[index] ?? 'B' };
}

/** Bytes without decimals: `56MiB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = inUnit(bytes, 0);
  return `${Math.round(value)}${unit}`;
}

/** Bytes with a decimal where it says something: `1.4GiB`, `56MiB`, `720B`. */
export function formatBytesShort(bytes: number): string {
  const { value, unit } = inUnit(bytes, 0);
  return unit === 'B' || value >= 10 ? `${Math.round(value)}${unit}` : `${value.toFixed(1)}${unit}`;
}

/** Bytes a second: `106.0B/s`, `589.0KiB/s`, `0B/s`. */
export function formatRate(bytesPerSecond: number): string {
  if (bytesPerSecond < 0.05) return '0B/s';
  const { value, unit } = inUnit(bytesPerSecond, 1);
  return `${value.toFixed(1)}${unit}/s`;
}

/** Seconds in words: `1 minute 38.631 seconds`. */
export const formatSecondsLong = (seconds: number): string =>
  prettyMs(Math.round(Math.max(0, seconds) * 1000), { verbose: true, secondsDecimalDigits: 3 });

/** Milliseconds in few letters: `1m 38s`, `4.2s`, `0.3s`, `40ms`. */
export function formatMs(ms: number): string {
  const safe = Math.max(0, ms);
  if (safe > 0 && safe < 100) return `${Math.max(1, Math.round(safe))}ms`;
  if (safe < 60_000) return `${(safe / 1000).toFixed(safe < 10_000 ? 1 : 0)}s`;
  return prettyMs(safe, { unitCount: 2, secondsDecimalDigits: 0 });
}

/** Counts in few letters: `999`, `12.3k`, `4.5M`. */
export function formatCount(count: number): string {
  for (const [size, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    const value = count / size;
    if (value >= 1) return `${value < 100 ? value.toFixed(1) : Math.round(value)}${letter}`;
  }
  return String(Math.round(count));
}

/** `1 warning`, `2 warnings`. */
export const formatNumberOf = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** 0 to 1 as a whole percentage that says 100 only at the end. */
export const formatPercent = (share: number): string =>
  `${share >= 1 ? 100 : Math.min(99, Math.floor(Math.max(0, share) * 100))}%`;

/** An ISO time for people: `2026-11-22 15:37:05 UTC`. */
export const formatMoment = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

/** The time of day, UTC, of an ISO time: `12:03:01`. */
export const formatTimeOfDay = (iso: string): string => iso.slice(11, 19);
