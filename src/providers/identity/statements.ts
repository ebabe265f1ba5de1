import { createHash } from 'node:crypto';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import type { IdentityChange } from './table.ts';

type Named = Pick<IdentityChange['table'], 'schema' | 'name'>;

/** The longest name that PostgreSQL keeps. https://www.postgresql.org/docs/current/limits.html */
const NAME_BYTES = 63;
const HASH_CHARACTERS = 8;

/** The name of the unique index that we make: the same for the same table and columns, so that a second try finds the first's. */
export function indexName(table: Named, columns: readonly string[]): string {
  const whole = `${table.name}_${columns.join('_')}_identity`;
  if (Buffer.byteLength(whole) <= NAME_BYTES) return whole;
  const hash = createHash('sha256')
    .update(JSON.stringify([table.schema, table.name, ...columns]))
    .digest('hex')
    .slice(0, HASH_CHARACTERS);
  let kept = '';
  for (const character of whole) {
    if (Buffer.byteLength(kept + character) > NAME_BYTES - HASH_CHARACTERS - 1) break;
    kept += character;
  }
  return `${kept}_${hash}`;
}

/** https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY */
export const createIndexSql = (table: Named, index: string, columns: readonly string[]): string =>
  `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ${quoteIdent(index)} ON ${qualified(table)} (${columns.map(quoteIdent).join(', ')})`;

/** Waits for transactions that use the table, and blocks none. */
export const dropIndexSql = (index: Named): string => `DROP INDEX CONCURRENTLY IF EXISTS ${qualified(index)}`;

export const setIdentitySql = (table: Named, index: string | null): string =>
  `ALTER TABLE ${qualified(table)} REPLICA IDENTITY ${index === null ? 'FULL' : `USING INDEX ${quoteIdent(index)}`}`;

/** What is run, in order; of two the first builds the index. */
export const statementsOf = ({ table, create, index }: IdentityChange): string[] => [
  ...(create && index !== null ? [createIndexSql(table, index, create)] : []),
  setIdentitySql(table, index),
];

/** The same for psql, a line each: the ALTER TABLE keeps nobody waiting behind it for long, and no build is ended half-done. */
export function scriptOf(change: IdentityChange): string[] {
  const [identity = '', ...build] = statementsOf(change).reverse();
  return [
    ...(build.length > 0 ? ['SET lock_timeout = 0;', 'SET statement_timeout = 0;'] : []),
    ...build.map((sql) => `${sql};`),
    "SET lock_timeout = '5s';",
    `${identity};`,
  ];
}
