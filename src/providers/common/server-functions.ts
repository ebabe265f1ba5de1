import type pg from 'pg';
import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { fail, listed, pass } from '../outcome.ts';

const INSUFFICIENT_PRIVILEGE = '42501';

interface Needed {
  /** Function and the arguments that it is called with. */
  readonly functions: Readonly<Record<string, string>>;
  readonly views: readonly string[];
}

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

/** Some hardening guides take from everybody what PostgreSQL gives to everybody. */
export const serverFunctions = (side: 'source' | 'target'): Check => ({
  id: `${side}-server-functions`,
  side,
  title: 'Functions and views of the server',
  severity: 'fail',
  wanted: 'the role may use those that PostgreSQL lets everybody use',
  why: 'The snapshot is exported, progress marked in the stream, sessions and slots looked after by them.',
  fix: 'GRANT EXECUTE ON FUNCTION … TO …; GRANT SELECT ON … TO …;',
  async run(run) {
    const client = run[side];
    const { user } = run[`${side}Settings`];
    const { functions, views } = NEEDED[side];
    const things = [
      ...Object.entries(functions).map(([name, given]) => ({ name, view: false, sql: calling(name, given) })),
      ...views.map((name) => ({ name, view: true, sql: reading(name) })),
    ];
    const answers = await attempts(
      client,
      things.map(({ sql }) => sql),
    );
    const refused = things.filter((_, at) => answers[at]?.state === INSUFFICIENT_PRIVILEGE);
    if (refused.length === 0) return pass('all that is needed may be used');
    const grants: string[] = [];
    for (const { name, view } of refused) {
      const objects = view ? [`pg_catalog.${name}`] : (await formsOf(client, name)).map((form) => `FUNCTION ${form}`);
      for (const object of objects)
        grants.push(`GRANT ${view ? 'SELECT' : 'EXECUTE'} ON ${object} TO ${quoteIdent(user)};`);
    }
    return fail('TM1212', `no right to use ${listed(refused.map(({ name }) => name))}`, {
      fix: `As a superuser, in this database: ${grants.join(' ')}`,
    });
  },
});

/** All functions of that name that we may not call, with their arguments. */
async function formsOf(client: pg.Client, name: string): Promise<string[]> {
  const { rows } = await client.query<{ form: string }>(
    `SELECT 'pg_catalog.' || p.oid::regprocedure AS form FROM pg_proc p
      WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = $1 AND NOT has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1`,
    [name],
  );
  return rows.map(({ form }) => form);
}
