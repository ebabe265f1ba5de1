import type pg from 'pg';
import { formatLsn, type Lsn, parseLsn } from '../../postgres/lsn.ts';

/**
 * What is durable about a migration lives on the target, in schema `tiger_migrate`, and is written in the same
 * transactions as the rows it speaks of: after any crash the target itself says what it holds.
 */
export const SCHEMA = 'tiger_migrate';

const DDL = `
CREATE SCHEMA tiger_migrate;
CREATE TABLE tiger_migrate.migration (
  one                boolean PRIMARY KEY DEFAULT true CHECK (one),
  id                 text NOT NULL,
  format             integer NOT NULL DEFAULT 1,
  source_system      text NOT NULL,
  source_timeline    text NOT NULL,
  source_database    text NOT NULL,
  slot               text NOT NULL,
  publications       text[] NOT NULL,
  options            jsonb NOT NULL,
  phase              text NOT NULL,
  binary_stream      boolean NOT NULL,
  replica_role       boolean NOT NULL,
  created            timestamptz NOT NULL DEFAULT now());
CREATE TABLE tiger_migrate.progress (
  one                boolean PRIMARY KEY DEFAULT true CHECK (one),
  applied_lsn        pg_lsn NOT NULL,
  applied_at         timestamptz NOT NULL DEFAULT now(),
  transactions       bigint NOT NULL DEFAULT 0,
  changes            bigint NOT NULL DEFAULT 0) WITH (fillfactor = 10);
CREATE TABLE tiger_migrate.relation (
  source_oid         oid PRIMARY KEY,
  schema             text NOT NULL,
  name               text NOT NULL,
  kind               text NOT NULL,
  root_oid           oid NOT NULL,
  target_schema      text,
  target_name        text,
  partitioned_by     json,
  slices             jsonb,
  takes_over         boolean NOT NULL DEFAULT false,
  copy_rows          boolean NOT NULL,
  state              text NOT NULL,
  copy_lsn           pg_lsn,
  parts_total        integer NOT NULL DEFAULT 1,
  bytes              bigint NOT NULL DEFAULT 0,
  rows               bigint NOT NULL DEFAULT 0,
  times_copied       integer NOT NULL DEFAULT 0,
  again              boolean NOT NULL DEFAULT false,
  damage_code        text,
  damage_reason      text,
  damage_row         text,
  damage_lsn         pg_lsn,
  UNIQUE (schema, name));
CREATE TABLE tiger_migrate.description (
  source_oid         oid PRIMARY KEY REFERENCES tiger_migrate.relation ON DELETE CASCADE,
  description        jsonb NOT NULL);
CREATE TABLE tiger_migrate.shape (
  source_oid         oid PRIMARY KEY REFERENCES tiger_migrate.relation ON DELETE CASCADE,
  shape              json NOT NULL);
CREATE TABLE tiger_migrate.part (
  source_oid         oid NOT NULL REFERENCES tiger_migrate.relation ON DELETE CASCADE,
  part               integer NOT NULL,
  bytes              bigint NOT NULL,
  rows               bigint NOT NULL,
  copied             timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source_oid, part));
CREATE TABLE tiger_migrate.compression (
  schema             text NOT NULL,
  name               text NOT NULL,
  state              text NOT NULL DEFAULT 'waiting',
  bytes_before       bigint NOT NULL DEFAULT 0,
  bytes_after        bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (schema, name));
CREATE TABLE tiger_migrate.object (
  kind               text NOT NULL,
  name               text NOT NULL,
  done               timestamptz NOT NULL DEFAULT now(),
  detail             text NOT NULL DEFAULT '',
  PRIMARY KEY (kind, name));
`;

export interface MigrationRow {
  readonly id: string;
  readonly sourceSystem: string;
  readonly sourceTimeline: string;
  readonly sourceDatabase: string;
  readonly slot: string;
  readonly publications: readonly string[];
  /** JSON text of the options, without secrets. */
  readonly options: string;
  readonly phase: string;
  /** The stream carries values in the fuller of its two forms: binary with pgoutput, numbers as strings with wal2json. */
  readonly binaryStream: boolean;
  /** `session_replication_role` may be set on the target. */
  readonly replicaRole: boolean;
}

