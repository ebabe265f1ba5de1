import { toMigrateError } from '../../errors/migrate-error.ts';
import type { BroughtTables } from '../bring-tables.ts';
import { type Engine, hasExclusions } from '../engine.ts';
import { Resources } from '../resources.ts';
import { makeKeysEarly } from './foreign-keys.ts';
import { openBeside } from './open-beside.ts';

const EARLY_KEY_LOCK_TIMEOUT_MS = 5000;

/** Foreign keys are made and validated on a session of their own while replay goes on. */
export async function keysBesideReplay(
  engine: Engine,
  { schema, tables }: BroughtTables,
  signal: AbortSignal,
): Promise<void> {
  const { options, input } = engine;
  await using sessions = new Resources();
  try {
    const both = await openBeside(engine, 'keys', sessions, signal);
    const of = { ...both, schema, tables, hasExclusions: hasExclusions(options), emit: input.emit };
    const made = await makeKeysEarly(of, EARLY_KEY_LOCK_TIMEOUT_MS);
    if (made > 0) input.emit({ type: 'log', text: `${made} foreign keys made and validated ahead of the cut-over` });
  } catch (error) {
    // The cut-over makes what is missing.
    if (!signal.aborted)
      input.emit({ type: 'log', text: `Foreign keys wait for the cut-over: ${toMigrateError(error).message}` });
  }
}
