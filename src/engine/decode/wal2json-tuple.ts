import { afterNumber, stringAt, type Unescaped, unescapeString } from './json-text.ts';
import {
  cellBytes,
  cellLength,
  NULL_VALUE,
  startsWith,
  TEXT_KIND,
  type Tuple,
  UNCHANGED,
  VALUE_HEADER_BYTES,
} from './tuple.ts';

/** A column as a row of wal2json shows it. */
export interface JsonColumn {
  readonly name: string;
  /** Type OID on the source. */
  readonly type: number;
  /** `attnum`; null where nobody has said it: lists of an old row don't. */
  readonly position: number | null;
  /** Its values may be TOASTed: one that an UPDATE did not change is not shown. */
  readonly toast: boolean;
}

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BYTEA = 17;

const NAME = Buffer.from('{"name":');
const TYPE = Buffer.from(',"typeoid":');
const VALUE = Buffer.from(',"value":');
const POSITION = Buffer.from(',"position":');
const END = Buffer.from('}');
const NULL_WORD = Buffer.from('null');
const TRUE_WORD = Buffer.from('true');
const FALSE_WORD = Buffer.from('false');

/** `{"name":"id","typeoid":23,"value":` */
function headerAt(record: Buffer, start: number): { name: string; type: number; end: number } | null {
  if (!startsWith(record, start, NAME)) return null;
  const name = stringAt(record, start + NAME.length);
  if (!name || !startsWith(record, name.end, TYPE)) return null;
  const end = afterNumber(record, name.end + TYPE.length);
  if (!startsWith(record, end, VALUE)) return null;
  // wal2json prints OIDs from 2^31 on as negative numbers.
  const type = Number(record.toString('latin1', name.end + TYPE.length, end)) >>> 0;
  return { name: name.text, type, end: end + VALUE.length };
}

function afterValue(record: Buffer, start: number): number {
  if (record[start] === QUOTE) return stringAt(record, start)?.end ?? -1;
  for (const word of [NULL_WORD, TRUE_WORD, FALSE_WORD])
    if (startsWith(record, start, word)) return start + word.length;
  const end = afterNumber(record, start);
  return end > start ? end : -1;
}

/** The columns that the list at `start` shows, and the position behind it. Null when it is no list of columns. */
export function columnsAt(record: Buffer, start: number): { columns: JsonColumn[]; end: number } | null {
  if (record[start] !== OPEN_BRACKET) return null;
  const columns: JsonColumn[] = [];
  if (record[start + 1] === CLOSE_BRACKET) return { columns, end: start + 2 };
  for (let at = start + 1; ; ) {
    const header = headerAt(record, at);
    if (!header) return null;
    at = afterValue(record, header.end);
    if (at < 0) return null;
    let position: number | null = null;
    if (startsWith(record, at, POSITION)) {
      const end = afterNumber(record, at + POSITION.length);
      position = Number(record.toString('latin1', at + POSITION.length, end));
      at = end;
    }
    if (!startsWith(record, at, END)) return null;
    columns.push({ name: header.name, type: header.type, position, toast: true });
    at += END.length;
    if (record[at] === CLOSE_BRACKET) return { columns, end: at + 1 };
    if (record[at] !== COMMA) return null;
    at += 1;
  }
}

/** A tuple, how many columns the list showed, and the position behind it. */
export interface ReadTuple {
  readonly tuple: Tuple;
  readonly shown: number;
  readonly end: number;
}

/** Reads lists of one table's columns as long as they stay the same. */
export class JsonTupleReader {
  readonly columns: readonly JsonColumn[];
  readonly #keys: readonly number[];
  /** How the line writes each column in front of its value; learnt from the first line that shows it. */
  readonly #headers: (Buffer | null)[];
  /** The same, behind the value. */
  readonly #endings: readonly Buffer[];
  readonly #result: Unescaped = { end: -1, length: 0 };

  constructor(columns: readonly JsonColumn[], keys: readonly number[]) {
    this.columns = columns;
    this.#keys = keys;
    this.#headers = columns.map(() => null);
    this.#endings = columns.map(({ position }) => Buffer.from(position === null ? '}' : `,"position":${position}}`));
  }

  hasKeys(tuple: Tuple): boolean {
    return this.#keys.every((column) => cellLength(tuple, column) >= 0);
  }

