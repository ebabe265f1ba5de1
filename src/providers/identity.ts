import type pg from 'pg';
import type { MigrationOptions } from '../engine/options.ts';
import { selection } from '../engine/source/catalog.ts';
import { HAS_IDENTITY, NAMED_AS_IDENTITY, WITHOUT_GENERATED } from '../engine/source/identity-index.ts';
import { errorCode } from '../postgres/connection-errors.ts';
import { displayName, quoteLiteral } from '../postgres/identifiers.ts';
import { choicesFor, type ViableIndex } from './identity/choices.ts';
import type { IdentityColumn, LackingTable, TableWithoutIdentity } from './identity/table.ts';
import { FROM_USER_RELATIONS } from './relations.ts';

export type { IdentityChange, IdentityChoice, IdentityKind, TableWithoutIdentity } from './identity/table.ts';

interface Row extends pg.QueryResultRow {
  oid: string;
  schema: string;
  name: string;
  identity: string;
  owner: string | null;
  /** The partitioned tables that it is a part of, the root last: `[schema, name]`. */
  part_of: string | null;
  root: string | null;
  indexes: string | null;
  columns: string | null;
  not_sent: string | null;
  virtual: string | null;
  bytes: string;
  rows: string;
  /** Of a partition those of the whole partitioned table. */
  changes: string;
  counted: string | null;
  /** `[schema, name, actions]` of what its foreign keys that act by themselves refer to. */
  cascades: string | null;
}

/** The server runs such an action as UPDATE or DELETE. https://www.postgresql.org/docs/current/catalog-pg-constraint.html */
const ACTION = (column: string, word: string): string =>
  `CASE k.${column} WHEN 'c' THEN 'ON ${word} CASCADE' WHEN 'n' THEN 'ON ${word} SET NULL' WHEN 'd' THEN 'ON ${word} SET DEFAULT' END`;

/**
 * Since when the row counters count: since they were reset; without a reset since the server's counters began, which a
 * clean restart does not end, and at any rate since the server was started.
 * https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-DATABASE-VIEW
 */
const COUNTED = `(SELECT extract(epoch FROM clock_timestamp() - coalesce(d.stats_reset,
    least(pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter))))
  FROM pg_stat_database d WHERE d.datname = current_database())`;

/**
 * How sure it is that the values of a column are unique: 4 an identity column, 3 one with a sequence, 2 and 1 the
 * statistics have seen no value twice. https://www.postgresql.org/docs/current/view-pg-stats.html
 */
const EVIDENCE = `CASE WHEN a.attidentity <> '' THEN 4
  WHEN a.atthasdef AND a.attgenerated = '' AND (SELECT pg_get_expr(e.adbin, e.adrelid) LIKE 'nextval(%' FROM pg_attrdef e
    WHERE e.adrelid = a.attrelid AND e.adnum = a.attnum) THEN 3
  WHEN s.n_distinct = -1 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype) THEN 2
  WHEN s.n_distinct = -1 AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'numeric'::regtype) THEN 1
  ELSE 0 END`;

/** SQL, of `pg_attribute a`. From 18 on a column is marked also while its constraint is NOT VALID, and may hold NULLs. */
const NOT_NULL = `a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint u WHERE u.conrelid = a.attrelid
  AND u.contype = 'n' AND NOT u.convalidated AND u.conkey = ARRAY[a.attnum])`;

const LACKING = `NOT ${HAS_IDENTITY}`;
/** These tables, whatever they have. */
const NAMED = `(n.nspname, c.relname) IN (SELECT w.schema, w.name FROM json_to_recordset($1::json) w(schema text, name text))`;

/** Generated columns of the identity of table `l`, which are not sent. */
const NOT_SENT = `(SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_class c JOIN pg_index i ON ${NAMED_AS_IDENTITY}
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) AND a.attgenerated <> ''
   WHERE c.oid = l.oid)::text`;
/** Virtual generated columns of table `l`: with them the server refuses UPDATE and DELETE under FULL. */
const VIRTUAL = `(SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = l.oid AND a.attgenerated = 'v' AND NOT a.attisdropped)::text`;

