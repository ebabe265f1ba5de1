import { isTried } from '../../engine/roles/step.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { openSteps, reasonsOf, serverPlan, serverProperties, statementsOf } from '../facts/server-properties.ts';
import { counted, pass, warn } from '../outcome.ts';

/** https://www.postgresql.org/docs/current/sql-alterdatabase.html */
export const databaseProperties: Check = {
  id: 'target-database-properties',
  side: 'target',
  title: 'The database itself',
  severity: 'warn',
  wanted: 'the target database can have its settings, privileges, connection limit and comment',
  why: 'They belong to the database, and no dump of its objects has them. The owner of the database may change them. The connection limit is set at the cut-over.',
  fix: 'ALTER DATABASE … OWNER TO …;',
  async run(run) {
    const { roles, database, connectionLimit } = await serverPlan(run);
    const steps = [...database, ...(connectionLimit === null ? [] : [connectionLimit])];
    if (steps.length === 0) return pass('nothing that the target does not have');
    const open = await openSteps(run, steps, roles.steps);
    if (open.length === 0)
      return pass(
        `${counted(steps.length, 'statement')} will be run: ${[...new Set(steps.map(({ kind }) => kind))].join(', ')}`,
      );
    const { name } = (await run.ask('target', serverProperties)).database;
    const [refused, left] = [open.filter(isTried), open.filter((step) => !isTried(step))];
    const found = [
      ...(refused.length > 0 ? [`refused: ${reasonsOf(refused)}`] : []),
      ...(left.length > 0 ? [`left to an administrator: ${reasonsOf(left)}`] : []),
    ].join('; ');
    const owner = `ALTER DATABASE ${quoteIdent(name)} OWNER TO ${quoteIdent(run.targetSettings.user)};`;
    return warn(found, {
      fix: [
        ...(refused.length > 0
          ? [`As an administrator of the target: ${owner}`, 'Or, once the roles are there:']
          : ['As an administrator of the target:']),
        ...statementsOf(open),
      ].join('\n'),
    });
  },
};

/** https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html */
export const defaultPrivileges: Check = {
  id: 'target-default-privileges',
  side: 'target',
  title: 'Default privileges',
  severity: 'warn',
  wanted: 'the target can have those of the source',
  why: 'They are the rights on what a role creates later. Only that role, its members and superusers may set them.',
  fix: 'GRANT the roles that create objects to the connecting role, or run the statements as an administrator.',
  async run(run) {
    const { roles, defaultPrivileges: steps } = await serverPlan(run);
    if (steps.length === 0) return pass('none that the target does not have');
    const open = await openSteps(run, steps, roles.steps);
    if (open.length === 0) return pass(`${counted(steps.length, 'right')} will be set`);
    return warn(`not set on the target: ${counted(open.length, 'right')} (${open[0]?.reason})`, {
      fix: ['As an administrator of the target, once roles and schemas are there:', ...statementsOf(open)].join('\n'),
    });
  },
};

/** https://www.postgresql.org/docs/current/catalog-pg-init-privs.html */
export const systemPrivileges: Check = {
  id: 'target-system-privileges',
  side: 'target',
  title: 'Rights on objects of the server',
  severity: 'warn',
  wanted: 'nobody has changed them on the source, or the role is a superuser on the target',
  why: 'Functions, views and tables of the server and of extensions belong to a superuser. Only a superuser may change the rights on them.',
  fix: 'Run the statements on the target as an administrator.',
  async run(run) {
    const { roles, changedPrivileges } = await serverPlan(run);
    if (changedPrivileges.length === 0) return pass('as the server and its extensions have made them');
    const open = await openSteps(run, changedPrivileges, roles.steps);
    if (open.length === 0) return pass(`${counted(changedPrivileges.length, 'change')} will be made`);
    return warn(`not made on the target: ${counted(open.length, 'change')} of rights (${open[0]?.reason})`, {
      fix: ['As an administrator of the target, once the roles and extensions are there:', ...statementsOf(open)].join(
        '\n',
      ),
    });
  },
};
