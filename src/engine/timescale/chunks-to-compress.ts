import type pg from 'pg';
import { displayName, quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { mayHeal, sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { inTransaction } from '../schema/restore.ts';
import { recordedObjects } from '../target/progress-schema.ts';
import { extensionSchema } from './make-hypertables.ts';
import { isPolicy } from './policy-kinds.ts';
import { hasTimescale, readHypertables } from './source-hypertables.ts';
import { type Job, readJobs } from './source-jobs.ts';
import { isInteger } from './time-ranges.ts';

/** A chunk of the target that is to be compressed after the cut-over. */
export interface WaitingChunk {
  readonly schema: string;
  readonly name: string;
  /** The hypertable or the continuous aggregate that it is of. */
  readonly relation: string;
}

/** Chunks of what aggregates keep have no counterpart by OID: those that lie within a compressed one of the source. */
const AGGREGATE_RANGES = `
SELECT json_build_object('view', json_build_array(v.view_schema, v.view_name), 'from', coalesce(c.range_start::text, c.range_start_integer::text),
    'to', coalesce(c.range_end::text, c.range_end_integer::text), 'integer', c.range_start IS NULL)::text AS range
  FROM timescaledb_information.continuous_aggregates v JOIN timescaledb_information.chunks c
    ON c.hypertable_schema = v.materialization_hypertable_schema AND c.hypertable_name = v.materialization_hypertable_name
 WHERE v.compression_enabled AND c.is_compressed`;

const WITHIN = `
SELECT c.chunk_schema, c.chunk_name FROM json_array_elements($1::json) r
  JOIN timescaledb_information.continuous_aggregates v ON v.view_schema = r -> 'view' ->> 0 AND v.view_name = r -> 'view' ->> 1
  JOIN timescaledb_information.chunks c ON c.hypertable_schema = v.materialization_hypertable_schema
   AND c.hypertable_name = v.materialization_hypertable_name
   AND CASE WHEN (r ->> 'integer')::boolean
       THEN c.range_start_integer >= (r ->> 'from')::int8 AND c.range_end_integer <= (r ->> 'to')::int8
       ELSE c.range_start >= (r ->> 'from')::timestamptz AND c.range_end <= (r ->> 'to')::timestamptz END`;

/**
 * Remembers on the target which of its chunks are compressed on the source, in the transaction that ends with the cut-over: the
 * source may be gone when they are compressed. A server that refuses to tell keeps no migration from its end: that is told.
 */
export async function rememberCompressed(source: pg.Client, target: pg.Client, emit: Emit): Promise<void> {
  await target.query('SAVEPOINT tm_compressed');
  try {
    await remember(source, target);
    await target.query('RELEASE SAVEPOINT tm_compressed');
  } catch (error) {
    // A session that is lost has taken the transaction along.
    if (sqlState(error) === null || mayHeal(error)) throw error;
    await target.query('ROLLBACK TO SAVEPOINT tm_compressed; RELEASE SAVEPOINT tm_compressed');
    const why = error instanceof Error ? error.message : String(error);
    emit({ type: 'warning', text: `Which chunks are compressed on the source is not known: ${why}` });
  }
}

async function remember(source: pg.Client, target: pg.Client): Promise<void> {
  const compressed = [...(await readHypertables(source)).chunks.values()].filter((one) => one.compressedOid !== null);
  if (compressed.length > 0) {
    await target.query(
      `INSERT INTO tiger_migrate.compression (schema, name)
       SELECT DISTINCT target_schema, target_name FROM tiger_migrate.relation
        WHERE source_oid = ANY ($1::oid[]) AND copy_rows AND target_schema IS NOT NULL ON CONFLICT DO NOTHING`,
      [`{${compressed.map(({ oid }) => oid).join(',')}}`],
    );
  }
  if (!(await hasTimescale(source))) return;
  const { rows } = await source.query<{ range: string }>(AGGREGATE_RANGES);
  if (rows.length === 0) return;
  await target.query(`INSERT INTO tiger_migrate.compression (schema, name) ${WITHIN} ON CONFLICT DO NOTHING`, [
    `[${rows.map(({ range }) => range).join(',')}]`,
  ]);
}

/**
 * The chunks that a policy of compression would take now, as it finds them itself: by the age of their rows, which for integers is
 * counted from `integer_now`, or by their own. Null for what is no such policy.
 */
export function dueChunks({ on, settings }: Pick<Job, 'on' | 'settings'>, schema: string): string | null {
  const { compress_after: after, compress_created_before: created, hypertable_id: id } = settings;
  if (on === null || !id) return null;
  const root = `(SELECT coalesce(to_jsonb(h) ->> 'relid', format('%I.%I', to_jsonb(h) ->> 'schema_name', to_jsonb(h) ->> 'table_name'))::regclass
    FROM _timescaledb_catalog.hypertable h WHERE h.id = ${Number(id)})`;
  const chunks = (given: string) => `${quoteIdent(schema)}.show_chunks(${root}, ${given})`;
  if (created) return chunks(`created_before => ${quoteLiteral(created)}::interval`);
  if (!after) return null;
  return isInteger(on.type)
    ? chunks(
        `older_than => _timescaledb_functions.subtract_integer_from_now(${root}, ${quoteLiteral(after)}::bigint)::${on.type}`,
      )
    : chunks(`older_than => ${quoteLiteral(after)}::interval`);
}

/** Chunks with the table or aggregate that they are of, and whether that is compressed at all. */
const CHUNKS = `
SELECT c.chunk_schema AS schema, c.chunk_name AS name, c.is_compressed, c.range_end, c.range_end_integer,
    coalesce(v.view_schema, c.hypertable_schema) AS of_schema, coalesce(v.view_name, c.hypertable_name) AS of_name,
    coalesce(v.compression_enabled, h.compression_enabled, false) AS enabled
  FROM timescaledb_information.chunks c
  LEFT JOIN timescaledb_information.hypertables h USING (hypertable_schema, hypertable_name)
  LEFT JOIN timescaledb_information.continuous_aggregates v
    ON v.materialization_hypertable_schema = c.hypertable_schema AND v.materialization_hypertable_name = c.hypertable_name`;

/**
 * Settles what waits to be compressed: what is remembered, and what the policies of the migration would take now; without what is gone by
 * now, or compressed. Gives how many. To be asked when the cut-over is done.
 */
export async function listChunksToCompress(target: pg.Client): Promise<number> {
  if (!(await hasTimescale(target))) return 0;
  const ours = new Set([
    ...(await recordedObjects(target, 'hypertable')),
    ...(await recordedObjects(target, 'aggregate')),
  ]);
  const policies = (await readJobs(target)).filter(
    (job) =>
      isPolicy(job) &&
      job.procedure === 'policy_compression' &&
      job.scheduled &&
      job.on !== null &&
      ours.has(displayName(job.on)),
  );
  const schema = await extensionSchema(target);
  await inTransaction(target, async () => {
    for (const policy of policies) {
      const due = dueChunks(policy, schema);
      if (due === null) continue;
      await target.query(
        `INSERT INTO tiger_migrate.compression (schema, name)
         SELECT n.nspname, k.relname FROM ${due} s JOIN pg_class k ON k.oid = s JOIN pg_namespace n ON n.oid = k.relnamespace
          WHERE NOT EXISTS (SELECT FROM timescaledb_information.chunks c
            WHERE c.chunk_schema = n.nspname AND c.chunk_name = k.relname AND c.is_compressed) ON CONFLICT DO NOTHING`,
      );
    }
    await target.query(`UPDATE tiger_migrate.compression SET state = 'waiting' WHERE state = 'left'`);
    const { rows } = await target.query<{ count: string }>(
      `SELECT count(*) AS count FROM tiger_migrate.compression WHERE state = 'waiting'`,
    );
    if (Number(rows[0]?.count) === 0) return;
    await target.query(
      `WITH there AS (${CHUNKS})
       DELETE FROM tiger_migrate.compression w
        WHERE state = 'waiting' AND NOT EXISTS (SELECT FROM there t WHERE t.schema = w.schema AND t.name = w.name AND enabled)`,
    );
    await target.query(
      `WITH there AS (${CHUNKS}) UPDATE tiger_migrate.compression w SET state = 'done'
         FROM there t WHERE t.schema = w.schema AND t.name = w.name AND t.is_compressed AND w.state = 'waiting'`,
    );
  });
  return (await readCompressionTotals(target)).waiting;
}

/** What waits, the oldest first. */
export async function readWaitingChunks(target: pg.Client): Promise<WaitingChunk[]> {
  if (!(await hasTimescale(target))) return [];
  const { rows } = await target.query<Record<'schema' | 'name' | 'of_schema' | 'of_name', string>>(
    `WITH there AS (${CHUNKS}) SELECT schema, name, of_schema, of_name FROM tiger_migrate.compression w JOIN there t USING (schema, name)
      WHERE w.state = 'waiting' ORDER BY t.range_end, t.range_end_integer, of_schema, of_name, schema, name`,
  );
  return rows.map((row) => ({
    schema: row.schema,
    name: row.name,
    relation: displayName({ schema: row.of_schema, name: row.of_name }),
  }));
}

export interface CompressionTotals {
  readonly waiting: number;
  readonly done: number;
  /** Bytes of those that we compressed, before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export async function readCompressionTotals(target: pg.Client): Promise<CompressionTotals> {
  const { rows } = await target.query<Record<'waiting' | 'done' | 'before' | 'after', string>>(
    `SELECT count(*) FILTER (WHERE state <> 'done') AS waiting, count(*) FILTER (WHERE state = 'done') AS done,
            coalesce(sum(bytes_before), 0) AS before, coalesce(sum(bytes_after), 0) AS after FROM tiger_migrate.compression`,
  );
  const [row] = rows;
  return {
    waiting: Number(row?.waiting ?? 0),
    done: Number(row?.done ?? 0),
    bytesBefore: Number(row?.before ?? 0),
    bytesAfter: Number(row?.after ?? 0),
  };
}
