import type pg from 'pg';
import { withClient } from '../postgres/connect.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';
import { firstRow } from '../postgres/query.ts';
import { asSearchPath, parseSearchPath, type SearchPath } from '../postgres/search-path.ts';
import { recordObject } from './target/progress-schema.ts';

/** Where the search_path of a database comes from. */
export type SearchPathOrigin = 'connection string' | 'database' | 'server';

export interface DatabaseSearchPath {
  readonly path: SearchPath;
  /** As it is set, with `$user`. */
  readonly names: readonly string[];
  readonly from: SearchPathOrigin;
}

/** What ALTER DATABASE … SET and ALTER ROLE ALL SET have left, the first wins; and for which schemas `$user` stands: the owner of the database, then our role. */
const OF_DATABASE = `
SELECT (SELECT substr(c.setting, strpos(c.setting, '=') + 1)
          FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) c(setting)
         WHERE s.setrole = 0 AND s.setdatabase IN (0, d.oid) AND c.setting LIKE 'search\\_path=%'
         ORDER BY s.setdatabase DESC LIMIT 1) AS value,
       (SELECT coalesce(json_agg(n.nspname ORDER BY n.nspname <> pg_get_userbyid(d.datdba)), '[]')
          FROM pg_namespace n WHERE n.nspname IN (pg_get_userbyid(d.datdba), current_user))::text AS of_user
  FROM pg_database d WHERE d.datname = current_database()`;

/** What the session began with, and who said so. Every name is qualified: it runs under that search_path. */
const OF_SESSION = `
SELECT s.setting AS value, s.source, s.boot_val AS built_in FROM pg_catalog.pg_settings s WHERE s.name OPERATOR(pg_catalog.=) 'search_path'`;

/**
 * The search_path that a session of the application has, as far as the database knows it: what the connection string sets in its
 * `options`, else the database's setting, else the server's. A setting of our own role is none of the application's. Opens a session of its own.
 */
export async function readSearchPath(
  client: pg.Client,
  settings: ConnectionSettings,
  as: { readonly side: 'source' | 'target'; readonly application: string; readonly signal?: AbortSignal },
): Promise<DatabaseSearchPath> {
  const session = await withClient(settings, { ...as, sessionSettings: { search_path: null } }, (fresh) =>
    firstRow<{ value: string; source: string; built_in: string }>(fresh, OF_SESSION),
  );
  const { value, of_user } = await firstRow<{ value: string | null; of_user: string }>(client, OF_DATABASE);
  const found = (setting: string, from: SearchPathOrigin): DatabaseSearchPath => {
    const names = parseSearchPath(setting);
    return { names, path: asSearchPath(names, JSON.parse(of_user) as string[]), from };
  };
  if (session.source === 'client') return found(session.value, 'connection string');
  if (value !== null) return found(value, 'database');
  // Where a setting of our role hides the server's, the server's is taken to be the usual one.
  return found(/user/.test(session.source) ? session.built_in : session.value, 'server');
}

const KIND = 'search_path';

/**
 * The search_path under which the operator's functions run in this migration: recorded when it begins, for what a function gives must not
 * change on the way. What a connection string says now outranks that.
 */
export async function takeUpSearchPath(
  target: pg.Client,
  read: () => Promise<DatabaseSearchPath>,
): Promise<SearchPath> {
  const recorded = await readRecordedSearchPath(target);
  const now = await read();
  if (recorded && now.from !== 'connection string') return recorded;
  await target.query(`DELETE FROM tiger_migrate.object WHERE kind = $1`, [KIND]);
  await recordObject(target, KIND, 'source', JSON.stringify(now.path));
  return now.path;
}

/** Null: the target holds no migration, or one that began before there was a record. */
export async function readRecordedSearchPath(target: pg.Client): Promise<SearchPath | null> {
  const { rows } = await target.query<{ detail: string }>(`SELECT detail FROM tiger_migrate.object WHERE kind = $1`, [
    KIND,
  ]);
  return rows[0] ? (JSON.parse(rows[0].detail) as SearchPath) : null;
}
