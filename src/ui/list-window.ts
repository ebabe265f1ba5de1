/** Which part of a list is in sight: `start` to `end` (exclusive). */
export interface ListWindow {
  readonly start: number;
  readonly end: number;
}

/** A window of `height` rows that has the selected row in it, in the middle where that is possible. */
export function windowAround(selected: number, length: number, height: number): ListWindow {
  const room = Math.max(1, height);
  const start = Math.max(0, Math.min(selected - Math.floor(room / 2), length - room));
  return { start, end: Math.min(length, start + room) };
}

/** A window that starts at `scroll`, never further than its last page. */
export function windowFrom(scroll: number, length: number, height: number): ListWindow {
  const room = Math.max(1, height);
  const start = Math.max(0, Math.min(scroll, length - room));
  return { start, end: Math.min(length, start + room) };
}
