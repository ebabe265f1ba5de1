import { displayName } from '../../postgres/identifiers.ts';
import { matches } from '../../postgres/patterns.ts';
import type { HeldSnapshot } from '../begin.ts';
import { keepBaseline } from '../carry-over/baseline.ts';
import { recordFingerprint } from '../carry-over/carried.ts';
import { recordThereBefore } from '../definitions/there-before.ts';
import { isDiskFull } from '../disk-full.ts';
import { type Engine, hasExclusions } from '../engine.ts';
import { bringServerProperties } from '../roles/carry.ts';
import { readLeftOutSchemas } from '../source/belongs.ts';
import { isDecoded, readSequencesOf, readTables, type SourceTable, selection } from '../source/catalog.ts';
import { isSnapshotLost } from '../source/snapshot.ts';
import { recordedObjects, recordObject } from '../target/progress-schema.ts';
import { adaptToHypertables, takeAggregatesOut } from '../timescale/adapt-schema.ts';
import { readDefinitions } from '../timescale/dimensions.ts';
import { readIncompatible, withoutIncompatible } from '../timescale/incompatible-objects.ts';
import { makeAggregates } from '../timescale/make-aggregates.ts';
import { makeHypertables } from '../timescale/make-hypertables.ts';
import { becomesHypertable, definitionsOf } from '../timescale/new-hypertables.ts';
import {
  type Aggregate,
  readAggregates,
  recordAggregates,
  recordedAggregates,
} from '../timescale/source-aggregates.ts';
import { takesForeignKeys } from '../timescale/target-hypertables.ts';
import type { ArchiveEntry } from './archive.ts';
import { type ClassifiedSchema, classify } from './classify.ts';
import { dumpSchema, hasDump, readSchema, type SourceSchema } from './dump.ts';
import {
  describeLeftOut,
  dropLeftOutKeys,
  nameOfEntry,
  readLeftOut,
  recordLeftOut,
  whyNotLeftOut,
  withoutLeftOut,
} from './leave-out.ts';
import { policiesWithoutRole } from './policies-without-role.ts';
import { adaptAllPrivileges, readRolesOfPrivileges } from './privileges.ts';
import { openIdentities, restoreEntries, withRestoreSettings } from './restore.ts';

export interface BringSchemaOptions {
  /** The tables whose schema is migrated. */
  readonly wanted: readonly SourceTable[];
  /** An earlier run has made all of it. */
  readonly done: boolean;
}

/**
 * Dumps the source's schema as it is in the snapshot, at once: a dump that comes later might not find any more what the
 * snapshot shows. Does nothing when this migration's dump is in the work directory already.
 */
export async function dumpOnce(engine: Engine, snapshot: HeldSnapshot, signal: AbortSignal): Promise<void> {
  const { input, servers, target, options, tools } = engine;
  const { workDirectory } = input;
  if ((await recordedObjects(target, 'phase')).has('dump') && (await hasDump(workDirectory))) return;
  const excluded = (await readTables(snapshot.client)).filter((table) => selection(table, options) === 'excluded');
  await dumpSchema({
    tools,
    workDirectory,
    signal,
    source: servers.source,
    snapshot: snapshot.name,
    excludeTables: [...excluded, ...(await readSequencesOf(snapshot.client, excluded))],
    excludeSchemas: [...options.excludeSchema, ...(await readLeftOutSchemas(snapshot.client)).map(({ name }) => name)],
  });
  await keepDefinitions(engine, snapshot);
  await recordAggregates(target, await readAggregates(snapshot.client));
  await recordObject(target, 'phase', 'dump');
}

const BASELINE_TRIES = 3;

/** What the source's definitions are compared with while replay goes on. Without them the migration goes on, and says so. */
async function keepDefinitions({ input, servers, target }: Engine, snapshot: HeldSnapshot): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await servers.onSource('definitions');
    try {
      return await recordFingerprint(target, await keepBaseline(client, snapshot.name, input.workDirectory));
    } catch (error) {
      if (attempt < BASELINE_TRIES && !isSnapshotLost(error)) continue;
      if (isSnapshotLost(error) || isDiskFull(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const text = `Definitions that change on the source during the migration are not told before the cut-over, but by verify: ${why}`;
      return input.emit({ type: 'warning', text });
    } finally {
      servers.destroy(client);
    }
  }
}

