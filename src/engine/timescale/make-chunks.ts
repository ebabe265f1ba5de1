import type pg from 'pg';
import { qualified } from '../../postgres/identifiers.ts';
import { plannedTables } from '../begin.ts';
import type { Emit } from '../events.ts';
import type { MigrationOptions } from '../options.ts';
import { inTransaction } from '../schema/restore.ts';
import { type SourceTable, selection } from '../source/catalog.ts';
import { recordDescriptions } from '../source/named-tables.ts';
import { insertTables, isOpen, readTableStates, type SyncedTable } from '../sync/table-states.ts';
import { damageChunks, RESHAPED } from './chunk-damage.ts';
import { Places } from './places.ts';
import { parseSlices, sameSlices } from './slices.ts';
import { readChunkOids, readSlices } from './source-hypertables.ts';

/** Chunks that are made in one transaction: nobody else makes any on the target. */
const AT_ONCE = 100;

const MAKE = `
UPDATE tiger_migrate.relation r SET target_schema = c.schema_name, target_name = c.table_name, slices = w.slices::jsonb
  FROM json_to_recordset($1::json) w(oid oid, root text, slices text)
 CROSS JOIN LATERAL _timescaledb_functions.create_chunk(w.root::regclass, w.slices::jsonb) c
 WHERE r.source_oid = w.oid`;

/** Makes chunks with these boundaries, or finds those that have them, and remembers whose rows they take. */
export async function makeChunks(
  target: pg.Client,
  wanted: readonly { readonly oid: number; readonly root: string; readonly slices: string }[],
): Promise<void> {
  await target.query(MAKE, [JSON.stringify(wanted)]);
}

/**
 * Drops the target's chunks that take the rows of these. By TimescaleDB's own function: with `session_replication_role = replica`
 * the event trigger does not fire by which it hears of a DROP TABLE. `gone`: the source has them no more.
 */
export async function dropPlaces(target: pg.Client, tables: readonly SyncedTable[], gone: boolean): Promise<void> {
  for (const { into } of tables) {
    if (!into) continue;
    const { rows } = await target.query<{ there: string }>('SELECT to_regclass($1) IS NOT NULL AS there', [
      qualified(into),
    ]);
    if (rows[0]?.there === 't') {
      await target.query('SELECT _timescaledb_functions.drop_chunk($1::regclass)', [qualified(into)]);
    }
    await target.query(
      `UPDATE tiger_migrate.relation SET target_schema = NULL, target_name = NULL, slices = NULL, takes_over = false,
              copy_rows = copy_rows AND NOT $3::boolean WHERE kind = 'chunk' AND target_schema = $1 AND target_name = $2`,
      [into.schema, into.name, String(gone)],
    );
  }
}

/** Whatever the stream still brings of a chunk that had the place before, and is gone, is older than the copy of the one that has it now. */
const SUCCEED = `
UPDATE tiger_migrate.relation g SET copy_rows = false, target_schema = NULL, target_name = NULL, slices = NULL
  FROM tiger_migrate.relation o
 WHERE o.source_oid = ANY ($1::oid[]) AND o.kind = 'chunk' AND g.kind = 'chunk' AND g.source_oid <> o.source_oid
   AND g.target_schema = o.target_schema AND g.target_name = o.target_name`;

/**
 * Makes the chunks of the target that take the rows of those of these that are to be copied, with the same boundaries, all of them
 * before the first row: one that is made inside a long transaction lets every other wait. What is in the way, for the source has
 * dropped, merged or split it, goes. Remembers which is whose, and gives the tables their places.
 */
