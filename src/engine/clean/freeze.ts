import type pg from 'pg';
import { forgetFreeze, isFrozen, unfreezeSource, unfreezeSql } from '../cutover/fence.ts';
import { type MigrationRow, recordedObjects } from '../target/progress-schema.ts';

/**
 * Lifts the freeze of a migration that is not finished. After a finished one it stays, so that no forgotten client writes into the
 * old database, unless `unfreeze` asks for it; then it is lifted also where nothing is recorded any more. Says whether it was lifted.
 */
export async function liftFreeze(of: {
  readonly source: pg.Client;
  readonly target: pg.Client | null;
  readonly migration: MigrationRow | null;
  readonly unfreeze: boolean;
}): Promise<boolean> {
  const { source, target, migration, unfreeze } = of;
  const isOurs = target !== null && migration !== null && (await recordedObjects(target, 'source')).has('frozen');
  const isUnfinished = isOurs && migration.phase !== 'done';
  if (!isUnfinished && !(unfreeze && (await isFrozen(source)))) return false;
  await unfreezeSource(source);
  if (isOurs) await forgetFreeze(target);
  return true;
}

/** The sentence about a source that stays read-only; null when it takes writes. */
export async function describeFreeze(source: pg.Client): Promise<string | null> {
  if (!(await isFrozen(source))) return null;
  const { rows } = await source.query<{ database: string }>('SELECT current_database() AS database');
  const database = rows[0]?.database ?? '';
  return `source: database ${database} stays read-only, so that no forgotten client writes into it; clean --unfreeze makes it writable again, or: ${unfreezeSql(database)};`;
}
