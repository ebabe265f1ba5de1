import type pg from 'pg';
import { qualified, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import { beginOperatorsPath } from '../../postgres/search-path.ts';
import { placeOf, type SourceTable } from '../source/catalog.ts';
import { startCopy } from '../sync/table-states.ts';

/**
 * Begins the transaction on the target that copies all of a table, under the operator's search_path, and empties the table. A chunk
 * that is empty is not truncated: for the file that TRUNCATE replaces, the server looks through all of its shared buffers.
 */
export async function beginWhole(target: pg.Client, table: SourceTable, copyLsn: Lsn): Promise<void> {
  const name = qualified(placeOf(table));
  const path = beginOperatorsPath(target);
  const begin = `BEGIN; ${startCopy(table.oid, copyLsn, 1)}`;
  // `emptyTrees` has emptied it, once for all of its partitions.
  if (placeOf(table).throughParent) {
    await target.query(`${begin}; ${path}`);
    return;
  }
  if (table.kind !== 'chunk') {
    await target.query(`${begin}; TRUNCATE ONLY ${name}; ${path}`);
    return;
  }
  const results: unknown = await target.query(
    `${begin}; SELECT pg_relation_size(${quoteLiteral(name)}) AS size; ${path}`,
  );
  const [measured] = (results as pg.QueryResult<{ size: string }>[]).slice(-2);
  if (measured?.rows[0]?.size !== '0') await target.query(`TRUNCATE ONLY ${name}`);
}
