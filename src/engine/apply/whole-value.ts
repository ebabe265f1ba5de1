import type { RowChange } from '../decode/change.ts';
import { cellLength, cellOffset, isBinary, type Tuple } from '../decode/tuple.ts';
import type { BoundTable } from './bound-table.ts';

const CHAR_OID = 18;
const NAME_OID = 19;
const NAME_BYTES = 63;
const BACKSLASH = 0x5c;

/** How many bytes of a value in text form the target keeps, without a word about the rest; null: all. */
export const keptBytes = (typeOid: number): number | null =>
  typeOid === CHAR_OID ? 1 : typeOid === NAME_OID ? NAME_BYTES : null;

/** The first column of which the target would cut the value that a change brings; null when there is none. */
export function columnToBeCut(table: BoundTable, change: RowChange): string | null {
  if (table.limited.length === 0) return null;
  const tuple = change.kind === 'delete' ? change.old : change.tuple;
  return table.limited.find(({ index, bytes }) => isCut(tuple, index, bytes))?.name ?? null;
}

function isCut(tuple: Tuple, column: number, bytes: number): boolean {
  if (cellLength(tuple, column) <= bytes || isBinary(tuple, column)) return false;
  // Since 16 a "char" beyond ASCII is written as an octal number.
  const isOctal =
    bytes === 1 && cellLength(tuple, column) === 4 && tuple.buffer[cellOffset(tuple, column)] === BACKSLASH;
  return !isOctal;
}
