import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { formatLsn, type Lsn } from '../../postgres/lsn.ts';
import type { NamedChange } from '../apply/applier-options.ts';
import { plannedTables } from '../begin.ts';
import type { Emit } from '../events.ts';
import type { MigrationOptions } from '../options.ts';
import { inTransaction } from '../schema/restore.ts';
import { readLeftOutSchemas } from '../source/belongs.ts';
import { readTables, type SourceTable, selection } from '../source/catalog.ts';
import { recordDescriptions } from '../source/named-tables.ts';
import { appliesTo, insertTables, readTableStates, type SyncedTable } from '../sync/table-states.ts';
import { ChunksDamaged, COMPRESSED_DIRECTLY, damageChunks, RESHAPED } from './chunk-damage.ts';
import { dropPlaces, makeChunks } from './make-chunks.ts';
import { Places } from './places.ts';
import { parseSlices, sameSlices } from './slices.ts';
import { chunksOfCompressed, findRelation, hasTimescale, readChunkOids, readSlices } from './source-hypertables.ts';

interface Name {
  readonly schema: string;
  readonly name: string;
}

/** The stream has come to rows of a chunk that was made since: the target needs one, too, before they are applied. */
export class ChunkMissing extends MigrateError {
  readonly chunk: Name;

  constructor(chunk: Name) {
    super('TM2003', {
      side: 'target',
      object: displayName(chunk),
      message: 'a chunk was created on the source, and the target has none for its rows yet',
      hint: 'It is made by itself; nothing is to be done.',
    });
    this.chunk = chunk;
  }
}

/**
 * What the name of a table in the stream means that may be TimescaleDB's: rejects with `ChunkMissing` for a chunk whose rows are
 * wanted, with `ChunksDamaged` for compressed rows that were not written between markers. `unwanted`: it holds what a continuous
 * aggregate keeps, or is gone together with its rows; `ask again`: this change is, another may not be; `foreign`: it is none of TimescaleDB's.
 */
export async function explainChunk(
  source: pg.Client,
  { schema, name, truncated, commitLsn }: NamedChange,
  { tables, options }: { readonly tables: ReadonlyMap<number, SyncedTable>; readonly options: MigrationOptions },
): Promise<'unwanted' | 'ask again' | 'foreign'> {
  if (!(await hasTimescale(source))) return 'foreign';
  const own = (await readLeftOutSchemas(source)).some((leftOut) => leftOut.name === schema);
  const unless = own ? 'unwanted' : 'foreign';
  const found = await findRelation(source, { schema, name });
  if (found?.root) {
    if (selection({ schema, name, partOf: [found.root] }, options) === 'all') throw new ChunkMissing({ schema, name });
    return 'unwanted';
  }
  const owners = found?.compressedOf
    ? [found.compressedOf]
    : found || !own
      ? []
      : await chunksOfCompressed(source, name);
  if (owners.length === 0) return unless;
  if (truncated) return 'ask again';
  return requireNoCompressedRows(source, owners, tables, commitLsn);
}

/** Inside markers nobody asks. Outside of them, what was written in compressed form did not come as rows. */
async function requireNoCompressedRows(
  source: pg.Client,
  owners: readonly number[],
  tables: ReadonlyMap<number, SyncedTable>,
  commitLsn: Lsn | null,
): Promise<'unwanted' | 'ask again'> {
  const unknown = owners.filter((oid) => !tables.has(oid));
  // Known first: only then there is something to mark.
  const [chunk] = unknown.length === 0 ? [] : await readTables(source, unknown);
  if (chunk && commitLsn !== null) throw new ChunkMissing(chunk);
  const known = owners.flatMap((oid) => tables.get(oid) ?? []);
  const following = known.filter((table) => commitLsn !== null && appliesTo(table, commitLsn));
  if (following.length > 0) {
    throw new ChunksDamaged(
      following.map(({ sourceOid }) => sourceOid),
      COMPRESSED_DIRECTLY,
    );
  }
  return known.every(({ copyRows, state }) => !copyRows || state === 'damaged') ? 'unwanted' : 'ask again';
}

interface Created {
  readonly table: SourceTable;
  readonly root: string;
  readonly slices: string;
  /** The place of a chunk that is gone from the source has just these boundaries. */
  readonly takesOver: boolean;
}

/** How many are made in one transaction: each takes locks. */
const AT_ONCE = 100;

interface TakeInOptions {
  /** The one that the stream has come to; null: whichever there are. */
  readonly missing: Name | null;
  /** Where replay stands. */
  readonly applied: Lsn;
  readonly options: MigrationOptions;
  readonly emit: Emit;
}