  /** Whether both hold the same key. */
  sameKey(one: Tuple, other: Tuple): boolean {
    return this.#keys.every((column) => {
      const value = cellBytes(other, column);
      return value !== null && cellBytes(one, column)?.equals(value) === true;
    });
  }

  /** A new row. An INSERT shows every column; an UPDATE leaves out what is TOASTed and unchanged. Null: other columns. */
  row(record: Buffer, start: number, changed: boolean): ReadTuple | null {
    return this.#read(record, start, changed ? UNCHANGED : 0);
  }

  /** An old row, or what of it is the key. Null when it shows other columns. */
  old(record: Buffer, start: number): ReadTuple | null {
    return this.#read(record, start, NULL_VALUE);
  }

  /** `missing`: what a column is that is not shown; 0 when that must not be. */
  #read(record: Buffer, start: number, missing: number): ReadTuple | null {
    if (record[start] !== OPEN_BRACKET) return null;
    const { columns } = this;
    const cells = new Int32Array(columns.length * 2);
    // A column's own header in the line is longer than ours, and no value grows by being read.
    const buffer = Buffer.allocUnsafe(record.length - start);
    let at = start + 1;
    let length = 0;
    let shown = 0;
    for (let column = 0; column < columns.length; column += 1) {
      const value = this.#valueOf(record, at, column);
      if (value < 0) {
        const absent = missing === UNCHANGED && columns[column]?.toast !== true ? 0 : missing;
        if (absent === 0) return null;
        cells[column * 2 + 1] = absent;
        continue;
      }
      const offset = length + VALUE_HEADER_BYTES;
      const end = this.#take(record, value, buffer, offset, columns[column]?.type === BYTEA);
      if (end < 0) return null;
      const size = this.#result.length;
      cells[column * 2 + 1] = size;
      if (size >= 0) {
        cells[column * 2] = offset;
        buffer[length] = TEXT_KIND;
        buffer.writeInt32BE(size, length + 1);
        length = offset + size;
      }
      const ending = missing === NULL_VALUE ? END : (this.#endings[column] as Buffer);
      if (!startsWith(record, end, ending)) return null;
      at = end + ending.length;
      shown += 1;
      if (record[at] === COMMA) at += 1;
      else if (record[at] !== CLOSE_BRACKET) return null;
    }
    if (record[at] !== CLOSE_BRACKET || record[at - 1] === COMMA) return null;
    return { tuple: { buffer: buffer.subarray(0, length), cells }, shown, end: at + 1 };
  }

  /** Where the column's value begins when it is this column that stands at `at`; else -1. */
  #valueOf(record: Buffer, at: number, column: number): number {
    const known = this.#headers[column];
    if (known) return startsWith(record, at, known) ? at + known.length : -1;
    const header = headerAt(record, at);
    const expected = this.columns[column];
    if (!header || header.name !== expected?.name || header.type !== expected.type) return -1;
    this.#headers[column] = Buffer.from(record.subarray(at, header.end));
    return header.end;
  }

  /** Writes the value at `start` to `into`; its length, or `NULL_VALUE`, is in `#result`. Gives the position behind it. */
  #take(record: Buffer, start: number, into: Buffer, at: number, bytea: boolean): number {
    const result = this.#result;
    switch (record[start]) {
      case QUOTE: {
        // wal2json leaves out the \x in front of the digits; it does not in a domain over bytea, nor in an array.
        if (bytea) into.write('\\x', at, 'latin1');
        const prefix = bytea ? 2 : 0;
        unescapeString(record, start, into, at + prefix, result);
        result.length += prefix;
        return result.end;
      }
      case 0x6e: // n
        result.length = NULL_VALUE;
        return startsWith(record, start, NULL_WORD) ? start + NULL_WORD.length : -1;
      case 0x74: // t
      case 0x66: {
        // PostgreSQL's text form of a boolean is its first letter.
        const word = record[start] === 0x74 ? TRUE_WORD : FALSE_WORD;
        into[at] = record[start] as number;
        result.length = 1;
        return startsWith(record, start, word) ? start + word.length : -1;
      }
      default: {
        const end = afterNumber(record, start);
        result.length = end - start;
        record.copy(into, at, start, end);
        return end > start ? end : -1;
      }
    }
  }
}
