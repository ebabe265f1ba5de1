/** From (inclusive) and to (exclusive), by the names of the dimensions. */
export type Slices = ReadonlyMap<string, readonly [bigint, bigint]>;

/** A string of JSON, or a whole number. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+/g;

/** Reads boundaries as `show_chunk` gives them: numbers of 64 bits, which a number of JavaScript can't hold. */
export function parseSlices(text: string): Slices {
  const quoted = text.replaceAll(TOKEN, (token) => (token.startsWith('"') ? token : `"${token}"`));
  const ranges = Object.entries(JSON.parse(quoted) as Record<string, [string, string]>);
  return new Map(ranges.map(([name, [from, to]]) => [name, [BigInt(from), BigInt(to)]]));
}

/** Whether one row could be in both. */
export function overlap(one: Slices, other: Slices): boolean {
  for (const [name, [from, to]] of one) {
    const range = other.get(name);
    if (!range || range[0] >= to || from >= range[1]) return false;
  }
  return one.size === other.size;
}

/** Whether they are the same, whatever the dimensions are called by now. */
export function sameSlices(one: Slices, other: Slices): boolean {
  const ranges = (slices: Slices) =>
    [...slices.values()]
      .map(String)
      .sort((a, b) => (a < b ? -1 : 1))
      .join(' ');
  return ranges(one) === ranges(other);
}
