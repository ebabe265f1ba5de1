import { NULL_VALUE, startsWith, TEXT_KIND, type Tuple, UNCHANGED, VALUE_HEADER_BYTES } from './tuple.ts';

/** A column as a line shows it. */
export interface ShownColumn {
  readonly name: string;
  /** As `format_type` writes it. */
  readonly type: string;
}

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const QUOTE = 0x22;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const COLON = 0x3a;
const BIT = 0x42;

/** ` name[type]:` with the name quoted where the server does; types may hold spaces, brackets and quotes. */
function headerEnd(record: Buffer, start: number): { nameEnd: number; end: number } | null {
  if (record[start] !== SPACE) return null;
  let at = start + 1;
  if (record[at] === QUOTE) {
    at = afterQuoted(record, at, QUOTE);
    if (at < 0) return null;
  } else while (at < record.length && record[at] !== OPEN && record[at] !== SPACE && record[at] !== COLON) at += 1;
  if (record[at] !== OPEN) return null;
  const nameEnd = at;
  for (let depth = 0; at < record.length; at += 1) {
    if (record[at] === QUOTE) {
      at = afterQuoted(record, at, QUOTE) - 1;
      if (at < 0) return null;
    } else if (record[at] === OPEN) depth += 1;
    else if (record[at] === CLOSE) {
      depth -= 1;
      if (depth === 0) return record[at + 1] === COLON ? { nameEnd, end: at + 2 } : null;
    }
  }
  return null;
}

/** The position behind the closing quote; -1 when there is none. Doubled quotes are part of the text. */
function afterQuoted(record: Buffer, start: number, quote: number): number {
  for (let at = start + 1; ; ) {
    const end = record.indexOf(quote, at);
    if (end < 0) return -1;
    if (record[end + 1] !== quote) return end + 1;
    at = end + 2;
  }
}

/** The position behind a value. */
function afterValue(record: Buffer, start: number): number {
  if (record[start] === APOSTROPHE) return afterQuoted(record, start, APOSTROPHE);
  if (record[start] === BIT && record[start + 1] === APOSTROPHE) return afterQuoted(record, start + 1, APOSTROPHE);
  const end = record.indexOf(SPACE, start);
  return end < 0 ? record.length : end;
}

const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text);

/** The columns that a tuple shows, and where it ends: at the end of the line or in front of what is not a column. */
export function columnsAt(record: Buffer, start: number): { columns: ShownColumn[]; end: number } {
  const columns: ShownColumn[] = [];
  for (let at = start; ; ) {
    const header = headerEnd(record, at);
    if (!header) return { columns, end: at };
    const end = afterValue(record, header.end);
    if (end < 0) return { columns, end: at };
    columns.push({
      name: unquoted(record.toString('utf8', at + 1, header.nameEnd)),
      type: record.toString('utf8', header.nameEnd + 1, header.end - 2),
    });
    at = end;
  }
}

const is = (record: Buffer, start: number, end: number, word: string): boolean =>
  end - start === word.length && record.toString('latin1', start, end) === word;

/** Reads tuples of one table as long as its columns stay the same. */
export class TupleReader {
  readonly columns: readonly ShownColumn[];
  readonly #keys: readonly number[];
  /** How the line writes each column; learnt from the first line that shows it. */
  readonly #headers: (Buffer | null)[];

  constructor(columns: readonly ShownColumn[], keys: readonly number[]) {
    this.columns = columns;
    this.#keys = keys;
    this.#headers = columns.map(() => null);
  }

  hasKeys(tuple: Tuple): boolean {
    return this.#keys.every((column) => (tuple.cells[column * 2 + 1] as number) >= 0);
  }

  /** A whole row: every column is shown. Null when the columns are others. */
  whole(record: Buffer, start: number): Tuple | null {
    const builder = new TupleBuilder(record, start, this.columns.length);
    let at = start;
    for (let column = 0; column < this.columns.length; column += 1) {
      const value = this.#valueOf(record, at, column);
      if (value < 0) return null;
      at = builder.take(column, value);
      if (at < 0) return null;
    }
    return at === record.length ? builder.tuple() : null;
  }

