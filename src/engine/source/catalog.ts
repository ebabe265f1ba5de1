import type pg from 'pg';
import { matchesAny } from '../../postgres/patterns.ts';
import type { MigrationOptions } from '../options.ts';
import { readHypertables, readRoots, type SourceHypertables } from '../timescale/source-hypertables.ts';
import { SYSTEM_SCHEMAS } from './belongs.ts';
import { GIVES_IDENTITY, HAS_IDENTITY } from './identity-index.ts';

/** A table of the source, as its catalogs show it in the copy's snapshot. */
export interface SourceTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /**
   * `ordinary`, `partitioned` (holds no rows itself), `partition` (a leaf), `hypertable` (holds no rows itself), `chunk` (of a
   * hypertable), `unlogged`, `foreign`.
   */
  readonly kind: 'ordinary' | 'partitioned' | 'partition' | 'hypertable' | 'chunk' | 'unlogged' | 'foreign';
  /** The root of its partition tree, or its hypertable; its own OID when it is in none. */
  readonly rootOid: number;
  /** The partitioned tables or the hypertable that it is a part of, the root last. */
  readonly partOf: readonly Name[];
  /** Without indexes; of compressed rows what they took before. */
  readonly bytes: number;
  /** Estimated. */
  readonly rows: number;
  readonly pages: number;
  /** UPDATE and DELETE can be published: a primary key or an identity index without generated columns, or FULL. */
  readonly hasIdentity: boolean;
  /** The table that a chunk's compressed rows stand in: only a SELECT without ONLY shows them. */
  readonly compressedOid: number | null;
  /** A chunk's status in the snapshot, which says in what forms its rows stand; null: it is none. */
  readonly chunkStatus: number | null;
  /** Where its rows go on the target: a chunk has another name there, null until that is known. */
  readonly into: Place | null;
  /** A primary key that new partitions inherit, and with it an identity. */
  readonly givesIdentity: boolean;
  readonly columns: readonly SourceColumn[];
}

interface Name {
  readonly schema: string;
  readonly name: string;
}

/** A table of the target that takes rows. */
export interface Place extends Name {
  /** What people are told of it when that is not its name: a chunk is known by that of the source, and by its hypertable. */
  readonly shownAs?: string;
  /** Of a hypertable whose rows go through its root: the columns that decide in which chunk a row stands. */
  readonly partitionedBy?: readonly string[];
  /** A partitioned table, through which rows of a partition go, because they may belong to other partitions there. */
  readonly throughParent?: true;
}

export interface SourceColumn {
  readonly name: string;
  /** Written by the server itself: not copied. */
  readonly generated: boolean;
  /** `GENERATED ALWAYS AS IDENTITY`. */
  readonly identityAlways: boolean;
  /** Values look the same in binary form on any other server. */
  readonly binarySafe: boolean;
}

/**
 * A type's binary form carries no OID and does not depend on an extension's version: built-in base types, their arrays
 * and ranges, enums (sent as labels), and domains over such. Arrays of user types, composites and extension types may
 * not: text then. `money` depends on lc_monetary in text only. An empty tsquery is sent in a form that the server refuses to take
 * back ("operand not found").
 */
const BINARY_SAFE = `
WITH RECURSIVE safe_base AS (
  SELECT t.oid FROM pg_type t
   WHERE t.oid < 10000 AND t.typtype IN ('b', 'r', 'm') AND t.typsend <> 0 AND t.typreceive <> 0
     AND t.typcategory <> 'Z' AND t.typname NOT IN ('aclitem', '_aclitem', 'pg_node_tree', 'xml', '_xml', 'tsquery', '_tsquery')
     AND t.typname !~ '^_?reg'
  UNION ALL
  SELECT t.oid FROM pg_type t WHERE t.typtype = 'e'
), safe(oid) AS (
  SELECT oid FROM safe_base
  UNION
  SELECT t.oid FROM safe s JOIN pg_type t ON t.typbasetype = s.oid AND t.typtype = 'd'
)`;

