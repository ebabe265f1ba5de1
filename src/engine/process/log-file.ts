import { closeSync, openSync, writeSync } from 'node:fs';

/**
 * Where the engine's log goes, line by line and at once. What can't be written, on a full disk, is lost: a log is no
 * reason to stop a migration. (pino's own destination waits for ever there when it is flushed, deaf to every signal.)
 */
export class LogFile {
  readonly #file: number;
  /** The last line was cut off. */
  #torn = false;
  #closed = false;

  /** Appends; the file is private. Throws the file system's error. */
  constructor(path: string) {
    this.#file = openSync(path, 'a', 0o600);
  }

  write(line: string): void {
    // The number of the file may be another's by now.
    if (this.#closed) return;
    const text = this.#torn ? `\n${line}` : line;
    try {
      this.#torn = writeSync(this.#file, text) < Buffer.byteLength(text);
    } catch {
      this.#torn = true;
    }
  }

  close(): void {
    this.#closed = true;
    closeSync(this.#file);
  }
}
