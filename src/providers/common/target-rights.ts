import type pg from 'pg';
import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { relationsFact } from '../facts/relations.ts';
import { server } from '../facts/server.ts';
import { fail, listed, pass, warn } from '../outcome.ts';
import { migrated, USER_SCHEMA } from '../relations.ts';

type Right = readonly [what: string, sql: string, fix: string];

const UNDEFINED_OBJECT = '42704';

/** Schemas that are there, for extensions or from the start, and whose objects the source's schema may name. */
async function schemasInUse(source: pg.Client, target: pg.Client): Promise<string[]> {
  const read = async (client: pg.Client) =>
    (
      await client.query<{ name: string }>(
        `SELECT n.nspname AS name FROM pg_namespace n WHERE ${USER_SCHEMA} ORDER BY 1`,
      )
    ).rows;
  const there = new Set((await read(source)).map(({ name }) => name));
  return (await read(target)).map(({ name }) => name).filter((name) => there.has(name));
}

/** Does what the migration will do first, and takes it back. */
export const targetCreateRight: Check = {
  id: 'target-create-right',
  side: 'target',
  title: 'Right to create',
  severity: 'fail',
  wanted: 'the role may create schemas, tables in public, and temporary tables, and use the schemas that are there',
  why: 'The schema is created there, progress is kept in a schema of its own, and replay goes through temporary tables.',
  fix: 'GRANT CREATE, TEMPORARY ON DATABASE … TO …; or use the owner of the database.',
  async run({ ask, source, target, targetSettings, options }) {
    const role = quoteIdent(targetSettings.user);
    const database = quoteIdent(targetSettings.database);
    const schemas = await schemasInUse(source, target);
    const rights: Right[] = [
      ...schemas.map(
        (schema): Right => [
          `objects in schema ${schema}`,
          // Of a type that is not there: the schema is looked into first.
          `SELECT ${quoteLiteral(`${quoteIdent(schema)}.tiger_migrate_check`)}::pg_catalog.regtype`,
          `GRANT USAGE ON SCHEMA ${quoteIdent(schema)} TO ${role};`,
        ],
      ),
      ['schemas', 'CREATE SCHEMA tiger_migrate_check', `GRANT CREATE ON DATABASE ${database} TO ${role};`],
      [
        'temporary tables',
        'CREATE TEMP TABLE tiger_migrate_check ()',
        `GRANT TEMPORARY ON DATABASE ${database} TO ${role};`,
      ],
    ];
    if (migrated(await ask('source', relationsFact), options).some(({ schema }) => schema === 'public')) {
      rights.push([
        'tables in schema public',
        'CREATE TABLE public.tiger_migrate_check ()',
        `GRANT CREATE ON SCHEMA public TO ${role};`,
      ]);
    }
    const answers = await attempts(
      target,
      rights.map(([, sql]) => sql),
    );
    const refused = rights.flatMap(([what, , fix], at) => {
      const answer = answers[at];
      return answer && answer.state !== UNDEFINED_OBJECT ? [{ found: `${what}: ${answer.message}`, fix }] : [];
    });
    if (refused.length === 0) return pass(`may create ${listed(rights.slice(schemas.length).map(([what]) => what))}`);
    return fail('TM1212', refused.map(({ found }) => found).join('; '), {
      fix: `As the owner of the database or a superuser: ${refused.map(({ fix }) => fix).join(' ')}`,
    });
  },
};

/** GRANT SET ON PARAMETER came with 15. */
const PARAMETER_ACL_VERSION = 150000;

/** https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SESSION-REPLICATION-ROLE */
export const replicaRole: Check = {
  id: 'target-replica-role',
  side: 'target',
  title: 'Triggers and foreign keys during replay',
  severity: 'warn',
  wanted: 'the role may SET session_replication_role',
  why: 'Triggers must not fire again for rows that have been through them, and rows may come before those they refer to.',
  fix: 'PostgreSQL 15 or newer, as a superuser: GRANT SET ON PARAMETER session_replication_role TO …;',
  async run({ ask, target, targetSettings }) {
    const [refused] = await attempts(target, ['SET LOCAL session_replication_role = replica']);
    if (!refused) return pass('allowed');
    const grantable = (await ask('target', server)).versionNumber >= PARAMETER_ACL_VERSION;
    return warn(
      `${refused.message}: triggers are switched off by their owner and foreign keys added at the cut-over instead`,
      {
        fix: grantable
          ? `Nothing has to be done. Or, as a superuser: GRANT SET ON PARAMETER session_replication_role TO ${quoteIdent(targetSettings.user)};`
          : 'Nothing has to be done.',
      },
    );
  },
};
