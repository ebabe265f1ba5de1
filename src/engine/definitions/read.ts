import type pg from 'pg';
import { sqlState } from '../error-policy.ts';
import { type Entries, type Entry, keyOf } from './entry.ts';
import { onTableQueries } from './on-tables.ts';
import { routineQueries } from './routines.ts';
import { readScope } from './scope.ts';
import { tableQueries } from './tables.ts';
import { withSameTypeNames } from './type-names.ts';
import { typeQueries } from './types.ts';

export interface Definitions {
  /** `server_version_num`. */
  readonly version: number;
  readonly entries: Entries;
}

/** One object is read by one query, so that no lock is held longer than a query: a DDL statement of others does not wait for us. */
const PATIENCE = ['500ms', '500ms', '500ms', '500ms', '5s'];

/** lock_not_available; undefined_table, internal_error (`cache lookup failed`): an object was dropped meanwhile. */
const PASSING = new Set(['55P03', '42P01', '42704', '42883', 'XX000']);

/**
 * Everything that is compared of the database that `client` is in. All names are quoted, so that no list of reserved words
 * makes a difference, and qualified. Most columns have nothing but a type: `plainColumns` says whether that is wanted. https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CATALOG
 */
export async function readDefinitions(client: pg.Client, plainColumns = true): Promise<Definitions> {
  const scope = await readScope(client, plainColumns);
  const queries = [...tableQueries(scope), ...onTableQueries(scope), ...routineQueries(scope), ...typeQueries(scope)];
  const entries = new Map<string, Entry>();
  await client.query('SET quote_all_identifiers = on');
  try {
    for (const { catalog, sql } of queries) {
      for (const row of await patiently(client, sql)) {
        const entry = withSameTypeNames({
          kind: row.kind ?? '',
          name: JSON.parse(row.name ?? '[]') as string[],
          catalog,
          oid: Number(row.oid),
          fields: withoutNulls(JSON.parse(row.fields ?? '{}') as Record<string, string | null>),
        });
        entries.set(keyOf(entry), entry);
      }
    }
  } finally {
    await client.query('RESET quote_all_identifiers; SET lock_timeout = 0').catch(() => {});
  }
  return { version: scope.version, entries };
}

type Row = Record<'kind' | 'name' | 'oid' | 'fields', string>;

async function patiently(client: pg.Client, sql: string): Promise<Row[]> {
  for (const [attempt, patience] of PATIENCE.entries()) {
    try {
      await client.query(`SET lock_timeout = '${patience}'`);
      return (await client.query<Row>(sql)).rows;
    } catch (error) {
      if (attempt === PATIENCE.length - 1 || !PASSING.has(sqlState(error) ?? '')) throw error;
    }
  }
  return [];
}

const withoutNulls = (fields: Record<string, string | null>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== null));
