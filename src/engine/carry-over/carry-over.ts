import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { DefinitionChange, Emit } from '../events.ts';
import { readCarried, recordCarried } from './carried.ts';

/** So long a statement may wait for what replay, or somebody else, holds. */
const LOCK_TIMEOUT = '10s';

const refused = (object: string, error: unknown, hint: string): MigrateError =>
  new MigrateError('TM6006', {
    side: 'target',
    object,
    message: error instanceof Error ? error.message : String(error),
    hint,
    cause: error,
  });

/**
 * Runs on the target what the operator has seen and said yes to; what is made in the cut-over only is remembered for it. Rejects
 * with TM6006 at the first statement that the target refuses: what was run before it stays.
 */
export async function carryOver(target: pg.Client, changes: readonly DefinitionChange[], emit: Emit): Promise<void> {
  for (const { key, object, sql, at_once, when } of changes) {
    if (when === 'hand') continue;
    await runOn(target, object, when === 'now' ? sql : at_once);
    if (when === 'cutover') await recordCarried(target, key, sql);
    emit({
      type: 'log',
      text: `${when === 'now' ? 'Carried over' : 'To be carried over in the cut-over'}: ${sql.join('; ')}`,
    });
  }
}

async function runOn(target: pg.Client, object: string, sql: readonly string[]): Promise<void> {
  try {
    // One by one: a new label of an enumerated type can not be used in the transaction that adds it.
    await target.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
    for (const statement of sql) await target.query(statement);
  } catch (error) {
    throw refused(
      object,
      error,
      'Nothing is lost, replay goes on. Run another statement on the target by hand; the list follows by itself.',
    );
  } finally {
    await target.query('SET lock_timeout = 0').catch(() => {});
  }
}

/** In the last transaction of the cut-over, when its own triggers, rules, policies and keys are made. Gives how many. */
export async function carryOverLate(target: pg.Client): Promise<number> {
  const carried = await readCarried(target);
  for (const [key, detail] of carried) {
    const [kind, ...name] = JSON.parse(key) as string[];
    for (const statement of JSON.parse(detail) as string[]) {
      await target.query(statement).catch((error: unknown) => {
        throw refused(
          `${kind} ${name.join('.')}`,
          error,
          'Nothing is lost, replay goes on. Put the definition on the source in order, carry it over again, and cut over again.',
        );
      });
    }
  }
  return carried.size;
}
