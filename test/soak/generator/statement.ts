import { quoteLiteral } from '../../../src/postgres/identifiers.ts';
import type { Chance } from './chance.ts';
import type { NumberedColumn, Table } from './table.ts';
import { drawValue, type ValueType } from './value-types.ts';

/** One statement of a transaction, with the kind that it counts as. */
export interface Statement {
  readonly kind: StatementKind;
  readonly sql: string;
  /** What COPY FROM STDIN sends, in text format. */
  readonly copy?: string;
}

export const STATEMENT_KINDS = [
  'insert',
  'insert of many',
  'insert select',
  'insert of 50,000',
  'on conflict do nothing',
  'on conflict do update',
  'copy',
  'update by key',
  'update of many',
  'update of all',
  'update to the same',
  'update of the key',
  'swap of keys',
  'delete by key',
  'delete of many',
  'truncate',
  'truncate cascade',
  'truncate restart identity',
  'merge',
  'select for update',
  'nextval',
  'refresh',
  'savepoint',
  'rollback to savepoint',
  'commit prepared',
  'rollback prepared',
] as const;
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/** One value, as text; null is NULL. */
interface Cell {
  readonly column: string;
  readonly type: string;
  readonly text: string | null;
}

/** The values of row `number`. */
export function rowOf(table: Table, number: number, chance: Chance, parents: number): Cell[] {
  const numbered = ({ name, type }: NumberedColumn): Cell => ({
    column: name,
    type: type.sql,
    text: type.text(number),
  });
  return [
    ...table.address.map(numbered),
    ...table.numbered.map(numbered),
    ...table.references.map(({ name, type }) => ({
      column: name,
      type: type.sql,
      text: chance.percent(40) ? type.text(chance.between(1, parents)) : null,
    })),
    ...table.columns.map((column) => ({
      column: column.name,
      type: column.type.sql,
      text: drawValue(column.type, column.nullable, chance),
    })),
  ];
}

/** A value as SQL of its type. */
export const literal = ({ text, type }: Pick<Cell, 'text' | 'type'>): string =>
  text === null ? `NULL::${type}` : `${quoteLiteral(text)}::${type}`;

const columnsOf = (cells: readonly Cell[]): string => cells.map(({ column }) => column).join(', ');
const tuple = (cells: readonly Cell[]): string => `(${cells.map(literal).join(', ')})`;

/** `WHERE` of the row with this number. */
export const addressed = (table: Table, number: number): string =>
  table.address
    .map(({ name, type }) => `${name} = ${literal({ text: type.text(number), type: type.sql })}`)
    .join(' AND ');

/** INSERT of rows, up to VALUES and with it. */
export function insertRows(table: Table, rows: readonly (readonly Cell[])[]): string {
  const [first] = rows;
  if (!first || first.length === 0) return `INSERT INTO ${table.name} DEFAULT VALUES`;
  const overriding = table.overriding ? ' OVERRIDING SYSTEM VALUE' : '';
  return `INSERT INTO ${table.name} (${columnsOf(first)})${overriding} VALUES ${rows.map(tuple).join(', ')}`;
}

const LONG = 400;
/** The short ones of a type's values; all where none is. */
function shortOf({ values }: ValueType): readonly string[] {
  const short = values.filter((value) => value.length < LONG);
  return short.length > 0 ? short : values;
}

/** INSERT … SELECT of the rows `from` to `to`, every `step`th: each plain column takes its values in turn. */
export function insertRange(table: Table, range: { from: number; to: number; step: number }, chance: Chance): string {
  const n = 'g.n';
  const numbered = [...table.address, ...table.numbered];
  // Long values would make a big transaction a huge one.
  const plain = table.columns.map((column) => {
    const two = [0, 1].map(() => literal({ text: chance.oneOf(shortOf(column.type)), type: column.type.sql }));
    return { name: column.name, sql: `CASE WHEN ${n} % 3 = 0 THEN ${two[0]} ELSE ${two[1]} END` };
  });
  const columns = [...numbered.map(({ name }) => name), ...plain.map(({ name }) => name)];
  const values = [...numbered.map(({ type }) => type.of(n)), ...plain.map(({ sql }) => sql)];
  const overriding = table.overriding ? ' OVERRIDING SYSTEM VALUE' : '';
  const series = `generate_series(${range.from}, ${range.to}, ${range.step}) g (n)`;
  if (columns.length === 0) return `INSERT INTO ${table.name} SELECT FROM ${series}`;
  return `INSERT INTO ${table.name} (${columns.join(', ')})${overriding} SELECT ${values.join(', ')} FROM ${series}`;
}

/**
 * `SET` of one to all of the columns to new values; null when there are none. Of all rows: to short values, or a big table
 * would make a transaction that the disk of the spool does not hold.
 */
export function assignments(table: Table, chance: Chance, rows: 'few' | 'all' = 'few'): string | null {
  if (table.columns.length === 0) return null;
  const chosen = chance.some(table.columns, chance.between(1, table.columns.length));
  return chosen
    .map(({ name, type, nullable }) => {
      const text = drawValue(type, nullable, chance);
      const long = rows === 'all' && text !== null && text.length >= LONG;
      return `${name} = ${literal({ text: long ? (shortOf(type)[0] ?? null) : text, type: type.sql })}`;
    })
    .join(', ');
}

/** SQL that is true of up to `count` rows, from the `skip`th on in the order of their addresses. */
export function someRows(table: Table, count: number, skip: number): string {
  const order = [...table.address.map(({ name }) => name), 'tableoid', 'ctid'].join(', ');
  return `(tableoid, ctid) IN (SELECT tableoid, ctid FROM ${table.name} ORDER BY ${order} LIMIT ${count} OFFSET ${skip})`;
}

/** Rows in the text format of COPY. https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2 */
export function copyRows(table: Table, rows: readonly (readonly Cell[])[]): Pick<Statement, 'sql' | 'copy'> {
  const escaped = (text: string | null) =>
    text === null
      ? '\\N'
      : text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return {
    sql: `COPY ${table.name} (${columnsOf(rows[0] ?? [])}) FROM STDIN`,
    copy: rows.map((cells) => `${cells.map(({ text }) => escaped(text)).join('\t')}\n`).join(''),
  };
}

/** MERGE of some rows: what is there is updated or deleted, what is not is inserted. https://www.postgresql.org/docs/15/sql-merge.html */
export function mergeRows(table: Table, rows: readonly (readonly Cell[])[], chance: Chance): string {
  const [first = []] = rows;
  const on = table.address.map(({ name }) => `t.${name} = s.${name}`).join(' AND ');
  const set = table.columns.map(({ name }) => `${name} = s.${name}`).join(', ');
  const matched = set && chance.percent(75) ? `UPDATE SET ${set}` : 'DELETE';
  const overriding = table.overriding ? ' OVERRIDING SYSTEM VALUE' : '';
  return `MERGE INTO ${table.name} t USING (VALUES ${rows.map(tuple).join(', ')}) s (${columnsOf(first)}) ON ${on}
    WHEN MATCHED THEN ${matched}
    WHEN NOT MATCHED THEN INSERT (${columnsOf(first)})${overriding} VALUES (${first.map(({ column }) => `s.${column}`).join(', ')})`;
}
