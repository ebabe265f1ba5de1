import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArchiveEntry } from '../engine/schema/archive.ts';
import { classify } from '../engine/schema/classify.ts';
import { dumpSchema, readSchema, type SourceSchema } from '../engine/schema/dump.ts';
import { withoutLeftOut } from '../engine/schema/leave-out.ts';
import { readLeftOutSchemas } from '../engine/source/belongs.ts';
import { readSequencesOf, readTables, selection } from '../engine/source/catalog.ts';
import { adaptToHypertables, takeAggregatesOut } from '../engine/timescale/adapt-schema.ts';
import { readIncompatible, withoutIncompatible } from '../engine/timescale/incompatible-objects.ts';
import { becomesHypertable } from '../engine/timescale/new-hypertables.ts';
import { readAggregates } from '../engine/timescale/source-aggregates.ts';
import { takesForeignKeys } from '../engine/timescale/target-hypertables.ts';
import { clientToolsFor } from '../postgres/client-tools.ts';
import { matches } from '../postgres/patterns.ts';
import type { CheckRun } from './check.ts';
import type { Ask } from './fact.ts';
import { server } from './facts/server.ts';

/** pg_dump and reading what it wrote take no longer than this, else the checks go on without. */
const LIMIT_MS = 120_000;

/** A check is soon done again. */
const LOCK_PATIENCE = ['500ms', '500ms'];

const known = new WeakMap<Ask, Promise<SourceSchema>>();

/** The source's schema as it is now, as the migration would dump it; once a run. Rejects with TM1211, TM2001, TM9002. */
export function schemaOfSource(run: CheckRun): Promise<SourceSchema> {
  const answer = known.get(run.ask) ?? dump(run);
  known.set(run.ask, answer);
  return answer;
}

/** The entries that `--leave-out` names, and those that need them. */
export async function leftOutOf(run: CheckRun): Promise<ArchiveEntry[]> {
  const { leaveOut } = run.options;
  if (leaveOut.length === 0) return [];
  return withoutLeftOut(await schemaOfSource(run), leaveOut).leftOut.map(({ entry }) => entry);
}

async function dump(run: CheckRun): Promise<SourceSchema> {
  const { ask, source, target, sourceSettings, options } = run;
  const signal = AbortSignal.any([run.signal, AbortSignal.timeout(LIMIT_MS)]);
  const { versionNumber } = await ask('source', server);
  const { tools } = await clientToolsFor(versionNumber, process.env, signal);
  const tables = await readTables(source);
  const excluded = tables.filter((table) => selection(table, options) === 'excluded');
  const workDirectory = await mkdtemp(join(tmpdir(), 'tiger-migrate-schema-'));
  try {
    const dumping = { tools, workDirectory, signal };
    await dumpSchema({
      ...dumping,
      source: sourceSettings,
      snapshot: null,
      patience: LOCK_PATIENCE,
      excludeTables: [...excluded, ...(await readSequencesOf(source, excluded))],
      excludeSchemas: [...options.excludeSchema, ...(await readLeftOutSchemas(source)).map(({ name }) => name)],
    });
    const wanted = tables.filter((table) => selection(table, options) !== 'excluded');
    const hypertables = wanted.filter(
      (table) => table.kind === 'hypertable' || becomesHypertable(table, options.hypertables),
    );
    const chunks = wanted.filter(({ kind }) => kind === 'chunk');
    const adapted = adaptToHypertables(
      await readSchema(dumping),
      new Set(hypertables.map(({ oid }) => oid)),
      new Set(chunks.map(({ oid }) => oid)),
    );
    if (!options.skipHypertableIncompatibleObjects) return adapted;
    const noForeignKeys = !(await takesForeignKeys(target));
    return withoutIncompatible(adapted, await readIncompatible(source, options.hypertables, noForeignKeys)).schema;
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

/** The entries that the migration makes from a dump, in its order; continuous aggregates and what stands on them left out. */
export async function entriesToMake({ source, options }: CheckRun, schema: SourceSchema): Promise<ArchiveEntry[]> {
  const views = (await readAggregates(source)).map(({ oid }) => oid);
  const without = takeAggregatesOut(schema, new Set(views));
  const skipIndex = (name: string) => options.skipIndex.some((pattern) => matches(pattern, { schema: '', name }));
  const { preData, indexes, afterIndexes, foreignKeys, atCutover } = classify(without.schema, skipIndex);
  const skipped = (entry: ArchiveEntry) =>
    entry.type === 'EXTENSION' && (options.skipExtensions === 'all' || options.skipExtensions.includes(entry.name));
  const early = preData.filter((entry) => !skipped(entry));
  return [...early, ...[...indexes.values()].flat(), ...afterIndexes, ...foreignKeys, ...atCutover];
}