/** Creates our schema with its one migration, in the transaction that `client` is in, or on its own. */
export async function createProgressSchema(client: pg.Client, row: MigrationRow, start: Lsn): Promise<void> {
  await client.query(DDL);
  await client.query(
    `INSERT INTO tiger_migrate.migration (id, source_system, source_timeline, source_database, slot, publications,
       options, phase, binary_stream, replica_role)
     SELECT $1, $2, $3, $4, $5, ARRAY(SELECT json_array_elements_text($6::json)), $7::jsonb, $8, $9::boolean, $10::boolean`,
    [
      row.id,
      row.sourceSystem,
      row.sourceTimeline,
      row.sourceDatabase,
      row.slot,
      JSON.stringify(row.publications),
      row.options,
      row.phase,
      row.binaryStream,
      row.replicaRole,
    ],
  );
  await client.query('INSERT INTO tiger_migrate.progress (applied_lsn) VALUES ($1::pg_lsn)', [formatLsn(start)]);
}

export async function hasProgressSchema(client: pg.Client): Promise<boolean> {
  const found = await client.query<{ there: string }>(
    // A table of the operator's may be called so.
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('tiger_migrate.migration') AND attname = 'source_timeline') AS there`,
  );
  return found.rows[0]?.there === 't';
}

/** The migration that this target holds; null when there is none. */
export async function readMigration(client: pg.Client): Promise<MigrationRow | null> {
  if (!(await hasProgressSchema(client))) return null;
  const { rows } = await client.query<Record<string, string>>(
    `SELECT id, source_system, source_timeline, source_database, slot, to_json(publications)::text AS publications,
            options::text AS options, phase, binary_stream, replica_role FROM tiger_migrate.migration`,
  );
  const row = rows[0];
  if (!row) return null;
  return {
    id: row.id ?? '',
    sourceSystem: row.source_system ?? '',
    sourceTimeline: row.source_timeline ?? '',
    sourceDatabase: row.source_database ?? '',
    slot: row.slot ?? '',
    publications: JSON.parse(row.publications ?? '[]') as string[],
    options: row.options ?? '{}',
    phase: row.phase ?? '',
    binaryStream: row.binary_stream === 't',
    replicaRole: row.replica_role === 't',
  };
}

export async function writePhase(client: pg.Client, phase: string): Promise<void> {
  await client.query('UPDATE tiger_migrate.migration SET phase = $1', [phase]);
}

export interface AppliedPosition {
  readonly appliedLsn: Lsn;
  readonly transactions: number;
  readonly changes: number;
}

export async function readApplied(client: pg.Client): Promise<AppliedPosition> {
  const { rows } = await client.query<{ applied_lsn: string; transactions: string; changes: string }>(
    'SELECT applied_lsn, transactions, changes FROM tiger_migrate.progress',
  );
  const row = rows[0];
  if (!row) throw new Error('tiger_migrate.progress is empty');
  return {
    appliedLsn: parseLsn(row.applied_lsn),
    transactions: Number(row.transactions),
    changes: Number(row.changes),
  };
}

/**
 * Moves the position, in the transaction that applied the changes. False when the position is not `from` any more:
 * somebody else applied; the caller must roll back.
 */
export async function advanceApplied(
  client: pg.Client,
  move: { from: Lsn; to: Lsn; transactions: number; changes: number },
): Promise<boolean> {
  const result = await client.query(
    // Every name is qualified: the transaction may have the search_path of the operator's functions.
    `UPDATE tiger_migrate.progress SET applied_lsn = $2::pg_catalog.pg_lsn, applied_at = pg_catalog.clock_timestamp(),
            transactions = transactions OPERATOR(pg_catalog.+) $3::bigint, changes = changes OPERATOR(pg_catalog.+) $4::bigint
      WHERE applied_lsn OPERATOR(pg_catalog.=) $1::pg_catalog.pg_lsn`,
    [formatLsn(move.from), formatLsn(move.to), String(move.transactions), String(move.changes)],
  );
  return result.rowCount === 1;
}

/** True when this call recorded it; false when it was done before. Call it in the transaction that does the thing. */
export async function recordObject(client: pg.Client, kind: string, name: string, detail = ''): Promise<boolean> {
  const result = await client.query(
    'INSERT INTO tiger_migrate.object (kind, name, detail) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [kind, name, detail],
  );
  return result.rowCount === 1;
}

export async function recordedObjects(client: pg.Client, kind: string): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM tiger_migrate.object WHERE kind = $1', [
    kind,
  ]);
  return new Set(rows.map((row) => row.name));
}
