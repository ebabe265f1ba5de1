import type pg from 'pg';
import { serverVersionNum } from '../../postgres/query.ts';
import type { Emit } from '../events.ts';
import type { MigrationOptions } from '../options.ts';
import { readRecordedLeftOut } from '../source/left-out.ts';
import { recordedObjects } from '../target/progress-schema.ts';
import { passwordSteps } from './password-step.ts';
import { readRolesWithoutPassword } from './passwords.ts';
import { planServer, type ServerPlan } from './plan-server.ts';
import { readServerProperties } from './server-properties.ts';
import { CREATED_ROLE, type OpenStep, runSteps, runStepWithin } from './step.ts';

export interface BothServers {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly options: Pick<MigrationOptions, 'skipRoles' | 'excludeSchema'>;
}

/** Compares both servers as they are now. */
async function planNow({ source, target, options }: BothServers): Promise<ServerPlan> {
  return planServer({
    source: await readServerProperties(source, await serverVersionNum(source)),
    target: await readServerProperties(target, await serverVersionNum(target)),
    created: await recordedObjects(target, CREATED_ROLE),
    ...options,
  });
}

/**
 * Creates the roles of the source that the target lacks, without passwords, and brings memberships, comments, settings, rights on
 * parameters, and what belongs to the database itself. What the target refuses, and what is not ours to change, is told as a warning, with
 * the statements.
 */
export async function bringServerProperties(of: BothServers, emit: Emit): Promise<void> {
  const plan = await planNow(of);
  const open = await runSteps(of.target, [...plan.roles.steps, ...plan.database]);
  const without = await readRolesWithoutPassword(of.target);
  for (const text of passwordSteps(without)) emit({ type: 'log', text });
  if (plan.roles.without.length > 0) emit({ type: 'log', text: withoutAttributes(plan) });
  if (plan.roles.notes.length > 0) emit({ type: 'warning', text: withoutMemberships(plan) });
  for (const text of tellOpen(open)) emit({ type: 'warning', text });
}

const withoutAttributes = ({ roles }: ServerPlan): string =>
  `Roles that come without what no migration gives: ${roles.without.map(({ name, attribute }) => `${name} (${attribute})`).join(', ')}`;

const withoutMemberships = ({ roles }: ServerPlan): string => `Memberships left out: ${roles.notes.join('; ')}`;

/** Sentences with all the statements that are open, as an administrator would run them. */
function tellOpen(open: readonly OpenStep[]): string[] {
  const refused = open.filter(({ byHand }) => byHand === undefined);
  const settings = refused.filter(({ kind }) => kind === 'settings');
  const others = refused.filter(({ kind }) => kind !== 'settings');
  const left = open.filter(({ byHand }) => byHand !== undefined);
  const list = (some: readonly OpenStep[]) => some.map(({ sql, reason }) => `${sql}; (${reason})`).join(' ');
  return [
    ...(others.length > 0 ? [`The target refused: ${list(others)}`] : []),
    ...(settings.length > 0 ? [`The target refused settings: ${list(settings)}`] : []),
    ...(left.length > 0 ? [`Left to an administrator of the target: ${list(left)}`] : []),
  ];
}

/** Sets the limit of connections of the database, in the transaction that ends the migration. */
export async function bringConnectionLimit(of: BothServers): Promise<void> {
  const { connectionLimit } = await planNow(of);
  if (connectionLimit !== null && connectionLimit.byHand === undefined) await runStepWithin(of.target, connectionLimit);
}

export interface OpenAtEnd {
  /** For the report. */
  readonly summary: readonly string[];
  readonly rolesWithoutPassword: readonly string[];
}

/** What is still open at the end of a migration, whoever has done what meanwhile: the statements as a warning, the rest as a summary. */
export async function tellOpenAtEnd(of: BothServers, emit: Emit): Promise<OpenAtEnd> {
  const plan = await planNow(of);
  const limit = plan.connectionLimit === null ? [] : [plan.connectionLimit];
  const open = [...plan.roles.steps, ...plan.database, ...limit, ...plan.defaultPrivileges, ...plan.changedPrivileges];
  if (open.length > 0) {
    const list = open.map(({ sql }) => `${sql};`).join(' ');
    emit({ type: 'warning', text: `The target refused, or leaves to an administrator, and still lacks: ${list}` });
  }
  const leftOut = plan.leftOut.map(({ name, why }) => `${name} (${why})`);
  const schemas = await readRecordedLeftOut(of.target);
  return {
    summary: [
      ...(schemas.length > 0 ? [`Schemas left out: ${schemas.join(', ')}.`] : []),
      ...(leftOut.length > 0 ? [`Roles left out: ${leftOut.join(', ')}.`] : []),
      ...(plan.roles.without.length > 0 ? [`${withoutAttributes(plan)}.`] : []),
      ...(plan.roles.notes.length > 0 ? [`${withoutMemberships(plan)}.`] : []),
      ...(open.length > 0
        ? [
            `What is open on roles, rights and the database is for an administrator of the target (statements: ${open.length}): the last warning lists it.`,
          ]
        : []),
    ],
    rolesWithoutPassword: await readRolesWithoutPassword(of.target),
  };
}
