import type pg from 'pg';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { beginOperatorsPath } from '../../postgres/search-path.ts';
import { copyStatements, PipeError, pipeCopy } from '../copy/pipe.ts';
import { inTransaction } from '../schema/restore.ts';
import type { Servers } from '../servers.ts';
import type { SourceTable } from '../source/catalog.ts';
import { failedFinish } from './finish-error.ts';

/**
 * Unlogged tables leave no trace in the WAL: what they hold now is copied once more. On a session of its own on the source: one
 * whose COPY was given up half-way answers nothing any more, and whoever asked on it would wait for ever.
 */
export async function copyUnlogged(
  servers: Pick<Servers, 'onSource' | 'destroy'>,
  target: pg.Client,
  tables: readonly SourceTable[],
  signal: AbortSignal,
): Promise<void> {
  if (tables.length === 0) return;
  const source = await servers.onSource('unlogged');
  const copy = async (table: SourceTable) => {
    const part = { table, part: 0, parts: 1, pages: null, bytes: table.bytes };
    await pipeCopy(source, target, copyStatements(part, table, false), () => {}, signal).catch((error: unknown) => {
      // The COPY on the target would wait for the rest in the same way.
      if (error instanceof PipeError && error.side === 'source') servers.destroy(target);
      return failedFinish(displayName(table), 'the unlogged table could not be copied')(error);
    });
  };
  try {
    await inTransaction(target, async () => {
      // All in one statement, for they may refer to each other.
      await target
        .query(`TRUNCATE ${tables.map((table) => `ONLY ${qualified(table)}`).join(', ')}`)
        .catch(failedFinish('unlogged tables', 'they could not be emptied, to be copied again'));
      await target.query(beginOperatorsPath(target));
      for (const table of tables) await copy(table);
    });
  } finally {
    servers.destroy(source);
  }
}
