import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { SchemaMisfit } from '../ddl/misfit.ts';
import type { RowChange, StreamRelation } from '../decode/change.ts';
import { tupleFormat } from '../decode/tuple.ts';
import type { Place } from '../source/catalog.ts';
import { readTargetTables, type TargetTable } from './target-table.ts';
import { type Kept, keptBytes } from './whole-value.ts';

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
  /** `OPERATOR(schema.=)`, the equality that an index of the target serves; PostgreSQL's own where none does. */
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
  /** A chunk is known by its name on the source, and by its hypertable. */
  readonly display: string;
  /** Quoted and qualified. */
  readonly target: string;
  /** The same for statements that look for rows: only the table's own, or those of all chunks or partitions. */
  readonly rows: string;
  /** Of a hypertable whose rows go through its root: an UPDATE of these may move a row to another chunk, which the server refuses. */
  readonly partitionedBy: readonly BoundColumn[];
  /** `target` is partitioned: rows of a partition of the source may stand in any of its partitions. */
  readonly throughParent: boolean;
  readonly columns: readonly BoundColumn[];
  /**
   * How a row of the target is found: `key` by the columns of a unique index; `image` with FULL by the whole row (exactly one of
   * equal rows), else by the key columns that are sent, which no second row may have; `none` when the source sends inserts only, or
   * nothing that tells a row.
   */
  readonly match: { readonly by: 'key'; readonly columns: readonly BoundColumn[] } | { readonly by: 'image' | 'none' };
  /** Columns whose built-in type is another in the stream: their values can be passed on as text, never in binary form. */
  readonly otherTypes: readonly string[];
  /** Columns of the same type with another modifier in the stream. */
  readonly otherModifiers: readonly string[];
  /** Columns of which the target keeps a part only of longer values. */
  readonly limited: readonly { readonly index: number; readonly name: string; readonly kept: Kept }[];
}

/** Types with an OID below have it on every server. https://www.postgresql.org/docs/current/system-catalog-initial-data.html#SYSTEM-CATALOG-OID-ASSIGNMENT */
const FIRST_UNSTABLE_OID = 10_000;

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
  targetName: Place,
  ahead: Ahead = NOT_AHEAD,
): Promise<BoundTable> {
  const [found] = await readTargetTables(client, [targetName]);
  const relation = underNewNames(described, ahead);
  const retyped = relation.columns.filter(({ name, type }) => ahead.retyped.has(name) && type < FIRST_UNSTABLE_OID);
  return bindTo(found ?? null, described, targetName, ahead, await namesOfTypes(client, retyped));
}

const underNewNames = (described: StreamRelation, ahead: Ahead): StreamRelation => ({
  ...described,
  columns: described.columns.map((column) => ({ ...column, name: ahead.renamed.get(column.name) ?? column.name })),
});

async function namesOfTypes(client: pg.Client, columns: readonly { type: number }[]): Promise<Map<number, string>> {
  if (columns.length === 0) return new Map();
  const { rows } = await client.query<{ oid: string; name: string }>(
    'SELECT oid, format_type(oid, -1) AS name FROM pg_type WHERE oid = ANY ($1::oid[])',
    [`{${columns.map(({ type }) => type).join(',')}}`],
  );
  return new Map(rows.map(({ oid, name }) => [Number(oid), name]));
}

/** The same by what is known of the target's table already; null says that there is none. Throws `SchemaMisfit`. */
export function bindTo(
  found: TargetTable | null,
  described: StreamRelation,
  targetName: Place,
  ahead: Ahead = NOT_AHEAD,
  typeNames: ReadonlyMap<number, string> = new Map(),
): BoundTable {
  const relation = underNewNames(described, ahead);
  const display = targetName.shownAs ?? displayName(targetName);
  if (!found) {
    const message = 'the table does not exist on the target';
    const hint =
      'Create it on the target as it is on the source. Nothing is lost: replay waits, and goes on by itself.';
    throw new SchemaMisfit('TM2003', { object: display, message, hint }, { relation: described, inForm: false });
  }
  const byName = new Map(found.columns.map((column) => [column.name, column]));
  const sent = new Set(relation.columns.map((column) => column.name));
  // Without a part of its key no row is found.
  const needed = (column: StreamRelation['columns'][number]) =>
    !ahead.dropped.has(column.name) || (column.key && relation.identity !== 'full');
  const missing = relation.columns.filter((column) => !byName.has(column.name) && needed(column));
  const unsent = found.columns.filter((column) => column.mustBeSent && !sent.has(column.name));
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
  const limited: BoundTable['limited'][number][] = [];
  for (const [index, column] of relation.columns.entries()) {
    const known = byName.get(column.name);
    if (!known || known.generated) continue;
    const retyped = ahead.retyped.has(column.name);
    const otherType = column.type < FIRST_UNSTABLE_OID && column.type !== known.baseOid;
    const otherModifier = column.type === known.typeOid && column.typmod !== known.modifier;
    if (otherType && !retyped) otherTypes.push(column.name);
    if (otherModifier && !retyped) otherModifiers.push(column.name);
    const kept = keptBytes(known.baseOid);
    if (kept !== null) limited.push({ index, name: column.name, kept });
    bound.push({
      index,
      name: column.name,
      ident: quoteIdent(column.name),
      type: known.type,
      baseType: known.baseType,
      equals: known.equals ?? 'OPERATOR(pg_catalog.=)',
      sentAs: otherType && retyped ? (typeNames.get(column.type) ?? null) : null,
      indexed: known.indexed,
    });
  }
  return {
    relation,
    oid: found.oid,
    display,
    target: qualified(targetName),
    rows: `${targetName.partitionedBy || targetName.throughParent ? '' : 'ONLY '}${qualified(targetName)}`,
    throughParent: targetName.throughParent ?? false,
    partitionedBy: bound.filter(({ name }) => targetName.partitionedBy?.includes(name)),
    columns: bound,
    match: chooseMatch(relation, bound, found.keys),
    otherTypes,
    otherModifiers,
    limited,
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
  // With it a row can be found even when it has no columns at all.
  const full = relation.identity === 'full';
  // Generated columns are not sent, or the target computes its own value: with no others a key tells no row.
  if (!full && !columns.some(({ name }) => sent.has(name))) return { by: 'none' };
  if (sent.size === 0) return { by: 'image' };
  for (const key of uniqueKeys) {
    const bound = key.map((name) => columns.find((column) => column.name === name));
    if (key.every((name) => sent.has(name)) && bound.every((column) => column !== undefined)) {
      // With a key identity the other sent columns add nothing; with FULL they are not needed to find the row.
      return { by: 'key', columns: bound };
    }
  }
  return { by: 'image' };
}
