/**
 * Text as lines of at most `width` code points, broken at spaces where there are any; the text's own line breaks and the
 * indentation of its lines stay. For text that is scrolled, where Ink cannot say how many lines there will be.
 */
export function wrapLines(text: string, width: number): string[] {
  const room = Math.max(1, width);
  return text.split('\n').flatMap((line) => wrapLine(line, room));
}

function wrapLine(line: string, room: number): string[] {
  const lines: string[] = [];
  let rest = [...line];
  while (rest.length > room) {
    const space = rest.lastIndexOf(' ', room);
    const indented = rest.findIndex((point) => point !== ' ');
    const end = space > indented ? space : room;
    lines.push(rest.slice(0, end).join('').trimEnd());
    rest = rest.slice(end);
    if (rest[0] === ' ') rest = rest.slice(1);
  }
  return [...lines, rest.join('')];
}
