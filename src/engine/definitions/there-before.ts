import type pg from 'pg';
import { inTransaction } from '../schema/restore.ts';
import { recordedObjects, recordObject } from '../target/progress-schema.ts';
import { readDefinitions } from './read.ts';

const KIND = 'there before';
const PHASE = 'there before';

/** Remembers what the target has before anything is made there: a provider has its own objects in every database. */
export async function recordThereBefore(target: pg.Client): Promise<void> {
  if ((await recordedObjects(target, 'phase')).has(PHASE)) return;
  const { entries } = await readDefinitions(target);
  await inTransaction(target, async () => {
    for (const key of entries.keys()) await recordObject(target, KIND, key);
    await recordObject(target, 'phase', PHASE);
  });
}

/** Keys of those objects; null: it was not recorded, or the records are gone. */
export async function readThereBefore(target: pg.Client): Promise<ReadonlySet<string> | null> {
  if (!(await recordedObjects(target, 'phase')).has(PHASE)) return null;
  return new Set(await recordedObjects(target, KIND));
}
