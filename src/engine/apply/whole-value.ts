import type { RowChange } from '../decode/change.ts';
import { cellLength, cellOffset, isBinary, type Tuple } from '../decode/tuple.ts';
import type { BoundTable } from './bound-table.ts';

const NAME_BYTES = 63;
const [BACKSLASH, QUOTE, COMMA, OPEN, CLOSE] = [0x5c, 0x22, 0x2c, 0x7b, 0x7d];

/** How many bytes of a value in text form the target keeps, without a word about the rest. */
export interface Kept {
  readonly bytes: number;
  /** Of each element of an array. */
  readonly ofElement: boolean;
}

/** By the OID of the type: "char", name, and arrays of them. */
const KEPT = new Map<number, Kept>([
  [18, { bytes: 1, ofElement: false }],
  [19, { bytes: NAME_BYTES, ofElement: false }],
  [1002, { bytes: 1, ofElement: true }],
  [1003, { bytes: NAME_BYTES, ofElement: true }],
]);

/** Null: the target keeps all. */
export const keptBytes = (typeOid: number): Kept | null => KEPT.get(typeOid) ?? null;

/** The first column of which the target would cut the value that a change brings; null when there is none. */
export function columnToBeCut(table: BoundTable, change: RowChange): string | null {
  if (table.limited.length === 0) return null;
  const tuple = change.kind === 'delete' ? change.old : change.tuple;
  return table.limited.find(({ index, kept }) => isCut(tuple, index, kept))?.name ?? null;
}

function isCut(tuple: Tuple, column: number, { bytes, ofElement }: Kept): boolean {
  const length = cellLength(tuple, column);
  if (length <= bytes || isBinary(tuple, column)) return false;
  const start = cellOffset(tuple, column);
  const value = tuple.buffer.subarray(start, start + length);
  const isLonger = (one: Uint8Array) => one.length > bytes && !(bytes === 1 && isOctal(one));
  return ofElement ? elementsOf(value).some(isLonger) : isLonger(value);
}

/** Since 16 a "char" beyond ASCII is written as an octal number. */
const isOctal = (value: Uint8Array): boolean => value.length === 4 && value[0] === BACKSLASH;

/**
 * The elements of an array in text form, of any dimensions; NULL is no element.
 * https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function elementsOf(text: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  let element: number[] = [];
  let quoted = false;
  let wasQuoted = false;
  const end = () => {
    if (wasQuoted || (element.length > 0 && String.fromCharCode(...element) !== 'NULL'))
      elements.push(Uint8Array.from(element));
    element = [];
    wasQuoted = false;
  };
  // Before the first brace there may be bounds: [0:2]={…}
  for (let at = text.indexOf(OPEN); at >= 0 && at < text.length; at += 1) {
    const byte = text[at] as number;
    if (byte === BACKSLASH) {
      at += 1;
      element.push(text[at] as number);
    } else if (byte === QUOTE) {
      quoted = !quoted;
      wasQuoted = true;
    } else if (!quoted && (byte === COMMA || byte === OPEN || byte === CLOSE)) end();
    else element.push(byte);
  }
  return elements;
}
