/**
 * A row version as the source sent it: views into the received bytes, nothing parsed.
 * Values are in PostgreSQL's text or binary form, as the column's kind byte says.
 */
export interface Tuple {
  readonly buffer: Buffer;
  /** For each column two entries: offset of the value, and its length or `NULL_VALUE` or `UNCHANGED`. */
  readonly cells: Int32Array;
}

export const NULL_VALUE = -1;
/** An unchanged TOASTed value that the source did not send. https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
export const UNCHANGED = -2;

const KIND_BINARY = 0x62;
/** The kind of a value in text form. */
export const TEXT_KIND = 0x74;
/** Kind and length in front of a value, as in pgoutput's tuples: whoever copies a value takes them with it. */
export const VALUE_HEADER_BYTES = 5;

/** Whether these bytes stand at this place of a record. */
export const startsWith = (record: Buffer, at: number, what: Buffer): boolean => {
  if (at + what.length > record.length) return false;
  for (let index = 0; index < what.length; index += 1) if (record[at + index] !== what[index]) return false;
  return true;
};

export const columnCount = (tuple: Tuple): number => tuple.cells.length >> 1;
export const cellOffset = (tuple: Tuple, column: number): number => tuple.cells[column * 2] as number;
export const cellLength = (tuple: Tuple, column: number): number => tuple.cells[column * 2 + 1] as number;
export const isNull = (tuple: Tuple, column: number): boolean => cellLength(tuple, column) === NULL_VALUE;
export const isUnchanged = (tuple: Tuple, column: number): boolean => cellLength(tuple, column) === UNCHANGED;

/** True when the value is in binary form. Only for values that are there. */
export const isBinary = (tuple: Tuple, column: number): boolean =>
  tuple.buffer[cellOffset(tuple, column) - VALUE_HEADER_BYTES] === KIND_BINARY;

/** The bytes of a value; null for NULL and for an unchanged value. A view, not a copy. */
export function cellBytes(tuple: Tuple, column: number): Buffer | null {
  const length = cellLength(tuple, column);
  if (length < 0) return null;
  const start = cellOffset(tuple, column);
  return tuple.buffer.subarray(start, start + length);
}

/** The form of a tuple's values as a whole. `mixed` occurs for types without a binary send function. */
export function tupleFormat(tuple: Tuple): 'text' | 'binary' | 'mixed' | 'none' {
  let format: 'text' | 'binary' | 'none' = 'none';
  for (let column = 0; column < columnCount(tuple); column += 1) {
    if (cellLength(tuple, column) < 0) continue;
    const own = isBinary(tuple, column) ? 'binary' : 'text';
    if (format === 'none') format = own;
    else if (format !== own) return 'mixed';
  }
  return format;
}

export function hasUnchanged(tuple: Tuple): boolean {
  for (let index = 1; index < tuple.cells.length; index += 2) if (tuple.cells[index] === UNCHANGED) return true;
  return false;
}

/**
 * `newer` with its unchanged values taken from `older`, which stood in the same row just before. With `columns`, only
 * those are taken: an old tuple of key columns has NULL in all others, which are not values.
 */
export function fillUnchanged(newer: Tuple, older: Tuple, columns: readonly number[] | null = null): Tuple {
  const missing = (column: number) => isUnchanged(newer, column) && (columns === null || columns.includes(column));
  const count = columnCount(newer);
  let first = 0;
  while (first < count && !missing(first)) first += 1;
  if (first === count) return newer;
  const pieces: Buffer[] = [];
  const cells = new Int32Array(count * 2);
  let offset = 0;
  for (let column = 0; column < count; column += 1) {
    const from = missing(column) ? older : newer;
    const length = cellLength(from, column);
    cells[column * 2 + 1] = length;
    if (length < 0) continue;
    const start = cellOffset(from, column);
    // The five bytes before a value are its kind and length; they travel with it.
    pieces.push(from.buffer.subarray(start - 5, start + length));
    cells[column * 2] = offset + 5;
    offset += 5 + length;
  }
  return { buffer: Buffer.concat(pieces), cells };
}

/** A string that is equal for two tuples exactly when the given columns hold the same bytes. */
export function keyOf(tuple: Tuple, columns: readonly number[]): string {
  let key = '';
  for (const column of columns) {
    const length = cellLength(tuple, column);
    const start = cellOffset(tuple, column);
    key += length < 0 ? `${length};` : `${length}:${tuple.buffer.toString('latin1', start, start + length)}`;
  }
  return key;
}
