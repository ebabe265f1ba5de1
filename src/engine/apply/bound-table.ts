import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { SchemaMisfit } from '../ddl/misfit.ts';
import type { RowChange, StreamRelation } from '../decode/change.ts';
import { tupleFormat } from '../decode/tuple.ts';

/** A column of the stream with what the target knows of it. */
export interface BoundColumn {
  /** Index in the stream's tuples. */
  readonly index: number;
  readonly name: string;
  /** Quoted. */
  readonly ident: string;
  /** As `format_type` writes it, without typmod: a cast must never cut or round a value. */
  readonly type: string;
  /** The type below all domains: a staging column must take NULL where a domain would refuse it. */
  readonly baseType: string;
  /** `OPERATOR(schema.=)`, the equality that an index of the target serves; plain where none does. */
  readonly equals: string;
  /** The type that the stream has its values in, where the target's is another already: they are cast on their way. */
  readonly sentAs: string | null;
  /** Leads an index on the target, so that an equality on it can be looked up. */
  readonly indexed: boolean;
}

/** A table of the stream, bound to the table of the target that takes its rows. */
export interface BoundTable {
  readonly relation: StreamRelation;
  readonly oid: number;
  readonly display: string;
  /** Quoted and qualified. */
  readonly target: string;
  readonly columns: readonly BoundColumn[];
  /**
   * How a row of the target is found: `key` by the columns of a unique index, `image` by the whole row (exactly one of
   * equal rows), `none` when the source sends inserts only.
   */
  readonly match: { readonly by: 'key'; readonly columns: readonly BoundColumn[] } | { readonly by: 'image' | 'none' };
  /** Columns whose built-in type is another in the stream: their values can be passed on as text, never in binary form. */
  readonly otherTypes: readonly string[];
  /** Columns of the same type with another modifier in the stream. */
  readonly otherModifiers: readonly string[];
}

/** Types with an OID below have it on every server. https://www.postgresql.org/docs/current/system-catalog-initial-data.html#SYSTEM-CATALOG-OID-ASSIGNMENT */
const FIRST_UNSTABLE_OID = 10_000;

const TARGET_COLUMNS = `
WITH RECURSIVE base(oid, root) AS (
  SELECT t.oid, t.oid FROM pg_type t JOIN pg_attribute a ON a.atttypid = t.oid WHERE a.attrelid = $1::oid
  UNION
  SELECT t.typbasetype, b.root FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT a.attname AS name, a.atttypid AS oid, a.atttypmod AS modifier, format_type(a.atttypid, -1) AS type, format_type(bt.oid, -1) AS base_type, bt.oid AS base_oid,
       a.attgenerated <> '' AS generated, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS must_be_sent,
       (SELECT format_type(s.type, -1) FROM json_to_recordset($2::json) s(name text, type oid)
         WHERE s.name = a.attname AND s.type < ${FIRST_UNSTABLE_OID}) AS sent_as,
       served.equals, coalesce(served.leads, false) AS indexed
  FROM pg_attribute a JOIN base b ON b.root = a.atttypid JOIN pg_type bt ON bt.oid = b.oid AND bt.typtype <> 'd'
  LEFT JOIN LATERAL (
    SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) AS equals, k.position = 1 AS leads
      FROM pg_index i
      CROSS JOIN LATERAL unnest(i.indkey, i.indclass) WITH ORDINALITY k(attnum, opclass, position)
      JOIN pg_opclass c ON c.oid = k.opclass
      JOIN pg_amop ao ON ao.amopfamily = c.opcfamily AND ao.amoplefttype = c.opcintype
                     AND ao.amoprighttype = c.opcintype AND ao.amopstrategy = 3
      JOIN pg_am am ON am.oid = ao.amopmethod AND am.amname = 'btree'
      JOIN pg_operator o ON o.oid = ao.amopopr
      JOIN pg_namespace n ON n.oid = o.oprnamespace
     WHERE i.indrelid = a.attrelid AND i.indisvalid AND i.indpred IS NULL AND k.attnum = a.attnum
     ORDER BY k.position LIMIT 1) served ON true
 WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum`;

/** Column names of every unique index that identifies each row at any moment: whole, immediate, on plain columns. */
const TARGET_KEYS = `
SELECT to_json(ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, n)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.n))::text AS names,
       (SELECT bool_and(a.attnotnull) FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k(attnum)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) AS not_null
  FROM pg_index i
 WHERE i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid
   AND i.indpred IS NULL AND i.indexprs IS NULL
 ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid`;

/** How the target's table is known to be ahead of the stream: it was altered before replay came to that. */
export interface Ahead {
  /** The target's name of a column, by the stream's. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Columns that the source has dropped since: their values go nowhere. */
  readonly dropped: ReadonlySet<string>;
  /** Columns that have their new type already, by the target's name. */
  readonly retyped: ReadonlySet<string>;
}

const NOT_AHEAD: Ahead = { renamed: new Map(), dropped: new Set(), retyped: new Set() };

