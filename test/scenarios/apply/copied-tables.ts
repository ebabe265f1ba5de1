import type pg from 'pg';
import { holdsRows, type SourceTable } from '../../../src/engine/source/catalog.ts';
import { finishWhole, insertTables, startCopy } from '../../../src/engine/sync/table-states.ts';
import type { MigrationRow } from '../../../src/engine/target/progress-schema.ts';
import type { Lsn } from '../../../src/postgres/lsn.ts';

/** A migration in its replay phase, as far as the apply part reads it. */
export const migrationRow = (id: string, slot: string, publications: readonly string[]): MigrationRow => ({
  id,
  sourceSystem: '',
  sourceTimeline: '',
  sourceDatabase: '',
  slot,
  publications,
  options: '{}',
  phase: 'replay',
  binaryStream: false,
  replicaRole: true,
});

/** Marks every table copied at a position: its rows are there already. */
export async function markCopied(client: pg.Client, tables: readonly SourceTable[], at: Lsn): Promise<void> {
  await client.query('BEGIN');
  await insertTables(
    client,
    tables.map((table) => ({
      sourceOid: table.oid,
      schema: table.schema,
      name: table.name,
      kind: table.kind,
      rootOid: table.rootOid,
      copyRows: holdsRows(table),
      parts: 1,
    })),
  );
  for (const table of tables.filter(holdsRows)) {
    await client.query(startCopy(table.oid, at, 1));
    await client.query(finishWhole(table.oid, { bytes: 0, rows: 0 }));
  }
  await client.query('COMMIT');
}
