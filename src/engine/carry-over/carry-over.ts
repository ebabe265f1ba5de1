import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { beginOperatorsPath, END_OPERATORS_PATH, queryAsOperator } from '../../postgres/search-path.ts';
import type { DefinitionChange, Emit } from '../events.ts';
import { readCarried, recordCarried } from './carried.ts';

/** How long a statement waits for the locks of replay and of others. */
const LOCK_TIMEOUT = '10s';

/** The server evaluates functions of the operator's on rows for these, so they are made under the operator's search_path. */
const CHECKED_WITH_ROWS = new Set(['constraint', 'index']);
const isCheckedWithRows = (key: string): boolean => CHECKED_WITH_ROWS.has((JSON.parse(key) as string[])[0] ?? '');

const refused = (object: string, error: unknown, hint: string): MigrateError =>
  new MigrateError('TM6006', {
    side: 'target',
    object,
    message: error instanceof Error ? error.message : String(error),
    hint,
    cause: error,
  });

/** Nothing is run that was not seen: rejects with TM6006 when one of the changes that were shown is another one by now, or none. */
export function requireAsShown(shown: readonly DefinitionChange[], now: readonly DefinitionChange[]): void {
  // One object may have statements for now and others for the cut-over.
  const told = ({ key, when, sql, at_once }: DefinitionChange) => JSON.stringify([key, when, sql, at_once]);
  const current = new Set(now.map(told));
  const other = shown.find((change) => !current.has(told(change)));
  if (!other) return;
  throw new MigrateError('TM6006', {
    side: 'source',
    object: other.object,
    message: 'its definition has changed again since its statements were shown',
    hint: 'Nothing was run. Look at the new list, and ask again.',
  });
}

/**
 * Runs on the target what the operator has seen and said yes to; what is made in the cut-over only is remembered for it. Rejects
 * with TM6006 at the first statement that the target refuses: what was run before it stays.
 */
export async function carryOver(target: pg.Client, changes: readonly DefinitionChange[], emit: Emit): Promise<void> {
  for (const { key, object, sql, at_once, when } of changes) {
    if (when === 'hand') continue;
    await runOn(target, { key, object }, when === 'now' ? sql : at_once);
    if (when === 'cutover') await recordCarried(target, key, sql);
    emit({
      type: 'log',
      text: `${when === 'now' ? 'Carried over' : 'To be carried over in the cut-over'}: ${sql.join('; ')}`,
    });
  }
}

async function runOn(
  target: pg.Client,
  { key, object }: Pick<DefinitionChange, 'key' | 'object'>,
  sql: readonly string[],
): Promise<void> {
  const run = (statement: string) =>
    isCheckedWithRows(key) ? queryAsOperator(target, statement) : target.query(statement);
  try {
    // As in a dump: the source has accepted the bodies, under its own search_path.
    await target.query(`SET lock_timeout = '${LOCK_TIMEOUT}'; SET check_function_bodies = off`);
    // One by one: a new label of an enumerated type can not be used in the transaction that adds it.
    for (const statement of sql) await run(statement);
  } catch (error) {
    throw refused(
      object,
      error,
      'Nothing is lost, replay goes on. Run another statement on the target by hand; the list follows by itself.',
    );
  } finally {
    await target.query('SET lock_timeout = 0; RESET check_function_bodies').catch(() => {});
  }
}

/** In the last transaction of the cut-over, when its own triggers, rules, policies and keys are made. Gives how many. */
export async function carryOverLate(target: pg.Client): Promise<number> {
  const carried = await readCarried(target);
  for (const [key, detail] of carried) {
    const [kind, ...name] = JSON.parse(key) as string[];
    const [before, after] = isCheckedWithRows(key)
      ? [`${beginOperatorsPath(target)}; `, `; ${END_OPERATORS_PATH}`]
      : ['', ''];
    for (const statement of JSON.parse(detail) as string[]) {
      await target.query(`${before}${statement}${after}`).catch((error: unknown) => {
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
