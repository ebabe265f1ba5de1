import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { NamedTable } from './named-tables.ts';
import type { JsonColumn } from './wal2json-tuple.ts';

/** Types whose NaN and infinity a wal2json before 2.6 writes as null: float4, float8, numeric. Not domains or arrays of them. */
export const LOSSY_TYPES: readonly number[] = [700, 701, 1700];

/** Those of the columns of which an older wal2json loses values that are needed. */
export const lossyOf = (table: NamedTable, columns: readonly JsonColumn[]): JsonColumn[] =>
  columns.filter(
    ({ name, type }) =>
      LOSSY_TYPES.includes(type) && !table.columns.some((column) => column.name === name && column.generated),
  );

/** A row came that an older wal2json may have changed. */
export const numbersLost = (table: NamedTable, columns: readonly JsonColumn[]): MigrateError =>
  new MigrateError('TM4008', {
    side: 'source',
    object: lossyOf(table, columns)
      .map(({ name }) => `${displayName(table)}.${name}`)
      .join(', '),
    message: 'this wal2json writes NaN and infinity of such a column as null: no row with it can be trusted',
    hint: 'Replay stopped before it. Drop the column again, or install wal2json 2.6 or newer on the source and start over with migrate --drop-if-exists.',
  });
