import type pg from 'pg';
import { quoteIdent } from './identifiers.ts';

/**
 * Schemas in which the operator's functions look for names, in order. PostgreSQL's own schema is searched before them, and is never one of them;
 * that of temporary objects comes last. https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-PATH
 */
export type SearchPath = readonly string[];

const BUILT_IN = 'pg_catalog';
const TEMPORARY = 'pg_temp';

/** Reads the value of the setting: names in quotes are kept, others are folded to lower case. */
export function parseSearchPath(value: string): string[] {
  const items = value.match(/"(?:[^"]|"")*"|[^,\s]+/g) ?? [];
  return items.map((item) =>
    item.startsWith('"') ? item.slice(1, -1).replaceAll('""', '"') : item.replace(/[A-Z]/g, (at) => at.toLowerCase()),
  );
}

/** Every name once, `$user` as these schemas, without those that are searched anyway. */
export function asSearchPath(names: readonly string[], ofUser: readonly string[]): SearchPath {
  const schemas = names.flatMap((name) => (name === '$user' ? ofUser : [name]));
  return [...new Set(schemas)].filter((name) => name !== '' && name !== BUILT_IN && name !== TEMPORARY);
}

/** As a value, for set_config(). Temporary objects are found last: else one would stand in for any table or type. */
export const searchPathSetting = (path: SearchPath): string =>
  path.length === 0 ? '' : [...path.map(quoteIdent), TEMPORARY].join(', ');

/** As SQL, for SET. */
export const searchPathValue = (path: SearchPath): string => searchPathSetting(path) || `''`;

const paths = new WeakMap<pg.Client, () => SearchPath>();

/** Says under which search_path the operator's own statements run in this session. */
export function giveSearchPath(client: pg.Client, path: () => SearchPath): void {
  paths.set(client, path);
}

/** The path that the session was given; none: the operator's statements run as ours do. */
const searchPathOf = (client: pg.Client): SearchPath => paths.get(client)?.() ?? [];

/**
 * Begins the part of the open transaction in which functions of the operator run. Statements of ours in it qualify every name,
 * operators too. https://www.postgresql.org/docs/current/sql-set.html
 */
export const beginOperatorsPath = (client: pg.Client): string =>
  `SET LOCAL search_path TO ${searchPathValue(searchPathOf(client))}`;

/** Ends it: names without a schema mean pg_catalog again. */
export const END_OPERATORS_PATH = `SET LOCAL search_path TO ''`;

/**
 * Runs one statement outside a transaction under the operator's search_path. Both statements are one message and so one
 * transaction. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
 */
export async function queryAsOperator<T extends pg.QueryResultRow>(
  client: pg.Client,
  sql: string,
): Promise<pg.QueryResult<T>> {
  const results: unknown = await client.query(`${beginOperatorsPath(client)}; ${sql}`);
  const last = (results as pg.QueryResult<T>[]).at(-1);
  if (!last) throw new Error('no result');
  return last;
}
