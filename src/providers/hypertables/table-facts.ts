import type pg from 'pg';
import type { HypertableOption } from '../../engine/timescale/hypertable-option.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';

/** What decides whether a table of the source can be the hypertable that is wanted. */
export interface TableFacts {
  readonly wanted: HypertableOption;
  /** Null: there is no such table. */
  readonly table: {
    /** pg_class.relkind */
    readonly kind: string;
    readonly unlogged: boolean;
    /** Part of a declaratively partitioned table. */
    readonly partition: boolean;
    /** Has parents or children by inheritance. */
    readonly inherits: boolean;
  } | null;
  /** Null: there is no such column. */
  readonly column: { readonly type: string; readonly generated: boolean; readonly notNull: boolean } | null;
  readonly hashColumn: boolean;
  /** Microseconds, or whole numbers; null: not understood. */
  readonly interval: bigint | null;
  /** After which time chunks are compressed, as `interval`, and the columns for it that are not there. */
  readonly compress: { readonly after: bigint | null; readonly unknown: readonly string[] } | null;
  /** What its rows have in the column; null: it would have taken too long to look. */
  readonly rows: { readonly nulls: boolean; readonly beginning: boolean } | null;
}

const TABLES = `
SELECT c.relkind AS kind, c.relpersistence = 'u' AS unlogged, c.relispartition AS partition,
       NOT c.relispartition AND c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) AS inherits,
       a.attname IS NOT NULL AS has_column, format_type(a.atttypid, -1) AS type, a.attgenerated <> '' AS generated, a.attnotnull AS not_null,
       h.attname IS NOT NULL AS has_hash,
       (SELECT json_agg(s) FROM json_array_elements_text(w.segments) s
         WHERE NOT EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attname = s AND b.attnum > 0))::text AS unknown
  FROM json_to_recordset($1::json) w(n int, schema text, name text, col text, hash text, segments json)
  LEFT JOIN (pg_class c JOIN pg_namespace ns ON ns.oid = c.relnamespace) ON ns.nspname = w.schema AND c.relname = w.name
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.col AND a.attnum > 0
  LEFT JOIN pg_attribute h ON h.attrelid = c.oid AND h.attname = w.hash AND h.attnum > 0
 ORDER BY w.n`;

/** The types that TimescaleDB partitions by range, as `format_type` writes them. */
export const TIMES = ['timestamp with time zone', 'timestamp without time zone', 'date'];
export const INTEGERS = ['bigint', 'integer', 'smallint'];

const LOOK_TIMEOUT = '20s';
const QUERY_CANCELED = '57014';
const UNDEFINED_FUNCTION = '42883';

/** Looks at tables of the source: at the catalog in one query, then at the rows of each that the server does not keep from being NULL. */
export async function readTableFacts(source: pg.Client, wanted: readonly HypertableOption[]): Promise<TableFacts[]> {
  const { rows } = await source.query<Record<string, string | null>>(TABLES, [
    JSON.stringify(
      wanted.map(({ schema, name, column, hash, compress }, n) => ({
        n,
        schema,
        name,
        col: column,
        hash: hash?.column,
        segments: compress?.segmentby ?? [],
      })),
    ),
  ]);
  const facts: TableFacts[] = [];
  for (const [index, one] of wanted.entries()) {
    const row = rows[index] ?? {};
    const table = row.kind
      ? {
          kind: row.kind,
          unlogged: row.unlogged === 't',
          partition: row.partition === 't',
          inherits: row.inherits === 't',
        }
      : null;
    const column =
      row.has_column === 't'
        ? { type: row.type ?? '', generated: row.generated === 't', notNull: row.not_null === 't' }
        : null;
    const looks = table?.kind === 'r' && column && !column.generated && TIMES.concat(INTEGERS).includes(column.type);
    facts.push({
      wanted: one,
      table,
      column,
      hashColumn: row.has_hash === 't',
      interval: await intervalOf(source, one.interval ?? '7 days'),
      compress: one.compress && {
        after: await intervalOf(source, one.compress.after),
        unknown: JSON.parse(row.unknown ?? '[]') as string[],
      },
      rows: looks ? await lookAtRows(source, one, column) : { nulls: false, beginning: false },
    });
  }
  return facts;
}

async function intervalOf(client: pg.Client, text: string): Promise<bigint | null> {
  if (/^\s*\d+\s*$/.test(text)) return BigInt(text.trim());
  try {
    const { rows } = await client.query<{ length: string }>(
      'SELECT (extract(epoch FROM $1::interval) * 1000000)::int8::text AS length',
      [text],
    );
    return BigInt(rows[0]?.length ?? 0);
  } catch (error) {
    // invalid_datetime_format, interval_field_overflow
    if (['22007', '22008', '22015'].includes(errorCode(error) ?? '')) return null;
    throw error;
  }
}

async function lookAtRows(
  source: pg.Client,
  { schema, name, column }: HypertableOption,
  { type, notNull }: NonNullable<TableFacts['column']>,
): Promise<TableFacts['rows']> {
  const has = (condition: string) =>
    `EXISTS (SELECT FROM ONLY ${qualified({ schema, name })} WHERE ${quoteIdent(column)} ${condition})`;
  const nulls = notNull ? 'false' : has('IS NULL');
  // The server finds no chunk for it.
  const beginning = TIMES.includes(type) ? has(`= '-infinity'`) : 'false';
  try {
    const sql = `SET LOCAL statement_timeout = '${LOOK_TIMEOUT}'; SELECT ${nulls} AS nulls, ${beginning} AS beginning`;
    const results = (await source.query(sql)) as unknown as pg.QueryResult<Record<'nulls' | 'beginning', string>>[];
    const row = results[1]?.rows[0];
    return { nulls: row?.nulls === 't', beginning: row?.beginning === 't' };
  } catch (error) {
    // An index may call a function that wants a search_path: the server looks into it.
    if ([QUERY_CANCELED, UNDEFINED_FUNCTION].includes(errorCode(error) ?? '')) return null;
    throw error;
  }
}
