import type pg from 'pg';
import type { Place, SourceTable } from '../source/catalog.ts';
import type { HypertableDefinition } from './dimensions.ts';
import { type HypertableOption, hypertableFor, partitionColumns } from './hypertable-option.ts';

const DEFAULT_INTERVAL = '7 days';

/** Tells of plain tables that are hypertables on the target how those are partitioned: their rows go through the root. */
export const throughRoots = (tables: readonly SourceTable[], hypertables: readonly HypertableOption[]): SourceTable[] =>
  tables.map((table) => {
    const wanted = becomesHypertable(table, hypertables);
    return wanted ? { ...table, into: throughRoot(table, partitionColumns(wanted)) } : table;
  });

const throughRoot = ({ schema, name }: SourceTable, partitionedBy: readonly string[]): Place => ({
  schema,
  name,
  partitionedBy,
});

/** What such a table is to be; only ordinary tables can. */
export const becomesHypertable = (
  table: Pick<SourceTable, 'schema' | 'name' | 'kind'>,
  hypertables: readonly HypertableOption[],
): HypertableOption | undefined => (table.kind === 'ordinary' ? hypertableFor(hypertables, table) : undefined);

/** A month has 30 days here, as in TimescaleDB. */
const LENGTHS = `SELECT (CASE WHEN i ~ '^\\s*\\d+\\s*$' THEN i::int8 ELSE (extract(epoch FROM i::interval) * 1000000)::int8 END)::text AS length
  FROM json_array_elements_text($1::json) WITH ORDINALITY w(i, n) ORDER BY n`;

/** The definitions of the hypertables that these plain tables are to be. */
export async function definitionsOf(
  target: pg.Client,
  tables: readonly SourceTable[],
  hypertables: readonly HypertableOption[],
): Promise<HypertableDefinition[]> {
  const chosen = tables.flatMap((table) => {
    const wanted = becomesHypertable(table, hypertables);
    return wanted ? [{ oid: table.oid, wanted }] : [];
  });
  if (chosen.length === 0) return [];
  const intervals = chosen.map(({ wanted }) => wanted.interval ?? DEFAULT_INTERVAL);
  const { rows } = await target.query<{ length: string }>(LENGTHS, [JSON.stringify(intervals)]);
  const plain = { function: null, integerNow: null } as const;
  return chosen.map(({ oid, wanted: { schema, name, column, hash } }, index) => ({
    oid,
    schema,
    name,
    dimensions: [
      { column, interval: rows[index]?.length ?? null, partitions: null, ...plain },
      ...(hash ? [{ column: hash.column, interval: null, partitions: hash.partitions, ...plain }] : []),
    ],
    skipping: [],
  }));
}
