import type pg from 'pg';

/** A chunk of the operator's hypertables. */
export interface SourceChunk {
  readonly oid: number;
  /** The hypertable's. */
  readonly rootOid: number;
  /** The table that rows of it stand in, wholly or partly, in compressed form: only a SELECT without ONLY shows them. */
  readonly compressedOid: number | null;
}

export interface SourceHypertables {
  /** OIDs of the operator's hypertables: not of those behind continuous aggregates, nor of compressed ones. */
  readonly roots: ReadonlySet<number>;
  readonly chunks: ReadonlyMap<number, SourceChunk>;
}

const NONE: SourceHypertables = { roots: new Set(), chunks: new Map() };

const ROOTS = `SELECT c.oid FROM timescaledb_information.hypertables h
  JOIN pg_namespace n ON n.nspname = h.hypertable_schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = h.hypertable_name`;

/** Its OID from a row of a catalog, whose columns are others in other versions. */
const RELATION = (row: string): string =>
  `to_regclass(coalesce(${row} ->> 'relid', format('%I.%I', ${row} ->> 'schema_name', ${row} ->> 'table_name')))`;

/**
 * Chunks inherit from their hypertable in every version; what is tiered is a foreign table, and no chunk to copy. The table that
 * a chunk's compressed rows stand in is told by compression_settings, or before 2.18 by the chunk's own row.
 */
const CHUNKS = `WITH chunk AS (SELECT to_jsonb(k) AS j FROM _timescaledb_catalog.chunk k),
  compressed AS (
    SELECT ${RELATION('c.j')} AS oid, ${RELATION('z.j')} AS other FROM chunk c JOIN chunk z ON z.j ->> 'id' = c.j ->> 'compressed_chunk_id'
    UNION SELECT s.relid, to_regclass(to_jsonb(s) ->> 'compress_relid') FROM _timescaledb_catalog.compression_settings s
      WHERE to_jsonb(s) ->> 'compress_relid' IS NOT NULL)
  SELECT i.inhrelid::int8 AS oid, i.inhparent::int8 AS root, min(z.other::oid)::int8 AS compressed
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' LEFT JOIN compressed z ON z.oid = i.inhrelid
   WHERE i.inhparent = ANY ($1::oid[]) GROUP BY 1, 2`;

export async function hasTimescale(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: string }>(
    `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AS there`,
  );
  return rows[0]?.there === 't';
}

/** Hypertables and chunks as the session's snapshot shows them; none where the extension is not installed. */
export async function readHypertables(client: pg.Client): Promise<SourceHypertables> {
  if (!(await hasTimescale(client))) return NONE;
  const roots = await client.query<{ oid: string }>(ROOTS);
  if (roots.rows.length === 0) return NONE;
  const oids = roots.rows.map(({ oid }) => Number(oid));
  const { rows } = await client.query<{ oid: string; root: string; compressed: string | null }>(CHUNKS, [
    `{${oids.join(',')}}`,
  ]);
  return {
    roots: new Set(oids),
    chunks: new Map(
      rows.map((row) => [
        Number(row.oid),
        {
          oid: Number(row.oid),
          rootOid: Number(row.root),
          compressedOid: row.compressed ? Number(row.compressed) : null,
        },
      ]),
    ),
  };
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
