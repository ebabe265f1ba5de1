import pLimit from 'p-limit';
import type pg from 'pg';
import { giveSearchPath, type SearchPath } from '../../postgres/search-path.ts';
import { sequencesBehind } from '../cutover/sequences.ts';
import { explain } from '../error-policy.ts';
import type { MigrationOptions } from '../options.ts';
import { Resources } from '../resources.ts';
import { holdsRows, readTables, type SourceTable, selection } from '../source/catalog.ts';
import { placePartitions } from '../source/partition-places.ts';
import { findPlaces } from '../timescale/find-places.ts';
import { placeAmong, readPartitionColumns } from '../timescale/target-hypertables.ts';
import { compareObjects } from './compare-objects.ts';
import { type RowSum, sumRowsOfOwner } from './compare-rows.ts';
import { compareTimescale } from './compare-timescale.ts';
import { type RowHash, RowHashes } from './row-hash.ts';
import { asWholes, sumParts, type Whole } from './wholes.ts';

export interface TableComparison {
  readonly relation: string;
  readonly equal: boolean;
  readonly source: RowSum;
  /** Null: the table is not there. */
  readonly target: RowSum | null;
  /** The rows are equal but for these columns, which each server computes by itself. */
  readonly onlyGenerated?: readonly string[];
}

export interface VerifyOptions {
  readonly onSource: () => Promise<pg.Client>;
  readonly onTarget: () => Promise<pg.Client>;
  readonly destroy: (client: pg.Client) => void;
  readonly jobs: number;
  /** Under which rows are read: functions of the operator's may be evaluated for it. */
  readonly searchPath: SearchPath;
  /** What the migration left out is not compared. */
  readonly options: MigrationOptions;
  /** `root` is the partitioned table on top of it, or the table itself. */
  readonly wanted: (table: SourceTable, root: SourceTable) => boolean;
  /** Sequences and objects too, not only rows. */
  readonly everything: boolean;
  readonly onTable: (comparison: TableComparison) => void;
  readonly signal: AbortSignal;
}

export interface VerifyResult {
  readonly tables: readonly TableComparison[];
  /** What differs besides rows, as sentences. */
  readonly objects: readonly string[];
  readonly equal: boolean;
}

/** Compares both databases as they are now: rows by count and order-free hash, several tables at once; then objects. */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  await using stack = new Resources();
  const open = async () => {
    const pair: { source: pg.Client; target: pg.Client } = {
      source: await options.onSource(),
      target: await options.onTarget(),
    };
    for (const client of [pair.source, pair.target]) giveSearchPath(client, () => options.searchPath);
    stack.defer(() => {
      options.destroy(pair.source);
      options.destroy(pair.target);
    });
    return pair;
  };
  const first = await open();
  const hypertables = await readPartitionColumns(first.target);
  const hashes = await RowHashes.read(first.source, first.target);
  const read = await findPlaces(first.source, first.target, await readTables(first.source));
  const placed = await placePartitions(first.source, first.target, read);
  const all = placed.map((table) => ({ ...table, into: placeAmong(table, hypertables) }));
  const byOid = new Map(all.map((table) => [table.oid, table]));
  const wanted = (table: SourceTable) => options.wanted(table, byOid.get(table.rootOid) ?? table);
  const migrated = all.filter((table) => holdsRows(table) && selection(table, options.options) === 'all');
  const tables = asWholes(
    migrated.filter(wanted),
    migrated,
    all.filter(({ kind }) => kind === 'partitioned'),
  ).sort((a, b) => b.table.bytes - a.table.bytes);
  const pairs = [first];
  for (let count = 1; count < Math.min(options.jobs, tables.length); count += 1) pairs.push(await open());
  const limit = pLimit(pairs.length);
  const comparisons = await Promise.all(
    tables.map((table) =>
      limit(async () => {
        options.signal.throwIfAborted();
        const pair = pairs.pop();
        if (!pair) throw new Error('more comparisons at once than connections');
        try {
          const comparison = await compareTable(pair, table, hashes);
          options.onTable(comparison);
          return comparison;
        } finally {
          pairs.push(pair);
        }
      }),
    ),
  );
  const objects = options.everything
    ? [
        ...(await compareObjects(first.source, first.target, options.options)),
        ...(await sequencesBehind(first.source, first.target)),
        ...(await compareTimescale(
          first.source,
          first.target,
          hashes,
          (on) => selection({ ...on, partOf: [] }, options.options) !== 'excluded',
        )),
      ]
    : [];
  return {
    tables: comparisons,
    objects,
    equal: objects.length === 0 && comparisons.every((comparison) => comparison.equal),
  };
}

async function compareTable(
  pair: { source: pg.Client; target: pg.Client },
  whole: Whole,
  hashes: RowHashes,
): Promise<TableComparison> {
  const { relation, table, columns } = whole;
  const sum = (client: pg.Client, side: 'source' | 'target', of = columns) => {
    const hash = hashes.of(whole.columnsOf, of);
    return (side === 'source' ? sumParts(client, whole.parts, hash) : sumOnTarget(client, table, hash)).catch(
      (error: unknown) => {
        if (side === 'target' && error instanceof Error && 'code' in error && MISSING.has(String(error.code)))
          return null;
        const doing = 'could not be read';
        throw explain(error, { code: 'TM7002', retryCode: 'TM7002', side, object: relation, doing });
      },
    );
  };
  const [source, target] = await Promise.all([sum(pair.source, 'source'), sum(pair.target, 'target')]);
  const known = source ?? { rows: '0', hash: '0' };
  const equal = target !== null && target.rows === known.rows && target.hash === known.hash;
  const generated = table.columns.filter((column) => column.generated).map((column) => column.name);
  if (equal || target?.rows !== known.rows || generated.length === 0) return { relation, source: known, target, equal };
  const [ours, theirs] = await Promise.all([
    sum(pair.source, 'source', stored(table)),
    sum(pair.target, 'target', stored(table)),
  ]);
  return {
    relation,
    source: known,
    target,
    equal,
    ...(ours?.hash === theirs?.hash ? { onlyGenerated: generated } : {}),
  };
}

const stored = ({ columns }: SourceTable): string[] =>
  columns.filter((column) => !column.generated).map((column) => column.name);

async function sumOnTarget(client: pg.Client, table: SourceTable, hash: RowHash) {
  const kind = table.into?.partitionedBy ? 'hypertable' : table.into?.throughParent ? 'partitioned' : table.kind;
  return table.into && sumRowsOfOwner(client, { ...table.into, kind }, hash);
}

/** undefined_table, undefined_column, invalid_schema_name */
const MISSING = new Set(['42P01', '42703', '3F000']);
