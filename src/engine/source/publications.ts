import type pg from 'pg';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import { isDecoded, type SourceTable } from './catalog.ts';

export interface PublicationNames {
  /** Tables whose UPDATE and DELETE can be published. */
  readonly all: string;
  /** Tables without replica identity: publishing their UPDATE would make the application's own statement fail. */
  readonly inserts: string;
}

/**
 * What goes into which publication: roots of partition trees stand for all their partitions, also later ones. A root is
 * published when one of its partitions is wanted, whatever is said of itself. A partition that is created later has an
 * identity only by a primary key of the root: without one the root is published for inserts, and its present partitions
 * for the rest by name, lest the application's UPDATE fail on a new one.
 */
export function assignTables(
  tables: readonly SourceTable[],
  wanted: (table: SourceTable) => boolean,
): { all: SourceTable[]; inserts: SourceTable[] } {
  const decoded = tables.filter((table) => isDecoded(table) && wanted(table));
  const roots = new Set(decoded.map((table) => table.rootOid));
  const lacking = new Set(decoded.filter((t) => t.kind !== 'partitioned' && !t.hasIdentity).map((t) => t.rootOid));
  const published = tables.filter((table) => roots.has(table.oid));
  const uncertain = new Set(published.filter((t) => t.kind === 'partitioned' && !t.givesIdentity).map((t) => t.oid));
  const insertsOnly = ({ oid }: SourceTable) => lacking.has(oid) || uncertain.has(oid);
  const byName = decoded.filter(
    ({ kind, rootOid }) => kind === 'partition' && uncertain.has(rootOid) && !lacking.has(rootOid),
  );
  return {
    all: [...published.filter((table) => !insertsOnly(table)), ...byName],
    inserts: published.filter(insertsOnly),
  };
}

/** `FOR TABLE ONLY`: an inheritance child is published by its own name. */
const tableList = (tables: readonly SourceTable[]): string =>
  tables.map((table) => (table.kind === 'partitioned' ? qualified(table) : `ONLY ${qualified(table)}`)).join(', ');

/** Tables that are added in one statement. */
const AT_ONCE = 100;
/** Well below `deadlock_timeout`: should we and the application wait for each other, it is we who give up. */
const LOCK_TIMEOUT_MS = 300;
/** For each table that the application holds locked. */
const PATIENCE_MS = 10_000;

/**
 * Creates the two publications. A table is locked (ShareUpdateExclusive) while it is added, which no reader or writer
 * notices; but a TRUNCATE or ALTER TABLE of the application does, and with locks on several tables at once it could be
 * the victim of a deadlock. So few are added at a time, none of them waited for; then, one by one, those that were
 * locked. `patienceMs` is how long to try for one. https://www.postgresql.org/docs/current/sql-createpublication.html
 */
export async function createPublications(
  client: pg.Client,
  names: PublicationNames,
  { all, inserts }: ReturnType<typeof assignTables>,
  patienceMs: number,
): Promise<void> {
  const generated = await generatedOption(client);
  const create = async (name: string, list: readonly SourceTable[], publish: string) => {
    await client.query(`CREATE PUBLICATION ${quoteIdent(name)} WITH (publish = '${publish}'${generated})`);
    await addInParts(client, name, list, patienceMs);
  };
  await withShortLocks(client, async () => {
    await create(names.all, all, 'insert, update, delete, truncate');
    await create(names.inserts, inserts, 'insert, truncate');
  });
}

/**
 * From 18 on the server refuses UPDATE and DELETE of a table whose identity has generated columns that are not published: with FULL,
 * these are all generated columns. Their values are not applied. https://www.postgresql.org/docs/18/logical-replication-gencols.html
 */
async function generatedOption(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ option: string }>(
    `SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN ', publish_generated_columns = stored' ELSE '' END AS option`,
  );
  return rows[0]?.option ?? '';
}

/** Adds tables to a publication that is there, in the same careful way. */
export const addToPublication = (client: pg.Client, name: string, tables: readonly SourceTable[]): Promise<void> =>
  withShortLocks(client, () => addInParts(client, name, tables, PATIENCE_MS));

async function withShortLocks(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  try {
    await work();
  } finally {
    await client.query('RESET lock_timeout').catch(() => {});
  }
}

async function addInParts(
  client: pg.Client,
  name: string,
  tables: readonly SourceTable[],
  patienceMs: number,
): Promise<void> {
  for (let start = 0; start < tables.length; start += AT_ONCE) {
    await addTables(client, name, tables.slice(start, start + AT_ONCE), patienceMs);
  }
}

/** lock_not_available, deadlock_detected */
const LOCKED = new Set(['55P03', '40P01']);
/** undefined_table, invalid_schema_name: dropped since. */
const GONE = new Set(['42P01', '3F000']);

async function addTables(
  client: pg.Client,
  name: string,
  tables: readonly SourceTable[],
  patienceMs: number,
): Promise<void> {
  if (tables.length === 0) return;
  const sql = `ALTER PUBLICATION ${quoteIdent(name)} ADD TABLE ${tableList(tables)}`;
  for (const deadline = performance.now() + patienceMs; ; ) {
    try {
      await client.query(sql);
      return;
    } catch (error) {
      const state = sqlState(error) ?? '';
      if (!LOCKED.has(state) && !GONE.has(state)) throw error;
      if (tables.length > 1) break;
      if (GONE.has(state)) return;
      if (performance.now() > deadline) throw error;
    }
  }
  for (const table of tables) await addTables(client, name, [table], patienceMs);
}

export async function dropPublications(client: pg.Client, names: readonly string[]): Promise<void> {
  for (const name of names) await client.query(`DROP PUBLICATION IF EXISTS ${quoteIdent(name)}`);
}
