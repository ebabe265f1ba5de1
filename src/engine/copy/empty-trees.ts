import type pg from 'pg';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { placeOf, type SourceTable } from '../source/catalog.ts';

/** Whether a partition whose rows go through this table has them on the target already. */
const SOME_THERE = `SELECT EXISTS (SELECT FROM tiger_migrate.relation r WHERE r.kind = 'partition' AND r.target_schema = $1 AND r.target_name = $2
  AND r.copy_rows AND r.state IN ('copied', 'live', 'damaged') AND r.source_oid <> ALL ($3::oid[])) AS there`;

/**
 * Empties the partitioned tables through which rows of these partitions are to be copied, before the first of them comes. The rows of
 * one partition can't be told from those of the others there: so each is copied in one transaction, all or nothing, and where the
 * rows of some are there already nothing is emptied.
 */
export async function emptyTrees(target: pg.Client, tables: readonly SourceTable[]): Promise<void> {
  const through = tables.filter((table) => table.into?.throughParent);
  const trees = new Map(through.map((table) => [displayName(placeOf(table)), placeOf(table)]));
  const oids = `{${through.map(({ oid }) => oid).join(',')}}`;
  for (const { schema, name } of trees.values()) {
    await target.query('BEGIN');
    try {
      // Parts that an earlier copy has recorded do not count any more.
      await target.query('DELETE FROM tiger_migrate.part WHERE source_oid = ANY ($1::oid[])', [oids]);
      const { rows } = await target.query<{ there: string }>(SOME_THERE, [schema, name, oids]);
      if (rows[0]?.there !== 't') await target.query(`TRUNCATE ${qualified({ schema, name })}`);
      await target.query('COMMIT');
    } catch (error) {
      await target.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }
}
