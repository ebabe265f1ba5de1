import type pg from 'pg';
import { quoteIdent } from '../../postgres/identifiers.ts';
import { type Lsn, parseLsn } from '../../postgres/lsn.ts';

/** Where a slot's decoding begins, and the snapshot that holds everything before. */
export interface ConsistentPoint {
  readonly slot: string;
  readonly lsn: Lsn;
  /** Importable until the next command on the connection that made it, or until that connection ends. */
  readonly snapshot: string;
}

/**
 * Creates a logical slot on a replication connection and exports its snapshot. Waits for transactions that run already.
 * https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-CREATE-REPLICATION-SLOT
 */
export async function createSlot(
  client: pg.Client,
  name: string,
  plugin: string,
  temporary: boolean,
): Promise<ConsistentPoint> {
  const { rows } = await client.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${quoteIdent(name)}${temporary ? ' TEMPORARY' : ''} LOGICAL ${quoteIdent(plugin)} EXPORT_SNAPSHOT`,
  );
  const row = rows[0];
  if (!row) throw new Error('CREATE_REPLICATION_SLOT gave no row');
  return { slot: name, lsn: parseLsn(row.consistent_point), snapshot: row.snapshot_name };
}

export interface SlotState {
  readonly active: boolean;
  readonly activePid: number | null;
  /** `reserved`, `extended`, `unreserved`, `lost`. */
  readonly walStatus: string;
  readonly confirmedFlush: Lsn | null;
  /** Bytes of WAL that the source keeps for it. */
  readonly retainedBytes: number;
}

/** Null when there is no such slot. https://www.postgresql.org/docs/current/view-pg-replication-slots.html */
export async function readSlot(client: pg.Client, name: string): Promise<SlotState | null> {
  const { rows } = await client.query<Record<string, string | null>>(
    // wal_status came with 13.
    `SELECT active, active_pid, coalesce(to_jsonb(s) ->> 'wal_status', 'reserved') AS wal_status, confirmed_flush_lsn,
            greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) AS retained
       FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  const row = rows[0];
  if (!row) return null;
  return {
    active: row.active === 't',
    activePid: row.active_pid ? Number(row.active_pid) : null,
    walStatus: row.wal_status ?? 'reserved',
    confirmedFlush: row.confirmed_flush_lsn ? parseLsn(row.confirmed_flush_lsn) : null,
    retainedBytes: Number(row.retained ?? 0),
  };
}

/** Ends the walsender that holds the slot, if any, and drops the slot. True when there was one. */
export async function dropSlot(client: pg.Client, name: string): Promise<boolean> {
  const slot = await readSlot(client, name);
  if (!slot) return false;
  await releaseSlot(client, name);
  // One that was still being created goes with its walsender.
  await client.query(
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name::text = $1::text',
    [name],
  );
  return true;
}

/** Ends a walsender of an engine that is gone, and waits until the slot is free. False when it could not be. */
export async function releaseSlot(client: pg.Client, name: string): Promise<boolean> {
  await client.query(
    `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active`,
    [name],
  );
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const slot = await readSlot(client, name);
    if (!slot?.active) return true;
    await client.query('SELECT pg_sleep(0.1)');
  }
  return false;
}
