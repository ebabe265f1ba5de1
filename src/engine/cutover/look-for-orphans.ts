import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { MigrateError, toMigrateError } from '../../errors/migrate-error.ts';
import type { BroughtTables } from '../bring-tables.ts';
import type { Engine } from '../engine.ts';
import { sqlState } from '../error-policy.ts';
import { Resources } from '../resources.ts';
import { entryOfKey, leaveOutOption, nameOfEntry } from '../schema/leave-out.ts';
import { openBeside } from './open-beside.ts';
import { displayKey, findOrphans, readValidKeys, type ValidKey, waysOutOfOrphans } from './orphans.ts';

/** What the look at all keys has found, for a cut-over that is asked for meanwhile. */
export class FirstLook {
  readonly #ended = new AbortController();
  readonly #violations = new Map<string, MigrateError>();

  found(key: ValidKey, rows: readonly string[]): void {
    if (rows.length === 0) this.#violations.delete(displayKey(key));
    else this.#violations.set(displayKey(key), violation(key, rows));
  }

  /** All keys were looked at once. */
  end(): void {
    this.#ended.abort();
  }

  /** Nobody looks any more: what was found may be mended since, and the cut-over finds out by itself. */
  giveUp(): void {
    this.#violations.clear();
    this.end();
  }

  /** Waits until all keys were looked at, `ms` at most, and rejects with TM6007 when rows violate one. */
  async requireNone(ms: number, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([this.#ended.signal, signal]);
    await delay(ms, undefined, { signal: over }).catch(() => {});
    signal.throwIfAborted();
    for (const error of this.#violations.values()) throw error;
  }
}

/** Between two looks at rows that violate a key. */
const LOOK_AGAIN_MS = 10_000;

/** Foreign keys of the target that are there and valid. */
const VALID_HERE = `
SELECT n.nspname AS schema, c.relname AS table, k.conname AS name FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated`;

/**
 * Looks on the target, one key after the other on a session of its own while replay goes on, for rows that violate a foreign key
 * which counts as valid on the source. All tables stand at one position of the source by then, and replay commits whole
 * transactions: what is missing here is missing there. Found rows are a trouble, TM6007, which keeps the cut-over locked; those keys
 * are looked at again until their rows fit, or the key is not valid on the source any more.
 */
export async function lookForOrphans(
  engine: Engine,
  { schema }: Pick<BroughtTables, 'schema'>,
  first: FirstLook,
  signal: AbortSignal,
): Promise<void> {
  const { input } = engine;
  const wanted = new Set(schema.foreignKeys.map(nameOfEntry));
  await using sessions = new Resources();
  const standing = new Set<string>();
  try {
    const { source, target } = await openBeside(engine, 'orphans', sessions, signal);
    let keys = (await keysToLookAt(source, target)).filter((key) => wanted.has(nameOfEntry(entryOfKey(key))));
    for (;;) {
      const violated: ValidKey[] = [];
      for (const key of keys) {
        if (await look(engine, target, key, standing, first)) violated.push(key);
        signal.throwIfAborted();
      }
      first.end();
      if (violated.length === 0) return;
      await delay(LOOK_AGAIN_MS, undefined, { signal });
      const names = new Set(violated.map(displayKey));
      const open = await keysToLookAt(source, target);
      for (const key of violated) {
        if (open.some((one) => displayKey(one) === displayKey(key))) continue;
        first.found(key, []);
        healed(engine, standing, key);
      }
      keys = open.filter((key) => names.has(displayKey(key)));
    }
  } catch (error) {
    // The cut-over makes and validates the keys, whatever was found out before.
    if (!signal.aborted)
      input.emit({ type: 'log', text: `Looking for rows that violate a key ended: ${toMigrateError(error).message}` });
  } finally {
    first.giveUp();
    for (const what of standing) input.emit({ type: 'healed', what });
  }
}

async function keysToLookAt(source: pg.Client, target: pg.Client): Promise<ValidKey[]> {
  const { rows } = await target.query<Pick<ValidKey, 'schema' | 'table' | 'name'>>(VALID_HERE);
  const valid = new Set(rows.map(displayKey));
  return (await readValidKeys(source)).filter((key) => !valid.has(displayKey(key)));
}

const troubleOf = (key: ValidKey): string => `rows that violate the foreign key ${displayKey(key)}`;

function healed({ input }: Engine, standing: Set<string>, key: ValidKey): void {
  if (standing.delete(troubleOf(key))) input.emit({ type: 'healed', what: troubleOf(key) });
}

/** Whether rows violate the key, and says so. A key that can't be looked at is left for the cut-over. */
async function look(
  engine: Engine,
  target: pg.Client,
  key: ValidKey,
  standing: Set<string>,
  first: FirstLook,
): Promise<boolean> {
  const rows = await findOrphans(target, key).catch((error: unknown) => {
    if (sqlState(error) === null) throw error;
    return [];
  });
  first.found(key, rows);
  if (rows.length === 0) {
    healed(engine, standing, key);
    return false;
  }
  standing.add(troubleOf(key));
  const error = violation(key, rows).report();
  engine.input.emit({ type: 'retry', what: troubleOf(key), policy: 'operator', error, retry_ms: LOOK_AGAIN_MS });
  return true;
}

/** The error that names key and rows. */
function violation(key: ValidKey, rows: readonly string[]): MigrateError {
  const leaveOut = `stop the engine, then migrate --resume ${leaveOutOption([entryOfKey(key)])}`;
  return new MigrateError('TM6007', {
    side: 'source',
    object: displayKey(key),
    message: `rows violate the foreign key, though it counts as valid on the source; the first of them: ${rows.join('; ')}`,
    hint: ['The target would refuse the key in the cut-over.', ...waysOutOfOrphans(key, leaveOut)].join('\n'),
  });
}
