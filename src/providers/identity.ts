import type pg from 'pg';
import type { MigrationOptions } from '../engine/options.ts';
import { displayName, qualified, quoteIdent } from '../postgres/identifiers.ts';
import { counted, formatBytes } from './outcome.ts';
import { FROM_USER_RELATIONS, migrated } from './relations.ts';

/**
 * A table, or all such partitions of a partitioned table, of which UPDATE and DELETE cannot be replayed.
 * https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY
 */
export interface TableWithoutIdentity {
  /** As people read it: `shop.events`. */
  readonly relation: string;
  readonly schema: string;
  readonly name: string;
  /** How many partitions of it lack an identity; 0 for an ordinary table. */
  readonly partitions: number;
  readonly bytes: number;
  /** An estimate. */
  readonly rows: number;
  /** Since the statistics were last reset. */
  readonly updatesDeletes: number;
  /** The recommended one first. */
  readonly choices: readonly IdentityOption[];
}

export interface IdentityOption {
  readonly relation: string;
  readonly kind: 'index' | 'full' | 'insert-only';
  readonly label: string;
  readonly cost: string;
  /** What to run on the source; takes a short ACCESS EXCLUSIVE lock on the table. */
  readonly sql: readonly string[];
}

interface Row extends pg.QueryResultRow {
  oid: string;
  schema: string;
  name: string;
  root: string | null;
  root_schema: string | null;
  root_name: string | null;
  index: string | null;
  bytes: string;
  rows: string;
  changes: string;
}

/**
 * A primary key counts only when it is valid and immediate (a deferrable one cannot identify rows); so does an index
 * named as identity, which may have been dropped since.
 */
const WITHOUT_IDENTITY = `
  WITH lacking AS MATERIALIZED (
    SELECT c.oid, n.nspname AS schema, c.relname AS name, c.reltuples, c.relispartition
    ${FROM_USER_RELATIONS} AND c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident <> 'f'
      AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
        AND (CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END))
  ), viable AS (
    -- Unique, whole, immediate, of plain NOT NULL columns; the one with the fewest columns, then the smallest.
    SELECT DISTINCT ON (i.indrelid) i.indrelid, x.relname AS index
    FROM lacking l JOIN pg_index i ON i.indrelid = l.oid JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indpred IS NULL AND i.indexprs IS NULL
      AND NOT EXISTS (SELECT FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k (attnum)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE NOT a.attnotnull)
    ORDER BY i.indrelid, i.indisprimary DESC, i.indnkeyatts, x.relpages, x.relname
  )
  SELECT l.oid::text, l.schema, l.name, r.oid::text AS root, rn.nspname AS root_schema, r.relname AS root_name, v.index,
    pg_total_relation_size(l.oid)::text AS bytes, greatest(l.reltuples, 0)::bigint::text AS rows,
    (coalesce(pg_stat_get_tuples_updated(l.oid), 0) + coalesce(pg_stat_get_tuples_deleted(l.oid), 0))::text AS changes
  FROM lacking l LEFT JOIN viable v ON v.indrelid = l.oid
    LEFT JOIN pg_class r ON l.relispartition AND r.oid = pg_partition_root(l.oid)
    LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
  ORDER BY coalesce(rn.nspname, l.schema), coalesce(r.relname, l.name), l.schema, l.name`;

/** Tables that are migrated and have no usable replica identity, partitions gathered under their root. */
export async function tablesWithoutIdentity(
  source: pg.Client,
  options: Pick<MigrationOptions, 'excludeSchema' | 'excludeTable'>,
): Promise<TableWithoutIdentity[]> {
  const { rows } = await source.query<Row>(WITHOUT_IDENTITY);
  const groups = new Map<string, Row[]>();
  for (const row of migrated(rows, options)) {
    const key = row.root ?? row.oid;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map(describe);
}

const sum = (numbers: readonly string[]): number => numbers.reduce((total, one) => total + Number(one), 0);

function describe(group: readonly Row[]): TableWithoutIdentity {
  const [first] = group;
  const schema = first?.root_schema ?? first?.schema ?? '';
  const name = first?.root_name ?? first?.name ?? '';
  const relation = displayName({ schema, name });
  const partitions = first?.root ? group.length : 0;
  const bytes = sum(group.map((row) => row.bytes));
  const updatesDeletes = sum(group.map((row) => row.changes));
  return {
    relation,
    schema,
    name,
    partitions,
    bytes,
    rows: sum(group.map((row) => row.rows)),
    updatesDeletes,
    choices: choices(relation, group, { bytes, updatesDeletes }),
  };
}

function choices(
  relation: string,
  group: readonly Row[],
  { bytes, updatesDeletes }: { bytes: number; updatesDeletes: number },
): IdentityOption[] {
  const each = group.length > 1 ? ` on each of ${counted(group.length, 'partition')}` : '';
  const full: IdentityOption = {
    relation,
    kind: 'full',
    label: `REPLICA IDENTITY FULL${each}`,
    cost: `Every UPDATE and DELETE writes the whole old row to the WAL, and is looked up on the target by all columns (${formatBytes(bytes)}).`,
    sql: group.map((row) => `ALTER TABLE ${qualified(row)} REPLICA IDENTITY FULL`),
  };
  const insertOnly: IdentityOption = {
    relation,
    kind: 'insert-only',
    label: 'inserts only',
    cost:
      updatesDeletes === 0
        ? 'Nothing changes on the source. No UPDATE or DELETE has been seen so far; later ones are not replayed.'
        : `Nothing changes on the source. UPDATE and DELETE are not replayed: ${updatesDeletes} have been seen so far, the rows would differ.`,
    sql: [],
  };
  const indexes = group.flatMap((row) => (row.index === null ? [] : [row.index]));
  const [index] = indexes;
  if (index !== undefined && indexes.length === group.length) {
    const byIndex: IdentityOption = {
      relation,
      kind: 'index',
      label: group.length > 1 ? `a unique index${each}` : `unique index ${quoteIdent(index)}`,
      cost: 'UPDATE and DELETE write the columns of the index to the WAL, like those of a primary key.',
      sql: group.map(
        (row) => `ALTER TABLE ${qualified(row)} REPLICA IDENTITY USING INDEX ${quoteIdent(row.index ?? index)}`,
      ),
    };
    return [byIndex, full, insertOnly];
  }
  return updatesDeletes === 0 ? [insertOnly, full] : [full, insertOnly];
}
