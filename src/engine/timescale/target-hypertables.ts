import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import type { Place, SourceTable } from '../source/catalog.ts';
import { hasTimescale } from './source-hypertables.ts';

/** By which columns the hypertables of a server are partitioned; a hypertable's key is its display name. */
export type PartitionColumns = ReadonlyMap<
  string,
  {
    readonly columns: readonly string[];
    /** The one by time, as `format('%I.%I.%I')` writes it. */
    readonly time: string;
  }
>;

/** None where TimescaleDB is not installed. */
export async function readPartitionColumns(client: pg.Client): Promise<PartitionColumns> {
  if (!(await hasTimescale(client))) return new Map();
  const { rows } = await client.query<Record<'schema' | 'name' | 'columns' | 'time', string>>(
    `SELECT hypertable_schema AS schema, hypertable_name AS name, json_agg(column_name ORDER BY dimension_number)::text AS columns,
            min(format('%I.%I.%I', hypertable_schema, hypertable_name, column_name)) FILTER (WHERE dimension_number = 1) AS time
       FROM timescaledb_information.dimensions GROUP BY 1, 2`,
  );
  return new Map(
    rows.map(({ schema, name, columns, time }) => [
      displayName({ schema, name }),
      { columns: JSON.parse(columns) as string[], time },
    ]),
  );
}

/** Where a table's rows are on the target, when that may have made a hypertable of a plain table. */
export function placeAmong(table: SourceTable, hypertables: PartitionColumns): Place | null {
  const found = table.into && table.kind === 'ordinary' ? hypertables.get(displayName(table)) : undefined;
  return found && table.into ? { ...table.into, partitionedBy: found.columns } : table.into;
}

/** Whether foreign keys may refer to hypertables there: from TimescaleDB 2.16 on. */
export async function takesForeignKeys(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ takes: string }>(
    `SELECT string_to_array(split_part(extversion, '-', 1), '.')::int[] >= ARRAY[2, 16] AS takes FROM pg_extension WHERE extname = 'timescaledb'`,
  );
  return rows[0]?.takes === 't';
}
