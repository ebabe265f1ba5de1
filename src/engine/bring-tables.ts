import { displayName } from '../postgres/identifiers.ts';
import { type HeldSnapshot, holdSnapshot, temporarySlotOf } from './begin.ts';
import { copyRows, letGo } from './copy/copy-rows.ts';
import { planParts } from './copy/parts.ts';
import { takeKeysAway } from './cutover/foreign-keys.ts';
import { type Engine, hasExclusions, setPhase } from './engine.ts';
import { Resources } from './resources.ts';
import { bringAggregates, bringSchema, dumpOnce, finishIndexes } from './schema/bring-schema.ts';
import { IndexBuilder } from './schema/build-indexes.ts';
import { type ClassifiedSchema, countIndexes } from './schema/classify.ts';
import {
  chunkOf,
  holdsRows,
  readMaterializedViews,
  readTables,
  type SourceTable,
  selection,
} from './source/catalog.ts';
import { placePartitions, recordPlaces, TreesLeft } from './source/partition-places.ts';
import { tellDamage } from './sync/damage.ts';
import { isOpen, readTableStates } from './sync/table-states.ts';
import { recordedObjects } from './target/progress-schema.ts';
import { isHypertable } from './timescale/analyze-hypertables.ts';
import { ofHypertable } from './timescale/chunk-name.ts';
import { ChunksLeft } from './timescale/chunks-left.ts';
import { adoptChunks, placeChunks } from './timescale/make-chunks.ts';
import { throughRoots } from './timescale/new-hypertables.ts';
import type { Aggregate } from './timescale/source-aggregates.ts';

export interface BroughtTables {
  readonly schema: ClassifiedSchema;
  /** Those whose changes are replayed. */
  readonly tables: readonly SourceTable[];
  readonly unlogged: readonly SourceTable[];
  /** Of the target: their statistics are made beside replay. */
  readonly hypertables: readonly SourceTable[];
  /** Continuous aggregates of the target, each behind the one that it stands upon. */
  readonly aggregates: readonly Aggregate[];
}

/**
 * Schema, rows, indexes: whatever of it the target does not have yet, all of it in one snapshot. `onSchema` is called when the
 * target has all tables.
 */