/** Sorts the dumped schema by when each object is made, and makes what must be there before the rows. */
export async function bringSchema(
  engine: Engine,
  { wanted, done }: BringSchemaOptions,
  signal: AbortSignal,
): Promise<ClassifiedSchema> {
  const { input, servers, source, target, options, tools } = engine;
  const { emit, workDirectory } = input;
  const dumping = { tools, workDirectory, signal };
  if (!done) {
    await recordThereBefore(target);
    await bringServerProperties({ source, target, options }, emit);
  }
  const hypertables = wanted.filter(({ kind }) => kind === 'hypertable').map(({ oid }) => oid);
  const becoming = wanted.filter((table) => becomesHypertable(table, options.hypertables));
  const ofHypertables = new Set([...hypertables, ...becoming.map(({ oid }) => oid)]);
  const chunks = wanted.filter(({ kind }) => kind === 'chunk').map(({ oid }) => oid);
  const adapted = adaptToHypertables(await readSchema(dumping), ofHypertables, new Set(chunks));
  const { schema: compatible, leftOut } = await leaveIncompatibleOut(engine, adapted);
  const dumped = await leaveNamedOut(engine, compatible);
  for (const { type, schema, name } of done ? [] : leftOut) {
    emit({ type: 'warning', text: `Left out, because a hypertable can't have it: ${type} ${schema}.${name}` });
  }
  const views = (await recordedAggregates(target)).map(({ oid }) => oid);
  const without = takeAggregatesOut(dumped, new Set(views));
  const skipIndex = (name: string) => options.skipIndex.some((pattern) => matches(pattern, { schema: '', name }));
  const sorted = classify(without.schema, skipIndex, without.onAggregates);
  const schema = await withPrivilegesOfTarget(engine, sorted, !done);
  if (done) return schema;
  for (const entry of schema.leftOut) {
    emit({ type: 'warning', text: `Left out with its index: ${entry.type} ${entry.schema}.${entry.name}` });
  }
  const policies = await policiesWithoutRole(source, target);
  if (policies.length > 0) {
    const list = policies.map((policy) => `${displayName(policy)}: ${policy.policy} (${policy.role})`).join('; ');
    emit({
      type: 'warning',
      text: `Policies for roles that the target does not have are left out at the cut-over, unless you create the roles: ${list}`,
    });
  }
  await withRestoreSettings(servers, async (client) => {
    const skip = (entry: ArchiveEntry) =>
      entry.type === 'EXTENSION' && (options.skipExtensions === 'all' || options.skipExtensions.includes(entry.name));
    const entries = schema.preData.filter((entry) => !skip(entry));
    await restoreEntries({ client, source, emit, hasExclusions: hasExclusions(options), signal }, entries);
    await makeHypertables(client, [
      ...(await readDefinitions(source, hypertables)),
      ...(await definitionsOf(client, becoming, options.hypertables)),
    ]);
    const replayed = wanted.filter((table) => isDecoded(table) && selection(table, options) === 'all');
    await openIdentities(client, replayed);
  });
  await recordObject(target, 'phase', 'schema');
  return schema;
}

/** Without what `--leave-out` names and what depends on it, told and recorded. Rejects with TM1224. */
async function leaveNamedOut({ input, target, options }: Engine, schema: SourceSchema): Promise<SourceSchema> {
  const remaining = withoutLeftOut(schema, options.leaveOut);
  const refused = whyNotLeftOut(remaining);
  if (refused) throw refused;
  const known = new Set((await readLeftOut(target)).map(nameOfEntry));
  await recordLeftOut(target, remaining.leftOut);
  await dropLeftOutKeys(target, remaining.leftOut);
  for (const one of remaining.leftOut) {
    if (!known.has(nameOfEntry(one.entry))) input.emit({ type: 'warning', text: describeLeftOut(one) });
  }
  return remaining.schema;
}

/** What the operator has said may be left out. */
async function leaveIncompatibleOut(
  { source, target, options }: Engine,
  schema: SourceSchema,
): Promise<ReturnType<typeof withoutIncompatible>> {
  if (!options.skipHypertableIncompatibleObjects) return { schema, leftOut: [] };
  const noForeignKeys = !(await takesForeignKeys(target));
  return withoutIncompatible(schema, await readIncompatible(source, options.hypertables, noForeignKeys));
}

/** Makes what stands on the indexes. */
export async function finishIndexes(engine: Engine, schema: ClassifiedSchema, signal: AbortSignal): Promise<void> {
  const { input, servers, source, options } = engine;
  const also = { source, emit: input.emit, hasExclusions: hasExclusions(options), signal };
  await withRestoreSettings(servers, (client) => restoreEntries({ client, ...also }, schema.afterIndexes));
}

/** Makes continuous aggregates, empty, and what stands on them. Gives the aggregates that are there. */
export async function bringAggregates(
  engine: Engine,
  schema: ClassifiedSchema,
  signal: AbortSignal,
): Promise<readonly Aggregate[]> {
  const { input, servers, source, target, options } = engine;
  const recorded = (await recordedAggregates(target)).filter((one) => !options.excludeSchema.includes(one.schema));
  if (recorded.length === 0) return [];
  const also = { source, emit: input.emit, hasExclusions: hasExclusions(options), signal };
  let there: readonly Aggregate[] = [];
  await withRestoreSettings(servers, async (client) => {
    there = await makeAggregates({ target: client, ...also }, recorded);
    await restoreEntries({ client, ...also }, schema.onAggregates);
  });
  return there;
}

async function withPrivilegesOfTarget(
  { source, target, input, options }: Engine,
  schema: ClassifiedSchema,
  tell: boolean,
): Promise<ClassifiedSchema> {
  const roles = await readRolesOfPrivileges(source, target);
  const missing = new Map<string, number>();
  const adapt = (entries: readonly ArchiveEntry[]) => {
    const adapted = adaptAllPrivileges(entries, roles);
    for (const [role, count] of adapted.missing) missing.set(role, (missing.get(role) ?? 0) + count);
    return adapted.entries;
  };
  const result = {
    ...schema,
    preData: adapt(schema.preData),
    afterIndexes: adapt(schema.afterIndexes),
    onAggregates: adapt(schema.onAggregates),
    atCutover: adapt(schema.atCutover),
  };
  if (tell && missing.size > 0) {
    const list = [...missing].map(([role, count]) => `${role} (${count} objects)`).join(', ');
    const text = `Privileges of roles that the target does not have are left out: ${list}`;
    input.emit({ type: options.skipRoles ? 'log' : 'warning', text });
  }
  return result;
}
