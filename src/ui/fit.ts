/** Text cut in its middle to `width` code points: of an address both ends matter, host and database. */
export function cutMiddle(text: string, width: number, ellipsis: string): string {
  const points = [...text];
  if (points.length <= width) return text;
  if (width <= 1) return ellipsis.slice(0, Math.max(0, width));
  const tail = Math.floor((width - 1) / 2);
  return [...points.slice(0, width - 1 - tail), ellipsis, ...points.slice(points.length - tail)].join('');
}

/** Two texts that share a width: the longer one gives way first. */
export function fitPair(first: string, second: string, width: number, ellipsis: string): [string, string] {
  const half = Math.floor(width / 2);
  const size = (text: string): number => [...text].length;
  const room = Math.max(half, width - size(second));
  const shown = cutMiddle(first, room, ellipsis);
  return [shown, cutMiddle(second, Math.max(0, width - size(shown)), ellipsis)];
}
