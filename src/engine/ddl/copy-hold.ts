import { setTimeout as delay } from 'node:timers/promises';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { Emit } from '../events.ts';
import type { Servers } from '../servers.ts';
import type { SourceTable } from '../source/catalog.ts';
import { lookAtBothSides } from './both-sides.ts';
import { adviceFor } from './misfit.ts';

const LOOK_INTERVAL_MS = 1000;

/**
 * The copy of one table waits here, and no other's, for the operator: the source's table was altered after the target's was
 * made. Resolves when the target has the table, and the columns that are copied in the source's types: true when it pays to
 * try again, false when that was so from the beginning. Rejects when the signal aborts.
 */
export async function untilCopyFits(
  of: { readonly servers: Servers; readonly emit: Emit; readonly signal: AbortSignal },
  table: SourceTable,
  cause: unknown,
): Promise<boolean> {
  const { servers, emit, signal } = of;
  const what = `copying ${displayName(table)}`;
  const source = await servers.onSource('schema');
  const target = await servers.onTarget('schema').catch((error: unknown) => {
    servers.destroy(source);
    throw error;
  });
  const stop = () => {
    servers.destroy(source);
    servers.destroy(target);
  };
  signal.addEventListener('abort', stop, { once: true });
  const sent = table.columns.filter(({ generated }) => !generated).map(({ name }) => name);
  let said = '';
  try {
    for (;;) {
      const { tables, changes } = await lookAtBothSides(source, target, [table.oid]);
      const there = tables[0]?.target;
      const named = there && there.schema === table.schema && there.name === table.name;
      const retyped = changes.some(({ kind }) => kind === 'column-retyped');
      if (named && !retyped && sent.every((name) => there.columns.some((column) => column.name === name))) break;
      const open = changes.filter(({ locks }) => locks);
      const message =
        open.length > 0
          ? open.map(({ what: text }) => text).join('; ')
          : cause instanceof Error
            ? cause.message
            : String(cause);
      const error = new MigrateError('TM2003', {
        side: 'target',
        object: displayName(table),
        message,
        hint: adviceFor(open),
      });
      if (said !== error.hint + message) {
        emit({ type: 'retry', what, policy: 'operator', error: error.report(), retry_ms: LOOK_INTERVAL_MS });
      }
      said = error.hint + message;
      await delay(LOOK_INTERVAL_MS, undefined, { signal });
    }
    if (said === '') return false;
    emit({ type: 'healed', what });
    return true;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}