export async function bringTables(
  engine: Engine,
  first: HeldSnapshot | null,
  signal: AbortSignal,
  onSchema: () => void,
): Promise<BroughtTables> {
  const { input, servers, source, target, options, jobs } = engine;
  const { emit } = input;
  let states = await readTableStates(target);
  let open = states.filter(isOpen);
  const schemaDone = (await recordedObjects(target, 'phase')).has('schema');
  await using held = new Resources();
  let snapshot = first;
  if (!snapshot && (open.length > 0 || !schemaDone)) {
    snapshot = held.use(await holdSnapshot(servers, temporarySlotOf(engine.migration.slot), engine.plugin, true));
  }
  if (snapshot && !schemaDone) await dumpOnce(engine, snapshot, signal);
  const there = new Set((await readTables(source)).map((table) => table.oid));
  for (const table of open.filter(({ sourceOid }) => !there.has(sourceOid))) await letGo(engine, table);
  const tables = (await readTables(snapshot?.client ?? source)).filter((table) => there.has(table.oid));
  if (snapshot && (await adoptChunks(engine, snapshot.client, tables)).length > 0) {
    states = await readTableStates(target);
    open = states.filter(isOpen);
  }
  const chosen = tables.filter((table) => selection(table, options) !== 'excluded');
  const schema = await bringSchema(engine, { wanted: chosen, done: schemaDone }, signal);
  const placed = await placePartitions(
    snapshot?.client ?? source,
    target,
    await placeChunks({ source, target, emit }, chosen),
  );
  const wanted = throughRoots(placed, options.hypertables);
  onSchema();

  const viewsThere = new Set((await readMaterializedViews(target)).map(displayName));
  const views = (await readMaterializedViews(snapshot?.client ?? source)).filter((v) => viewsThere.has(displayName(v)));
  const known = new Set(states.map((table) => table.sourceOid));
  const openOids = new Set(open.map((table) => table.sourceOid));
  const withRows = wanted.filter(
    (table) => known.has(table.oid) && holdsRows(table) && selection(table, options) === 'all',
  );
  emitPlan(engine, withRows, schema, (await recordedObjects(target, 'index')).size);
  await setPhase(engine, 'copy');
  for (const table of states) {
    if (openOids.has(table.sourceOid) || !table.copyRows) continue;
    const { state, bytes, rows, damage } = table;
    if (damage) tellDamage(emit, { ...table, damage });
    else emit({ type: 'table', relation: displayName(table), ...ofHypertable(table), state, bytes, rows, done: 1 });
  }
  const hypertables = wanted.filter(isHypertable);
  const roots = new Set(hypertables.map(displayName));
  const indexes = new IndexBuilder({
    connect: servers.onTarget,
    destroy: servers.destroy,
    source,
    jobs: jobs.indexes,
    analyzedLater: (table) => roots.has(displayName(table)),
    hasExclusions: hasExclusions(options),
    emit,
    signal,
  });
  await indexes.open(target);
  const entriesOf = (relation: { oid: number }) => schema.indexes.get(relation.oid) ?? [];
  const toBring = snapshot ? withRows.filter((table) => openOids.has(table.oid)) : [];
  const toCopy = toBring.filter((table) => table.into);
  // Dropped at this moment: nothing was made for them.
  for (const { sourceOid, ...table } of open) {
    if (toBring.some(({ oid, into }) => oid === sourceOid && !into)) await letGo(engine, { sourceOid, ...table });
  }
  await recordPlaces(target, toCopy);
  const chunksLeft = new ChunksLeft(toCopy);
  const treesLeft = new TreesLeft(toCopy, wanted);
  const withoutCopy = [
    ...wanted.filter(
      (table) =>
        table.kind !== 'chunk' && !toCopy.includes(table) && !chunksLeft.has(table.oid) && !treesLeft.has(table),
    ),
    ...views,
  ];
  for (const relation of withoutCopy) if (entriesOf(relation).length > 0) indexes.add(relation, entriesOf(relation));
  if (snapshot) {
    await takeKeysAway({ target, schema, emit }, toCopy);
    const mayRefuse = new Set(open.filter((table) => table.again).map((table) => table.sourceOid));
    const which = { tables: toCopy, mayRefuse };
    const byOid = new Map(wanted.map((table) => [table.oid, table]));
    const buildOn = (root: number | null) => {
      const table = root === null ? undefined : byOid.get(root);
      if (table) indexes.add(table, entriesOf(table));
    };
    const add = (table: SourceTable) => indexes.add(table, entriesOf(table));
    const build = (table: SourceTable) =>
      table.kind === 'chunk' ? buildOn(chunksLeft.copied(table)) : treesLeft.copied(table).forEach(add);
    await copyRows(engine, snapshot, which, build, signal);
    for (const root of chunksLeft.unfinished) buildOn(root);
    treesLeft.unfinished.forEach(add);
  }
  await first?.[Symbol.asyncDispose]();
  await indexes.finished();
  await finishIndexes(engine, schema, signal);
  const aggregates = await bringAggregates(engine, schema, signal);
  return {
    schema,
    aggregates,
    hypertables,
    tables: withRows.filter((table) => table.kind !== 'unlogged'),
    unlogged: withRows.filter((table) => table.kind === 'unlogged'),
  };
}

function emitPlan(
  { input, options, sourceVersionNum }: Engine,
  tables: readonly SourceTable[],
  schema: ClassifiedSchema,
  indexesDone: number,
): void {
  const parts = planParts(tables, options.splitTablesLargerThan, sourceVersionNum, 10_000);
  const partsOf = new Map(parts.map((part) => [part.table.oid, part.parts]));
  input.emit({
    type: 'plan',
    tables: tables.map((table) => ({
      relation: displayName(table),
      bytes: table.bytes,
      rows: table.rows,
      parts: partsOf.get(table.oid) ?? 1,
      ...ofHypertable({ chunkOf: chunkOf(table) }),
    })),
    indexes_total: countIndexes(schema),
    ...(indexesDone > 0 ? { indexes_done: indexesDone } : {}),
  });
}
