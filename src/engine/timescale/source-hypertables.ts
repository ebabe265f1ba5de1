import type pg from 'pg';

/** A chunk of the operator's hypertables. */
export interface SourceChunk {
  readonly oid: number;
  /** The hypertable's. */
  readonly rootOid: number;
  /** The table that rows of it stand in, wholly or partly, in compressed form: only a SELECT without ONLY shows them. */
  readonly compressedOid: number | null;
  /** Bits of its status in the session's snapshot: 1, compressed rows are looked for; 8, others beside them. */
  readonly status: number;
  /** What its compressed rows were before, as TimescaleDB has noted: they are copied as that. */
  readonly unpacked: { readonly bytes: number; readonly rows: number };
}

export interface SourceHypertables {
  /** OIDs of the operator's hypertables: not of those behind continuous aggregates, nor of compressed ones. */
  readonly roots: ReadonlySet<number>;
  readonly chunks: ReadonlyMap<number, SourceChunk>;
}

const NONE: SourceHypertables = { roots: new Set(), chunks: new Map() };

const ROOTS = `SELECT c.oid FROM timescaledb_information.hypertables h
  JOIN pg_namespace n ON n.nspname = h.hypertable_schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = h.hypertable_name`;

/** An OID as JSON shows a `regclass`: a name, or its number when it is gone by now, be it there in the session's snapshot or not. */
const OID_OF = (text: string): string =>
  `CASE WHEN ${text} ~ '^[0-9]+$' THEN (${text})::oid ELSE to_regclass(${text})::oid END`;

/** The OID of a chunk from its row of the catalog, whose columns are others in other versions: as the session's snapshot has it. */
const RELATION = (row: string): string =>
  `coalesce(${OID_OF(`${row} ->> 'relid'`)}, (SELECT pc.oid FROM pg_class pc JOIN pg_namespace pn ON pn.oid = pc.relnamespace
     WHERE pn.nspname = ${row} ->> 'schema_name' AND pc.relname = ${row} ->> 'table_name'))`;

const COMPRESSED = `
    SELECT ${RELATION('c.j')} AS oid, ${RELATION('z.j')} AS other FROM wanted c JOIN chunk z ON z.j ->> 'id' = c.j ->> 'compressed_chunk_id'
    UNION SELECT s.relid::oid, ${OID_OF(`to_jsonb(s) ->> 'compress_relid'`)} FROM _timescaledb_catalog.compression_settings s
      WHERE to_jsonb(s) ->> 'compress_relid' IS NOT NULL`;

/**
 * Chunks inherit from their hypertable in every version; what is tiered is a foreign table, and no chunk to copy. The table that
 * a chunk's compressed rows stand in is told by compression_settings, or before 2.18 by the chunk's own row.
 */
const CHUNKS = `WITH chunk AS (SELECT to_jsonb(k) AS j FROM _timescaledb_catalog.chunk k),
  wanted AS (SELECT j FROM chunk WHERE $2::oid[] IS NULL OR coalesce(j ->> 'table_name' IN (SELECT relname FROM pg_class WHERE oid = ANY ($2::oid[])), true)),
  compressed AS (${COMPRESSED}), status AS (SELECT ${RELATION('j')} AS oid, j ->> 'status' AS bits FROM wanted)
  SELECT i.inhrelid::int8 AS oid, i.inhparent::int8 AS root, min(z.other)::int8 AS compressed, min(s.bits) AS status
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' LEFT JOIN compressed z ON z.oid = i.inhrelid
    LEFT JOIN status s ON s.oid = i.inhrelid
   WHERE i.inhparent = ANY ($1::oid[]) AND ($2::oid[] IS NULL OR i.inhrelid = ANY ($2::oid[])) GROUP BY 1, 2`;

/** Sizes without indexes of those of these chunks that were compressed. */
const UNPACKED = `
SELECT ${RELATION('c.j')}::int8 AS oid, (z.j ->> 'uncompressed_heap_size')::int8 + (z.j ->> 'uncompressed_toast_size')::int8 AS bytes,
    coalesce(z.j ->> 'numrows_pre_compression', '0') AS rows
  FROM (SELECT to_jsonb(k) AS j FROM _timescaledb_catalog.chunk k) c
  JOIN (SELECT to_jsonb(s) AS j FROM _timescaledb_catalog.compression_chunk_size s) z ON z.j ->> 'chunk_id' = c.j ->> 'id'
 WHERE coalesce(c.j ->> 'table_name' IN (SELECT relname FROM pg_class WHERE oid = ANY ($1::oid[])), true)`;

const CHUNK_OIDS = `SELECT i.inhrelid::int8 AS oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
 WHERE i.inhparent = ANY ($1::oid[])`;

export async function hasTimescale(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: string }>(
    `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AS there`,
  );
  return rows[0]?.there === 't';
}

const listOf = (oids: Iterable<number>): string => `{${[...oids].join(',')}}`;

/** OIDs of the operator's hypertables. */
export async function readRoots(client: pg.Client): Promise<Set<number>> {
  if (!(await hasTimescale(client))) return new Set();
  const { rows } = await client.query<{ oid: string }>(ROOTS);
  return new Set(rows.map(({ oid }) => Number(oid)));
}

/** OIDs of hypertables and of all their chunks: all that is asked for when it is only about which there are. */
export async function readChunkOids(client: pg.Client): Promise<{ roots: Set<number>; chunks: Set<number> }> {
  const roots = await readRoots(client);
  if (roots.size === 0) return { roots, chunks: new Set() };
  const { rows } = await client.query<{ oid: string }>(CHUNK_OIDS, [listOf(roots)]);
  return { roots, chunks: new Set(rows.map(({ oid }) => Number(oid))) };
}