const TABLES = `${BINARY_SAFE}
SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS relkind, c.relpersistence AS persistence,
       c.relispartition AS is_partition,
       CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::int8 ELSE c.oid::int8 END AS root_oid,
       CASE WHEN c.relispartition THEN (SELECT json_agg(json_build_array(an.nspname, a.relname))
                FROM pg_partition_ancestors(c.oid) WITH ORDINALITY p(oid, n) JOIN pg_class a ON a.oid = p.oid
                JOIN pg_namespace an ON an.oid = a.relnamespace WHERE p.n > 1) END::text AS part_of,
       CASE WHEN c.relkind IN ('r') THEN pg_table_size(c.oid) ELSE 0 END AS bytes,
       greatest(c.reltuples, 0)::int8 AS rows,
       CASE WHEN c.relkind = 'r' THEN pg_relation_size(c.oid) / current_setting('block_size')::int8 ELSE 0 END AS pages,
       ${HAS_IDENTITY} AS has_identity, ${GIVES_IDENTITY} AS gives_identity,
       (SELECT coalesce(json_agg(json_build_array(a.attname, a.attgenerated <> '', a.attidentity = 'a',
                 a.atttypid IN (SELECT oid FROM safe)) ORDER BY a.attnum), '[]')
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence IN ('p', 'u') AND (NOT ${SYSTEM_SCHEMAS} OR c.oid = ANY ($1::oid[]))
   AND ($2::oid[] IS NULL OR c.oid = ANY ($2::oid[]))
   AND ($3::oid[] IS NULL OR NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhparent = ANY ($3::oid[])))
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY c.oid`;

function kindOf(row: Record<string, string>, { roots, chunks }: SourceHypertables): SourceTable['kind'] {
  if (roots.has(Number(row.oid))) return 'hypertable';
  if (chunks.has(Number(row.oid))) return 'chunk';
  if (row.relkind === 'p') return 'partitioned';
  if (row.relkind === 'f') return 'foreign';
  if (row.persistence === 'u') return 'unlogged';
  return row.is_partition === 't' ? 'partition' : 'ordinary';
}

/** The hypertable of a chunk; null of any other table. */
export const chunkOf = ({ kind, partOf }: Pick<SourceTable, 'kind' | 'partOf'>): Name | null =>
  kind === 'chunk' ? (partOf[0] ?? null) : null;

/** Where its rows go on the target. Throws for a chunk that has no place there yet. */
export function placeOf(table: SourceTable): Place {
  if (table.into) return table.into;
  throw new Error(`no chunk of the target for ${table.schema}.${table.name}`);
}

function belongsTo(
  row: Record<string, string>,
  { chunks }: SourceHypertables,
  names: ReadonlyMap<number, Name>,
): Pick<SourceTable, 'rootOid' | 'partOf' | 'compressedOid' | 'chunkStatus' | 'into' | 'bytes' | 'rows'> {
  const chunk = chunks.get(Number(row.oid));
  const own = { bytes: Number(row.bytes), rows: Number(row.rows) };
  if (chunk) {
    const root = names.get(chunk.rootOid);
    const { rootOid, compressedOid, status, unpacked } = chunk;
    const sizes = { bytes: own.bytes + unpacked.bytes, rows: Math.max(own.rows, unpacked.rows) };
    return { rootOid, partOf: root ? [root] : [], compressedOid, chunkStatus: status, into: null, ...sizes };
  }
  return {
    ...own,
    rootOid: Number(row.root_oid),
    partOf: (JSON.parse(row.part_of ?? '[]') as [string, string][]).map(([schema, name]) => ({ schema, name })),
    compressedOid: null,
    chunkStatus: null,
    into: names.get(Number(row.oid)) ?? null,
  };
}

/**
 * All user tables of the database that `client` is in, and the chunks of hypertables; extension members and system schemas left
 * out. `only`: no others than those with these OIDs.
 */
export async function readTables(client: pg.Client, only: readonly number[] | null = null): Promise<SourceTable[]> {
  return readAmong(client, await readHypertables(client, only), only, null);
}

/** The same without chunks: it takes the same time, however many there are. */
export async function readTablesBesidesChunks(client: pg.Client): Promise<SourceTable[]> {
  const roots = await readRoots(client);
  return readAmong(client, { roots, chunks: new Map() }, null, roots);
}

