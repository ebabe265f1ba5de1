import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Membership, Role, ServerRoles } from './server-roles.ts';
import { commentLiteral, type Step } from './step.ts';

/** GRANT … WITH INHERIT and SET came with 16. */
const MEMBERSHIP_OPTIONS_VERSION = 160000;

export interface RolesToPlan {
  readonly source: ServerRoles;
  /** All roles of the target, whoever they belong to. */
  readonly there: readonly Role[];
  /** Those of the target that this migration has created. */
  readonly created: ReadonlySet<string>;
  /** `server_version_num` of the target. */
  readonly targetVersion: number;
}

export interface RolesPlan {
  /** What is still to be done, in this order. */
  readonly steps: readonly Step[];
  /** Roles that come without what no migration gives: SUPERUSER and REPLICATION. */
  readonly without: readonly { readonly name: string; readonly attribute: 'SUPERUSER' | 'REPLICATION' }[];
  /** Memberships that can't be had on the target, as sentences. */
  readonly notes: readonly string[];
}

const THERE_BEFORE = 'the role was on the target before';

/**
 * What is still to be done so that the target has the source's roles, with attributes, memberships and comments, without passwords.
 * A role that was on the target before is not changed: what differs is left to an administrator. Its missing memberships are
 * granted, since without them its privileges would be less. Pure: says the same before, during and after a migration.
 * https://www.postgresql.org/docs/current/role-attributes.html
 */
export function planRoles(of: RolesToPlan): RolesPlan {
  const there = new Map(of.there.map((role) => [role.name, role]));
  const ours = (name: string): boolean => !there.has(name) || of.created.has(name);
  const { roles } = of.source;
  const memberships = planMemberships(of, there, ours);
  return {
    steps: [
      ...roles.filter(({ name }) => !there.has(name)).map(creation),
      ...memberships.steps,
      ...roles.flatMap((role) => attributeSteps(role, there.get(role.name), ours(role.name))),
      ...roles.flatMap((role) => commentSteps(role, there.get(role.name), ours(role.name))),
    ],
    without: roles.flatMap((role) => withoutAttribute(role, there.get(role.name))),
    notes: memberships.notes,
  };
}

const creation = (role: Role): Step => ({
  kind: 'CREATE ROLE',
  creates: role.name,
  sql: `CREATE ROLE ${quoteIdent(role.name)} WITH ${PLAIN.flatMap(({ words }) => words(role) ?? []).join(' ')}`,
});

interface Attribute {
  /** Null: the default. */
  readonly words: (role: Role) => string | null;
  /** The default in words, which only ALTER ROLE needs. */
  readonly byDefault: string;
}

/** What everybody may give who may create the role. */
const PLAIN: readonly Attribute[] = [
  { words: ({ login }) => (login ? 'LOGIN' : 'NOLOGIN'), byDefault: 'NOLOGIN' },
  { words: ({ inherit }) => (inherit ? 'INHERIT' : 'NOINHERIT'), byDefault: 'INHERIT' },
  {
    words: ({ connectionLimit: limit }) => (limit < 0 ? null : `CONNECTION LIMIT ${limit}`),
    byDefault: 'CONNECTION LIMIT -1',
  },
  {
    words: ({ validUntil }) => (validUntil === null ? null : `VALID UNTIL ${quoteLiteral(validUntil)}`),
    byDefault: "VALID UNTIL 'infinity'",
  },
];

const plainWords = (role: Role): string[] => PLAIN.map(({ words, byDefault }) => words(role) ?? byDefault);

/** What is given one by one: a role that may do less is better than none. */
const POWERS = [
  { kind: 'CREATEDB', has: ({ createDatabases }: Role) => createDatabases },
  { kind: 'CREATEROLE', has: ({ createRoles }: Role) => createRoles },
  { kind: 'BYPASSRLS', has: ({ bypassRls }: Role) => bypassRls },
];

