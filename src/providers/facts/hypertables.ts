import type pg from 'pg';
import { HAS_IDENTITY, WITHOUT_GENERATED } from '../../engine/source/identity-index.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import type { Fact } from '../fact.ts';
import { older, timescaledb } from './timescaledb.ts';

/** A hypertable of the operator's, with all its chunks. Sizes in bytes. */
export interface Hypertable {
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  /** Our role is the owner or a member of it. */
  readonly owned: boolean;
  /** The column it is partitioned by first, and that column's type. */
  readonly column: string;
  readonly columnType: string;
  /** The function that says what time it is, for integer times. */
  readonly integerNow: string | null;
  /** Compression is set up, whether or not a chunk is compressed yet. */
  readonly compression: boolean;
  /** Spread over data nodes (before 2.14). */
  readonly distributed: boolean;
  /** Tables, indexes, TOAST, chunks, compressed chunks: what it takes on the source now. */
  readonly bytes: number;
  /** What it took before compression, and takes on the target until that is compressed. */
  readonly uncompressedBytes: number;
  readonly chunks: number;
  readonly compressedChunks: number;
  /** Compressed, and changed since. */
  readonly partialChunks: number;
  /** Moved to object storage. */
  readonly tieredChunks: number;
  readonly updated: number;
  /** Recompression counts here as well. */
  readonly deleted: number;
  /** Rows (batches) deleted from the compressed tables; recompression counts here as well. */
  readonly deletedBatches: number;
  /** pg_class.relreplident. */
  readonly replicaIdentity: string;
  /** A primary key in force, the index named as identity, or FULL. */
  readonly hasIdentity: boolean;
  /** A unique index that could serve as identity; null: none. */
  readonly identityIndex: string | null;
}

export interface ContinuousAggregate {
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  /** The form of 2.7 and newer. */
  readonly finalized: boolean;
}

