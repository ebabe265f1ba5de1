import type pg from 'pg';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { copyStatements, pipeCopy } from '../copy/pipe.ts';
import { inTransaction } from '../schema/restore.ts';
import type { SourceTable } from '../source/catalog.ts';
import { failedFinish } from './finish-error.ts';

/** Unlogged tables leave no trace in the WAL: what they hold now is copied once more. */
export async function copyUnlogged(
  source: pg.Client,
  target: pg.Client,
  tables: readonly SourceTable[],
  signal: AbortSignal,
): Promise<void> {
  if (tables.length === 0) return;
  await inTransaction(target, async () => {
    // All in one statement, for they may refer to each other.
    await target
      .query(`TRUNCATE ${tables.map((table) => `ONLY ${qualified(table)}`).join(', ')}`)
      .catch(failedFinish('unlogged tables', 'they could not be emptied, to be copied again'));
    for (const table of tables) {
      const part = { table, part: 0, parts: 1, pages: null, bytes: table.bytes };
      await pipeCopy(source, target, copyStatements(part, table, false), () => {}, signal).catch(
        failedFinish(displayName(table), 'the unlogged table could not be copied'),
      );
    }
  });
}