/** Binds a table. Rejects with `SchemaMisfit` when the target has no such table, or its columns can't take the stream's rows. */
export async function bindTable(
  client: pg.Client,
  described: StreamRelation,
  targetName: { schema: string; name: string },
  ahead: Ahead = NOT_AHEAD,
): Promise<BoundTable> {
  const relation = {
    ...described,
    columns: described.columns.map((column) => ({ ...column, name: ahead.renamed.get(column.name) ?? column.name })),
  };
  const target = qualified(targetName);
  const display = displayName(targetName);
  const found = await client.query<{ oid: string | null }>('SELECT to_regclass($1)::oid::text AS oid', [target]);
  const oid = found.rows[0]?.oid;
  if (!oid) {
    const message = 'the table does not exist on the target';
    const hint =
      'Create it on the target as it is on the source. Nothing is lost: replay waits, and goes on by itself.';
    throw new SchemaMisfit('TM2003', { object: display, message, hint }, { relation: described, inForm: false });
  }
  // Prepared: to plan them takes longer than to run them, and there may be ten thousand tables.
  const columns = await client.query<{
    name: string;
    oid: string;
    modifier: string;
    type: string;
    must_be_sent: string;
    sent_as: string | null;
    base_type: string;
    base_oid: string;
    generated: string;
    equals: string | null;
    indexed: string;
  }>({
    name: 'tm_target_columns',
    text: TARGET_COLUMNS,
    values: [oid, JSON.stringify(relation.columns.map(({ name, type }) => ({ name, type })))],
  });
  const keys = await client.query<{ names: string; not_null: string }>({
    name: 'tm_target_keys',
    text: TARGET_KEYS,
    values: [oid],
  });
  const byName = new Map(columns.rows.map((column) => [column.name, column]));
  const sent = new Set(relation.columns.map((column) => column.name));
  // Without a part of its key no row is found.
  const needed = (column: StreamRelation['columns'][number]) =>
    !ahead.dropped.has(column.name) || (column.key && relation.identity !== 'full');
  const missing = relation.columns.filter((column) => !byName.has(column.name) && needed(column));
  const unsent = columns.rows.filter((column) => column.must_be_sent === 't' && !sent.has(column.name));
  if (missing.length + unsent.length > 0) {
    const problems = [
      ...(missing.length > 0
        ? [`the source sends columns that the target does not have: ${missing.map(({ name }) => name).join(', ')}`]
        : []),
      ...(unsent.length > 0
        ? [`the target needs columns that the source does not send: ${unsent.map(({ name }) => name).join(', ')}`]
        : []),
    ];
    const detail = { object: display, message: problems.join('; '), hint: ALTER_TOO };
    throw new SchemaMisfit('TM2003', detail, { relation: described, inForm: false });
  }
  const bound: BoundColumn[] = [];
  const otherTypes: string[] = [];
  const otherModifiers: string[] = [];
  for (const [index, column] of relation.columns.entries()) {
    const known = byName.get(column.name);
    if (!known || known.generated === 't') continue;
    const retyped = ahead.retyped.has(column.name);
    const otherType = column.type < FIRST_UNSTABLE_OID && column.type !== Number(known.base_oid);
    const otherModifier = column.type === Number(known.oid) && column.typmod !== Number(known.modifier);
    if (otherType && !retyped) otherTypes.push(column.name);
    if (otherModifier && !retyped) otherModifiers.push(column.name);
    bound.push({
      index,
      name: column.name,
      ident: quoteIdent(column.name),
      type: known.type,
      baseType: known.base_type,
      equals: known.equals ?? '=',
      sentAs: otherType && retyped ? known.sent_as : null,
      indexed: known.indexed === 't',
    });
  }
  const uniqueKeys = keys.rows.filter((key) => key.not_null === 't').map((key) => JSON.parse(key.names) as string[]);
  return {
    relation,
    oid: Number(oid),
    display,
    target,
    columns: bound,
    match: chooseMatch(relation, bound, uniqueKeys),
    otherTypes,
    otherModifiers,
  };
}

const ALTER_TOO = `Run the source's ALTER TABLE on the target too. Nothing is lost: replay waits, and goes on by itself.`;

/**
 * Throws TM2003 when a change brings binary values for columns of another type: their bytes would be refused at best,
 * and at worst taken for another value.
 */
export function requireSameForm(table: BoundTable, change: RowChange): void {
  if (table.otherTypes.length === 0) return;
  const format = tupleFormat(change.kind === 'delete' ? change.old : change.tuple);
  if (format === 'text' || format === 'none') return;
  const message = `columns have another type on the source than on the target: ${table.otherTypes.join(', ')}`;
  const detail = { object: table.display, message, hint: ALTER_TOO };
  throw new SchemaMisfit('TM2003', detail, { relation: table.relation, inForm: true });
}

/**
 * The key by which rows are found. With an identity of key columns those must be unique on the target; with FULL any
 * unique key of the target will do, since the whole old row is known.
 */
export function chooseMatch(
  relation: Pick<StreamRelation, 'identity' | 'columns'>,
  columns: readonly BoundColumn[],
  uniqueKeys: readonly (readonly string[])[],
): BoundTable['match'] {
  const sent = new Set(relation.columns.filter((column) => column.key).map((column) => column.name));
  // With FULL a row can be found even when it has no columns at all.
  if (sent.size === 0) return { by: relation.identity === 'full' ? 'image' : 'none' };
  for (const key of uniqueKeys) {
    const bound = key.map((name) => columns.find((column) => column.name === name));
    if (key.every((name) => sent.has(name)) && bound.every((column) => column !== undefined)) {
      // With a key identity the other sent columns add nothing; with FULL they are not needed to find the row.
      return { by: 'key', columns: bound };
    }
  }
  return { by: 'image' };
}
