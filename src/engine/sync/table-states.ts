import type pg from 'pg';
import { formatLsn, type Lsn, parseLsn } from '../../postgres/lsn.ts';
import type { TableState } from '../events.ts';
import type { Place } from '../source/catalog.ts';
import { throughParent } from '../source/partition-places.ts';
import { describeChunk } from '../timescale/chunk-name.ts';
import { type Damage, damageOf } from './damage.ts';

/**
 * Where each table stands, as PostgreSQL's own tablesync has it: `pending → copying → copied (at an LSN) → live`. From the
 * last two a table may become `damaged`, and only another copy brings it back.
 * https://www.postgresql.org/docs/current/logical-replication-architecture.html#LOGICAL-REPLICATION-SNAPSHOT
 */
export interface SyncedTable {
  readonly sourceOid: number;
  readonly schema: string;
  readonly name: string;
  /** The hypertable of a chunk, the root of a partition; its own OID else. */
  readonly rootOid: number;
  readonly isChunk: boolean;
  /** The hypertable of a chunk; null for any other table. */
  readonly chunkOf: { readonly schema: string; readonly name: string } | null;
  /** Where its rows are on the target: a chunk has another name there, null until it has one; a partition may go through what it is a part of. */
  readonly into: Place | null;
  /** The boundaries of the target's chunk that takes its rows, as JSON; null while there is none. */
  readonly slices: string | null;
  /** Its place still holds the rows of another chunk, gone from the source: they go before its first change is applied. */
  readonly takesOver: boolean;
  /** False: only the schema is migrated, changes are not applied. */
  readonly copyRows: boolean;
  readonly state: TableState;
  /** The snapshot of the copy holds every transaction that committed before; null while nothing is copied. */
  readonly copyLsn: Lsn | null;
  readonly bytes: number;
  readonly rows: number;
  /** It was complete once: what refuses its rows now damages it, and does not end the migration. */
  readonly again: boolean;
  readonly damage: Damage | null;
}

export async function readTableStates(client: pg.Client): Promise<SyncedTable[]> {
  const { rows } = await client.query<Record<string, string | null>>(
    `SELECT r.source_oid, r.schema, r.name, r.kind, r.root_oid, h.schema AS root_schema, h.name AS root_name, r.target_schema,
            r.target_name, r.slices::text AS slices, r.takes_over, r.partitioned_by::text AS partitioned_by, r.copy_rows, r.state, r.copy_lsn, r.bytes, r.rows, r.again,
            r.damage_code, r.damage_reason, r.damage_row, r.damage_lsn
       FROM tiger_migrate.relation r LEFT JOIN tiger_migrate.relation h ON h.source_oid = r.root_oid AND r.kind = 'chunk'
      ORDER BY r.source_oid`,
  );
  return rows.map((row) => ({
    sourceOid: Number(row.source_oid),
    schema: row.schema ?? '',
    name: row.name ?? '',
    rootOid: Number(row.root_oid),
    isChunk: row.kind === 'chunk',
    chunkOf: row.root_name ? { schema: row.root_schema ?? '', name: row.root_name } : null,
    into: intoOf(row),
    slices: row.slices ?? null,
    takesOver: row.takes_over === 't',
    copyRows: row.copy_rows === 't',
    state: row.state as TableState,
    copyLsn: row.copy_lsn ? parseLsn(row.copy_lsn) : null,
    bytes: Number(row.bytes),
    rows: Number(row.rows),
    again: row.again === 't',
    damage: row.state === 'damaged' ? damageOf(row) : null,
  }));
}

/** Where its rows are on the target. Throws for a chunk that has no place there yet: nothing is applied to one. */
export function placeOf(table: Pick<SyncedTable, 'schema' | 'name' | 'into' | 'chunkOf'>): Place {
  if (table.into) return table.chunkOf ? { ...table.into, shownAs: describeChunk(table) } : table.into;
  throw new Error(`no chunk of the target for ${table.schema}.${table.name}`);
}

function intoOf(row: Record<string, string | null>): SyncedTable['into'] {
  if (row.kind !== 'chunk') {
    const own = { schema: row.schema ?? '', name: row.name ?? '' };
    const { target_schema: schema, target_name: name } = row;
    if (schema && name) return throughParent({ schema, name }, own);
    return row.partitioned_by ? { ...own, partitionedBy: JSON.parse(row.partitioned_by) as string[] } : own;
  }
  const { target_schema: schema, target_name: name } = row;
  return schema && name ? { schema, name } : null;
}

/**
 * Whether a change is to be applied to a table. A transaction that committed before the copy's snapshot is in the copy;
 * `commitLsn` is the position of the commit record itself, and the snapshot's consistent point is the first position
 * that it does not hold. A table that is damaged, or is to be copied again, gets nothing before its next copy.
 */
export const appliesTo = (table: Pick<SyncedTable, 'copyRows' | 'copyLsn' | 'state'>, commitLsn: Lsn): boolean =>
  table.copyRows && isComplete(table) && table.copyLsn !== null && commitLsn >= table.copyLsn;

