import { EventEmitter } from 'node:events';

/** The part of a terminal stream that the writer uses. */
export interface TerminalOutput {
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): boolean;
  on(event: 'resize' | 'drain', listener: () => void): unknown;
  off(event: 'resize' | 'drain', listener: () => void): unknown;
}

export interface ScreenWriter {
  /** What Ink is given as its stdout: it takes whole frames (Ink's debug mode). */
  readonly stdout: NodeJS.WriteStream;
  /** Draws everything again at the next frame, after something else wrote to the terminal. */
  repaint(): void;
  /** Writes a waiting frame now. */
  flush(): void;
  /** Ends: later frames are dropped. */
  close(): void;
}

export interface ScreenWriterOptions {
  readonly intervalMs?: number;
  /** Last change to a line before it is written; must keep its width. */
  readonly translate?: (line: string) => string;
}

const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';
const RESET = '\u001b[0m';
const row = (index: number, line: string): string =>
  `\u001b[${index + 1};1H\u001b[2K${line}${line.includes('\u001b') ? RESET : ''}`;

const FALLBACK = { columns: 80, rows: 24 };

/**
 * Draws Ink's frames itself. Ink, left to its own stdout, clears the screen and the scrollback for every frame that is
 * as high as the terminal; here only the lines that changed are written, erased first, inside synchronized output
 * (DEC mode 2026), at most one frame every `intervalMs`, and none while the terminal has not taken the last one.
 */
export function createScreenWriter(terminal: TerminalOutput, options: ScreenWriterOptions = {}): ScreenWriter {
  const { intervalMs = 60, translate = (line: string) => line } = options;
  let shown: string[] = [];
  let waiting: string | null = null;
  let clear = true;
  let timer: NodeJS.Timeout | null = null;
  let blocked = false;
  let closed = false;

  const size = (): { columns: number; rows: number } => ({
    columns: terminal.columns || FALLBACK.columns,
    rows: terminal.rows || FALLBACK.rows,
  });

  const draw = (): void => {
    if (waiting === null || closed) return;
    const { rows } = size();
    const frame = waiting.split('\n').slice(0, rows).map(translate);
    waiting = null;
    const changed: string[] = [];
    if (clear) {
      changed.push('\u001b[2J');
      shown = [];
      clear = false;
    }
    for (let index = 0; index < Math.max(frame.length, shown.length); index += 1) {
      const line = frame[index] ?? '';
      if (line !== (shown[index] ?? '')) changed.push(row(index, line));
    }
    shown = frame;
    if (changed.length > 0) blocked = !terminal.write(BEGIN + changed.join('') + END);
  };

  /** A frame at once when the last one is old enough, else when it will be; in between only the newest is kept. */
  const schedule = (): void => {
    if (timer !== null || blocked || closed) return;
    draw();
    timer = setTimeout(() => {
      timer = null;
      if (waiting !== null) schedule();
    }, intervalMs);
  };

  const drained = (): void => {
    blocked = false;
    if (waiting !== null) schedule();
  };

  const facade = new EventEmitter();
  const resized = (): void => {
    clear = true;
    facade.emit('resize');
  };
  terminal.on('resize', resized);
  terminal.on('drain', drained);

  const stream = Object.defineProperties(facade, {
    columns: { get: () => size().columns },
    rows: { get: () => size().rows },
    // Not a TTY to Ink's eyes: then it leaves the cursor to the lifecycle and sends frames only.
    isTTY: { value: false },
    writable: { value: true },
    write: {
      value: (text: string, done?: () => void): boolean => {
        if (!closed && text !== '') {
          waiting = text;
          schedule();
        }
        if (typeof done === 'function') setImmediate(done);
        return true;
      },
    },
  });

  return {
    stdout: stream as unknown as NodeJS.WriteStream,
    repaint: () => {
      clear = true;
      facade.emit('resize');
    },
    flush: () => {
      if (!blocked) draw();
    },
    close: () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      timer = null;
      terminal.off('resize', resized);
      terminal.off('drain', drained);
    },
  };
}