/**
 * Hypertables and chunks as the session's snapshot shows them; none where the extension is not installed. `only`: no other chunks
 * than those with these OIDs.
 */
export async function readHypertables(
  client: pg.Client,
  only: readonly number[] | null = null,
): Promise<SourceHypertables> {
  const roots = await readRoots(client);
  if (roots.size === 0) return NONE;
  const { rows } = await client.query<Record<'oid' | 'root' | 'compressed' | 'status', string | null>>(CHUNKS, [
    listOf(roots),
    only && listOf(only),
  ]);
  const unpacked = await readUnpacked(
    client,
    rows.flatMap(({ oid, compressed }) => (compressed ? [Number(oid)] : [])),
  );
  return {
    roots,
    chunks: new Map(
      rows.map((row) => [
        Number(row.oid),
        {
          oid: Number(row.oid),
          rootOid: Number(row.root),
          compressedOid: row.compressed ? Number(row.compressed) : null,
          status: Number(row.status ?? 0),
          unpacked: unpacked.get(Number(row.oid)) ?? { bytes: 0, rows: 0 },
        },
      ]),
    ),
  };
}

async function readUnpacked(
  client: pg.Client,
  chunks: readonly number[],
): Promise<Map<number, SourceChunk['unpacked']>> {
  if (chunks.length === 0) return new Map();
  const { rows: found } = await client.query(
    `SELECT WHERE to_regclass('_timescaledb_catalog.compression_chunk_size') IS NOT NULL`,
  );
  if (found.length === 0) return new Map();
  const { rows } = await client.query<Record<'oid' | 'bytes' | 'rows', string>>(UNPACKED, [listOf(chunks)]);
  return new Map(rows.map((row) => [Number(row.oid), { bytes: Number(row.bytes), rows: Number(row.rows) }]));
}

export interface FoundRelation {
  readonly oid: number;
  /** The operator's hypertable that it is a chunk of, or null. */
  readonly root: { readonly schema: string; readonly name: string } | null;
  /** OIDs of the operator's chunks whose compressed rows it holds: at most one. */
  readonly compressedOf: number | null;
}

const FIND = `SELECT c.oid::int8 AS oid, h.hypertable_schema AS root_schema, h.hypertable_name AS root_name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class r ON r.oid = i.inhparent LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
  LEFT JOIN timescaledb_information.hypertables h ON h.hypertable_schema = rn.nspname AND h.hypertable_name = r.relname
 WHERE n.nspname = $1 AND c.relname = $2`;

const OWNER_OF_COMPRESSED = `WITH chunk AS (SELECT to_jsonb(k) AS j FROM _timescaledb_catalog.chunk k), wanted AS (SELECT j FROM chunk), compressed AS (${COMPRESSED})
  SELECT z.oid::int8 AS oid FROM compressed z JOIN pg_inherits i ON i.inhrelid = z.oid JOIN pg_class r ON r.oid = i.inhparent
    JOIN pg_namespace n ON n.oid = r.relnamespace
    JOIN timescaledb_information.hypertables h ON h.hypertable_schema = n.nspname AND h.hypertable_name = r.relname
   WHERE z.other = $1::oid`;

/** What a name stands for now that may be TimescaleDB's; null when nothing has it. Cheap, however many chunks there are. */
export async function findRelation(
  client: pg.Client,
  { schema, name }: { readonly schema: string; readonly name: string },
): Promise<FoundRelation | null> {
  const [row] = (await client.query<Record<'oid' | 'root_schema' | 'root_name', string | null>>(FIND, [schema, name]))
    .rows;
  if (!row) return null;
  const oid = Number(row.oid);
  if (row.root_name) return { oid, root: { schema: row.root_schema ?? '', name: row.root_name }, compressedOf: null };
  const [owner] = (await client.query<{ oid: string }>(OWNER_OF_COMPRESSED, [String(oid)])).rows;
  return { oid, root: null, compressedOf: owner ? Number(owner.oid) : null };
}

/** The operator's hypertable whose compressed rows stand in tables that are called so; its chunks' OIDs. None when it is unknown. */
const CHUNKS_OF_COMPRESSED = `SELECT i.inhrelid::int8 AS oid FROM _timescaledb_catalog.hypertable h
  JOIN pg_namespace n ON n.nspname = h.schema_name JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = h.table_name
  JOIN pg_inherits i ON i.inhparent = c.oid
 WHERE h.compressed_hypertable_id = $1::integer`;

/**
 * Chunks that a table of compressed rows, gone by now, may have belonged to: all of its hypertable, since nothing tells more.
 */
export async function chunksOfCompressed(client: pg.Client, name: string): Promise<number[]> {
  const id = /^compress_hyper_(\d+)_/.exec(name)?.[1];
  if (id === undefined) return [];
  const { rows } = await client.query<{ oid: string }>(CHUNKS_OF_COMPRESSED, [id]);
  return rows.map(({ oid }) => Number(oid));
}

/**
 * The boundaries of chunks by their OIDs, as the JSON text that `create_chunk` takes. Text, since they hold
 * 9223372036854775807. A chunk that is gone is missing. Not to be asked in an old snapshot: the function looks at what is there now.
 */
export async function readSlices(client: pg.Client, oids: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await client.query<{ oid: string; slices: string }>(
    `SELECT c.oid::int8 AS oid, s.slices::text AS slices FROM pg_class c
       CROSS JOIN LATERAL _timescaledb_functions.show_chunk(c.oid::regclass) s WHERE c.oid = ANY ($1::oid[])`,
    [`{${oids.join(',')}}`],
  );
  return new Map(rows.map((row) => [Number(row.oid), row.slices]));
}
