import type pg from 'pg';
import type { MigrationOptions } from '../engine/options.ts';
import { holdsRows, readTables, type SourceTable, selection } from '../engine/source/catalog.ts';
import { displayName } from '../postgres/identifiers.ts';
import { matches } from '../postgres/patterns.ts';

export interface RemarkInput {
  readonly options: MigrationOptions;
  /** All user tables of the source. */
  readonly tables: readonly SourceTable[];
  /** Names of all extensions of the source. */
  readonly extensions: readonly string[];
}

/**
 * What the options don't do as somebody may think, in sentences: filters that match nothing, and foreign keys that lead to
 * what stays behind. Asks the source only about what the options name.
 */
export async function planRemarks(source: pg.Client, input: RemarkInput): Promise<string[]> {
  return [...(await idleFilters(source, input)), ...(await brokenKeys(source, input))];
}

/** The same for options alone; asks nothing where they name nothing. */
export async function optionRemarks(source: pg.Client, options: MigrationOptions): Promise<string[]> {
  const { skipTableData, excludeTable, excludeSchema, skipIndex, skipExtensions } = options;
  if ([...skipTableData, ...excludeTable, ...excludeSchema, ...skipIndex, ...skipExtensions].length === 0) return [];
  const extensions = await names(source, 'SELECT extname AS name FROM pg_extension');
  return planRemarks(source, { options, tables: await readTables(source), extensions });
}

async function idleFilters(source: pg.Client, { options, tables, extensions }: RemarkInput): Promise<string[]> {
  const noTable = (what: string, patterns: readonly string[], among: readonly SourceTable[]): string[] =>
    patterns
      .filter((pattern) => !among.some((table) => [table, ...table.partOf].some((one) => matches(pattern, one))))
      .map((pattern) => `${what}: no table is called ${pattern}`);
  const schemas = options.excludeSchema.length > 0 ? await names(source, SCHEMAS) : [];
  const indexes = options.skipIndex.length > 0 ? await names(source, PLAIN_INDEXES) : [];
  const skipped = options.skipExtensions === 'all' ? [] : options.skipExtensions;
  return [
    ...noTable('skip table data', options.skipTableData, tables),
    ...noTable('exclude tables', options.excludeTable, tables),
    ...options.excludeSchema
      .filter((name) => !schemas.includes(name))
      .map((name) => `exclude schemas: no schema is called ${name}`),
    ...options.skipIndex
      .filter((pattern) => !indexes.some((name) => matches(pattern, { schema: '', name })))
      .map((pattern) => `skip indexes: no index is called ${pattern} (those of constraints are always built)`),
    ...skipped
      .filter((name) => !extensions.includes(name))
      .map((name) => `skip extensions: the source has no extension ${name}`),
  ];
}

const SCHEMAS = 'SELECT nspname AS name FROM pg_namespace';
const PLAIN_INDEXES = `
  SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))`;

async function names(source: pg.Client, sql: string): Promise<string[]> {
  const { rows } = await source.query<{ name: string }>(sql);
  return rows.map(({ name }) => name);
}

const KEYS = `
  SELECT conname AS name, conrelid::int8 AS from, confrelid::int8 AS to FROM pg_constraint
   WHERE contype = 'f' AND conparentid = 0 ORDER BY conname`;

/** Foreign keys of tables with rows to tables that are left out, or whose rows are. */
async function brokenKeys(source: pg.Client, { options, tables }: RemarkInput): Promise<string[]> {
  const chosen = new Map(tables.map((table) => [table.oid, { table, selected: selection(table, options) }]));
  if ([...chosen.values()].every(({ selected }) => selected === 'all')) return [];
  const { rows } = await source.query<{ name: string; from: string; to: string }>(KEYS);
  return rows.flatMap((row) => {
    const [from, to] = [chosen.get(Number(row.from)), chosen.get(Number(row.to))];
    if (!from || !to || from.selected === 'excluded' || to.selected === 'all') return [];
    const [referring, referred] = [displayName(from.table), displayName(to.table)];
    if (to.selected === 'excluded') {
      return [`${referring} refers to ${referred}, which is left out: foreign key ${row.name} is left out, too`];
    }
    const empty = from.selected !== 'all' || !(holdsRows(from.table) || from.table.kind === 'partitioned');
    return empty
      ? []
      : [
          `${referring} refers to rows of ${referred}, which stay behind: foreign key ${row.name} would fail at the cut-over. Skip the rows of ${referring}, too, or exclude ${referred}`,
        ];
  });
}
