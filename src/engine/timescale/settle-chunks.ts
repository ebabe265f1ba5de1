import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import { queryAsOperator } from '../../postgres/search-path.ts';
import type { Emit } from '../events.ts';
import type { MigrationOptions } from '../options.ts';
import { inTransaction } from '../schema/restore.ts';
import { isComplete, readTableStates, type SyncedTable } from '../sync/table-states.ts';
import { ATTACHED, damageChunks, RESHAPED } from './chunk-damage.ts';
import { describeChunk } from './chunk-name.ts';
import { dropPlaces } from './make-chunks.ts';
import { takeInChunks } from './new-chunks.ts';
import { parseSlices, sameSlices } from './slices.ts';
import { hasTimescale, readChunkOids, readSlices } from './source-hypertables.ts';

export interface SettleOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly options: MigrationOptions;
  readonly emit: Emit;
  /** Where replay stands. */
  readonly applied: () => Lsn;
  /** Waits until everything that the source has committed by now is applied. */
  readonly drain: () => Promise<unknown>;
}

/**
 * Makes the target's chunks those of the source, once everything is applied; does nothing without TimescaleDB: what the source has dropped goes, what it made
 * without a row is made. Marks as damaged what must be copied again.
 */
export async function settleChunks(of: SettleOptions): Promise<void> {
  const { source, target, emit } = of;
  if (!(await hasTimescale(source))) return;
  await of.drain();
  const before = await unknownChunks(source, target);
  if (before.length > 0) {
    // With what was on its way the stream names them.
    await of.drain();
    const taken = new Set(await takeInChunks(source, target, { ...of, missing: null, applied: of.applied() }));
    const filled: number[] = [];
    for (const oid of before) if (taken.has(oid) && (await hasRows(source, oid))) filled.push(oid);
    await damageChunks(target, emit, { oids: filled, reason: ATTACHED, at: null });
  }
  await lookForReshaped(source, target, emit);
  await dropGone(of);
}

async function unknownChunks(source: pg.Client, target: pg.Client): Promise<number[]> {
  const known = new Set((await readTableStates(target)).map(({ sourceOid }) => sourceOid));
  return [...(await readChunkOids(source)).chunks].filter((oid) => !known.has(oid));
}

async function hasRows(source: pg.Client, oid: number): Promise<boolean> {
  const { rows } = await source.query<{ name: string }>('SELECT $1::oid::regclass::text AS name', [String(oid)]);
  const found = await queryAsOperator<{ there: string }>(
    source,
    `SELECT EXISTS (SELECT FROM ${rows[0]?.name}) AS there`,
  );
  return found.rows[0]?.there === 't';
}

/** Changes whenever a chunk's boundaries do, or there are others: then it pays to look closer. Empty: there is nothing to look at. */
export async function fingerprintOfSlices(source: pg.Client): Promise<string> {
  if (!(await hasTimescale(source))) return '';
  const { rows } = await source.query<{ fingerprint: string }>(
    `SELECT concat(count(*), ' ', sum(hashtextextended(d::text, 0))) AS fingerprint FROM _timescaledb_catalog.dimension_slice d`,
  );
  return rows[0]?.fingerprint ?? '';
}

/** Chunks whose boundaries are others than those that the target was given: merge_chunks and split_chunk move rows that no stream shows. */
export async function lookForReshaped(source: pg.Client, target: pg.Client, emit: Emit): Promise<void> {
  const { chunks } = await readChunkOids(source);
  if (chunks.size === 0) return;
  const slices = await readSlices(source, [...chunks]);
  const reshaped = (await readTableStates(target)).filter((table) => {
    const now = slices.get(table.sourceOid);
    if (now === undefined || table.slices === null || !table.copyRows || !isComplete(table)) return false;
    return !sameSlices(parseSlices(table.slices), parseSlices(now));
  });
  await damageChunks(target, emit, { oids: reshaped.map(({ sourceOid }) => sourceOid), reason: RESHAPED, at: null });
}

async function dropGone({ source, target, emit }: SettleOptions): Promise<void> {
  const { chunks } = await readChunkOids(source);
  const states = await readTableStates(target);
  await requireStillChunks(source, states, chunks);
  const placed = states.filter(({ isChunk, into }) => isChunk && into);
  const living = placed.filter(({ sourceOid }) => chunks.has(sourceOid));
  const inUse = new Set(living.map(({ into }) => into && displayName(into)));
  const gone = placed.filter(({ sourceOid, into }) => !chunks.has(sourceOid) && into && !inUse.has(displayName(into)));
  for (const table of gone) await inTransaction(target, () => dropPlaces(target, [table], true));
  // Made anew without a row: those of the one before are still there.
  for (const { into, sourceOid } of living.filter(({ takesOver }) => takesOver)) {
    await inTransaction(target, async () => {
      if (into) await target.query(`TRUNCATE ONLY ${qualified(into)}`);
      await target.query('UPDATE tiger_migrate.relation SET takes_over = false WHERE source_oid = $1::oid', [
        String(sourceOid),
      ]);
    });
  }
  if (gone.length === 0) return;
  const names = gone.slice(0, 3).map(describeChunk).join(', ');
  const more = gone.length > 3 ? ` and ${gone.length - 3} more` : '';
  emit({ type: 'log', text: `Dropped on the target, as on the source: ${names}${more}` });
}

/** attach_chunk and detach_chunk turn a table into a chunk and back: on the target its rows stand in the other form. */
async function requireStillChunks(
  source: pg.Client,
  states: readonly SyncedTable[],
  chunks: ReadonlySet<number>,
): Promise<void> {
  const migrated = states.filter(({ copyRows }) => copyRows);
  const attached = migrated.find(({ isChunk, sourceOid }) => !isChunk && chunks.has(sourceOid));
  const missing = migrated.filter(({ isChunk, sourceOid }) => isChunk && !chunks.has(sourceOid));
  const { rows } = await source.query<{ oid: string }>(
    'SELECT oid::int8 AS oid FROM pg_class WHERE oid = ANY ($1::oid[])',
    [`{${missing.map(({ sourceOid }) => sourceOid).join(',')}}`],
  );
  const still = new Set(rows.map(({ oid }) => Number(oid)));
  const detached = missing.find(({ sourceOid }) => still.has(sourceOid));
  const table = attached ?? detached;
  if (!table) return;
  throw new MigrateError('TM2003', {
    side: 'source',
    object: describeChunk(table),
    message: attached
      ? 'the table was attached to a hypertable as a chunk after the migration had begun'
      : 'the chunk was detached from its hypertable after the migration had begun',
    hint: 'Undo that on the source (detach_chunk, attach_chunk), then cut over again. Or start over with migrate --drop-if-exists.',
  });
}
