import { qualified, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { ColumnShape } from './shape.ts';

/** The statements for the target, as the operator is to run them: with every name quoted and qualified. */

export interface Name {
  readonly schema: string;
  readonly name: string;
}

const alter = (table: Name, action: string): string => `ALTER TABLE ${qualified(table)} ${action};`;
const column = (table: Name, name: string, action: string): string =>
  alter(table, `ALTER COLUMN ${quoteIdent(name)} ${action}`);

/** Type, collation, what the server writes itself, and NOT NULL: the same in CREATE TABLE and in ADD COLUMN. */
export function columnDefinition(of: ColumnShape, defaultTo: string | null): string {
  const parts = [quoteIdent(of.name), of.type];
  if (of.collation !== null) parts.push(`COLLATE ${of.collation}`);
  if (of.generated !== '') {
    parts.push(`GENERATED ALWAYS AS (${of.expression ?? 'NULL'}) ${of.generated === 's' ? 'STORED' : 'VIRTUAL'}`);
  } else if (of.identity !== '') parts.push(`GENERATED ${of.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY`);
  else if (defaultTo !== null) parts.push(`DEFAULT ${defaultTo}`);
  if (of.notNull) parts.push('NOT NULL');
  return parts.join(' ');
}

/**
 * Adds a column so that older rows hold what they hold on the source: the default as it was when the column was added
 * there, which is not what the same expression gives now. `filled`: the source gave each row a value of its own, for
 * which this one stands until the table is copied again. NOT NULL only where each row has a value by the statement itself.
 */
export function addColumn(table: Name, of: ColumnShape, filled: boolean): string[] {
  const since = of.missing === null ? null : `${quoteLiteral(of.missing).trim()}::${of.type}`;
  const byServer = of.generated !== '' || of.identity !== '';
  const first = since ?? (filled ? of.expression : null);
  const hasValues = byServer || first !== null;
  const added = `ADD COLUMN ${columnDefinition({ ...of, notNull: of.notNull && hasValues }, first)}`;
  if (byServer || of.expression === first) return [alter(table, added)];
  const then = of.expression === null ? 'DROP DEFAULT' : `SET DEFAULT ${of.expression}`;
  return [alter(table, added), column(table, of.name, then)];
}

export const requireValues = (table: Name, name: string): string => column(table, name, 'SET NOT NULL');

export const dropColumn = (table: Name, name: string): string => alter(table, `DROP COLUMN ${quoteIdent(name)}`);

export const renameColumn = (table: Name, from: string, to: string): string =>
  alter(table, `RENAME COLUMN ${quoteIdent(from)} TO ${quoteIdent(to)}`);

export const alterType = (table: Name, of: ColumnShape): string =>
  column(
    table,
    of.name,
    `TYPE ${of.type}${of.collation === null ? '' : ` COLLATE ${of.collation}`} USING ${quoteIdent(of.name)}::${of.type}`,
  );

export const allowNulls = (table: Name, name: string): string => column(table, name, 'DROP NOT NULL');

/** First the schema, then the name: each statement leaves a table that the next one finds. */
export function renameTable(from: Name, to: Name): string[] {
  const moved = from.schema === to.schema ? [] : [alter(from, `SET SCHEMA ${quoteIdent(to.schema)}`)];
  if (from.name === to.name) return moved;
  return [...moved, alter({ schema: to.schema, name: from.name }, `RENAME TO ${quoteIdent(to.name)}`)];
}

export const attachPartition = (parent: Name, partition: Name, bound: string): string =>
  alter(parent, `ATTACH PARTITION ${qualified(partition)} ${bound}`);

export const detachPartition = (parent: Name, partition: Name): string =>
  alter(parent, `DETACH PARTITION ${qualified(partition)}`);

export const dropTable = (table: Name): string => `DROP TABLE ${qualified(table)};`;

export const identityFull = (table: Name): string => alter(table, 'REPLICA IDENTITY FULL');
