import { cellLength, cellOffset, type Tuple } from '../decode/tuple.ts';
import { piecesOf } from './bind-message.ts';

/**
 * Writes rows for COPY FROM STDIN, in either form; values are moved, not parsed.
 * https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9
 */
export class RowEncoder {
  readonly #format: 'text' | 'binary';
  /** What stands before the buffer. */
  readonly #parts: Iterable<Buffer>[] = [];
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  constructor(format: 'text' | 'binary') {
    this.#format = format;
    if (format === 'binary') {
      // Signature, flags, header extension length.
      this.#reserve(19);
      this.#length += this.#buffer.write('PGCOPY\n\xff\r\n\0', this.#length, 'latin1');
      this.#length = this.#buffer.writeInt32BE(0, this.#length);
      this.#length = this.#buffer.writeInt32BE(0, this.#length);
    }
  }

  /**
   * Appends a row: `group` first unless null, as a smallint, then the given columns of the tuple. A column that is in
   * `blank` is written as NULL; so is a value that the source did not send.
   */
  add(tuple: Tuple, columns: readonly number[], group: number | null, blank: ReadonlySet<number> | null): void {
    if (this.#format === 'binary') this.#addBinary(tuple, columns, group, blank);
    else this.#addText(tuple, columns, group, blank);
  }

  #addBinary(tuple: Tuple, columns: readonly number[], group: number | null, blank: ReadonlySet<number> | null): void {
    this.#reserve(16);
    this.#length = this.#buffer.writeInt16BE(columns.length + (group === null ? 0 : 1), this.#length);
    if (group !== null) {
      this.#length = this.#buffer.writeInt32BE(2, this.#length);
      this.#length = this.#buffer.writeInt16BE(group, this.#length);
    }
    for (const column of columns) {
      const length = cellLength(tuple, column);
      if (length < 0 || blank?.has(column)) {
        this.#reserve(4);
        this.#length = this.#buffer.writeInt32BE(-1, this.#length);
        continue;
      }
      const start = cellOffset(tuple, column);
      if (length > COPIED_BYTES) {
        this.#addLong(piecesOf(tuple.buffer.subarray(start - 4, start + length)));
        continue;
      }
      this.#reserve(length + 4);
      // The four bytes before a value are its length, as COPY wants it.
      tuple.buffer.copy(this.#buffer, this.#length, start - 4, start + length);
      this.#length += length + 4;
    }
  }

  #addText(tuple: Tuple, columns: readonly number[], group: number | null, blank: ReadonlySet<number> | null): void {
    this.#reserve(16);
    let first = true;
    if (group !== null) {
      this.#length += this.#buffer.write(String(group), this.#length, 'latin1');
      first = false;
    }
    for (const column of columns) {
      const length = cellLength(tuple, column);
      const isLong = length > COPIED_BYTES;
      // Escaping doubles a value at the most; tab, \N and newline come on top.
      this.#reserve((length < 0 || isLong ? 0 : length * 2) + 8);
      if (!first) this.#buffer[this.#length++] = TAB;
      first = false;
      if (length < 0 || blank?.has(column)) {
        this.#buffer[this.#length++] = BACKSLASH;
        this.#buffer[this.#length++] = 0x4e; // N
        continue;
      }
      const start = cellOffset(tuple, column);
      if (isLong) this.#addLong(escapedPiecesOf(tuple.buffer.subarray(start, start + length)));
      else this.#length = escapeInto(this.#buffer, this.#length, tuple.buffer, start, length);
    }
    this.#reserve(1);
    this.#buffer[this.#length++] = NEWLINE;
  }

  /** A long value is not copied but read again when it is sent, behind what was written up to now. */
  #addLong(pieces: Iterable<Buffer>): void {
    this.#parts.push([this.#buffer.subarray(0, this.#length)], pieces);
    this.#buffer = Buffer.allocUnsafe(FIRST_BYTES);
    this.#length = 0;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }

  /** All rows so far, with the binary trailer, in pieces; to be gone through once. The encoder is used up. */
  *finish(): Generator<Buffer> {
    if (this.#format === 'binary') {
      this.#reserve(2);
      this.#length = this.#buffer.writeInt16BE(-1, this.#length);
    }
    for (const part of this.#parts) yield* part;
    if (this.#length > 0) yield this.#buffer.subarray(0, this.#length);
  }
}

/** Longer values are sent from where they are. */
const COPIED_BYTES = 64 * 1024;
const FIRST_BYTES = 64 * 1024;

function* escapedPiecesOf(value: Buffer): Generator<Buffer> {
  for (const piece of piecesOf(value)) {
    const escaped = Buffer.allocUnsafe(piece.length * 2);
    yield escaped.subarray(0, escapeInto(escaped, 0, piece, 0, piece.length));
  }
}

const TAB = 0x09;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BACKSLASH = 0x5c;

/** Copies a value, a backslash before what COPY's text form would take for its own. Returns the new end. */
function escapeInto(to: Buffer, at: number, from: Buffer, start: number, length: number): number {
  let end = at;
  for (let index = start; index < start + length; index += 1) {
    const byte = from[index] as number;
    if (byte === BACKSLASH) {
      to[end++] = BACKSLASH;
      to[end++] = BACKSLASH;
    } else if (byte === TAB || byte === NEWLINE || byte === CARRIAGE_RETURN) {
      to[end++] = BACKSLASH;
      to[end++] = byte === TAB ? 0x74 : byte === NEWLINE ? 0x6e : 0x72;
    } else {
      to[end++] = byte;
    }
  }
  return end;
}
