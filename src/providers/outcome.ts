import type { ErrorCode } from '../errors/codes.ts';
import type { CheckOutcome } from './check.ts';

type Remedy = Pick<CheckOutcome, 'fix' | 'apply'>;

export const pass = (found: string): CheckOutcome => ({ status: 'pass', found });
export const info = (found: string, remedy: Remedy = {}): CheckOutcome => ({ status: 'info', found, ...remedy });
export const warn = (found: string, remedy: Remedy = {}): CheckOutcome => ({ status: 'warn', found, ...remedy });
export const fail = (code: ErrorCode, found: string, remedy: Remedy = {}): CheckOutcome => ({
  status: 'fail',
  code,
  found,
  ...remedy,
});

/** `a, b, c and 7 more`. */
export function listed(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** `1 table`, `2 tables`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Bytes for people: `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Seconds for people, rounded: `40 s`, `41 min`, `3.5 h`, `2 days`. */
export function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3600;
  if (hours < 48) return `${hours < 10 ? Math.round(hours * 2) / 2 : Math.round(hours)} h`;
  return `${Math.round(hours / 24)} days`;
}
