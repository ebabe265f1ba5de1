import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { formatLsn, type Lsn } from '../../postgres/lsn.ts';
import { plannedTables } from '../begin.ts';
import { CHUNK_SCHEMA } from '../decode/named-tables.ts';
import type { MigrationOptions } from '../options.ts';
import { inTransaction } from '../schema/restore.ts';
import { readTables, type SourceTable, selection } from '../source/catalog.ts';
import { recordDescriptions } from '../source/named-tables.ts';
import { insertTables, readTableStates } from '../sync/table-states.ts';
import { makeChunks, readPlaces } from './make-hypertables.ts';
import { readSlices } from './source-hypertables.ts';

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
 * wanted. True: nothing of it is wanted, for it holds what a continuous aggregate keeps, or compressed rows, or is gone
 * together with its rows. False: it is none of TimescaleDB's.
 */
export async function explainChunk(source: pg.Client, name: Name, options: MigrationOptions): Promise<boolean> {
  const chunk = (await readTables(source)).find((table) => table.schema === name.schema && table.name === name.name);
  if (chunk?.kind !== 'chunk') return name.schema === CHUNK_SCHEMA;
  if (selection(chunk, options) === 'all') throw new ChunkMissing(name);
  return true;
}

/**
 * Makes the chunks on the target that the source has made since, and takes them into the migration: all their rows come by the
 * stream, from `applied` on. Those that `missing` does not name wait for their turn when another chunk, gone from the source by
 * now, had their boundaries: the stream may still bring changes of that one.
 */
export async function takeInChunks(
  source: pg.Client,
  target: pg.Client,
  of: { readonly missing: Name; readonly applied: Lsn; readonly options: MigrationOptions },
): Promise<void> {
  const tables = await readTables(source);
  const there = new Set(tables.map(({ oid }) => oid));
  const states = await readTableStates(target);
  const known = new Set(states.map(({ sourceOid }) => sourceOid));
  const created = tables.filter(
    (table) => table.kind === 'chunk' && !known.has(table.oid) && selection(table, of.options) === 'all',
  );
  const slices = await readSlices(
    source,
    created.map(({ oid }) => oid),
  );
  const roots = new Map(tables.map((table) => [table.oid, qualified(table)]));
  const isMissing = (table: SourceTable) => displayName(table) === displayName(of.missing);
  // The one that is needed now first: it may take the place of another.
  for (const chunk of [...created].sort((a, b) => Number(isMissing(b)) - Number(isMissing(a)))) {
    const bounds = slices.get(chunk.oid);
    const root = roots.get(chunk.rootOid);
    if (bounds === undefined || root === undefined) continue;
    await inTransaction(target, async () => {
      await insertTables(target, plannedTables([chunk], of.options));
      await makeChunks(target, [{ oid: chunk.oid, root, slices: bounds }]);
      const places = await readPlaces(target);
      const place = places.get(chunk.oid);
      const before = states.filter(
        ({ isChunk, into, sourceOid }) =>
          isChunk && into && place && displayName(into) === displayName(place) && sourceOid !== chunk.oid,
      );
      if (before.some(({ sourceOid }) => there.has(sourceOid))) throw new Error(`two chunks for ${displayName(chunk)}`);
      if (before.length > 0 && place) {
        if (!isMissing(chunk)) throw new NotYet();
        await target.query(`TRUNCATE ONLY ${qualified(place)}`);
        await target.query('UPDATE tiger_migrate.relation SET copy_rows = false WHERE source_oid = ANY ($1::oid[])', [
          `{${before.map(({ sourceOid }) => sourceOid).join(',')}}`,
        ]);
      }
      await recordDescriptions(source, target, [chunk.oid]);
      await target.query(
        `UPDATE tiger_migrate.relation SET state = 'live', copy_lsn = $2::pg_lsn WHERE source_oid = $1::oid`,
        [String(chunk.oid), formatLsn(of.applied)],
      );
    }).catch((error: unknown) => {
      if (!(error instanceof NotYet)) throw error;
    });
  }
}

class NotYet extends Error {}