function attributeSteps(role: Role, own: Role | undefined, ours: boolean): Step[] {
  const alter = (words: string) => `ALTER ROLE ${quoteIdent(role.name)} ${words}`;
  if (own === undefined) return POWERS.filter(({ has }) => has(role)).map(({ kind }) => ({ kind, sql: alter(kind) }));
  const found = plainWords(own);
  const plain = plainWords(role).filter((words, at) => words !== found[at]);
  const powers = POWERS.filter(({ has }) => has(role) !== has(own) && !own.superuser).map(({ kind, has }) =>
    has(role) ? kind : `NO${kind}`,
  );
  if (ours) return [...plain, ...powers].map((words) => ({ kind: words.split(' ')[0] ?? words, sql: alter(words) }));
  const words = [...plain, ...powers];
  return words.length === 0 ? [] : [{ kind: 'attributes', sql: alter(words.join(' ')), byHand: THERE_BEFORE }];
}

function commentSteps(role: Role, own: Role | undefined, ours: boolean): Step[] {
  if (role.comment === null || role.comment === own?.comment) return [];
  const sql = `COMMENT ON ROLE ${quoteIdent(role.name)} IS ${commentLiteral(role.comment)}`;
  const overwrites = !ours && own !== undefined && own.comment !== null;
  return [{ kind: 'comments on roles', sql, ...(overwrites ? { byHand: THERE_BEFORE } : {}) }];
}

function withoutAttribute(role: Role, own: Role | undefined): RolesPlan['without'] {
  if (role.superuser && !own?.superuser) return [{ name: role.name, attribute: 'SUPERUSER' }];
  if (role.replication && !own?.replication && !own?.superuser) return [{ name: role.name, attribute: 'REPLICATION' }];
  return [];
}

function planMemberships(
  { source, targetVersion }: RolesToPlan,
  there: ReadonlyMap<string, Role>,
  ours: (name: string) => boolean,
): Pick<RolesPlan, 'steps' | 'notes'> {
  const steps: Step[] = [];
  const notes: string[] = [];
  const migrated = new Set(source.roles.map(({ name }) => name));
  for (const role of source.roles) {
    const member = there.get(role.name);
    for (const wanted of role.memberOf) {
      const leftOut = source.leftOut.find(({ name }) => name === wanted.group);
      if (leftOut !== undefined || (!migrated.has(wanted.group) && !there.has(wanted.group))) {
        notes.push(`${role.name} in ${wanted.group} (${leftOut?.why ?? 'the target has no such role'})`);
        continue;
      }
      const own = member?.memberOf.find(({ group }) => group === wanted.group);
      const step = membershipStep(role, wanted, own, { there: member, targetVersion });
      if (step === null) continue;
      const isThere = there.has(wanted.group) && (!migrated.has(wanted.group) || !ours(wanted.group));
      steps.push({ kind: isThere ? `members of ${wanted.group}` : 'memberships (GRANT)', ...step });
    }
  }
  return { steps, notes };
}

/** Null: the target has it already. */
function membershipStep(
  role: Role,
  wanted: Membership,
  own: Membership | undefined,
  { there, targetVersion }: { readonly there: Role | undefined; readonly targetVersion: number },
): Omit<Step, 'kind'> | null {
  const grant = `GRANT ${quoteIdent(wanted.group)} TO ${quoteIdent(role.name)}`;
  if (targetVersion >= MEMBERSHIP_OPTIONS_VERSION) {
    const lacks =
      own === undefined || (['admin', 'inherit', 'set'] as const).some((option) => wanted[option] && !own[option]);
    if (!lacks) return null;
    const options = [
      ...(wanted.admin ? ['ADMIN TRUE'] : []),
      ...(wanted.inherit === (there ?? role).inherit ? [] : [`INHERIT ${wanted.inherit ? 'TRUE' : 'FALSE'}`]),
      ...(wanted.set ? [] : ['SET FALSE']),
    ];
    return { sql: options.length === 0 ? grant : `${grant} WITH ${options.join(', ')}` };
  }
  if (own !== undefined && (own.admin || !wanted.admin)) return null;
  // Whoever may create roles administers all of them before 16.
  if (wanted.admin && !wanted.inherit && !wanted.set && role.createRoles) return null;
  const sql = wanted.admin ? `${grant} WITH ADMIN OPTION` : grant;
  const more =
    wanted.inherit === (there ?? role).inherit && wanted.set
      ? null
      : 'before PostgreSQL 16 it would give more than on the source';
  return more === null ? { sql } : { sql, byHand: more };
}
