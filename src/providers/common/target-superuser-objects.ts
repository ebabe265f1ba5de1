import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { type DelicateObject, delicateObjects } from '../facts/delicate-objects.ts';
import { fail, listed, pass } from '../outcome.ts';
import { leftOutOf } from '../schema-of-source.ts';

const INSUFFICIENT_PRIVILEGE = '42501';
const SCHEMA = 'tiger_migrate_check';

function wrapperOf(detail: string): { readonly wrapper: string; readonly extension: string | null } {
  const [wrapper, extension] = JSON.parse(detail) as [string, string | null];
  return { wrapper, extension };
}

/** What is tried on the target: what could only fail later than at the right, for another reason, fails so. */
function attemptOf({ kind, detail }: DelicateObject): string {
  const inSchema = (sql: string) => `CREATE SCHEMA ${SCHEMA}; ${sql}`;
  switch (kind) {
    case 'operator class':
    case 'operator family':
      return inSchema(`CREATE OPERATOR FAMILY ${SCHEMA}.x USING btree`);
    case 'base type':
      return inSchema(`CREATE TYPE ${SCHEMA}.x; CREATE TYPE ${SCHEMA}.x (INPUT = ${SCHEMA}.i, OUTPUT = ${SCHEMA}.o)`);
    case 'text search parser':
      return inSchema(
        `CREATE TEXT SEARCH PARSER ${SCHEMA}.x (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)`,
      );
    case 'text search template':
      return inSchema(`CREATE TEXT SEARCH TEMPLATE ${SCHEMA}.x (LEXIZE = dsimple_lexize)`);
    case 'access method':
      return 'CREATE ACCESS METHOD tiger_migrate_check TYPE TABLE HANDLER heap_tableam_handler';
    case 'foreign-data wrapper':
      return 'CREATE FOREIGN DATA WRAPPER tiger_migrate_check';
    case 'foreign server': {
      const { wrapper, extension } = wrapperOf(detail);
      const create = `CREATE SERVER tiger_migrate_check FOREIGN DATA WRAPPER ${quoteIdent(wrapper)}`;
      // The migration creates it first; who may do that need not have USAGE on its wrapper.
      return extension === null
        ? create
        : inSchema(`CREATE EXTENSION IF NOT EXISTS ${quoteIdent(extension)} SCHEMA ${SCHEMA} CASCADE; ${create}`);
    }
    case 'cast':
      return `CREATE CAST (${detail}) WITH INOUT`;
    case 'binary cast':
      return inSchema(
        `CREATE DOMAIN ${SCHEMA}.x AS int; CREATE TYPE ${SCHEMA}.e AS ENUM (); CREATE CAST (${SCHEMA}.e AS ${SCHEMA}.x) WITHOUT FUNCTION`,
      );
    case 'function of a language':
      return inSchema(`CREATE FUNCTION ${SCHEMA}.x() RETURNS int LANGUAGE ${quoteIdent(detail)} AS 'x', 'x'`);
    case 'leakproof function':
      return inSchema(`CREATE FUNCTION ${SCHEMA}.x() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'`);
    case 'function with a setting': {
      const [name = '', value = ''] = JSON.parse(detail) as string[];
      return inSchema(
        `CREATE FUNCTION ${SCHEMA}.x() RETURNS int LANGUAGE sql SET ${name.split('.').map(quoteIdent).join('.')} = ${quoteLiteral(value)} AS 'SELECT 1'`,
      );
    }
    default:
      return kind satisfies never;
  }
}

/** What to do, a line for each object: SQL for whichever side it is on. */
function remedyOf({ kind, name, detail }: DelicateObject, user: string): string {
  switch (kind) {
    case 'foreign server':
      return `As a superuser of the target: GRANT USAGE ON FOREIGN DATA WRAPPER ${quoteIdent(wrapperOf(detail).wrapper)} TO ${quoteIdent(user)};`;
    case 'leakproof function':
      return `On the source: ALTER FUNCTION ${name} NOT LEAKPROOF; what is left of it does the same, only planned otherwise.`;
    case 'function with a setting': {
      const [setting = ''] = JSON.parse(detail) as string[];
      return `As a superuser of the target, 15 or newer: GRANT SET ON PARAMETER ${setting} TO ${quoteIdent(user)}; or on the source: ALTER ROUTINE ${name} RESET ${setting};`;
    }
    default:
      return `Drop the ${kind === 'function of a language' ? 'function' : kind} ${name} on the source, or leave it out with --leave-out, or its schema with --exclude-schema.`;
  }
}

/** Tries one of each kind; what is refused would end the migration in the middle of its schema. */
export const targetSuperuserObjects: Check = {
  id: 'target-superuser-objects',
  side: 'target',
  title: 'Objects that only a superuser may create',
  severity: 'fail',
  wanted: 'the role may create on the target every kind of object that the source has',
  why: 'The schema is created by the role of the connection, which is no superuser on a managed service.',
  fix: 'Drop them on the source, or leave their schema out with --exclude-schema.',
  async run(run) {
    const { source, target, targetSettings, options } = run;
    const leftOut = await leftOutOf(run);
    const objects = (await delicateObjects(source)).filter(
      (object) =>
        !options.excludeSchema.includes(object.schema) &&
        !leftOut.some(({ classOid, oid }) => classOid === object.classOid && oid === object.oid),
    );
    if (objects.length === 0) return pass('the source has none');
    const statements = [...new Set(objects.map(attemptOf))];
    const answers = await attempts(target, statements);
    const refused = objects.filter(
      (object) => answers[statements.indexOf(attemptOf(object))]?.state === INSUFFICIENT_PRIVILEGE,
    );
    if (refused.length === 0)
      return pass(`may be created: ${listed(objects.map(({ kind, name }) => `${kind} ${name}`))}`);
    const found = refused.map((object) => {
      const answer = answers[statements.indexOf(attemptOf(object))];
      return `${object.kind} ${object.name} (${answer?.message})`;
    });
    const remedies = [...new Set(refused.map((object) => remedyOf(object, targetSettings.user)))];
    return fail('TM1217', listed(found), { fix: remedies.join('\n') });
  },
};
