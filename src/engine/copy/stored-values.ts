import type pg from 'pg';
import { displayIdent, displayName } from '../../postgres/identifiers.ts';
import { mayHeal, sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { placeOf, type SourceTable } from '../source/catalog.ts';
import { isSnapshotLost } from '../source/snapshot.ts';
import { type RowSum, sumRows } from '../verify/compare-rows.ts';
import { type RowHash, RowHashes } from '../verify/row-hash.ts';

/** Stored generated columns that call a function of the operator's: it may have been replaced since their rows were written. */
const COLUMNS = `
SELECT a.attrelid::int8 AS oid, a.attname AS name FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attgenerated = 's' AND a.attrelid = ANY ($1::oid[])
   -- Before 15 it is the column that depends on the function, not its expression.
   AND EXISTS (SELECT FROM pg_depend x WHERE (x.classid, x.objid, x.objsubid)
       IN (('pg_attrdef'::regclass::oid, d.oid, 0), ('pg_class'::regclass::oid, d.adrelid, d.adnum::int)) AND x.refclassid = 'pg_proc'::regclass AND x.refobjid >= 16384)
 ORDER BY 1, a.attnum`;

/**
 * Compares such columns of tables that were just copied, in the snapshot of the copy and before any change is applied: the target has computed
 * them anew. Warns with TM3003 of each that came out otherwise.
 */
export async function compareStoredValues(
  { source, target, emit }: { readonly source: pg.Client; readonly target: pg.Client; readonly emit: Emit },
  tables: readonly SourceTable[],
): Promise<void> {
  const { rows } = await source.query<{ oid: string; name: string }>(COLUMNS, [
    `{${tables.map(({ oid }) => oid).join(',')}}`,
  ]);
  if (rows.length === 0) return;
  const hashes = await RowHashes.read(source, target);
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  for (const { oid, name } of rows) {
    const table = byOid.get(Number(oid));
    // The rows of several partitions stand together on the target: verify compares those.
    if (!table || placeOf(table).throughParent) continue;
    const hash = hashes.of(table.oid, [name]);
    const place = placeOf(table);
    const kind = place.partitionedBy ? 'hypertable' : table.kind;
    const hashesDiffer = async () => {
      const there = await sumInSavepoint(source, table, hash);
      return there.hash !== (await sumRows(target, { ...place, kind }, hash)).hash;
    };
    const differ = await hashesDiffer().catch((error: unknown) => {
      if (sqlState(error) === null || mayHeal(error) || isSnapshotLost(error)) throw error;
      // Most often somebody has dropped or altered the table meanwhile.
      const why = error instanceof Error ? error.message : String(error);
      emit({
        type: 'log',
        text: `${displayName(table)}: the generated column ${displayIdent(name)} was not compared: ${why}`,
      });
      return false;
    });
    if (!differ) continue;
    emit({
      type: 'warning',
      text:
        `TM3003 ${displayName(table)}: the generated column ${displayIdent(name)} has other values than on the source. Its function was replaced ` +
        'after rows were written there, and the target has what it gives now. To make both the same, update a column on the source that it ' +
        'depends on (UPDATE … SET column = column): then the server computes it anew.',
    });
  }
}

/** The snapshot's transaction goes on without the operator's search_path, also after an error. */
async function sumInSavepoint(source: pg.Client, table: SourceTable, hash: RowHash): Promise<RowSum> {
  await source.query('SAVEPOINT tm_values');
  try {
    return await sumRows(source, table, hash);
  } finally {
    await source.query('ROLLBACK TO SAVEPOINT tm_values; RELEASE SAVEPOINT tm_values');
  }
}
