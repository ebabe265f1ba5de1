import type pg from 'pg';
import { qualified, quoteLiteral } from '../../postgres/identifiers.ts';
import { hasTimescale } from './source-hypertables.ts';

/** How a hypertable, or what a continuous aggregate keeps, is compressed. */
export interface CompressionSettings {
  readonly schema: string;
  readonly name: string;
  readonly isAggregate: boolean;
  /** SQL, names quoted; null: nothing was chosen. */
  readonly segmentby: string | null;
  readonly orderby: string | null;
  /** Microseconds: chunks are merged to so much while they are compressed. */
  readonly interval: string | null;
}

/** The views with the settings also list what is not compressed, and do not quote names. */
const SETTINGS = `
WITH compressed AS (
  SELECT h.hypertable_schema AS schema, h.hypertable_name AS name, false AS aggregate, h.hypertable_schema AS at_schema, h.hypertable_name AS at_name
    FROM timescaledb_information.hypertables h WHERE h.compression_enabled
   UNION ALL SELECT v.view_schema, v.view_name, true, v.materialization_hypertable_schema, v.materialization_hypertable_name
    FROM timescaledb_information.continuous_aggregates v WHERE v.compression_enabled)
SELECT json_build_object('schema', c.schema, 'name', c.name, 'isAggregate', c.aggregate,
    'segmentby', (SELECT string_agg(quote_ident(a), ', ' ORDER BY n) FROM unnest(s.segmentby) WITH ORDINALITY u (a, n)),
    'orderby', (SELECT string_agg(quote_ident(a) || CASE WHEN s.orderby_desc[n] THEN ' DESC' ELSE ' ASC' END
        || CASE WHEN s.orderby_nullsfirst[n] THEN ' NULLS FIRST' ELSE ' NULLS LAST' END, ', ' ORDER BY n)
      FROM unnest(s.orderby) WITH ORDINALITY u (a, n)),
    'interval', (SELECT to_jsonb(d) ->> 'compress_interval_length' FROM _timescaledb_catalog.dimension d
      JOIN _timescaledb_catalog.hypertable h ON h.id = d.hypertable_id
     WHERE to_regclass(coalesce(to_jsonb(h) ->> 'relid', format('%I.%I', to_jsonb(h) ->> 'schema_name', to_jsonb(h) ->> 'table_name')))
         = to_regclass(format('%I.%I', c.at_schema, c.at_name)) ORDER BY d.id LIMIT 1))::text AS settings
  FROM compressed c LEFT JOIN _timescaledb_catalog.compression_settings s ON s.relid = to_regclass(format('%I.%I', c.at_schema, c.at_name))
 ORDER BY c.aggregate, c.schema, c.name`;

/** Of all that can be compressed; none where the extension is not installed. */
export async function readCompression(client: pg.Client): Promise<CompressionSettings[]> {
  if (!(await hasTimescale(client))) return [];
  const { rows } = await client.query<{ settings: string }>(SETTINGS);
  return rows.map((row) => JSON.parse(row.settings) as CompressionSettings);
}

/** Nothing chosen is said as well: else a newer target chooses by itself. https://docs.tigerdata.com/api/latest/compression/alter_table_compression/ */
export function compressing({ schema, name, isAggregate, segmentby, orderby, interval }: CompressionSettings): string {
  const given = [
    'timescaledb.compress = true',
    `timescaledb.compress_segmentby = ${quoteLiteral(segmentby ?? '')}`,
    ...(orderby === null ? [] : [`timescaledb.compress_orderby = ${quoteLiteral(orderby)}`]),
    ...(interval === null ? [] : [`timescaledb.compress_chunk_time_interval = '${interval} microseconds'`]),
  ];
  return `ALTER ${isAggregate ? 'MATERIALIZED VIEW' : 'TABLE'} ${qualified({ schema, name })} SET (${given.join(', ')})`;
}
