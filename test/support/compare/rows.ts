import type pg from 'pg';
import { notOfExtension, USER_SCHEMA } from './session.ts';

const NAME = (oid: string) =>
  `(SELECT s.nspname || '.' || t.relname FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace WHERE t.oid = ${oid})`;
/**
 * Tables with rows of their own, and materialized views: a partitioned table's rows are in its partitions. $1: partitioned
 * tables that are compared as wholes.
 */
const TABLES = `
  SELECT c.oid::regclass::text AS name, CASE WHEN c.relkind = 'm' THEN pg_get_viewdef(c.oid) END AS query,
         c.relkind = 'p' AS whole
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_class', 'c.oid')} AND c.relpersistence <> 't'
    AND (c.relkind = 'r' AND coalesce(${NAME('pg_partition_root(c.oid)')} <> ALL ($1), true)
         OR c.relkind = 'p' AND ${NAME('c.oid')} = ANY ($1)
         OR c.relkind = 'm' AND c.relispopulated) ORDER BY 1`;

/** Up to so many rows of a table that differs, the rows themselves are shown. */
const EXPLAINED_ROWS = 200_000;
const SHOWN_ROWS = 3;

interface Table extends pg.QueryResultRow {
  readonly name: string;
  /** What a materialized view is made from. */
  readonly query: string | null;
  readonly whole: boolean;
}

interface Digest extends pg.QueryResultRow {
  readonly count: string;
  readonly first: string | null;
  readonly second: string | null;
}

/** Compares the rows of every table that both sides have: their number and, whatever their order, their text. */
export async function compareRows(
  source: pg.Client,
  target: pg.Client,
  skip: ReadonlySet<string> = new Set(),
  wholes: readonly string[] = [],
): Promise<string[]> {
  const differences: string[] = [];
  const list = (client: pg.Client) => client.query<Table>(TABLES, [wholes]).then(({ rows }) => rows);
  const utf8 = (await isUtf8(source)) && (await isUtf8(target));
  const onTarget = new Map((await list(target)).map((table) => [table.name, table]));
  for (const { name, whole } of await list(source)) {
    const other = onTarget.get(name);
    if (skip.has(name) || !other) continue;
    const query = `SELECT * FROM ${whole ? '' : 'ONLY '}${name}`;
    const [ours, theirs] = await Promise.all([digest(source, query, utf8), digest(target, query, utf8)]);
    if (same(ours, theirs)) continue;
    // A cut-over refreshes materialized views, so the target's may be newer than the source's: then it must be up to date.
    if (other.query && same(theirs, await digest(target, `SELECT * FROM (${other.query.replace(/;$/, '')}) r`, utf8)))
      continue;
    const counts = `source ${ours.count}, target ${theirs.count}`;
    differences.push(`rows of ${name}: differ: ${counts}${await explain(source, target, query, ours, theirs)}`);
  }
  return differences;
}

const same = (one: Digest, other: Digest): boolean =>
  one.count === other.count && one.first === other.first && one.second === other.second;

const isUtf8 = (client: pg.Client): Promise<boolean> =>
  client
    .query<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`)
    .then(({ rows }) => rows[0]?.encoding === 'UTF8');

/**
 * Two 64-bit hashes of each row, added up: 128 bits against chance, and no order needed. Where a side is not in UTF8, of the
 * text in UTF8.
 */
async function digest(client: pg.Client, query: string, utf8: boolean): Promise<Digest> {
  const row = utf8 ? 'row' : `md5(convert_to(row, 'UTF8'))`;
  const { rows } = await client.query<Digest>(`
    SELECT count(*)::text AS count, sum(hashtextextended(${row}, 0)::numeric)::text AS first,
      sum(hashtextextended(${row}, 4711)::numeric)::text AS second
    FROM (SELECT ROW(r.*)::text AS row FROM (${query}) r) all_rows`);
  if (!rows[0]) throw new Error(`no digest of ${query}`);
  return rows[0];
}

async function explain(
  source: pg.Client,
  target: pg.Client,
  query: string,
  ours: Digest,
  theirs: Digest,
): Promise<string> {
  if (Math.max(Number(ours.count), Number(theirs.count)) > EXPLAINED_ROWS) return '';
  const all = async (client: pg.Client) => {
    const sql = `SELECT ROW(r.*)::text AS row FROM (${query}) r`;
    const { rows } = await client.query<{ row: string }>(sql);
    return rows.map(({ row }) => row);
  };
  const [here, there] = await Promise.all([all(source), all(target)]);
  const show = (side: string, rows: readonly string[]) =>
    rows.slice(0, SHOWN_ROWS).map((row) => `\n    only on the ${side}: ${row.slice(0, 500)}`);
  return [...show('source', withoutEach(here, there)), ...show('target', withoutEach(there, here))].join('');
}

/** The rows of one bag that are left when those of another are taken out, each as often as it occurs. */
export function withoutEach(rows: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const row of others) counts.set(row, (counts.get(row) ?? 0) + 1);
  return rows.filter((row) => {
    const left = counts.get(row) ?? 0;
    if (left > 0) counts.set(row, left - 1);
    return left === 0;
  });
}

/** Large objects are not part of any table, so they have a comparison of their own. */
export async function compareLargeObjects(source: pg.Client, target: pg.Client): Promise<string[]> {
  const list = async (client: pg.Client) => {
    const { rows } = await client.query<{ object: string }>(
      `SELECT oid || ' ' || md5(lo_get(oid)) AS object FROM pg_largeobject_metadata ORDER BY oid`,
    );
    return rows.map(({ object }) => object);
  };
  const [ours, theirs] = await Promise.all([list(source), list(target)]);
  return [
    ...withoutEach(ours, theirs).map((object) => `large object ${object}: missing on the target or different`),
    ...withoutEach(theirs, ours).map((object) => `large object ${object}: only on the target or different`),
  ];
}