/**
 * Makes the chunks on the target that the source has made since, and takes them into the migration: all their rows come by the
 * stream, from `applied` on. The rows of a chunk that had the same boundaries and is gone by now stay until the first change of
 * its successor. Where the boundaries are others, the old chunk goes at once, but only for the one that is `missing`: the
 * stream may still bring changes of what the others replace. Gives the OIDs that were taken in.
 */
export async function takeInChunks(source: pg.Client, target: pg.Client, of: TakeInOptions): Promise<number[]> {
  // Replay and the cut-over may come to it at the same moment.
  await target.query(`SELECT pg_advisory_lock(${TAKING_IN})`);
  try {
    return await takeInUnknown(source, target, of);
  } finally {
    await target.query(`SELECT pg_advisory_unlock(${TAKING_IN})`).catch(() => {});
  }
}

/** Any number that is not used otherwise. */
const TAKING_IN = 7_316_520_241;

async function takeInUnknown(source: pg.Client, target: pg.Client, of: TakeInOptions): Promise<number[]> {
  const now = await readChunkOids(source);
  const states = await readTableStates(target);
  const known = new Set(states.map(({ sourceOid }) => sourceOid));
  const unknown = [...now.chunks].filter((oid) => !known.has(oid));
  if (unknown.length === 0) return [];
  const tables = await readTables(source, [...now.roots, ...unknown]);
  const roots = new Map(tables.map((table) => [table.oid, qualified(table)]));
  const wanted = tables.filter((table) => table.kind === 'chunk' && selection(table, of.options) === 'all');
  const slices = await readSlices(source, unknown);
  const places = new Places(states);
  const isMissing = (table: Name) => of.missing !== null && displayName(table) === displayName(of.missing);
  // The one that is needed now first: it may take the place of another.
  wanted.sort((a, b) => Number(isMissing(b)) - Number(isMissing(a)));
  const created: Created[] = [];
  const reshaped: number[] = [];
  for (const table of wanted) {
    const bounds = slices.get(table.oid);
    const root = roots.get(table.rootOid);
    if (bounds === undefined || root === undefined) continue;
    const inTheWay = places.overlapping(table.rootOid, parseSlices(bounds));
    const living = inTheWay.filter(({ sourceOid }) => now.chunks.has(sourceOid));
    if (living.length > 0) {
      // Chunks of one hypertable never overlap: what is known of those is of yesterday.
      reshaped.push(...living.map(({ sourceOid }) => sourceOid), table.oid);
      await takeInDamaged(source, target, table, of.options);
      continue;
    }
    const others = inTheWay.filter((one) => !sameSlices(parseSlices(one.slices ?? '{}'), parseSlices(bounds)));
    if (others.length > 0) {
      if (of.missing !== null && !isMissing(table)) continue;
      await inTransaction(target, () => dropPlaces(target, others, true));
    }
    created.push({ table, root, slices: bounds, takesOver: inTheWay.length > others.length });
  }
  for (let start = 0; start < created.length; start += AT_ONCE) {
    await takeIn(source, target, created.slice(start, start + AT_ONCE), of);
  }
  await damageChunks(target, of.emit, { oids: reshaped, reason: RESHAPED, at: of.applied });
  return created.map(({ table }) => table.oid);
}

async function takeIn(
  source: pg.Client,
  target: pg.Client,
  created: readonly Created[],
  { options, applied }: { readonly options: MigrationOptions; readonly applied: Lsn },
): Promise<void> {
  const oids = created.map(({ table }) => table.oid);
  const takingOver = created.filter(({ takesOver }) => takesOver).map(({ table }) => table.oid);
  await inTransaction(target, async () => {
    await insertTables(
      target,
      plannedTables(
        created.map(({ table }) => table),
        options,
      ),
    );
    await makeChunks(
      target,
      created.map(({ table, root, slices }) => ({ oid: table.oid, root, slices })),
    );
    await recordDescriptions(source, target, oids);
    await target.query(
      `UPDATE tiger_migrate.relation SET state = 'live', copy_lsn = $2::pg_lsn, takes_over = source_oid = ANY ($3::oid[])
        WHERE source_oid = ANY ($1::oid[])`,
      [`{${oids.join(',')}}`, formatLsn(applied), `{${takingOver.join(',')}}`],
    );
  });
}

/** Its rows came another way than by the stream: a copy must bring them. */
async function takeInDamaged(
  source: pg.Client,
  target: pg.Client,
  table: SourceTable,
  options: MigrationOptions,
): Promise<void> {
  await inTransaction(target, async () => {
    await insertTables(target, plannedTables([table], options));
    await recordDescriptions(source, target, [table.oid]);
    // Following for a moment, to be damaged like any other.
    await target.query(`UPDATE tiger_migrate.relation SET state = 'copied' WHERE source_oid = $1::oid`, [
      String(table.oid),
    ]);
  });
}
