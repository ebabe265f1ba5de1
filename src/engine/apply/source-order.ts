import type { RowChange } from '../decode/change.ts';
import { cellBytes, isBinary, isNull, isUnchanged, type Tuple } from '../decode/tuple.ts';
import type { Parameter } from './bind-message.ts';
import type { BoundColumn, BoundTable } from './bound-table.ts';
import type { Statement } from './pipelined.ts';

function parameterOf(tuple: Tuple, column: number): Parameter {
  const bytes = cellBytes(tuple, column);
  return bytes && { bytes, binary: isBinary(tuple, column) };
}

/** Collects parameters; `$n` is what `add` gives. */
class Parameters {
  readonly values: Parameter[] = [];
  add(value: Parameter): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** A parameter in the type that the stream has it in; what it is put into casts it on. */
const add = (parameters: Parameters, tuple: Tuple, column: BoundColumn): string =>
  `${parameters.add(parameterOf(tuple, column.index))}${column.sentAs === null ? '' : `::${column.sentAs}`}`;

function byKey(columns: readonly BoundColumn[], named: Tuple, parameters: Parameters): string {
  return columns
    .map((column) => {
      // Without a cast the operator would choose the parameter's type: record, say, for a composite.
      const value = `${add(parameters, named, column)}::${column.baseType}`;
      return `${column.ident} ${column.equals} ${value}`;
    })
    .join(' AND ');
}

/** The image of these differs by how the value came in, as text or in binary form: their text is compared. */
const OF_SEVERAL_IMAGES = /^tsquery(\[\])?$/;

/**
 * The row whose image is that of `old`: with FULL exactly one of equal rows, else every row that has these key columns, for a second one
 * shows that they are not the whole key. Comparing images (`*=`) works for types without equality, tells 1.0
 * from 1.00, and takes NULL for equal to NULL; the plain conditions in front are there for an index to serve.
 * https://www.postgresql.org/docs/current/functions-comparisons.html#COMPOSITE-TYPE-COMPARISON
 */
function byImage(table: BoundTable, old: Tuple, parameters: Parameters): string {
  const columns = table.columns.filter((column) => table.relation.columns[column.index]?.key);
  const lookups: string[] = [];
  const stored: string[] = [];
  const wanted: string[] = [];
  for (const column of columns) {
    const value = `${add(parameters, old, column)}::${column.type}`;
    const form = OF_SEVERAL_IMAGES.test(column.baseType) ? '::pg_catalog.text' : '';
    stored.push(`${column.ident}${form}`);
    wanted.push(`${value}${form}`);
    if (!column.indexed) continue;
    lookups.push(isNull(old, column.index) ? `${column.ident} IS NULL` : `${column.ident} ${column.equals} ${value}`);
  }
  const image = `ROW(${stored.join(', ')})::pg_catalog.record OPERATOR(pg_catalog.*=) ROW(${wanted.join(', ')})::pg_catalog.record`;
  const found = [...lookups, image].join(' AND ');
  if (table.relation.identity !== 'full') return found;
  // Two chunks, or partitions, have rows at the same place.
  const place = table.partitionedBy.length > 0 || table.throughParent ? '(tableoid, ctid)' : 'ctid';
  return `${place} OPERATOR(pg_catalog.=) (SELECT ${place.replace(/[()]/g, '')} FROM ${table.rows} WHERE ${found} LIMIT 1)`;
}

function condition(table: BoundTable, named: Tuple, parameters: Parameters): string {
  return table.match.by === 'key' ? byKey(table.match.columns, named, parameters) : byImage(table, named, parameters);
}

/**
 * Whether the row may stand in another chunk afterwards. Without an old row in the stream the identity stays as it was, and with it
 * those of its columns that partition the table.
 */
function mayMove(table: BoundTable, change: Extract<RowChange, { kind: 'update' }>): boolean {
  return table.partitionedBy.some((column) => {
    if (isUnchanged(change.tuple, column.index)) return false;
    if (!table.relation.columns[column.index]?.key) return true;
    if (!change.old) return false;
    const [before, after] = [cellBytes(change.old, column.index), cellBytes(change.tuple, column.index)];
    return before === null || after === null ? before !== after : !before.equals(after);
  });
}

/** The row is taken out and put in again, with what the stream left out as it was. */
function moved(table: BoundTable, change: Extract<RowChange, { kind: 'update' }>): Statement {
  const parameters = new Parameters();
  const values = table.columns.map((column) =>
    isUnchanged(change.tuple, column.index)
      ? `old.${column.ident}`
      : `${add(parameters, change.tuple, column)}${column.sentAs === null ? `::${column.type}` : ''}`,
  );
  const where = condition(table, change.old ?? change.tuple, parameters);
  return {
    text: `WITH old AS (DELETE FROM ${table.rows} WHERE ${where} RETURNING *) INSERT INTO ${table.target} (${table.columns
      .map((column) => column.ident)
      .join(', ')}) OVERRIDING SYSTEM VALUE SELECT ${values.join(', ')} FROM old`,
    values: parameters.values,
  };
}

/** One change as one statement that must hit exactly one row. Null when there is nothing to do. */
export function statementFor(table: BoundTable, change: RowChange): Statement | null {
  const parameters = new Parameters();
  switch (change.kind) {
    case 'insert': {
      if (table.columns.length === 0) return { text: `INSERT INTO ${table.target} DEFAULT VALUES`, values: [] };
      const columns = table.columns.map((column) => column.ident).join(', ');
      const values = table.columns.map((column) => add(parameters, change.tuple, column)).join(', ');
      return {
        text: `INSERT INTO ${table.target} (${columns}) OVERRIDING SYSTEM VALUE VALUES (${values})`,
        values: parameters.values,
      };
    }
    case 'delete':
      return {
        text: `DELETE FROM ${table.rows} WHERE ${condition(table, change.old, parameters)}`,
        values: parameters.values,
      };
    case 'update': {
      const assignments = table.columns
        .filter((column) => !isUnchanged(change.tuple, column.index))
        .map((column) => `${column.ident} = ${add(parameters, change.tuple, column)}`);
      if (assignments.length === 0) return null;
      if (mayMove(table, change)) return moved(table, change);
      return {
        text: `UPDATE ${table.rows} SET ${assignments.join(', ')} WHERE ${condition(table, change.old ?? change.tuple, parameters)}`,
        values: parameters.values,
      };
    }
    default:
      return change satisfies never;
  }
}

/** A value in binary form, for people: what keys are made of as a rule, else its bytes. */
function readable(type: string, value: Buffer): string {
  const hex = value.toString('hex');
  if (type === 'smallint' && value.length === 2) return String(value.readInt16BE());
  if (type === 'integer' && value.length === 4) return String(value.readInt32BE());
  if (type === 'bigint' && value.length === 8) return String(value.readBigInt64BE());
  if (type === 'uuid') return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return ['text', 'character varying', 'character'].includes(type) ? value.toString('utf8') : `\\x${hex}`;
}

function namingColumns({ match, columns, relation }: BoundTable): readonly BoundColumn[] {
  if (match.by === 'key') return match.columns;
  const keys = columns.filter(({ index }) => relation.columns[index]?.key);
  return (keys.length > 0 ? keys : columns).slice(0, 5);
}

/** The key or row that a change names, for people; long values are cut. */
export function describeRow(table: BoundTable, change: RowChange): string {
  const tuple = change.kind === 'delete' ? change.old : (change.kind === 'update' && change.old) || change.tuple;
  return namingColumns(table)
    .map((column) => {
      const value = parameterOf(tuple, column.index);
      // Enough for what is shown, whatever its characters are.
      const bytes = value?.bytes.subarray(0, 61 * 4) ?? Buffer.alloc(0);
      const text = value === null ? 'NULL' : value.binary ? readable(column.baseType, bytes) : bytes.toString('utf8');
      return `${column.name}=${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
    })
    .join(', ');
}
