import { displayName } from '../../postgres/identifiers.ts';
import { type HeldSnapshot, holdSnapshot, temporarySlotOf } from '../begin.ts';
import { untilCopyFits } from '../ddl/copy-hold.ts';
import { recordShapes } from '../ddl/recorded-shapes.ts';
import type { Engine } from '../engine.ts';
import { chunkOf, readTables, type SourceTable } from '../source/catalog.ts';
import { placePartitions } from '../source/partition-places.ts';
import { markDamaged, tellDamage } from '../sync/damage.ts';
import { leaveRowsOut, type SyncedTable } from '../sync/table-states.ts';
import { describeChunk } from '../timescale/chunk-name.ts';
import { adoptChunks, placeChunks } from '../timescale/make-chunks.ts';
import { throughRoots } from '../timescale/new-hypertables.ts';
import { copyTables } from './copy-tables.ts';
import { emptyTrees } from './empty-trees.ts';
import { compareStoredValues } from './stored-values.ts';

/**
 * Copies the rows of all these tables in `snapshot`; those that were truncated before their turn came, in a newer one:
 * each table has a position of its own from which changes are applied. A table that was dropped meanwhile is let go, and
 * of those in `mayRefuse` one that the target refuses is damaged; the rest goes on.
 */
export async function copyRows(
  engine: Engine,
  snapshot: HeldSnapshot,
  { tables, mayRefuse }: { tables: readonly SourceTable[]; mayRefuse: ReadonlySet<number> },
  onTableCopied: (table: SourceTable) => void,
  signal: AbortSignal,
): Promise<void> {
  const { input, servers, options, jobs, sourceVersionNum } = engine;
  const copyIn = async (held: HeldSnapshot, some: readonly SourceTable[]) => {
    await emptyTrees(engine.target, some);
    const copied = await copyTables({
      connectSource: servers.onSource,
      connectTarget: servers.onTarget,
      destroy: servers.destroy,
      snapshot: held.name,
      copyLsn: held.lsn,
      tables: some,
      mayRefuse,
      jobs: jobs.tables,
      splitBytes: options.splitTablesLargerThan,
      sourceVersionNum,
      untilFits: (table, cause) => untilCopyFits({ servers, emit: input.emit, signal }, table, cause),
      emit: input.emit,
      signal,
      onTableCopied,
    });
    for (const [table, { code, message }] of copied.refused) {
      const damage = { code, reason: message, row: null, lsn: held.lsn };
      await markDamaged(engine.target, table.oid, damage, ['pending', 'copying']);
      tellDamage(input.emit, { ...table, damage, bytes: 0, rows: 0 });
    }
    // What the rows correspond to from now on.
    const brought = some.filter((table) => !copied.again.has(table) && !copied.refused.has(table));
    await recordShapes(
      held.client,
      engine.target,
      brought.filter(({ kind }) => kind !== 'chunk').map(({ oid }) => oid),
    );
    await compareStoredValues({ source: held.client, target: engine.target, emit: input.emit }, brought);
    return copied.again;
  };
  let again = await copyIn(snapshot, tables);
  while (again.size > 0) {
    const first = [...again].slice(0, 10).map(displayName).join(', ');
    const names = again.size > 10 ? `${first} and ${again.size - 10} more` : first;
    input.emit({ type: 'log', text: `Truncated or rewritten since the snapshot, copied in a newer one: ${names}` });
    await using newer = await holdSnapshot(servers, temporarySlotOf(engine.migration.slot), engine.plugin, true);
    const inNewer = await readTables(newer.client);
    const adopted = await adoptChunks(engine, newer.client, inNewer);
    const chunks = await placeChunks({ ...engine, emit: input.emit }, inNewer);
    const placed = await placePartitions(newer.client, engine.target, chunks);
    const now = new Map(throughRoots(placed, options.hypertables).map((table) => [table.oid, table]));
    for (const table of again) {
      if (!now.get(table.oid)?.into) await letGo(engine, { ...table, sourceOid: table.oid, chunkOf: chunkOf(table) });
    }
    const some = [...[...again].map(({ oid }) => oid), ...adopted].flatMap((oid) => {
      const table = now.get(oid);
      return table?.into ? [table] : [];
    });
    again = await copyIn(newer, some);
  }
}

/** The source has dropped a table that was not copied yet. */
export async function letGo(
  { target, input }: Engine,
  table: Pick<SyncedTable, 'sourceOid' | 'schema' | 'name' | 'chunkOf'>,
): Promise<void> {
  await leaveRowsOut(target, table.sourceOid);
  if (table.chunkOf) {
    // Nothing for the operator: the cut-over drops it on the target, too.
    input.emit({ type: 'log', text: `${describeChunk(table)} was dropped on the source before it was copied.` });
    return;
  }
  const text = `${displayName(table)} was dropped on the source before it was copied: on the target it stays as it is.`;
  input.emit({ type: 'warning', text });
}
