import type pg from 'pg';
import { quoteIdent } from '../../postgres/identifiers.ts';

/** A column of a type that counts bytes, of which the target would cut a value that is longer in its encoding. */
export interface LimitedColumn {
  /** OID of the table. */
  readonly relation: string;
  readonly column: string;
  /** SQL that is true for a value that is too long in UTF8, of a table `t`. Every name is qualified: it runs under the operator's search_path. */
  readonly tooLong: string;
}

/** Of the types "char", one byte, and name, 63 bytes, of arrays and domains of them. */
const LIMITED = `
WITH RECURSIVE limited(oid, kind, is_array) AS (
  SELECT t.oid, t.typname::text, false FROM pg_type t WHERE t.oid IN ('"char"'::regtype, 'name'::regtype)
  UNION
  SELECT t.oid, l.kind, l.is_array OR t.typtype <> 'd' FROM limited l JOIN pg_type t
      ON t.typtype = 'd' AND t.typbasetype = l.oid OR t.typcategory = 'A' AND t.typelem = l.oid AND NOT l.is_array
)
SELECT a.attrelid::text AS relation, a.attname AS column, l.kind, l.is_array
  FROM pg_attribute a JOIN limited l ON l.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND c.oid >= 16384
   AND current_setting('server_encoding') <> 'UTF8'`;

/**
 * Those of all tables of the source; none when it is in UTF8, where a value keeps its bytes. Newer minor releases write a "char" beyond
 * ASCII as `\\351`, which is the same in every encoding; `octal`: the target reads that.
 * https://www.postgresql.org/docs/current/datatype-character.html
 */
export async function readLimitedColumns(source: pg.Client, octal = true): Promise<LimitedColumn[]> {
  const { rows } = await source.query<{ relation: string; column: string; kind: string; is_array: string }>(LIMITED);
  return rows.map(({ relation, column, kind, is_array }) => {
    const isWritten = (value: string) =>
      octal
        ? ` AND pg_catalog.octet_length(${value}::pg_catalog."char"::pg_catalog.text) OPERATOR(pg_catalog.<) 4`
        : '';
    const isTooLong = (value: string) =>
      kind === 'char'
        ? `(${value}::pg_catalog."char"::pg_catalog.int4 OPERATOR(pg_catalog.<) 0${isWritten(value)})`
        : `pg_catalog.octet_length(pg_catalog.convert_to(${value}::pg_catalog.text, 'UTF8'::pg_catalog.name)) OPERATOR(pg_catalog.>) 63`;
    const value = `t.${quoteIdent(column)}`;
    const tooLong =
      is_array === 't'
        ? `EXISTS (SELECT FROM pg_catalog.unnest(${value}) e(value) WHERE ${isTooLong('e.value')})`
        : isTooLong(value);
    return { relation, column, tooLong };
  });
}