const identities = (which: string, bytes: string): string => `
  WITH RECURSIVE lacking AS MATERIALIZED (
    SELECT c.oid, n.nspname AS schema, c.relname AS name, c.reltuples, c.relispartition, c.relreplident, c.relowner
    ${FROM_USER_RELATIONS} AND c.relkind = 'r' AND c.relpersistence = 'p' AND ${which}
  ), viable AS (
    -- Unique, whole, immediate, of plain NOT NULL columns; those with the fewest columns first, then the smallest.
    SELECT i.indrelid, json_agg(json_build_array(x.relname, k.names) ORDER BY i.indisprimary DESC, i.indnkeyatts,
        x.relpages, x.relname)::text AS indexes
    FROM lacking l JOIN pg_index i ON i.indrelid = l.oid JOIN pg_class x ON x.oid = i.indexrelid,
      LATERAL (SELECT json_agg(a.attname ORDER BY key.place) AS names, bool_and(${NOT_NULL}) AS whole
        FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY key(attnum, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum) k
    WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND NOT i.indisexclusion
      AND i.indpred IS NULL AND i.indexprs IS NULL AND k.whole AND ${WITHOUT_GENERATED}
    GROUP BY i.indrelid
  ), placed AS MATERIALIZED (
    SELECT l.oid, json_agg(json_build_array(an.nspname, a.relname) ORDER BY o.place)::text AS part_of,
        (array_agg(a.oid ORDER BY o.place DESC))[1] AS root
    FROM lacking l, pg_partition_ancestors(l.oid) WITH ORDINALITY o(oid, place) JOIN pg_class a ON a.oid = o.oid
      JOIN pg_namespace an ON an.oid = a.relnamespace WHERE l.relispartition AND o.place > 1 GROUP BY l.oid
  ), tree (oid, root) AS (
    -- One partition without identity, and no UPDATE or DELETE of the whole table is published.
    SELECT DISTINCT root, root FROM placed
    UNION ALL SELECT h.inhrelid, t.root FROM tree t JOIN pg_inherits h ON h.inhparent = t.oid
  ), changed AS (
    SELECT root, sum(coalesce(pg_stat_get_tuples_updated(oid), 0) + coalesce(pg_stat_get_tuples_deleted(oid), 0)) AS rows
    FROM tree GROUP BY root
  ), columns AS (
    SELECT a.attrelid, json_agg(json_build_array(a.attname, a.attgenerated = '' AND ${NOT_NULL},
        CASE WHEN a.attgenerated = '' THEN ${EVIDENCE} ELSE 0 END, a.attgenerated <> '') ORDER BY a.attnum)::text AS columns
    FROM lacking l JOIN pg_attribute a ON a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_stats s ON s.schemaname = l.schema AND s.tablename = l.name AND s.attname = a.attname AND NOT s.inherited
    GROUP BY a.attrelid
  )
  SELECT l.oid::text, l.schema, l.name, CASE l.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL'
      ELSE coalesce((SELECT 'USING INDEX ' || quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        WHERE i.indrelid = l.oid AND i.indisreplident), 'USING INDEX, which is gone') END AS identity,
    CASE WHEN NOT pg_has_role(l.relowner, 'USAGE') THEN pg_get_userbyid(l.relowner) END AS owner,
    p.part_of, p.root::text, v.indexes, k.columns, ${NOT_SENT} AS not_sent, ${VIRTUAL} AS virtual,
    ${bytes}::text AS bytes, greatest(l.reltuples, 0)::bigint::text AS rows,
    coalesce(d.rows, coalesce(pg_stat_get_tuples_updated(l.oid), 0) + coalesce(pg_stat_get_tuples_deleted(l.oid), 0))::text AS changes,
    ${COUNTED}::text AS counted,
    (SELECT json_agg(DISTINCT jsonb_build_array(pn.nspname, pc.relname,
        array_remove(ARRAY[${ACTION('confdeltype', 'DELETE')}, ${ACTION('confupdtype', 'UPDATE')}], NULL)))::text
       FROM pg_constraint k JOIN pg_class pc ON pc.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = pc.relnamespace
      WHERE k.contype = 'f' AND k.conrelid = coalesce(p.root, l.oid) AND k.confrelid <> k.conrelid
        AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))) AS cascades
  FROM lacking l LEFT JOIN viable v ON v.indrelid = l.oid LEFT JOIN columns k ON k.attrelid = l.oid
    LEFT JOIN placed p ON p.oid = l.oid LEFT JOIN changed d ON d.root = p.root
  ORDER BY l.schema, l.name`;

/** Waits for a table that is being altered. */
const EXACT = 'pg_total_relation_size(l.oid)';
/** As of the last VACUUM or ANALYZE; takes no lock. */
const ESTIMATED = `(((SELECT x.relpages FROM pg_class x WHERE x.oid = l.oid) + coalesce((SELECT sum(x.relpages)
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = l.oid), 0)) * current_setting('block_size')::bigint)`;

const LOCK_TIMEOUT = '1s';
const LOCK_NOT_AVAILABLE = '55P03';

