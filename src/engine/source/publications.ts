import type pg from 'pg';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { isDecoded, type SourceTable } from './catalog.ts';

export interface PublicationNames {
  /** Tables whose UPDATE and DELETE can be published. */
  readonly all: string;
  /** Tables without replica identity: publishing their UPDATE would make the application's own statement fail. */
  readonly inserts: string;
}

/**
 * What goes into which publication: roots of partition trees stand for all their partitions, also later ones. A root is
 * published when one of its partitions is wanted, whatever is said of itself.
 */
export function assignTables(
  tables: readonly SourceTable[],
  wanted: (table: SourceTable) => boolean,
): { all: SourceTable[]; inserts: SourceTable[] } {
  const decoded = tables.filter((table) => isDecoded(table) && wanted(table));
  const roots = new Set(decoded.map((table) => table.rootOid));
  const lacking = new Set(decoded.filter((t) => t.kind !== 'partitioned' && !t.hasIdentity).map((t) => t.rootOid));
  const published = tables.filter((table) => roots.has(table.oid));
  return {
    all: published.filter((table) => !lacking.has(table.oid)),
    inserts: published.filter((table) => lacking.has(table.oid)),
  };
}

/** `FOR TABLE ONLY`: an inheritance child is published by its own name. */
const tableList = (tables: readonly SourceTable[]): string =>
  tables.map((table) => (table.kind === 'partitioned' ? qualified(table) : `ONLY ${qualified(table)}`)).join(', ');

/**
 * Creates the two publications. Takes ShareUpdateExclusiveLock on each table for a moment, which no reader or writer
 * notices, and gives up after `lockTimeoutMs`. https://www.postgresql.org/docs/current/sql-createpublication.html
 */
export async function createPublications(
  client: pg.Client,
  names: PublicationNames,
  { all, inserts }: ReturnType<typeof assignTables>,
  lockTimeoutMs: number,
): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    const create = (name: string, list: readonly SourceTable[], publish: string) =>
      client.query(
        `CREATE PUBLICATION ${quoteIdent(name)}${list.length > 0 ? ` FOR TABLE ${tableList(list)}` : ''}
           WITH (publish = '${publish}')`,
      );
    await create(names.all, all, 'insert, update, delete, truncate');
    await create(names.inserts, inserts, 'insert, truncate');
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

export async function dropPublications(client: pg.Client, names: readonly string[]): Promise<void> {
  for (const name of names) await client.query(`DROP PUBLICATION IF EXISTS ${quoteIdent(name)}`);
}
