import { quoteIdent } from '../../postgres/identifiers.ts';
import { firstRow, inRolledBackTransaction, refusal } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, info, listed, pass, warn } from '../outcome.ts';
import { FROM_USER_RELATIONS, migrated } from '../relations.ts';

/** Does what the migration will do first, and rolls it back. */
export const targetCreateRight: Check = {
  id: 'target-create-right',
  side: 'target',
  title: 'Right to create',
  wanted: 'the role may create schemas, tables in public, and temporary tables',
  why: 'The schema is created there, progress is kept in a schema of its own, and replay goes through temporary tables.',
  fix: 'GRANT CREATE, TEMPORARY ON DATABASE … TO …; or use the owner of the database.',
  async run({ source, target, targetSettings, options }) {
    const role = quoteIdent(targetSettings.user);
    const database = quoteIdent(targetSettings.database);
    const inPublic = await source.query<{ schema: string; name: string }>(
      `SELECT n.nspname AS schema, c.relname AS name ${FROM_USER_RELATIONS} AND n.nspname = 'public'
         AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')`,
    );
    const attempts: [what: string, sql: string, fix: string][] = [
      ['schemas', 'CREATE SCHEMA tiger_migrate_check', `GRANT CREATE ON DATABASE ${database} TO ${role};`],
      [
        'temporary tables',
        'CREATE TEMP TABLE tiger_migrate_check ()',
        `GRANT TEMPORARY ON DATABASE ${database} TO ${role};`,
      ],
    ];
    if (migrated(inPublic.rows, options).length > 0) {
      attempts.push([
        'tables in schema public',
        'CREATE TABLE public.tiger_migrate_check ()',
        `GRANT CREATE ON SCHEMA public TO ${role};`,
      ]);
    }
    const refused = await inRolledBackTransaction(target, async () => {
      const results: { what: string; message: string; fix: string }[] = [];
      for (const [what, sql, fix] of attempts) {
        const message = await refusal(target, sql);
        if (message !== null) results.push({ what, message, fix });
      }
      return results;
    });
    if (refused.length === 0) return pass(`may create ${listed(attempts.map(([what]) => what))}`);
    return fail('TM1212', refused.map(({ what, message }) => `${what}: ${message}`).join('; '), {
      fix: `As the owner of the database or a superuser: ${refused.map(({ fix }) => fix).join(' ')}`,
    });
  },
};

/** https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE */
export const replicaRole: Check = {
  id: 'target-replica-role',
  side: 'target',
  title: 'Triggers and foreign keys during replay',
  wanted: 'the role may SET session_replication_role',
  why: 'Triggers must not fire again for rows that have been through them, and rows may come before those they refer to.',
  fix: 'PostgreSQL 15 or newer, as a superuser: GRANT SET ON PARAMETER session_replication_role TO …;',
  async run({ target, targetSettings }) {
    const message = await inRolledBackTransaction(target, () =>
      refusal(target, 'SET LOCAL session_replication_role = replica'),
    );
    if (message === null) return pass('allowed');
    return warn(`${message}: triggers are switched off by their owner and foreign keys added at the cut-over instead`, {
      fix: `Nothing has to be done. Or, as a superuser: GRANT SET ON PARAMETER session_replication_role TO ${quoteIdent(targetSettings.user)};`,
    });
  },
};

/** https://www.postgresql.org/docs/current/role-attributes.html */
export const roleCreation: Check = {
  id: 'target-create-roles',
  side: 'target',
  title: 'Right to create roles',
  wanted: 'CREATEROLE, unless roles are skipped',
  why: 'Owners and grantees of the source are created on the target, without passwords.',
  fix: 'ALTER ROLE … CREATEROLE; or --skip-roles.',
  async run({ target, options, targetSettings }) {
    if (options.skipRoles) return info('roles are skipped');
    const { allowed } = await firstRow<{ allowed: string }>(
      target,
      'SELECT rolcreaterole OR rolsuper AS allowed FROM pg_roles WHERE rolname = current_user',
    );
    return allowed === 't'
      ? pass('allowed')
      : warn('not allowed: roles that the target lacks are listed, their objects belong to the connecting role', {
          fix: `As a superuser: ALTER ROLE ${quoteIdent(targetSettings.user)} CREATEROLE; or use --skip-roles.`,
        });
  },
};