/** Two statements in one message are one transaction, for which the limit holds. */
async function read(source: pg.Client, which: string): Promise<Row[]> {
  const look = async (bytes: string): Promise<Row[]> => {
    const answers = (await source.query(
      `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'; ${identities(which, bytes)}`,
    )) as unknown as pg.QueryResult<Row>[];
    return answers[1]?.rows ?? [];
  };
  return look(EXACT).catch((error: unknown) => {
    if (errorCode(error) !== LOCK_NOT_AVAILABLE) throw error;
    return look(ESTIMATED);
  });
}

/** Tables that are migrated with their rows and have no usable replica identity, partitions gathered under their root. One query. */
export async function tablesWithoutIdentity(
  source: pg.Client,
  options: Pick<MigrationOptions, 'excludeSchema' | 'excludeTable' | 'skipTableData'>,
): Promise<TableWithoutIdentity[]> {
  const rows = await read(source, LACKING);
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    // As the engine reads them: what is said of a partitioned table is said of its partitions.
    if (selection({ schema: row.schema, name: row.name, partOf: ancestors(row) }, options) !== 'all') continue;
    const key = row.root ?? row.oid;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()]
    .map((group) => {
      const row = describe(group);
      return { ...row, choices: choicesFor(row, group.map(viableIndexes)) };
    })
    .sort((one, other) => (one.relation < other.relation ? -1 : 1));
}

/** The same of ordinary tables that are named, whatever identity they have; with the indexes that could be it. */
export async function readNamedTables(
  source: pg.Client,
  tables: readonly { readonly schema: string; readonly name: string }[],
): Promise<(Omit<TableWithoutIdentity, 'choices'> & { readonly viable: readonly ViableIndex[] })[]> {
  if (tables.length === 0) return [];
  const named = JSON.stringify(tables.map(({ schema, name }) => ({ schema, name })));
  const rows = await read(
    source,
    NAMED.replace('$1', () => quoteLiteral(named)),
  );
  return rows.filter(({ root }) => root === null).map((row) => ({ ...describe([row]), viable: viableIndexes(row) }));
}

const ancestors = (row: Row): { schema: string; name: string }[] =>
  (JSON.parse(row.part_of ?? '[]') as [string, string][]).map(([schema, name]) => ({ schema, name }));

const sum = (numbers: readonly string[]): number => numbers.reduce((total, one) => total + Number(one), 0);

function describe(group: readonly Row[]): Omit<TableWithoutIdentity, 'choices'> {
  const [first] = group;
  const { schema, name } = (first && (ancestors(first).at(-1) ?? first)) ?? { schema: '', name: '' };
  const tables = group.map(({ oid, schema, name, identity }): LackingTable => ({ oid, schema, name, identity }));
  return {
    relation: displayName({ schema, name }),
    schema,
    name,
    partitions: first?.root ? group.length : 0,
    tables,
    columns: sharedColumns(group),
    notSent: namesIn(group.map(({ not_sent }) => not_sent)),
    virtual: namesIn(group.map(({ virtual }) => virtual)),
    bytes: sum(group.map((one) => one.bytes)),
    rows: sum(group.map((one) => one.rows)),
    updatesDeletes: Number(first?.changes ?? 0),
    countedSeconds: first?.counted == null ? null : Number(first.counted),
    cascades: (JSON.parse(first?.cascades ?? '[]') as [string, string, string[]][]).map(([schema, name, actions]) => ({
      parent: displayName({ schema, name }),
      actions,
    })),
    owner: group.find(({ owner }) => owner !== null)?.owner ?? null,
  };
}

const viableIndexes = (row: Row): ViableIndex[] =>
  (JSON.parse(row.indexes ?? '[]') as [string, string[]][]).map(([name, columns]) => ({ name, columns }));

/** The names in some lists of them, each once. */
const namesIn = (lists: readonly (string | null)[]): string[] => [
  ...new Set(lists.flatMap((list) => JSON.parse(list ?? '[]') as string[])),
];

/** The columns of the first that all have, each as weak as in the weakest. */
function sharedColumns(group: readonly Row[]): IdentityColumn[] {
  const [first = [], ...others] = group.map(({ columns }) =>
    (JSON.parse(columns ?? '[]') as [string, boolean, number, boolean][]).map(
      ([name, notNull, evidence, generated]) => ({ name, notNull, evidence, ...(generated ? { generated } : {}) }),
    ),
  );
  const maps = others.map((columns) => new Map(columns.map((column) => [column.name, column])));
  return first.flatMap((column) => {
    const all = [column, ...maps.flatMap((map) => map.get(column.name) ?? [])];
    if (all.length < group.length) return [];
    return [
      {
        name: column.name,
        notNull: all.every(({ notNull }) => notNull),
        evidence: Math.min(...all.map(({ evidence }) => evidence)),
        ...(all.some(({ generated }) => generated) ? { generated: true } : {}),
      },
    ];
  });
}
