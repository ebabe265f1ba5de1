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
        AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)) AS columns
  ${FROM_USER_RELATIONS} AND c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent))
  ORDER BY 3 DESC`;

/** So many are shown at most. */
const MOST = 30;
const LOCK_TIMEOUT = '1s';
const LOCK_NOT_AVAILABLE = '55P03';

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
    });
  }
  return propose(candidates, Number(quarter));
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
    if (errorCode(error) === LOCK_NOT_AVAILABLE) return null;
    throw error;
  }
}
