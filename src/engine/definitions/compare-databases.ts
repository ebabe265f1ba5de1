import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import type { MigrationOptions } from '../options.ts';
import { readLeftOut as readLeftOutOnRequest } from '../schema/leave-out.ts';
import { hasProgressSchema } from '../target/progress-schema.ts';
import { namesOfIncompatible } from '../timescale/incompatible-objects.ts';
import { readAggregates } from '../timescale/source-aggregates.ts';
import { readPartitionColumns } from '../timescale/target-hypertables.ts';
import { withoutOtherWords } from './canonical.ts';
import { compareEntries, type Difference } from './compare.ts';
import { describe, type Entries } from './entry.ts';
import { readLeftOut } from './left-out.ts';
import { currentUser, privilegesOfSource, privilegesOfTarget, readPrivilegeRoles } from './privileges.ts';
import { readDefinitions } from './read.ts';
import { readThereBefore } from './there-before.ts';
import { asFarAsKnown, withoutFields } from './versions.ts';

export interface ComparedDefinitions {
  readonly differences: readonly Difference[];
  /** Roles with privileges on the source that the target does not have, and on how many objects. */
  readonly rolesMissing: ReadonlyMap<string, number>;
}

/**
 * Compares the definitions of all objects of two databases, as their catalogs show them: the same for every version of pg_dump,
 * and with what pg_dump leaves out. Owners, tablespaces, replica identities, publications, subscriptions and security labels are
 * not compared.
 */
export async function compareDefinitions(
  source: pg.Client,
  target: pg.Client,
  options: MigrationOptions,
): Promise<ComparedDefinitions> {
  const [there, here] = [await readDefinitions(source), await readDefinitions(target)];
  const older = Math.min(there.version, here.version);
  const roles = await readPrivilegeRoles(source, target);
  const ours = privilegesOfSource(await comparable(source, there.entries, older), roles, older < 170000);
  const theirs = privilegesOfTarget(await comparable(target, here.entries, older), roles, older < 170000);
  const leftOut = await readLeftOut(source, there.entries, options, await readLeftOutOnRequest(target));
  const incompatible = await namesOfIncompatible(source, target, options);
  const before = (await hasProgressSchema(target)) ? await readThereBefore(target) : null;
  const notNull = new Set([...(await readPartitionColumns(target)).values()].map(({ time }) => `column ${time}`));
  const found = compareEntries(ours.entries, theirs).filter(({ state, entry }) => {
    const name = describe(entry);
    if (state === 'extra') return !isTargetsOwn(entry, before);
    return !leftOut(entry) && !incompatible.has(name);
  });
  // TimescaleDB makes it so: the time that decides in which chunk a row stands is never NULL.
  const isOfHypertable = (one: Difference): boolean => notNull.has(describe(one.entry));
  const differences = (await withoutOtherWords(target, found))
    .map((one) =>
      isOfHypertable(one) ? { ...one, fields: one.fields.filter(({ field }) => field !== 'not null') } : one,
    )
    .filter(({ state, fields }) => state !== 'differs' || fields.length > 0);
  // What our own role was granted on the source is for the migration.
  const reader = await currentUser(source);
  const missing = [...ours.missing].filter(([role]) => role !== reader);
  return { differences, rolesMissing: new Map(options.skipRoles ? [] : missing) };
}

/** An extension, and schema `public`, are in many databases from the start; others where it is known that they were there. */
function isTargetsOwn({ kind, name }: Difference['entry'], before: ReadonlySet<string> | null): boolean {
  if (kind === 'schema' && name[0] === 'public') return true;
  return before === null ? kind === 'extension' : before.has(JSON.stringify([kind, ...name]));
}

/** The view of a continuous aggregate reads tables that are called otherwise on the other side. */
async function comparable(client: pg.Client, entries: Entries, version: number): Promise<Entries> {
  const known = asFarAsKnown(entries, version);
  const aggregates = new Set((await readAggregates(client)).map((one) => `view ${displayName(one)}`));
  if (aggregates.size === 0) return known;
  return new Map(
    [...known].map(([key, entry]) => [
      key,
      aggregates.has(describe(entry)) ? withoutFields(entry, ['definition']) : entry,
    ]),
  );
}