async function readAmong(
  client: pg.Client,
  hypertables: SourceHypertables,
  only: readonly number[] | null,
  withoutChunksOf: ReadonlySet<number> | null,
): Promise<SourceTable[]> {
  const { rows } = await client.query<Record<string, string>>(TABLES, [
    `{${[...hypertables.chunks.keys()].join(',')}}`,
    only && `{${only.join(',')}}`,
    withoutChunksOf && `{${[...withoutChunksOf].join(',')}}`,
  ]);
  const names = new Map(rows.map((row) => [Number(row.oid), { schema: row.schema ?? '', name: row.name ?? '' }]));
  return rows.map((row) => ({
    oid: Number(row.oid),
    schema: row.schema ?? '',
    name: row.name ?? '',
    kind: kindOf(row, hypertables),
    ...belongsTo(row, hypertables, names),
    pages: Number(row.pages),
    hasIdentity: row.has_identity === 't',
    givesIdentity: row.gives_identity === 't',
    columns: (JSON.parse(row.columns ?? '[]') as [string, boolean, boolean, boolean][]).map(
      ([name, generated, identityAlways, binarySafe]) => ({ name, generated, identityAlways, binarySafe }),
    ),
  }));
}

/** What the options say about a table. A pattern for a partitioned table is one for its partitions, too. */
export function selection(
  table: Pick<SourceTable, 'schema' | 'name' | 'partOf'>,
  options: Pick<MigrationOptions, 'excludeSchema' | 'excludeTable' | 'skipTableData'>,
): 'all' | 'schema-only' | 'excluded' {
  const named = [table, ...table.partOf];
  if (named.some((one) => options.excludeSchema.includes(one.schema) || matchesAny(options.excludeTable, one))) {
    return 'excluded';
  }
  return named.some((one) => matchesAny(options.skipTableData, one)) ? 'schema-only' : 'all';
}

/** The sequences that belong to columns of these tables: they go where the tables go. */
export async function readSequencesOf(
  client: pg.Client,
  tables: readonly SourceTable[],
): Promise<{ schema: string; name: string }[]> {
  const { rows } = await client.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        AND d.refobjid = ANY ($1::oid[])`,
    [`{${tables.map((table) => table.oid).join(',')}}`],
  );
  return rows;
}

export interface MaterializedView {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** It was refreshed at least once. */
  readonly populated: boolean;
}

/** The materialized views of the database that `client` is in. */
export async function readMaterializedViews(client: pg.Client): Promise<MaterializedView[]> {
  const { rows } = await client.query<Record<string, string>>(
    `SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, c.relispopulated AS populated FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND NOT ${SYSTEM_SCHEMAS}`,
  );
  return rows.map((row) => ({
    oid: Number(row.oid),
    schema: row.schema ?? '',
    name: row.name ?? '',
    populated: row.populated === 't',
  }));
}

/** Whether the rows of a table of this kind are in the table itself. */
export const holdsRows = (table: Pick<SourceTable, 'kind'>): boolean =>
  table.kind === 'ordinary' || table.kind === 'partition' || table.kind === 'chunk' || table.kind === 'unlogged';

/** Whether logical decoding shows the table's changes. */
export const isDecoded = (table: Pick<SourceTable, 'kind'>): boolean =>
  holdsRows(table) ? table.kind !== 'unlogged' : table.kind === 'partitioned' || table.kind === 'hypertable';

export interface SourceIdentity {
  readonly system: string;
  readonly timeline: string;
  readonly database: string;
}

/**
 * Who the source is, asked on a replication connection: a fail-over changes the timeline, a restored backup the system
 * identifier. https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-IDENTIFY-SYSTEM
 */
export async function identifySource(replication: pg.Client): Promise<SourceIdentity> {
  const { rows } = await replication.query<Record<string, string>>('IDENTIFY_SYSTEM');
  const row = rows[0] ?? {};
  return { system: row.systemid ?? '', timeline: row.timeline ?? '', database: row.dbname ?? '' };
}
