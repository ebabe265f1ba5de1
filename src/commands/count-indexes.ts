import type pg from 'pg';
import type { MigrationOptions } from '../engine/options.ts';
import { isNamed } from '../engine/schema/leave-out.ts';
import { readMaterializedViews, type SourceTable, selection } from '../engine/source/catalog.ts';
import { matches } from '../postgres/patterns.ts';

const INDEXES = `
SELECT n.nspname AS schema, c.relname AS name, coalesce(pg_catalog.pg_partition_root(i.indexrelid)::oid, i.indexrelid)::text AS root, EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid
         AND k.contype IN ('p', 'u', 'x')) AS of_constraint
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE i.indrelid = ANY ($1::oid[]) AND (i.indisvalid OR c.relkind = 'I')`;

/**
 * How many indexes will be built: those of tables and of materialized views, without those that are skipped on request and
 * those that are invalid, which pg_dump leaves out. A chunk's come with its hypertable's.
 */
export async function countPlannedIndexes(
  source: pg.Client,
  tables: readonly SourceTable[],
  options: MigrationOptions,
): Promise<number> {
  const views = (await readMaterializedViews(source)).filter(
    (view) => selection({ ...view, partOf: [] }, options) !== 'excluded',
  );
  const relations = [...tables.filter(({ kind }) => kind !== 'chunk'), ...views].map(({ oid }) => oid);
  const { rows } = await source.query<{ schema: string; name: string; root: string; of_constraint: string }>(INDEXES, [
    `{${relations.join(',')}}`,
  ]);
  const skips = ({ schema, name }: { schema: string; name: string }): boolean =>
    options.skipIndex.some((pattern) => matches(pattern, { schema: '', name })) ||
    isNamed(options.leaveOut, { type: 'INDEX', schema, name });
  // The index of a partitioned table and those of its partitions are left out together.
  const skipped = new Set(rows.filter((row) => row.of_constraint !== 't' && skips(row)).map(({ root }) => root));
  return rows.filter((row) => row.of_constraint === 't' || !skipped.has(row.root)).length;
}
