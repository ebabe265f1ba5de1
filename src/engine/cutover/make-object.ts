import type pg from 'pg';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import { sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import type { ArchiveEntry } from '../schema/archive.ts';
import type { ClassifiedSchema } from '../schema/classify.ts';
import { leaveOutOption, nameOfEntry } from '../schema/leave-out.ts';
import { isMadeByHand, MADE_BY_HAND, takenAsItIs } from '../schema/made-by-hand.ts';
import { isMissing } from '../schema/restore.ts';
import { recordObject } from '../target/progress-schema.ts';
import { failedFinish } from './finish-error.ts';

export interface FinishOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly schema: ClassifiedSchema;
  /** Something was left out on request: what stands on it is listed instead of failing. */
  readonly hasExclusions: boolean;
  readonly emit: Emit;
}

const waysOut = (entry: ArchiveEntry): string =>
  [
    'Nothing is lost, replay goes on. Remove the cause on the target, or make the object there by hand as the target takes it, then cut over again.',
    `Or leave it out, and what depends on it: stop the engine, then migrate --resume ${leaveOutOption([entry])}`,
  ].join('\n');
/** What the server checks against the rows that are there, by functions of the operator's or in a plan that looks into their indexes. */
const CHECKED_WITH_ROWS = new Set(['FK CONSTRAINT', 'CHECK CONSTRAINT', 'CONSTRAINT', 'INDEX']);

const DISPENSABLE = new Set(['EVENT TRIGGER', 'ACL', 'DEFAULT ACL', 'SECURITY LABEL', 'PUBLICATION', 'SUBSCRIPTION']);
const UNDEFINED_OBJECT = '42704';

/** Makes one object in the open transaction, and records it. What is dispensable is listed when the target refuses it. */
export async function makeOne(
  { source, target, emit, hasExclusions }: Pick<FinishOptions, 'source' | 'target' | 'emit' | 'hasExclusions'>,
  entry: ArchiveEntry,
): Promise<void> {
  const object = nameOfEntry(entry);
  await target.query('SAVEPOINT tm_object');
  try {
    const path = CHECKED_WITH_ROWS.has(entry.type) ? `${beginOperatorsPath(target)}; ` : '';
    await target.query(`${path}${entry.sql}`);
    await target.query(`RELEASE SAVEPOINT tm_object; ${END_OPERATORS_PATH}`);
  } catch (error) {
    if (sqlState(error) !== null) {
      await target.query('ROLLBACK TO SAVEPOINT tm_object');
      const byHand = await isMadeByHand({ source, target }, entry, error);
      // Looking for it may have failed in the transaction.
      await target.query('ROLLBACK TO SAVEPOINT tm_object');
      if (byHand) {
        await target.query('RELEASE SAVEPOINT tm_object');
        emit({ type: 'warning', text: takenAsItIs(entry) });
        await recordObject(target, 'entry', entry.key, MADE_BY_HAND);
        return;
      }
    }
    const state = sqlState(error);
    const orphan = hasExclusions && isMissing(error);
    // Told already when the schema was made: it names a role that is not here.
    const stranger = entry.type === 'POLICY' && state === UNDEFINED_OBJECT;
    if (state === null || (!orphan && !stranger && !DISPENSABLE.has(entry.type))) {
      failedFinish(object, 'could not be created', waysOut(entry))(error);
    }
    await target.query('ROLLBACK TO SAVEPOINT tm_object; RELEASE SAVEPOINT tm_object');
    emit({ type: 'warning', text: `Left out: ${object}: ${error instanceof Error ? error.message : String(error)}` });
  }
  await recordObject(target, 'entry', entry.key);
}
