import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import type { CutoverRequest } from '../control.ts';
import type { Emit } from '../events.ts';
import { adviceFor } from './misfit.ts';
import type { SchemaWatch } from './watch.ts';

/**
 * Looks at the source's tables once more. Rejects with TM6002 when one is another than on the target, so that rows or
 * columns would be missing, unless a reason overrides it; `tell` says so then. Tables created since have a check of their own.
 */
export async function requireSchemaFollows(
  of: {
    readonly source: pg.Client;
    readonly schemaWatch: SchemaWatch;
    readonly request: CutoverRequest;
    readonly emit: Emit;
  },
  tell: boolean,
): Promise<void> {
  await of.schemaWatch.look(of.source);
  const open = of.schemaWatch.locking.filter(({ kind }) => kind !== 'table-created' && kind !== 'partition-created');
  if (open.length === 0) return;
  const text = `Altered on the source, and not on the target: ${open.map(({ table, what }) => `${table}: ${what}`).join('; ')}`;
  if (of.request.override === null) {
    throw new MigrateError('TM6002', {
      side: 'target',
      object: open[0]?.table,
      message: text,
      hint: `${adviceFor(open)}\nThen cut over again.`,
    });
  }
  if (tell) of.emit({ type: 'warning', text });
}

/** What the target has beyond the source, for the summary. */
export const told = ({ changes }: SchemaWatch): string[] => {
  const lines = changes.filter(({ locks }) => !locks).map(({ table, what }) => `${table}: ${what}`);
  return lines.length === 0 ? [] : [`Left on the target as it was: ${lines.join('; ')}.`];
};
