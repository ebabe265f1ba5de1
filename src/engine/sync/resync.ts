import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { matches, matchesAny } from '../../postgres/patterns.ts';
import type { Emit } from '../events.ts';
import { holdsRows, readTables, type SourceTable } from '../source/catalog.ts';
import { publishAgain } from '../source/published.ts';
import { ofHypertable } from '../timescale/chunk-name.ts';
import { readTableStates, type SyncedTable } from './table-states.ts';
import { withWholeTrees } from './trees.ts';

/** Ends a run of the engine, for the next one to bring the tables that were marked: the way of a resume. */
export class ResyncAsked extends Error {
  constructor() {
    super('tables are to be copied again');
  }
}

export interface ResyncOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly publications: readonly string[];
  readonly emit: Emit;
}

/**
 * Marks tables to be copied again, in a transaction of its own: `patterns` as everywhere, a partitioned table for all its
 * partitions; none for all that are damaged. From then on nothing is applied to them before they are copied. Rejects
 * with TM1001 or TM5004, and marks nothing, when one of the patterns names nothing that can be copied again.
 */
export async function markForResync(of: ResyncOptions, patterns: readonly string[]): Promise<void> {
  const { source, target, emit } = of;
  const onSource = await readTables(source);
  const tables = withWholeTrees(await tablesToCopy(onSource, target, patterns), await readTableStates(target));
  await publishAgain(of, tables, onSource);
  await target.query(
    `UPDATE tiger_migrate.relation SET state = 'pending', again = again OR state IN ('copied', 'live', 'damaged'), damage_code = NULL,
            damage_reason = NULL, damage_row = NULL, damage_lsn = NULL WHERE source_oid = ANY ($1::oid[])`,
    [`{${tables.map((table) => table.sourceOid).join(',')}}`],
  );
  for (const table of tables) {
    const relation = displayName(table);
    emit({ type: 'table', relation, ...ofHypertable(table), state: 'pending', bytes: 0, rows: 0, done: 0 });
  }
  const names = tables.map(displayName);
  emit({
    type: 'log',
    text:
      `To be copied again: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${names.length - 10} more` : ''}. ` +
      'Meanwhile replay waits for all tables; what the source writes is received into the spool, and applied afterwards.',
  });
}

async function tablesToCopy(
  onSource: readonly SourceTable[],
  target: pg.Client,
  patterns: readonly string[],
): Promise<readonly SyncedTable[]> {
  const states = await readTableStates(target);
  const migrated = states.filter((table) => table.copyRows);
  if (patterns.length === 0) {
    const damaged = migrated.filter((table) => table.state === 'damaged');
    if (damaged.length > 0) return damaged;
    throw new MigrateError('TM5004', {
      side: 'target',
      message: 'no table is damaged',
      hint: 'To copy others again, name them: migrate --resync schema.table.',
    });
  }
  const partOf = new Map(onSource.map((table) => [table.oid, table.partOf]));
  const isNamed = (table: SyncedTable, pattern: string) =>
    [table, ...(partOf.get(table.sourceOid) ?? [])].some((one) => matches(pattern, one));
  const nothing = patterns.find((pattern) => !migrated.some((table) => isNamed(table, pattern)));
  if (nothing === undefined) return migrated.filter((table) => patterns.some((pattern) => isNamed(table, pattern)));

  const known = new Set(states.map((table) => table.sourceOid));
  const created = onSource.find(
    (table) =>
      !known.has(table.oid) && holdsRows(table) && [table, ...table.partOf].some((one) => matches(nothing, one)),
  );
  if (created) {
    throw new MigrateError('TM5004', {
      side: 'source',
      object: displayName(created),
      message: 'the table was created after the migration had begun, and the target does not have it',
      hint: 'Make it on the target (status and the wizard, D, show the statements): it is copied and taken in by itself then.',
    });
  }
  if (states.some((table) => matchesAny([nothing], table))) {
    throw new MigrateError('TM5004', {
      side: 'source',
      object: nothing,
      message:
        'the rows of this table are not migrated: it was left out, holds none itself, or is gone from the source',
      hint: 'Name a table whose rows are migrated; status and the wizard list them.',
    });
  }
  throw new MigrateError('TM1001', {
    side: 'local',
    object: nothing,
    message: 'no table of the migration matches',
    hint: 'Names are schema.table, with * for any characters and ? for one: --resync public.orders.',
  });
}