export async function placeChunks(
  { source, target, emit }: { readonly source: pg.Client; readonly target: pg.Client; readonly emit: Emit },
  tables: readonly SourceTable[],
): Promise<SourceTable[]> {
  if (!tables.some(({ kind }) => kind === 'chunk')) return [...tables];
  const roots = new Map(tables.filter(({ kind }) => kind === 'hypertable').map((table) => [table.oid, table]));
  const states = new Map((await readTableStates(target)).map((state) => [state.sourceOid, state]));
  const open = tables.flatMap((table) => {
    const state = table.kind === 'chunk' ? states.get(table.oid) : undefined;
    return state && isOpen(state) ? [state] : [];
  });
  const slices = await readSlices(
    source,
    open.map(({ sourceOid }) => sourceOid),
  );
  const wanted = open.flatMap((state) => {
    const [root, bounds] = [roots.get(state.rootOid), slices.get(state.sourceOid)];
    if (!root || bounds === undefined) return [];
    const placed = state.into && state.slices !== null && sameSlices(parseSlices(state.slices), parseSlices(bounds));
    return placed ? [] : [{ oid: state.sourceOid, rootOid: state.rootOid, root: qualified(root), slices: bounds }];
  });
  if (wanted.length > 0) await makeRoom({ source, target, emit }, wanted, [...states.values()]);
  for (let start = 0; start < wanted.length; start += AT_ONCE) {
    await makeChunks(target, wanted.slice(start, start + AT_ONCE));
  }
  await target.query(SUCCEED, [`{${open.map(({ sourceOid }) => sourceOid).join(',')}}`]);
  const places = await readPlaces(target);
  return tables.map((table) => (table.kind === 'chunk' ? { ...table, into: places.get(table.oid) ?? null } : table));
}

async function makeRoom(
  { source, target, emit }: { readonly source: pg.Client; readonly target: pg.Client; readonly emit: Emit },
  wanted: readonly { readonly rootOid: number; readonly slices: string }[],
  states: readonly SyncedTable[],
): Promise<void> {
  const living = (await readChunkOids(source)).chunks;
  const places = new Places(states);
  const inTheWay = new Set<SyncedTable>();
  for (const { rootOid, slices } of wanted) {
    const bounds = parseSlices(slices);
    for (const place of places.overlapping(rootOid, bounds)) {
      // The rows of one that is gone make room when the copy begins.
      const reused = !living.has(place.sourceOid) && sameSlices(parseSlices(place.slices ?? '{}'), bounds);
      if (!reused) inTheWay.add(place);
    }
  }
  const [still, gone] = [[...inTheWay].filter(isLiving), [...inTheWay].filter((table) => !isLiving(table))];
  function isLiving({ sourceOid }: SyncedTable): boolean {
    return living.has(sourceOid);
  }
  await damageChunks(target, emit, { oids: still.map(({ sourceOid }) => sourceOid), reason: RESHAPED, at: null });
  await dropPlaces(target, still, false);
  await dropPlaces(target, gone, true);
}

/**
 * Takes in the chunks of these that were made after the migration had begun, to be copied: whether their rows come by the stream, or
 * were split off from another chunk, which no stream shows, the copy has them. `inSnapshot`: a session in that of the copy. Gives
 * how many there are.
 */
export async function adoptChunks(
  { target, options }: { readonly target: pg.Client; readonly options: MigrationOptions },
  inSnapshot: pg.Client,
  tables: readonly SourceTable[],
): Promise<number[]> {
  const known = new Set((await readTableStates(target)).map(({ sourceOid }) => sourceOid));
  const chunks = tables.filter(
    (table) => table.kind === 'chunk' && !known.has(table.oid) && selection(table, options) === 'all',
  );
  if (chunks.length === 0) return [];
  const oids = chunks.map(({ oid }) => oid);
  await inTransaction(target, async () => {
    await insertTables(target, plannedTables(chunks, options));
    await recordDescriptions(inSnapshot, target, oids);
  });
  return oids;
}

/** Where the rows of chunks go, by their OIDs on the source. */
async function readPlaces(target: pg.Client): Promise<Map<number, { schema: string; name: string }>> {
  const { rows } = await target.query<{ oid: string; schema: string; name: string }>(
    `SELECT source_oid::int8 AS oid, target_schema AS schema, target_name AS name FROM tiger_migrate.relation
      WHERE kind = 'chunk' AND target_name IS NOT NULL`,
  );
  return new Map(rows.map(({ oid, schema, name }) => [Number(oid), { schema, name }]));
}
