import type { TableWithoutIdentity } from './table.ts';

type Counted = Pick<TableWithoutIdentity, 'updatesDeletes' | 'countedSeconds'>;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS = [
  ['day', 'd', DAY],
  ['hour', 'h', HOUR],
  ['minute', 'min', MINUTE],
  ['second', 's', 1],
] as const;

/** The largest unit of which there are at least two, or one of the smallest. */
function span(seconds: number): { count: number; word: string; letter: string } {
  const [word, letter, size] = UNITS.find((unit) => seconds >= 2 * unit[2]) ?? UNITS[3];
  const count = Math.max(1, Math.floor(seconds / size));
  return { count, word: count === 1 ? word : `${word}s`, letter };
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const short = (count: number): string =>
  compact.format(count >= 10 ? Math.round(count) : Number(count.toFixed(1))).replace('K', 'k');

/** Rows a second in the largest unit that gives a whole number; over less than an hour nothing is made of it. */
function rate({ updatesDeletes, countedSeconds }: Counted): { count: number; unit: 'hour' | 'day' } | null {
  if (countedSeconds === null || countedSeconds < HOUR || updatesDeletes === 0) return null;
  const hourly = (updatesDeletes / countedSeconds) * HOUR;
  return hourly >= 1 || countedSeconds < DAY ? { count: hourly, unit: 'hour' } : { count: hourly * 24, unit: 'day' };
}

const atLeastOne = (count: number): string => (count < 1 ? 'less than 1' : short(count));

/** Counted long enough for "none seen" to mean something: a nightly job has run. */
export const countedLong = ({ countedSeconds }: Counted): boolean => countedSeconds !== null && countedSeconds >= DAY;

/** FULL, with a virtual generated column: the server refuses UPDATE and DELETE then, and so FULL identifies nothing. */
export const isFullInVain = ({ virtual = [], tables }: Pick<TableWithoutIdentity, 'virtual' | 'tables'>): boolean =>
  virtual.length > 0 && tables.some(({ identity }) => identity === 'FULL');

/**
 * Somebody must decide: rows are updated or deleted, foreign keys may do it, it is too early to say that they are not, or the table
 * has what seems to be an identity.
 */
export const mustDecide = (
  row: Counted & Pick<TableWithoutIdentity, 'cascades' | 'notSent' | 'virtual' | 'tables'>,
): boolean =>
  (row.notSent ?? []).length > 0 ||
  isFullInVain(row) ||
  row.updatesDeletes > 0 ||
  row.cascades.length > 0 ||
  !countedLong(row);

/** `210 an hour (50.5k in 12 days)`, `none seen in 12 days`, `none seen, but counted for 2 minutes only`. */
export function changesInWords(row: Counted): string {
  const { updatesDeletes, countedSeconds } = row;
  const time = countedSeconds === null ? null : span(countedSeconds);
  const during = time === null ? 'since the counters were last reset' : `in ${time.count} ${time.word}`;
  if (updatesDeletes === 0) {
    if (time === null) return 'none seen, but nobody knows for how long they were counted';
    return countedLong(row) ? `none seen ${during}` : `none seen, but counted for ${time.count} ${time.word} only`;
  }
  const often = rate(row);
  if (often === null) return `${short(updatesDeletes)} ${during}`;
  return `${atLeastOne(often.count)} ${often.unit === 'hour' ? 'an hour' : 'a day'} (${short(updatesDeletes)} ${during})`;
}

/** The same in a cell of a table: `210/h`, `0 in 12d`, `37 in 2min`. */
export function changesInShort(row: Counted): string {
  const often = rate(row);
  if (often !== null) return `${often.count < 1 ? '<1' : short(often.count)}/${often.unit === 'hour' ? 'h' : 'd'}`;
  if (row.countedSeconds === null) return short(row.updatesDeletes);
  const { count, letter } = span(row.countedSeconds);
  return `${short(row.updatesDeletes)} in ${count}${letter}`;
}
