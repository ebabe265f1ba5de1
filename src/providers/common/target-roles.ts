import type { RolesPlan } from '../../engine/roles/plan-roles.ts';
import { isTried, type OpenStep } from '../../engine/roles/step.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { openSteps, reasonsOf, serverPlan, serverProperties, statementsOf } from '../facts/server-properties.ts';
import { counted, info, listed, pass, warn } from '../outcome.ts';

/** What becomes of those that are more on the source than a migration makes them, a sentence for each attribute. */
function fates({ without, notes }: RolesPlan): string[] {
  const lacking = (attribute: 'SUPERUSER' | 'REPLICATION') =>
    without.filter((role) => role.attribute === attribute).map(({ name }) => name);
  const sentence = (attribute: 'SUPERUSER' | 'REPLICATION') => {
    const names = lacking(attribute);
    return names.length > 0 ? [`come without ${attribute}: ${listed(names)}`] : [];
  };
  return [
    ...sentence('SUPERUSER'),
    ...sentence('REPLICATION'),
    ...(notes.length > 0 ? [`memberships left out: ${listed(notes)}`] : []),
  ];
}

const GROUP = 'members of ';
/** What CREATEROLE and CREATEDB are enough for. */
const BY_CREATEROLE = new Set(['CREATE ROLE', 'memberships (GRANT)', 'CREATEDB', 'CREATEROLE']);

/** What would let our role do itself what it is refused; null: only an administrator does it. */
function remedyOf(refused: readonly OpenStep[], user: string): string | null {
  const role = quoteIdent(user);
  const groups = new Set(refused.flatMap(({ kind }) => (kind.startsWith(GROUP) ? [kind.slice(GROUP.length)] : [])));
  const grants = [
    ...(refused.some(({ kind }) => BY_CREATEROLE.has(kind)) ? [`ALTER ROLE ${role} CREATEROLE CREATEDB;`] : []),
    ...[...groups].map((group) => `GRANT ${quoteIdent(group)} TO ${role} WITH ADMIN OPTION;`),
  ];
  if (grants.length === 0) return null;
  return `As a superuser of the target: ${grants.join(' ')} or create the roles there by hand, or use --skip-roles. Otherwise their privileges are left out.`;
}

/** https://www.postgresql.org/docs/current/role-attributes.html */
export const roleCreation: Check = {
  id: 'target-create-roles',
  side: 'target',
  title: 'Roles',
  severity: 'warn',
  wanted: 'the role may create the roles of the source with all their properties, unless roles are skipped',
  why: 'The roles of the source are created on the target with their memberships, comments, settings and rights on parameters, but without passwords, SUPERUSER and REPLICATION. A role that the target has already keeps its attributes; it only gets its memberships and its settings for this database. All objects belong to the connecting role.',
  fix: 'ALTER ROLE … CREATEROLE; or --skip-roles.',
  async run(run) {
    if (run.options.skipRoles) return info('roles are skipped');
    const { roles: plan } = await serverPlan(run);
    const source = await run.ask('source', serverProperties);
    const target = await run.ask('target', serverProperties);
    const there = new Set(target.roles.all.map(({ name }) => name));
    const names = source.roles.roles.map(({ name }) => name);
    const [absent, present] = [names.filter((name) => !there.has(name)), names.filter((name) => there.has(name))];
    const open = await openSteps(run, plan.steps);
    const refused = open.filter(isTried);
    const left = open.filter((step) => !isTried(step));
    const found = [
      absent.length === 0
        ? 'no role has to be created'
        : `${counted(absent.length, 'role')} to create: ${listed(absent)}`,
      ...(present.length > 0 ? [`there already, attributes not changed: ${listed(present)}`] : []),
      ...fates(plan),
      ...(refused.length > 0 ? [`refused: ${reasonsOf(refused)}`] : []),
      ...(left.length > 0 ? [`left to an administrator: ${reasonsOf(left)}`] : []),
    ].join('; ');
    const sentences = [
      ...(open.length > 0
        ? [
            'What stays open otherwise, for an administrator of the target to run once the roles are there:',
            ...statementsOf(open),
          ]
        : []),
      ...(plan.without.length > 0
        ? [
            'A role that needs SUPERUSER or REPLICATION on the target gets it from an administrator there:',
            ...plan.without.map(({ name, attribute }) => `ALTER ROLE ${quoteIdent(name)} ${attribute};`),
          ]
        : []),
    ];
    if (open.length > 0) {
      const remedy = remedyOf(refused, run.targetSettings.user);
      return warn(found, { fix: [...(remedy === null ? [] : [remedy]), ...sentences].join('\n') });
    }
    if (plan.without.length === 0 && plan.notes.length === 0) return pass(found);
    return info(found, {
      fix: [
        ...sentences,
        ...(plan.notes.length > 0
          ? [
              'Memberships in roles that the target does not have need nothing, or a role of the target with the same rights.',
            ]
          : []),
      ].join('\n'),
    });
  },
};
