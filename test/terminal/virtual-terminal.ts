import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';

/** A terminal in memory: what is written to it is interpreted as a real one would, cell by cell. */
export class VirtualTerminal extends EventEmitter {
  readonly isTTY = true;
  columns: number;
  rows: number;
  readonly xterm: InstanceType<typeof xterm.Terminal>;
  /** All that was written, in order. */
  readonly writes: string[] = [];
  #waiting = new Set<() => void>();

  constructor(columns = 80, rows = 24) {
    super();
    this.columns = columns;
    this.rows = rows;
    this.xterm = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 100, convertEol: true });
  }

  write(text: string): boolean {
    this.writes.push(text);
    this.xterm.write(text, () => {
      for (const look of [...this.#waiting]) look();
    });
    return true;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.xterm.resize(columns, rows);
    this.emit('resize');
  }

  /** The screen as text, without spaces at the ends of lines. */
  text(): string {
    const { active } = this.xterm.buffer;
    const lines = Array.from({ length: this.rows }, (_, y) =>
      active.getLine(active.viewportY + y)?.translateToString(true),
    );
    return lines.map((line) => (line ?? '').trimEnd()).join('\n');
  }

  lines(): string[] {
    return this.text().split('\n');
  }

  get alternate(): boolean {
    return this.xterm.buffer.active.type === 'alternate';
  }

  /** Waits until the screen satisfies the condition; fails with the screen as it is after `withinMs`. */
  until(condition: (text: string) => boolean, withinMs = 8_000): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`the screen never came to it:\n${this.text()}`));
      }, withinMs);
      const look = (): void => {
        const text = this.text();
        if (!condition(text)) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(text);
      };
      this.#waiting.add(look);
      look();
    });
  }

  shows(part: string | RegExp, withinMs?: number): Promise<string> {
    return this.until((text) => (typeof part === 'string' ? text.includes(part) : part.test(text)), withinMs);
  }
}

/** The keyboard of a virtual terminal, as Ink reads one. */
export class VirtualKeyboard extends EventEmitter {
  readonly isTTY = true;
  raw = false;
  #typed: string[] = [];

  type(text: string): void {
    this.#typed.push(text);
    this.emit('readable');
  }

  read(): string | null {
    return this.#typed.shift() ?? null;
  }

  setRawMode(raw: boolean): this {
    this.raw = raw;
    return this;
  }

  setEncoding(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  resume(): this {
    return this;
  }
  pause(): this {
    return this;
  }
}

export const KEYS = {
  enter: '\r',
  esc: '\u001b',
  tab: '\t',
  up: '\u001b[A',
  down: '\u001b[B',
  right: '\u001b[C',
  left: '\u001b[D',
  backspace: '\u007f',
  pageDown: '\u001b[6~',
  home: '\u001b[H',
  end: '\u001b[F',
  ctrlC: '\u0003',
  ctrlG: '\u0007',
} as const;
