import type pg from 'pg';
import { WITHOUT_GENERATED } from '../source/identity-index.ts';

/** A table of the source and its replica identity as they are now. */
export interface IdentityNow {
  readonly schema: string;
  readonly name: string;
  readonly identity: 'd' | 'n' | 'f' | 'i';
  /** The index that is the identity, when it is one that still exists. */
  readonly index: { readonly oid: string; readonly name: string } | null;
  /** It has a primary key that can be an identity. */
  readonly hasKey: boolean;
}

const NOW = `
SELECT n.nspname AS schema, c.relname AS name, c.relreplident AS identity, x.oid::text AS index_oid, x.relname AS index_name,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate
         AND ${WITHOUT_GENERATED}) AS has_key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident AND c.relreplident = 'i'
  LEFT JOIN pg_class x ON x.oid = i.indexrelid
 WHERE c.oid = $1::oid AND c.relkind IN ('r', 'p')`;

/** Null when there is no such table any more. `oid` is of pg_class. */
export async function identityNow(source: pg.Client, oid: string): Promise<IdentityNow | null> {
  const { rows } = await source.query<Record<string, string | null>>(NOW, [oid]);
  const [row] = rows;
  if (!row) return null;
  return {
    schema: row.schema ?? '',
    name: row.name ?? '',
    identity: (row.identity ?? 'd') as IdentityNow['identity'],
    index: row.index_oid == null ? null : { oid: row.index_oid, name: row.index_name ?? '' },
    hasKey: row.has_key === 't',
  };
}

/** An index of a table by its name. */
export interface IndexNow {
  readonly valid: boolean;
  readonly unique: boolean;
  readonly columns: readonly string[];
}

const INDEX = `
SELECT i.indisvalid AS valid, i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AS is_unique,
       (SELECT json_agg(a.attname ORDER BY key.place) FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY key(attnum, place)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum)::text AS columns
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = $1::oid AND x.relname = $2`;

/** Null when the table has no index of that name. */
export async function indexNow(source: pg.Client, table: string, name: string): Promise<IndexNow | null> {
  const { rows } = await source.query<Record<string, string | null>>(INDEX, [table, name]);
  const [row] = rows;
  if (!row) return null;
  return {
    valid: row.valid === 't',
    unique: row.is_unique === 't',
    columns: JSON.parse(row.columns ?? '[]') as string[],
  };
}