export interface Job {
  readonly id: number;
  readonly schema: string;
  readonly procedure: string;
  readonly owner: string;
  readonly ownerIsSuperuser: boolean;
  readonly scheduled: boolean;
  readonly running: boolean;
  /** What it works on; null: nothing in particular. */
  readonly hypertable: { readonly schema: string; readonly name: string } | null;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface TimescaleObjects {
  readonly hypertables: readonly Hypertable[];
  readonly aggregates: readonly ContinuousAggregate[];
  /** Those of the operator's, not TimescaleDB's own (telemetry, logs). */
  readonly jobs: readonly Job[];
}

/** Before it the views were others. */
export const OLDEST = '2.0';
/** TimescaleDB's own jobs have smaller numbers. */
const FIRST_JOB = 1000;

const RELATION = (row: string): string =>
  `to_regclass(coalesce(${row} ->> 'relid', format('%I.%I', ${row} ->> 'schema_name', ${row} ->> 'table_name')))`;

/** Of a relation with its indexes and TOAST. The second takes no lock and is as of the last VACUUM or ANALYZE. */
const EXACT = (oid: string): string => `coalesce(pg_total_relation_size(${oid}), 0)`;
const ESTIMATED = (oid: string): string => `(coalesce((SELECT c.relpages + coalesce(t.relpages, 0) FROM pg_class c
    LEFT JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.oid = ${oid}), 0)
  + coalesce((SELECT sum(c.relpages) FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid = ${oid}), 0))
  * current_setting('block_size')::bigint`;

/**
 * One pass over the catalog, however many chunks. Rows are taken as JSON: the columns of catalogs and views come and go
 * with the versions, and a missing key is null.
 */
const objects = (size: (oid: string) => string, namesCompressed: boolean): string => `
  WITH chunk AS MATERIALIZED (
    SELECT c.j ->> 'id' AS id, c.j ->> 'hypertable_id' AS hypertable_id, c.j ->> 'compressed_chunk_id' AS compressed_id,
      ${RELATION('c.j')} AS relation, coalesce((c.j ->> 'status')::int, 0) AS status,
      coalesce((c.j ->> 'osm_chunk')::boolean, false) AS tiered
    FROM (SELECT to_jsonb(k) AS j FROM _timescaledb_catalog.chunk k) c WHERE coalesce(c.j ->> 'dropped', 'false') = 'false'
  ), before AS (
    SELECT b.j ->> 'chunk_id' AS chunk_id, (b.j ->> 'uncompressed_heap_size')::bigint
      + (b.j ->> 'uncompressed_toast_size')::bigint + (b.j ->> 'uncompressed_index_size')::bigint AS bytes
    FROM (SELECT to_jsonb(s) AS j FROM _timescaledb_catalog.compression_chunk_size s) b
  ), sized AS (
    SELECT k.*, ${size('k.relation')} AS own_bytes, CASE WHEN z.relation IS NULL THEN 0 ELSE ${size('z.relation')} END AS compressed_bytes,
      CASE WHEN z.relation IS NULL THEN 0 ELSE coalesce(b.bytes, 0) END AS before_bytes, z.relation AS compressed
    FROM chunk k LEFT JOIN before b ON b.chunk_id = k.id LEFT JOIN ${
      namesCompressed
        ? '(SELECT relid, compress_relid AS relation FROM _timescaledb_catalog.compression_settings) z ON z.relid = k.relation'
        : '(SELECT id, relation FROM chunk) z ON z.id = k.compressed_id'
    } AND k.status & 1 = 1 WHERE k.relation IS NOT NULL
  ), total AS (
    SELECT hypertable_id, count(*) AS chunks, sum(status & 1) AS compressed, sum((status & 8) >> 3) AS partial,
      count(*) FILTER (WHERE tiered) AS tiered, sum(own_bytes + compressed_bytes) AS bytes, sum(own_bytes + before_bytes) AS uncompressed,
      sum(coalesce(pg_stat_get_tuples_updated(relation), 0)) AS updated, sum(coalesce(pg_stat_get_tuples_deleted(relation), 0)) AS deleted,
      sum(coalesce(pg_stat_get_tuples_deleted(compressed), 0)) AS batches
    FROM sized GROUP BY 1
  ), hypertable AS (
    SELECT to_jsonb(h) AS h, to_jsonb(t) AS t, to_jsonb(d) AS d, c.oid, c.relowner, c.relreplident
    FROM timescaledb_information.hypertables h
      JOIN pg_namespace n ON n.nspname = h.hypertable_schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = h.hypertable_name
      JOIN _timescaledb_catalog.hypertable t ON ${RELATION('to_jsonb(t)')} = c.oid
      LEFT JOIN timescaledb_information.dimensions d ON d.hypertable_schema = h.hypertable_schema
        AND d.hypertable_name = h.hypertable_name AND d.dimension_number = 1
  ), identity AS (
    -- As PostgreSQL allows it: unique, whole, immediate, of plain NOT NULL columns; the one with the fewest columns.
    SELECT DISTINCT ON (i.indrelid) i.indrelid, x.relname AS index
    FROM hypertable h JOIN pg_index i ON i.indrelid = h.oid JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND ${WITHOUT_GENERATED}
      AND NOT EXISTS (SELECT FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k (attnum)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE NOT a.attnotnull)
    ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, x.relname
  )
  SELECT jsonb_build_object(
    'hypertables', (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'schema', h.h ->> 'hypertable_schema', 'name', h.h ->> 'hypertable_name', 'owner', pg_get_userbyid(h.relowner),
        'owned', pg_has_role(h.relowner, 'USAGE'), 'column', h.d ->> 'column_name', 'columnType', h.d ->> 'column_type',
        'integerNow', h.d ->> 'integer_now_func', 'compression', coalesce((h.h ->> 'compression_enabled')::boolean, false),
        'distributed', coalesce((h.t ->> 'replication_factor')::int, 0) <> 0,
        'bytes', ${size('h.oid')} + coalesce(s.bytes, 0), 'uncompressedBytes', ${size('h.oid')} + coalesce(s.uncompressed, 0),
        'chunks', coalesce(s.chunks, 0), 'compressedChunks', coalesce(s.compressed, 0), 'partialChunks', coalesce(s.partial, 0),
        'tieredChunks', coalesce(s.tiered, 0), 'updated', coalesce(s.updated, 0), 'deleted', coalesce(s.deleted, 0),
        'deletedBatches', coalesce(s.batches, 0), 'replicaIdentity', h.relreplident,
        'hasIdentity', (SELECT ${HAS_IDENTITY} FROM pg_class c WHERE c.oid = h.oid),
        'identityIndex', i.index) ORDER BY h.h ->> 'hypertable_schema', h.h ->> 'hypertable_name'), '[]')
      FROM hypertable h LEFT JOIN total s ON s.hypertable_id = h.t ->> 'id' LEFT JOIN identity i ON i.indrelid = h.oid),
    'aggregates', (SELECT coalesce(jsonb_agg(jsonb_build_object('schema', a.j ->> 'view_schema', 'name', a.j ->> 'view_name',
        'owner', a.j ->> 'view_owner', 'finalized', a.j -> 'finalized', 'storage', jsonb_build_object('schema',
        a.j ->> 'materialization_hypertable_schema', 'name', a.j ->> 'materialization_hypertable_name'))
        ORDER BY a.j ->> 'view_schema', a.j ->> 'view_name'), '[]')
      FROM (SELECT to_jsonb(v) AS j FROM timescaledb_information.continuous_aggregates v) a),
    'jobs', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', (o.j ->> 'job_id')::int, 'schema', o.j ->> 'proc_schema',
        'procedure', o.j ->> 'proc_name', 'owner', coalesce(r.rolname, o.j ->> 'owner'), 'ownerIsSuperuser', coalesce(r.rolsuper, false),
        'scheduled', (o.j ->> 'scheduled')::boolean, 'running', coalesce(s.j ->> 'job_status' = 'Running', false), 'config', coalesce(nullif(o.j -> 'config', 'null'), '{}'),
        'hypertable', CASE WHEN o.j ->> 'hypertable_name' IS NOT NULL THEN
          jsonb_build_object('schema', o.j ->> 'hypertable_schema', 'name', o.j ->> 'hypertable_name') END) ORDER BY (o.j ->> 'job_id')::int), '[]')
      FROM (SELECT to_jsonb(v) AS j FROM timescaledb_information.jobs v) o
        LEFT JOIN (SELECT to_jsonb(v) AS j FROM timescaledb_information.job_stats v) s ON s.j ->> 'job_id' = o.j ->> 'job_id'
        -- A regrole is printed as an identifier, a name as it is.
        LEFT JOIN LATERAL (SELECT rolname, rolsuper FROM pg_roles WHERE o.j ->> 'owner' IN (quote_ident(rolname), rolname) LIMIT 1) r ON true
      WHERE (o.j ->> 'job_id')::int >= ${FIRST_JOB})) AS objects`;

const LOCK_TIMEOUT = '1s';
const LOCK_NOT_AVAILABLE = '55P03';

const NOTHING: TimescaleObjects = { hypertables: [], aggregates: [], jobs: [] };

/** Hypertables, continuous aggregates and jobs in one query; nothing where TimescaleDB is not installed. */
export const timescaleObjects: Fact<TimescaleObjects> = {
  async read(client, ask) {
    const { installed, namesCompressed } = await ask(timescaledb);
    if (installed === null || older(installed, OLDEST)) return NOTHING;
    const { hypertables, aggregates, jobs } = await read(client, objects(EXACT, namesCompressed)).catch(
      (error: unknown) => {
        // A chunk is being compressed, dropped or altered.
        if (errorCode(error) !== LOCK_NOT_AVAILABLE) throw error;
        return read(client, objects(ESTIMATED, namesCompressed));
      },
    );
    // The view said so from 2.7 on, when the new form came, until only that one was left.
    const byVersion = !older(installed, '2.7');
    return {
      hypertables,
      aggregates: aggregates.map(({ storage: _, ...one }) => ({ ...one, finalized: one.finalized ?? byVersion })),
      jobs: jobs.map((job) => ({ ...job, hypertable: job.hypertable && asNamed(job.hypertable, aggregates) })),
    };
  },
};

interface Named {
  readonly schema: string;
  readonly name: string;
}

interface Answer {
  readonly hypertables: readonly Hypertable[];
  readonly aggregates: readonly (Omit<ContinuousAggregate, 'finalized'> & {
    readonly finalized: boolean | null;
    readonly storage: Named;
  })[];
  readonly jobs: readonly Job[];
}

/** Older versions name the table behind a continuous aggregate where newer ones name its view. */
function asNamed({ schema, name }: Named, aggregates: Answer['aggregates']): Named {
  const aggregate = aggregates.find(({ storage }) => storage.schema === schema && storage.name === name);
  return aggregate ? { schema: aggregate.schema, name: aggregate.name } : { schema, name };
}

/** Two statements in one message are one transaction, for which the limit holds. */
async function read(client: pg.Client, sql: string): Promise<Answer> {
  const message = `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'; ${sql}`;
  const results = (await client.query(message)) as unknown as pg.QueryResult<{ objects: string }>[];
  return JSON.parse(results[1]?.rows[0]?.objects ?? '{}') as Answer;
}
