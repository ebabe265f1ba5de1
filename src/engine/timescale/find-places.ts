import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import type { SourceTable } from '../source/catalog.ts';
import { hasTimescale, readSlices } from './source-hypertables.ts';

interface Name {
  readonly schema: string;
  readonly name: string;
}

const CHUNKS = `
SELECT i.inhrelid::int8 AS oid, hn.nspname AS root_schema, h.relname AS root_name, n.nspname AS schema, c.relname AS name
  FROM json_to_recordset($1::json) w(schema text, name text)
  JOIN pg_namespace hn ON hn.nspname = w.schema JOIN pg_class h ON h.relnamespace = hn.oid AND h.relname = w.name
  JOIN pg_inherits i ON i.inhparent = h.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' JOIN pg_namespace n ON n.oid = c.relnamespace`;

/** Finds the target's chunks by their boundaries, whoever has made them: null for one that the target does not have. */
export async function findPlaces(
  source: pg.Client,
  target: pg.Client,
  tables: readonly SourceTable[],
): Promise<SourceTable[]> {
  const roots = tables.filter(({ kind }) => kind === 'hypertable').map(({ schema, name }) => ({ schema, name }));
  const chunks = tables.filter(({ kind }) => kind === 'chunk').map(({ oid }) => oid);
  if (chunks.length === 0 || !(await hasTimescale(target))) return [...tables];
  const there = await readSlices(source, chunks);
  const { rows } = await target.query<Record<string, string>>(CHUNKS, [JSON.stringify(roots)]);
  const here = await readSlices(
    target,
    rows.map(({ oid }) => Number(oid)),
  );
  const key = (root: Name | undefined, slices: string | undefined) =>
    JSON.stringify([root && displayName(root), slices]);
  const places = new Map<string, Name>();
  for (const { oid, root_schema = '', root_name = '', schema = '', name = '' } of rows) {
    places.set(key({ schema: root_schema, name: root_name }, here.get(Number(oid))), { schema, name });
  }
  return tables.map((table) =>
    table.kind === 'chunk' ? { ...table, into: places.get(key(table.partOf[0], there.get(table.oid))) ?? null } : table,
  );
}