  /** The columns of an old row that are not NULL, or are its key. Null when one is shown that is not known. */
  part(record: Buffer, start: number): { tuple: Tuple; end: number } | null {
    const builder = new TupleBuilder(record, start, this.columns.length);
    builder.cells.fill(NULL_VALUE);
    let at = start;
    for (let column = 0; column < this.columns.length; column += 1) {
      const value = this.#valueOf(record, at, column);
      if (value < 0) continue;
      at = builder.take(column, value);
      if (at < 0) return null;
    }
    // Something stands there still that is a column.
    return headerEnd(record, at) ? null : { tuple: builder.tuple(), end: at };
  }

  /** Where the column's value begins when it is this column that stands at `at`; else -1. */
  #valueOf(record: Buffer, at: number, column: number): number {
    const known = this.#headers[column];
    if (known) return startsWith(record, at, known) ? at + known.length : -1;
    const header = headerEnd(record, at);
    if (!header) return -1;
    const { name, type } = this.columns[column] as ShownColumn;
    if (unquoted(record.toString('utf8', at + 1, header.nameEnd)) !== name) return -1;
    if (record.toString('utf8', header.nameEnd + 1, header.end - 2) !== type) return -1;
    this.#headers[column] = Buffer.from(record.subarray(at, header.end));
    return header.end;
  }
}

/** Puts values together, unquoted, in the form that pgoutput's tuples have. */
class TupleBuilder {
  readonly cells: Int32Array;
  readonly #record: Buffer;
  /** A column's own header in the line is longer than ours. */
  readonly #buffer: Buffer;
  #length = 0;

  constructor(record: Buffer, start: number, columns: number) {
    this.#record = record;
    this.#buffer = Buffer.allocUnsafe(record.length - start);
    this.cells = new Int32Array(columns * 2);
  }

  /** Takes the value at `start`; gives the position behind it, -1 when it has no end. */
  take(column: number, start: number): number {
    const record = this.#record;
    const first = record[start];
    if (first === APOSTROPHE) return this.#quoted(column, start + 1);
    if (first === BIT && record[start + 1] === APOSTROPHE) return this.#quoted(column, start + 2);
    const end = afterValue(record, start);
    if (is(record, start, end, 'null')) this.cells[column * 2 + 1] = NULL_VALUE;
    else if (is(record, start, end, 'unchanged-toast-datum')) this.cells[column * 2 + 1] = UNCHANGED;
    else {
      // Booleans are written out here; PostgreSQL's text form of them is one letter.
      const word = is(record, start, end, 'true') || is(record, start, end, 'false');
      this.#begin(column);
      this.#copy(start, word ? start + 1 : end);
      this.#finish(column);
    }
    return end;
  }

  #quoted(column: number, start: number): number {
    this.#begin(column);
    for (let at = start; ; ) {
      const end = this.#record.indexOf(APOSTROPHE, at);
      if (end < 0) return -1;
      const doubled = this.#record[end + 1] === APOSTROPHE;
      this.#copy(at, doubled ? end + 1 : end);
      if (!doubled) {
        this.#finish(column);
        return end + 1;
      }
      at = end + 2;
    }
  }

  #begin(column: number): void {
    this.#buffer[this.#length] = TEXT_KIND;
    this.#length += VALUE_HEADER_BYTES;
    this.cells[column * 2] = this.#length;
  }

  #copy(start: number, end: number): void {
    this.#length += this.#record.copy(this.#buffer, this.#length, start, end);
  }

  #finish(column: number): void {
    const offset = this.cells[column * 2] as number;
    const length = this.#length - offset;
    this.#buffer.writeInt32BE(length, offset - 4);
    this.cells[column * 2 + 1] = length;
  }

  tuple(): Tuple {
    return { buffer: this.#buffer.subarray(0, this.#length), cells: this.cells };
  }
}
