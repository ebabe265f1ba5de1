import { displayName } from '../postgres/identifiers.ts';
import { matches } from '../postgres/patterns.ts';
import { type HeldSnapshot, holdSnapshot } from './begin.ts';
import { copyTables } from './copy/copy-tables.ts';
import { planParts } from './copy/parts.ts';
import { type Engine, hasExclusions, setPhase } from './engine.ts';
import { Resources } from './resources.ts';
import { IndexBuilder } from './schema/build-indexes.ts';
import { type ClassifiedSchema, classify, countIndexes } from './schema/classify.ts';
import { dumpSchema, readSchema } from './schema/dump.ts';
import { RESTORE_SETTINGS, restoreEntries, setIdentity } from './schema/restore.ts';
import { createRoles, readRoles } from './schema/roles.ts';
import { holdsRows, readTables, type SourceTable, selection } from './source/catalog.ts';
import { readTableStates } from './sync/table-states.ts';
import { recordedObjects, recordObject } from './target/progress-schema.ts';

export interface BroughtTables {
  readonly schema: ClassifiedSchema;
  /** Those whose changes are replayed. */
  readonly tables: readonly SourceTable[];
  readonly unlogged: readonly SourceTable[];
}

/** Schema, rows, indexes: whatever of it the target does not have yet, all of it in one snapshot. */
export async function bringTables(
  engine: Engine,
  first: HeldSnapshot | null,
  signal: AbortSignal,
): Promise<BroughtTables> {
  const { input, servers, source, target, options, tools, jobs } = engine;
  const { emit, workDirectory } = input;
  const open = (await readTableStates(target)).filter(
    (table) => table.copyRows && table.state !== 'copied' && table.state !== 'live',
  );
  const schemaDone = (await recordedObjects(target, 'phase')).has('schema');
  await using held = new Resources();
  let snapshot = first;
  if (!snapshot && (open.length > 0 || !schemaDone)) {
    snapshot = held.use(await holdSnapshot(servers, `${engine.migration.slot}_resume`, true));
  }
  const tables = await readTables(snapshot?.client ?? source);
  const restoring = { tools, workDirectory, signal };
  if (!schemaDone) {
    await dumpSchema({
      ...restoring,
      source: servers.source,
      snapshot: snapshot?.name ?? null,
      excludeTables: tables.filter((table) => selection(table, options) === 'excluded'),
      excludeSchemas: options.excludeSchema,
    });
  }
  const schema = classify(await readSchema(restoring), (name) =>
    options.skipIndex.some((pattern) => matches(pattern, { schema: '', name })),
  );
  const wanted = tables.filter((table) => selection(table, options) !== 'excluded');
  if (!schemaDone) await restoreSchema(engine, schema, wanted, signal);

  const openOids = new Set(open.map((table) => table.sourceOid));
  const withRows = wanted.filter((table) => holdsRows(table) && selection(table, options) === 'all');
  emitPlan(engine, withRows, schema);
  await setPhase(engine, 'copy');
  for (const table of await readTableStates(target)) {
    if (openOids.has(table.sourceOid) || !table.copyRows) continue;
    emit({
      type: 'table',
      relation: displayName(table),
      state: table.state,
      bytes: table.bytes,
      rows: table.rows,
      done: 1,
    });
  }
  const indexes = new IndexBuilder({
    connect: servers.onTarget,
    destroy: servers.destroy,
    jobs: jobs.indexes,
    emit,
    signal,
  });
  await indexes.open(target);
  const entriesOf = (table: SourceTable) => schema.indexes.get(table.oid) ?? [];
  const toCopy = withRows.filter((table) => openOids.has(table.oid));
  const copying = new Set(toCopy.map((table) => table.oid));
  for (const table of wanted)
    if (!copying.has(table.oid) && entriesOf(table).length > 0) indexes.add(table, entriesOf(table));
  for (const view of viewsWithIndexes(schema, wanted)) indexes.add(view.name, view.entries);
  if (snapshot && toCopy.length > 0) {
    await copyTables({
      connectSource: servers.onSource,
      connectTarget: servers.onTarget,
      destroy: servers.destroy,
      snapshot: snapshot.name,
      copyLsn: snapshot.lsn,
      tables: toCopy,
      jobs: jobs.tables,
      splitBytes: options.splitTablesLargerThan,
      sourceVersionNum: engine.sourceVersionNum,
      emit,
      signal,
      onTableCopied: (table) => indexes.add(table, entriesOf(table)),
    });
  }
  await first?.[Symbol.asyncDispose]();
  await indexes.finished();
  await restoreEntries({ client: target, emit, hasExclusions: hasExclusions(options), signal }, schema.afterIndexes);
  return {
    schema,
    tables: withRows.filter((table) => table.kind !== 'unlogged'),
    unlogged: withRows.filter((table) => table.kind === 'unlogged'),
  };
}

/** Materialized views have indexes too; they are empty until cut-over. */
function viewsWithIndexes(schema: ClassifiedSchema, tables: readonly SourceTable[]) {
  const known = new Set(tables.map((table) => table.oid));
  return schema.preData
    .filter((entry) => !known.has(entry.oid) && schema.indexes.has(entry.oid) && entry.type === 'MATERIALIZED VIEW')
    .map((entry) => ({
      name: { schema: entry.schema, name: entry.name },
      entries: schema.indexes.get(entry.oid) ?? [],
    }));
}

async function restoreSchema(
  engine: Engine,
  schema: ClassifiedSchema,
  tables: readonly SourceTable[],
  signal: AbortSignal,
): Promise<void> {
  const { input, source, target, options } = engine;
  if (!options.skipRoles) await createRoles(target, await readRoles(source), input.emit);
  const client = await engine.servers.onTarget('schema');
  try {
    for (const [name, value] of Object.entries(RESTORE_SETTINGS))
      await client.query('SELECT set_config($1, $2, false)', [name, value]);
    const skip = (name: string) => options.skipExtensions === 'all' || options.skipExtensions.includes(name);
    const entries = schema.preData.filter((entry) => !(entry.type === 'EXTENSION' && skip(entry.name)));
    await restoreEntries({ client, emit: input.emit, hasExclusions: hasExclusions(options), signal }, entries);
    await setIdentity(client, tables, 'BY DEFAULT');
  } finally {
    engine.servers.destroy(client);
  }
  await recordObject(target, 'phase', 'schema');
}

function emitPlan(
  { input, options, sourceVersionNum }: Engine,
  tables: readonly SourceTable[],
  schema: ClassifiedSchema,
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
    })),
    indexes_total: countIndexes(schema),
  });
}
