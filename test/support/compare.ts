import pg from 'pg';
import { CATALOG_FACTS } from './compare/catalog.ts';
import { OBJECT_FACTS } from './compare/objects.ts';
import { compareLargeObjects, compareRows } from './compare/rows.ts';
import { compareSequences } from './compare/sequences.ts';
import { SESSION_SETTINGS } from './compare/session.ts';

export interface CompareOptions {
  /** Differences whose text matches are left out: what a test has done on purpose. */
  readonly ignore?: readonly RegExp[];
  /** Names as `schema.table` (quoted where SQL would) whose rows are not compared. */
  readonly skipRows?: readonly string[];
  /** Partitioned tables, as `schema.table` (without quotes), whose rows are compared whatever partition they are in. */
  readonly wholes?: readonly string[];
  /** Under which rows are read, as SQL: the server plans with functions of indexes. Default: an empty one. */
  readonly searchPath?: string;
}

/** One thing that a server says about one object. */
interface Fact extends pg.QueryResultRow {
  readonly object: string;
  readonly definition: string;
}

/**
 * Compares everything that two databases hold: rows (count and order-free hash of every table and materialized view),
 * large objects, sequences, and the definition of every object. Gives the differences as sentences; none means equal.
 *
 * Connect as a superuser: row-level security and missing privileges would hide differences. Left out, because a
 * migration rightly changes them: owners, replica identity, the schema `tiger_migrate`, publications, subscriptions,
 * and `pg_attver` in a column's options (an artefact of newer minor releases).
 */
export async function compareDatabases(
  sourceUri: string,
  targetUri: string,
  options: CompareOptions = {},
): Promise<string[]> {
  const [source, target] = await Promise.all([open(sourceUri), open(targetUri)]);
  try {
    const differences: string[] = [];
    for (const [kind, sql] of Object.entries({ ...CATALOG_FACTS, ...OBJECT_FACTS })) {
      const [ours, theirs] = await Promise.all([facts(source, kind, sql), facts(target, kind, sql)]);
      differences.push(...compareFacts(kind, ours, theirs));
    }
    differences.push(...(await compareSequences(source, target)));
    for (const client of [source, target]) await client.query(`SET search_path = ${options.searchPath ?? "''"}`);
    differences.push(...(await compareRows(source, target, new Set(options.skipRows), options.wholes)));
    differences.push(...(await compareLargeObjects(source, target)));
    return differences.filter((difference) => !options.ignore?.some((pattern) => pattern.test(difference)));
  } finally {
    await Promise.all([source.end(), target.end()]);
  }
}

async function open(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(SESSION_SETTINGS);
  return client;
}

async function facts(client: pg.Client, kind: string, sql: string): Promise<Map<string, string>> {
  const result = await client.query<Fact>(sql).catch((cause: unknown) => {
    throw new Error(`could not list ${kind}`, { cause });
  });
  return new Map(result.rows.map(({ object, definition }) => [object, definition]));
}

function compareFacts(kind: string, source: Map<string, string>, target: Map<string, string>): string[] {
  const differences: string[] = [];
  for (const [object, definition] of source) {
    const other = target.get(object);
    if (other === undefined) differences.push(`${kind} ${object}: missing on the target (${definition})`);
    else if (other !== definition) {
      differences.push(`${kind} ${object}: differs\n    source: ${definition}\n    target: ${other}`);
    }
  }
  for (const [object, definition] of target) {
    if (!source.has(object)) differences.push(`${kind} ${object}: only on the target (${definition})`);
  }
  return differences;
}
