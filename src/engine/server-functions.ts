import type pg from 'pg';
import { attempts } from '../postgres/attempts.ts';

const INSUFFICIENT_PRIVILEGE = '42501';

interface Needed {
  /** Function and the arguments that it is called with. */
  readonly functions: Readonly<Record<string, string>>;
  readonly views: readonly string[];
}

/** What we use of the server and PostgreSQL lets everybody use, unless somebody has taken that away. */
const NEEDED: Readonly<Record<'source' | 'target', Needed>> = {
  source: {
    functions: {
      pg_logical_emit_message: `true, 'tiger_migrate', ''`,
      pg_export_snapshot: '',
      pg_current_wal_lsn: '',
      pg_current_wal_insert_lsn: '',
      pg_terminate_backend: '0',
      pg_drop_replication_slot: `''`,
    },
    views: [
      'pg_stat_activity',
      'pg_stat_replication',
      'pg_replication_slots',
      'pg_locks',
      'pg_prepared_xacts',
      'pg_publication',
      'pg_sequence',
      'pg_db_role_setting',
      'pg_roles',
    ],
  },
  target: {
    functions: { pg_try_advisory_lock: '0', pg_advisory_xact_lock: '0', pg_terminate_backend: '0', setval: `'0', 0` },
    views: ['pg_stat_activity', 'pg_roles', 'pg_auth_members', 'pg_constraint', 'pg_sequence'],
  },
};

/** The server looks at the right when it prepares a call, and calls nothing for no row. */
const calling = (name: string, given: string): string => `SELECT pg_catalog.${name}(${given}) WHERE false`;
const reading = (view: string): string => `SELECT FROM pg_catalog.${view} WHERE false`;

export interface RefusedFunction {
  /** Of a function or view in pg_catalog. */
  readonly name: string;
  /** The statements by which a superuser lets our role use it. */
  readonly grants: readonly string[];
}

/** Finds out by trying which functions and views our role may not use. */
export async function refusedFunctions(client: pg.Client, side: 'source' | 'target'): Promise<RefusedFunction[]> {
  const { functions, views } = NEEDED[side];
  const things = [
    ...Object.entries(functions).map(([name, given]) => ({ name, view: false, sql: calling(name, given) })),
    ...views.map((name) => ({ name, view: true, sql: reading(name) })),
  ];
  const answers = await attempts(
    client,
    things.map(({ sql }) => sql),
  );
  const refused: RefusedFunction[] = [];
  for (const [at, { name, view }] of things.entries()) {
    if (answers[at]?.state !== INSUFFICIENT_PRIVILEGE) continue;
    refused.push({ name, grants: await grantsOf(client, name, view) });
  }
  return refused;
}

/** For a function: of each of its forms that we may not call. */
async function grantsOf(client: pg.Client, name: string, view: boolean): Promise<string[]> {
  const { rows } = await client.query<{ sql: string }>(
    view
      ? `SELECT format('GRANT SELECT ON pg_catalog.%I TO %s;', $1::text, ${US}) AS sql`
      : `SELECT format('GRANT EXECUTE ON FUNCTION pg_catalog.%s TO %s;', p.oid::regprocedure, ${US}) AS sql FROM pg_proc p
          WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = $1 AND NOT has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1`,
    [name],
  );
  return rows.map(({ sql }) => sql);
}

/** SQL: our role, in quotes whatever its name. */
export const US = `'"' || replace(current_user, '"', '""') || '"'`;
