import type { Terminal } from '@xterm/headless';

/** The cells of a terminal as an SVG picture: text stays text, colours are those of the sixteen ANSI ones. */

const CELL_WIDTH = 8.4;
const CELL_HEIGHT = 18;
const FONT_SIZE = 14;
const PADDING = 16;
const FOREGROUND = '#d7dae0';
const BACKGROUND = '#1b1e24';
const ANSI = [
  '#1b1e24',
  '#ff6b6b',
  '#7bd88f',
  '#f5c26b',
  '#6aa9ff',
  '#c792ea',
  '#5fd7d7',
  '#d7dae0',
  '#7f8693',
  '#ff8f8f',
  '#a0e8b0',
  '#ffd899',
  '#93c2ff',
  '#dab2f5',
  '#8eeaea',
  '#ffffff',
] as const;

interface Run {
  readonly x: number;
  readonly width: number;
  readonly text: string;
  readonly color: string;
  readonly bold: boolean;
  readonly inverse: boolean;
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The cells of one line that look alike, together. */
function runsOf(terminal: Terminal, y: number): Run[] {
  const { active } = terminal.buffer;
  const line = active.getLine(active.viewportY + y);
  const runs: Run[] = [];
  for (let x = 0; line && x < terminal.cols; x += 1) {
    const cell = line.getCell(x);
    if (!cell || cell.getWidth() === 0) continue;
    const text = cell.getChars() || ' ';
    const dim = cell.isDim() !== 0;
    const color = cell.isFgPalette() ? (ANSI[cell.getFgColor()] ?? FOREGROUND) : dim ? ANSI[8] : FOREGROUND;
    const bold = cell.isBold() !== 0;
    const inverse = cell.isInverse() !== 0;
    const last = runs.at(-1);
    if (last && last.color === color && last.bold === bold && last.inverse === inverse) {
      runs[runs.length - 1] = { ...last, text: last.text + text, width: last.width + cell.getWidth() };
    } else {
      runs.push({ x, width: cell.getWidth(), text, color, bold, inverse });
    }
  }
  return runs.flatMap((run) => (run.inverse ? [run] : words(run)));
}

/** The parts of a run between wider gaps: some viewers fold spaces, and then everything behind them would move. */
function words(run: Run): Run[] {
  return [...run.text.matchAll(/\S+(?: \S+)*/g)].map((match) => ({
    ...run,
    text: match[0],
    x: run.x + [...run.text.slice(0, match.index)].length,
    width: [...match[0]].length,
  }));
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** Bars of eighths as rectangles: as letters they would leave gaps between the lines. */
const drawBars = (run: Run, top: number): string =>
  [...run.text]
    .map((bar, at) => {
      const height = (CELL_HEIGHT * (bar.charCodeAt(0) - 0x2580)) / 8;
      const left = PADDING + (run.x + at) * CELL_WIDTH;
      return `<rect x="${round(left)}" y="${round(top + CELL_HEIGHT - height)}" width="${CELL_WIDTH}" height="${round(height)}" fill="${run.color}"/>`;
    })
    .join('');

function drawRun(run: Run, y: number): string {
  const left = PADDING + run.x * CELL_WIDTH;
  const top = PADDING + y * CELL_HEIGHT;
  const width = round(run.width * CELL_WIDTH);
  const block = run.inverse
    ? `<rect x="${round(left)}" y="${round(top)}" width="${width}" height="${CELL_HEIGHT}" fill="${run.color}"/>`
    : '';
  if (/^[\u2581-\u2588]+$/.test(run.text)) return drawBars(run, top);
  const color = run.inverse ? BACKGROUND : run.color;
  const fill = color === FOREGROUND ? '' : ` fill="${color}"`;
  const weight = run.bold ? ' font-weight="bold"' : '';
  return `${block}<text x="${round(left)}" y="${round(top + 13.5)}" textLength="${width}"${fill}${weight}>${escapeXml(run.text)}</text>`;
}

/** The picture of the screen as it is; `title` is for those who cannot see it. */
export function terminalSvg(terminal: Terminal, title: string): string {
  const width = round(terminal.cols * CELL_WIDTH + 2 * PADDING);
  const height = round(terminal.rows * CELL_HEIGHT + 2 * PADDING);
  const lines = Array.from({ length: terminal.rows }, (_, y) =>
    runsOf(terminal, y)
      .map((run) => drawRun(run, y))
      .join(''),
  ).filter((line) => line !== '');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${FONT_SIZE}" fill="${FOREGROUND}" xml:space="preserve">`,
    ...lines,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}