/** All rows of a copy are there, and what the source did since is applied to them. */
export const isComplete = ({ state }: Pick<SyncedTable, 'state'>): boolean => state === 'copied' || state === 'live';

/** Waits for its copy, or for the rest of it. */
export const isOpen = ({ copyRows, state }: Pick<SyncedTable, 'copyRows' | 'state'>): boolean =>
  copyRows && (state === 'pending' || state === 'copying');

export interface PlannedTable {
  readonly sourceOid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly rootOid: number;
  readonly copyRows: boolean;
  readonly parts: number;
  /** Of a plain table that becomes a hypertable: what decides in which chunk a row stands. */
  readonly partitionedBy?: readonly string[];
}

export async function insertTables(client: pg.Client, tables: readonly PlannedTable[]): Promise<void> {
  await client.query(
    `INSERT INTO tiger_migrate.relation (source_oid, schema, name, kind, root_oid, copy_rows, state, parts_total, partitioned_by)
     SELECT t.oid, t.schema, t.name, t.kind, t.root, t.copy, 'pending', t.parts, t.partitioned
       FROM json_to_recordset($1::json) t(oid oid, schema text, name text, kind text, root oid, copy boolean, parts integer, partitioned json)`,
    [
      JSON.stringify(
        tables.map((t) => ({
          oid: t.sourceOid,
          schema: t.schema,
          name: t.name,
          kind: t.kind,
          root: t.rootOid,
          copy: t.copyRows,
          parts: t.parts,
          partitioned: t.partitionedBy,
        })),
      ),
    ],
  );
}

/**
 * SQL that starts a table's copy anew at a snapshot: what an earlier attempt copied of it counts no more. Statements without
 * parameters, so that they go in one message with others: of chunks there are thousands, and the target may be far away.
 */
export const startCopy = (sourceOid: number, copyLsn: Lsn, parts: number): string =>
  `DELETE FROM tiger_migrate.part WHERE source_oid = ${sourceOid};
   UPDATE tiger_migrate.relation SET state = 'copying', copy_lsn = '${formatLsn(copyLsn)}', parts_total = ${parts}, bytes = 0,
          rows = 0, takes_over = false, times_copied = times_copied + 1 WHERE source_oid = ${sourceOid}`;

/** SQL that marks a table of one part copied, in the transaction that copied it. */
export const finishWhole = (sourceOid: number, { bytes, rows }: { bytes: number; rows: number }): string =>
  `INSERT INTO tiger_migrate.part (source_oid, part, bytes, rows) VALUES (${sourceOid}, 0, ${bytes}, ${rows});
   UPDATE tiger_migrate.relation SET state = 'copied', bytes = ${bytes}, rows = ${rows} WHERE source_oid = ${sourceOid}`;

/** Marks one of several parts copied, in the transaction that copied it. The last part makes the table `copied`; true then. */
export async function finishPart(
  client: pg.Client,
  part: { sourceOid: number; part: number; bytes: number; rows: number },
): Promise<boolean> {
  const oid = String(part.sourceOid);
  // The row lock lets the parts of one table finish one after the other: exactly one of them sees all the others.
  await client.query('SELECT FROM tiger_migrate.relation WHERE source_oid = $1::oid FOR UPDATE', [oid]);
  await client.query(
    'INSERT INTO tiger_migrate.part (source_oid, part, bytes, rows) VALUES ($1::oid, $2::integer, $3::bigint, $4::bigint)',
    [oid, String(part.part), String(part.bytes), String(part.rows)],
  );
  const result = await client.query(
    `UPDATE tiger_migrate.relation r SET state = 'copied', bytes = p.bytes, rows = p.rows
       FROM (SELECT count(*) AS parts, sum(bytes) AS bytes, sum(rows) AS rows FROM tiger_migrate.part
              WHERE source_oid = $1::oid) p
      WHERE r.source_oid = $1::oid AND p.parts = r.parts_total`,
    [oid],
  );
  return result.rowCount === 1;
}

/** Rows of a part that is marked copied; null when it is not. */
export async function rowsOfPart(client: pg.Client, sourceOid: number, part: number): Promise<number | null> {
  const { rows } = await client.query<{ rows: string }>(
    'SELECT rows FROM tiger_migrate.part WHERE source_oid = $1::oid AND part = $2::integer',
    [String(sourceOid), String(part)],
  );
  return rows[0] ? Number(rows[0].rows) : null;
}

/** All parts are marked copied. */
export async function isCopied(client: pg.Client, sourceOid: number): Promise<boolean> {
  const { rows } = await client.query<{ copied: string }>(
    `SELECT state = 'copied' AS copied FROM tiger_migrate.relation WHERE source_oid = $1::oid`,
    [String(sourceOid)],
  );
  return rows[0]?.copied === 't';
}

/** From now on only the table's schema is migrated: the source has dropped it. */
export async function leaveRowsOut(client: pg.Client, sourceOid: number): Promise<void> {
  await client.query('UPDATE tiger_migrate.relation SET copy_rows = false WHERE source_oid = $1::oid', [
    String(sourceOid),
  ]);
}
