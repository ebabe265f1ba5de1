import type pg from 'pg';
import { displayIdent, displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { queryAsOperator } from '../../postgres/search-path.ts';
import { SYSTEM_SCHEMAS } from '../source/belongs.ts';

/** A foreign key that is valid on the source. */
export interface ValidKey {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  /** As pg_get_constraintdef() writes it. */
  readonly definition: string;
  /** The rows of a partitioned table stand in its partitions; those that inherit from another have keys of their own. */
  readonly isPartitioned: boolean;
  readonly full: boolean;
  readonly parent: { readonly schema: string; readonly name: string; readonly isPartitioned: boolean };
  readonly columns: readonly KeyColumn[];
}

interface KeyColumn {
  readonly name: string;
  readonly refers: string;
  /** As SQL: `OPERATOR(pg_catalog.=)`. */
  readonly operator: string;
  /** As SQL, of the column that is referred to; null: it has none, or both have the same. */
  readonly collation: string | null;
}

const KEYS = `
SELECT json_build_object('schema', n.nspname, 'table', c.relname, 'name', k.conname, 'definition', pg_get_constraintdef(k.oid),
    'isPartitioned', c.relkind = 'p', 'full', k.confmatchtype = 'f',
    'parent', json_build_object('schema', fn.nspname, 'name', f.relname, 'isPartitioned', f.relkind = 'p'),
    'columns', (SELECT json_agg(json_build_object('name', a.attname, 'refers', b.attname,
        'operator', format('OPERATOR(%s.%s)', quote_ident(opn.nspname), o.oprname),
        'collation', CASE WHEN a.attcollation <> b.attcollation AND b.attcollation <> 0 THEN
            quote_ident(con.nspname) || '.' || quote_ident(co.collname) END) ORDER BY p.n)
      FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY p(own, other, op, n)
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.own JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = p.other
      JOIN pg_operator o ON o.oid = p.op JOIN pg_namespace opn ON opn.oid = o.oprnamespace
      LEFT JOIN pg_collation co ON co.oid = b.attcollation LEFT JOIN pg_namespace con ON con.oid = co.collnamespace))::text AS key
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
 WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated AND NOT ${SYSTEM_SCHEMAS} ORDER BY n.nspname, c.relname, k.conname`;

/** The foreign keys that count as valid on the source. */
export async function readValidKeys(source: pg.Client): Promise<ValidKey[]> {
  const { rows } = await source.query<{ key: string }>(KEYS);
  return rows.map(({ key }) => JSON.parse(key) as ValidKey);
}

export const displayKey = (key: Pick<ValidKey, 'schema' | 'table' | 'name'>): string =>
  `${displayName({ schema: key.schema, name: key.table })}.${displayIdent(key.name)}`;

/** How many rows are named. */
const SHOWN = 5;

/**
 * The query that finds rows whose key leads nowhere, as the server itself looks when it validates a key: https://www.postgresql.org/docs/current/sql-altertable.html
 * Every name is qualified: it runs under the operator's search_path. Pure.
 */
function orphanQuery(key: ValidKey): string {
  const rowsOf = (table: { readonly schema: string; readonly name: string }, isPartitioned: boolean) =>
    `${isPartitioned ? '' : 'ONLY '}${qualified(table)}`;
  const own = (column: KeyColumn) => `c.${quoteIdent(column.name)}`;
  const same = key.columns.map((column) => {
    const collation = column.collation === null ? '' : ` COLLATE ${column.collation}`;
    return `p.${quoteIdent(column.refers)}${collation} ${column.operator} ${own(column)}${collation}`;
  });
  // MATCH SIMPLE lets a row pass when any column is null, MATCH FULL only when all are.
  const counts = key.columns.map((column) => `${own(column)} IS NOT NULL`).join(key.full ? ' OR ' : ' AND ');
  const shown = key.columns
    .map((column) => `'${column.name.replaceAll("'", "''")}', ${own(column)}::pg_catalog.text`)
    .join(', ');
  return `SELECT pg_catalog.json_build_object(${shown})::pg_catalog.text AS row FROM ${rowsOf({ schema: key.schema, name: key.table }, key.isPartitioned)} c
   WHERE (${counts}) AND NOT EXISTS (SELECT FROM ${rowsOf(key.parent, key.parent.isPartitioned)} p WHERE ${same.join(' AND ')}) LIMIT ${SHOWN}`;
}

/** Some of the rows that violate the key, as `p = 777`; none: all rows fit. */
export async function findOrphans(client: pg.Client, key: ValidKey): Promise<string[]> {
  // To plan it, the server looks into the functions of the tables' indexes.
  const { rows } = await queryAsOperator<{ row: string }>(client, orphanQuery(key));
  return rows.map(({ row }) => describeRow(JSON.parse(row) as Record<string, string | null>));
}

const LONGEST_VALUE = 100;

const describeRow = (row: Record<string, string | null>): string =>
  Object.entries(row)
    .map(([name, value]) => {
      const text = value === null ? 'null' : value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value;
      return `${displayIdent(name)} = ${text}`;
    })
    .join(', ');

/** What to do about the rows, the first being what most want. */
export function waysOutOfOrphans(key: ValidKey, leaveOut: string): string[] {
  const table = qualified({ schema: key.schema, name: key.table });
  // A key on a partitioned table can't be NOT VALID before 18.
  const again =
    key.isPartitioned || key.parent.isPartitioned
      ? []
      : [
          `Or let it arrive NOT VALID: BEGIN; ALTER TABLE ${table} DROP CONSTRAINT ${quoteIdent(key.name)}; ` +
            `ALTER TABLE ${table} ADD CONSTRAINT ${quoteIdent(key.name)} ${key.definition} NOT VALID; COMMIT; on the source.`,
        ];
  return [
    `Mend the rows on the source: insert what ${displayName(key.parent)} lacks, or change or delete the rows of ${displayName({ schema: key.schema, name: key.table })}.`,
    ...again,
    `Or leave the key out: ${leaveOut}`,
  ];
}
