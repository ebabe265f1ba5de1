import type pg from 'pg';
import { quoteIdent } from '../../postgres/identifiers.ts';

/** SQL for the hash of one row of a relation `t`: the same for equal rows on both sides. Every name is qualified: it runs under the operator's search_path. */
export interface RowHash {
  readonly sql: string;
  /** Values are names of objects (regclass …), which each major quotes where its own reserved words want it. */
  readonly hasNames: boolean;
}

/** A type whose text form is not the same for equal values on both sides, or an array of it. */
interface Special {
  readonly type: 'char' | 'jsonb' | 'hstore' | 'tsvector' | 'name of an object';
  readonly isArray: boolean;
}

const IN_UTF8 = (text: string): string => `pg_catalog.convert_to(${text}, 'UTF8'::pg_catalog.name)`;

/** How the rows of any table are hashed: 64 bits of the text of all columns. */
export class RowHashes {
  readonly #special: ReadonlyMap<number, ReadonlyMap<string, Special>>;
  readonly #sameEncoding: boolean;

  private constructor(special: ReadonlyMap<number, ReadonlyMap<string, Special>>, sameEncoding: boolean) {
    this.#special = special;
    this.#sameEncoding = sameEncoding;
  }

  static async read(source: pg.Client, target: pg.Client): Promise<RowHashes> {
    const sameEncoding = (await encodingOf(source)) === (await encodingOf(target));
    const { rows } = await source.query<{ relation: string; name: string; type: Special['type']; is_array: string }>(
      SPECIAL_COLUMNS,
    );
    const special = new Map<number, Map<string, Special>>();
    for (const { relation, name, type, is_array } of rows) {
      const columns = special.get(Number(relation)) ?? new Map<string, Special>();
      special.set(Number(relation), columns.set(name, { type, isArray: is_array === 't' }));
    }
    return new RowHashes(special, sameEncoding);
  }

  /** Of these columns of a table of the source, and of the same columns of the table that has its rows on the target. */
  of(sourceOid: number, columns: readonly string[]): RowHash {
    const special = this.#special.get(sourceOid);
    const values = columns.map((name) => {
      const value = `t.${quoteIdent(name)}`;
      const kind = special?.get(name);
      return kind ? this.#formOf(value, kind) : value;
    });
    const text = values.length === 0 ? `''::pg_catalog.text` : `ROW(${values.join(', ')})::pg_catalog.text`;
    return {
      sql: this.#sameEncoding
        ? `pg_catalog.hashtextextended((${text}) COLLATE pg_catalog."C", 0::pg_catalog.int8)`
        : // That hashes bytes in the encoding of the server; bytea has no function of its own before 18, arrays have one.
          `pg_catalog.hash_array_extended(ARRAY[pg_catalog.convert_to(${text}, 'UTF8'::pg_catalog.name)], 0::pg_catalog.int8)`,
      hasNames: columns.some((name) => special?.get(name)?.type === 'name of an object'),
    };
  }

  #formOf(value: string, { type, isArray }: Special): string {
    switch (type) {
      case 'char':
        return isArray
          ? `${value}::pg_catalog."char"[]::pg_catalog.int4[]`
          : `${value}::pg_catalog."char"::pg_catalog.int4`;
      case 'name of an object':
        return value;
      default:
        if (this.#sameEncoding) return value;
        return isArray ? ofElements(value, IN_ORDER[type]) : IN_ORDER[type](value);
    }
  }
}

const encodingOf = async (client: pg.Client): Promise<string> =>
  (await client.query<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`)).rows[0]
    ?.encoding ?? '';

/**
 * A byte beyond ASCII in a "char" is written as itself before 16, and as an octal number since. The keys of jsonb and
 * hstore and the lexemes of tsvector stand in the order of their lengths and bytes in the encoding of the server.
 */
const SPECIAL_COLUMNS = `
WITH RECURSIVE special(oid, type, is_array) AS (
  SELECT t.oid, CASE WHEN t.typname ~ '^reg' THEN 'name of an object' ELSE t.typname::text END, false FROM pg_type t
   WHERE t.oid IN ('"char"'::regtype, 'jsonb'::regtype, 'tsvector'::regtype) OR t.oid < 10000 AND t.typname ~ '^reg' AND t.typcategory = 'N'
      OR t.typname = 'hstore' AND EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
          WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'hstore')
  UNION
  SELECT t.oid, s.type, s.is_array OR t.typtype <> 'd' FROM special s JOIN pg_type t
      ON t.typtype = 'd' AND t.typbasetype = s.oid OR t.typcategory = 'A' AND t.typelem = s.oid AND NOT s.is_array
)
SELECT a.attrelid::int8 AS relation, a.attname AS name, s.type, s.is_array
  FROM pg_attribute a JOIN special s ON s.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'm') AND c.oid >= 16384`;

/** The leaves of a document with the path to each, in the order of the paths. NULL becomes a text that no document has. */
const leavesOf = (value: string): string => `(
  WITH RECURSIVE node(way, value) AS (
    SELECT ''::pg_catalog.text, ${value}::pg_catalog.jsonb
    UNION ALL
    SELECT pg_catalog.concat(node.way, below.step), below.value FROM node CROSS JOIN LATERAL (
      SELECT pg_catalog.concat('.', pg_catalog.to_json(o.key)), o.value
        FROM pg_catalog.jsonb_each(CASE pg_catalog.jsonb_typeof(node.value) WHEN 'object' THEN node.value END) o
      UNION ALL
      SELECT pg_catalog.concat('[', a.n), a.value
        FROM pg_catalog.jsonb_array_elements(CASE pg_catalog.jsonb_typeof(node.value) WHEN 'array' THEN node.value END) WITH ORDINALITY a(value, n)
    ) below(step, value))
  SELECT pg_catalog.string_agg(pg_catalog.concat(way, ' ',
        CASE pg_catalog.jsonb_typeof(value) WHEN 'object' THEN '{}' WHEN 'array' THEN '[]' ELSE value::pg_catalog.text END),
      ',' ORDER BY ${IN_UTF8('way')}) FROM node)`;

const lexemesOf = (value: string): string => `CASE WHEN ${value} IS NOT NULL THEN (
  SELECT pg_catalog.concat(pg_catalog.string_agg(pg_catalog.concat(pg_catalog.to_json(u.lexeme), u.positions, u.weights), ' '
      ORDER BY ${IN_UTF8('u.lexeme')})) FROM pg_catalog.unnest(${value}) u) END`;

const IN_ORDER = { jsonb: leavesOf, hstore: leavesOf, tsvector: lexemesOf } as const;

const ofElements = (
  value: string,
  ofElement: (value: string) => string,
): string => `CASE WHEN ${value} IS NOT NULL THEN (
  SELECT pg_catalog.concat(pg_catalog.array_dims(${value}), pg_catalog.string_agg(coalesce(${ofElement('e.value')}, 'NULL'), ',' ORDER BY e.n))
    FROM pg_catalog.unnest(${value}) WITH ORDINALITY e(value, n)) END`;
