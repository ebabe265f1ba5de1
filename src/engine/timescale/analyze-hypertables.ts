import { toMigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { queryAsOperator } from '../../postgres/search-path.ts';
import type { Engine } from '../engine.ts';
import { Resources } from '../resources.ts';
import type { SourceTable } from '../source/catalog.ts';
import { recordedObjects, recordObject } from '../target/progress-schema.ts';

/** Somebody who holds a lock on the target must not hold up the cut-over. */
const LOCK_TIMEOUT_MS = 10_000;

/** A hypertable of the target. */
export const isHypertable = ({ kind, into }: Pick<SourceTable, 'kind' | 'into'>): boolean =>
  kind === 'hypertable' || into?.partitionedBy !== undefined;

/**
 * Analyzes hypertables with all their chunks, once, beside replay: the server looks at each chunk as closely as at a whole plain table, which
 * takes longer than to build an index, and replay finds its rows without (`prepareApplying`). What does not work is left to autovacuum, which
 * does the same with the chunks in time.
 */
export async function analyzeHypertables(
  { servers, target, input }: Engine,
  hypertables: readonly SourceTable[],
  signal: AbortSignal,
): Promise<void> {
  await using session = new Resources();
  try {
    const done = await recordedObjects(target, 'statistics');
    const open = hypertables.filter((table) => !done.has(displayName(table)));
    if (open.length === 0) return;
    const client = await servers.onTarget('statistics');
    const stop = () => servers.destroy(client);
    session.defer(stop);
    signal.addEventListener('abort', stop, { once: true });
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    for (const table of open) {
      await queryAsOperator(client, `ANALYZE ${qualified(table)}`);
      await recordObject(client, 'statistics', displayName(table));
    }
  } catch (error) {
    if (signal.aborted) return;
    input.emit({
      type: 'log',
      text: `Statistics of hypertables are left to autovacuum: ${toMigrateError(error).message}`,
    });
  }
}
