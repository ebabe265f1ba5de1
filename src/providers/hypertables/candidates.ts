import type pg from 'pg';
import { errorCode } from '../../postgres/connection-errors.ts';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { firstRow } from '../../postgres/query.ts';
import { FROM_USER_RELATIONS } from '../relations.ts';
import { type Candidate, type Proposal, propose } from './propose.ts';

/** Tables with a time that leads an index, the biggest first. */
const CANDIDATES = `
  SELECT n.nspname AS schema, c.relname AS name, pg_table_size(c.oid) AS bytes, greatest(c.reltuples, 0)::bigint AS rows,
    coalesce(pg_stat_get_tuples_inserted(c.oid), 0) AS inserted,
    coalesce(pg_stat_get_tuples_updated(c.oid), 0) + coalesce(pg_stat_get_tuples_deleted(c.oid), 0) AS changed,
    (SELECT json_agg(DISTINCT a.attname)::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND a.attgenerated = ''
        AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)) AS columns,
    (SELECT json_agg(f.columns)::text FROM pg_index i CROSS JOIN LATERAL (
        SELECT json_agg(json_build_object('name', a.attname, 'distinct', s.n_distinct) ORDER BY k.place) AS columns
          FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, place)
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
          LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited) f
      WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts > 1) AS indexes
  ${FROM_USER_RELATIONS} AND c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent))
  ORDER BY 3 DESC`;

/** So many are shown at most. */
const MOST = 30;
const LOCK_TIMEOUT = '1s';
const LOCK_NOT_AVAILABLE = '55P03';
const UNDEFINED_FUNCTION = '42883';

/**
 * What shared_buffers and effective_cache_size say of the memory: as a rule a quarter and three quarters of it.
 * https://www.postgresql.org/docs/current/runtime-config-resource.html
 */
const QUARTER = `SELECT greatest(pg_size_bytes(current_setting('shared_buffers')),
  pg_size_bytes(current_setting('effective_cache_size')) / 3) AS bytes`;

/** Looks for tables of the source that may be hypertables, and proposes how. */
export async function readProposals(source: pg.Client, target: pg.Client): Promise<Proposal[]> {
  const { bytes: quarter } = await firstRow<{ bytes: string }>(target, QUARTER);
  const { rows } = await source.query<Record<string, string | null>>(CANDIDATES);
  const candidates: Candidate[] = [];
  for (const row of rows.filter(({ columns }) => columns !== null).slice(0, MOST)) {
    const columns = JSON.parse(row.columns ?? '[]') as string[];
    const table = { schema: row.schema ?? '', name: row.name ?? '' };
    candidates.push({
      ...table,
      columns,
      bytes: Number(row.bytes),
      rows: Number(row.rows),
      inserted: Number(row.inserted),
      changed: Number(row.changed),
      seconds: await secondsOf(source, table, columns[0]),
      inFront: inFrontOf(columns[0], row.indexes ?? '[]', Number(row.rows)),
    });
  }
  return propose(candidates, Number(quarter));
}

interface IndexColumn {
  readonly name: string;
  /** As pg_stats has it: below zero it is a share of the rows. https://www.postgresql.org/docs/current/view-pg-stats.html */
  readonly distinct: number | null;
}

/** Of each index that has the time behind other columns: those. */
function inFrontOf(time: string | undefined, indexes: string, rows: number): Candidate['inFront'] {
  return (JSON.parse(indexes) as IndexColumn[][]).flatMap((columns) => {
    const at = columns.findIndex(({ name }) => name === time);
    if (at < 1) return [];
    const valuesOf = (distinct: number | null) => (distinct !== null && distinct < 0 ? -distinct * rows : distinct);
    return [columns.slice(0, at).map(({ name, distinct }) => ({ name, values: valuesOf(distinct) }))];
  });
}

/** By the two ends of the index. */
async function secondsOf(
  source: pg.Client,
  table: { schema: string; name: string },
  column: string | undefined,
): Promise<number | null> {
  if (column === undefined) return null;
  const name = quoteIdent(column);
  try {
    const sql = `SELECT extract(epoch FROM max(${name})::timestamp - min(${name})::timestamp)::float8 AS seconds
      FROM ONLY ${qualified(table)} WHERE isfinite(${name})`;
    const results = (await source.query(
      `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'; ${sql}`,
    )) as unknown as pg.QueryResult<{ seconds: string | null }>[];
    const seconds = results[1]?.rows[0]?.seconds;
    return seconds === null || seconds === undefined ? null : Number(seconds);
  } catch (error) {
    // An index may call a function that wants a search_path: the server looks into it.
    if ([LOCK_NOT_AVAILABLE, UNDEFINED_FUNCTION].includes(errorCode(error) ?? '')) return null;
    throw error;
  }
}
