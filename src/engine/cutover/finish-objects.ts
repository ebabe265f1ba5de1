import type { ArchiveEntry } from '../schema/archive.ts';
import { closeIdentities } from '../schema/restore.ts';
import { recordedObjects } from '../target/progress-schema.ts';
import { keysOnPartitioned, postponed } from './foreign-keys.ts';
import { type FinishOptions, makeOne } from './make-object.ts';
import { validateForeignKeys } from './validate-keys.ts';

/**
 * Makes what must not exist while we write: foreign keys, triggers, rules, policies, row security, GENERATED ALWAYS.
 * Call it in a transaction that ends with the cut-over: a failed one goes back to replay on a target without triggers.
 */
export async function makeRemainingObjects(options: FinishOptions): Promise<number> {
  const { source, target, schema } = options;
  const done = await recordedObjects(target, 'entry');
  const open = (entries: readonly ArchiveEntry[]) => entries.filter((entry) => !done.has(entry.key));
  const [keys, rest] = [open(schema.foreignKeys), open(schema.atCutover)];
  // One that is NOT VALID on the source by now stays so; the others are validated at once.
  const notPostponable = keys.length === 0 ? new Set<number>() : await keysOnPartitioned(source);
  for (const entry of keys) {
    await makeOne(options, notPostponable.has(entry.oid) ? entry : { ...entry, sql: postponed(entry.sql) });
  }
  // Before row security is on, which would hide rows from the validation.
  await validateForeignKeys(source, target);
  for (const entry of rest) await makeOne(options, entry);
  await closeIdentities(target);
  return keys.length + rest.length;
}
