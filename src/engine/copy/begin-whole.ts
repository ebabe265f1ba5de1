import type pg from 'pg';
import { qualified, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Lsn } from '../../postgres/lsn.ts';
import { beginOperatorsPath } from '../../postgres/search-path.ts';
import { placeOf, type SourceTable } from '../source/catalog.ts';
import { startCopy } from '../sync/table-states.ts';

/**
 * Begins the transaction on the target that copies all of a table, under the operator's search_path, and empties it. A chunk is mostly empty, and stays as it is then: for
 * the file that TRUNCATE replaces the server looks through all of its shared buffers.
 */
export async function beginWhole(target: pg.Client, table: SourceTable, copyLsn: Lsn): Promise<void> {
  const name = qualified(placeOf(table));
  const path = beginOperatorsPath(target);
  const begin = `BEGIN; ${startCopy(table.oid, copyLsn, 1)}`;
  // It was emptied for all of its partitions before.
  if (placeOf(table).throughParent) {
    await target.query(begin);
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
