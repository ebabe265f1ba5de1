import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { membership, PROVIDER_ROLES, readMemberships, readRoles, type SourceRole } from '../../engine/schema/roles.ts';
import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { counted, info, listed, pass, warn } from '../outcome.ts';

interface SpecialRole {
  readonly name: string;
  readonly attribute: 'SUPERUSER' | 'REPLICATION' | 'BYPASSRLS';
}

/** Roles with attributes that only a superuser hands on, each by its weightiest. */
async function specialRoles(source: pg.Client): Promise<SpecialRole[]> {
  const { rows } = await source.query<{ name: string; attribute: SpecialRole['attribute'] }>(
    `SELECT rolname AS name,
       CASE WHEN rolsuper THEN 'SUPERUSER' WHEN rolreplication THEN 'REPLICATION' ELSE 'BYPASSRLS' END AS attribute
     FROM pg_roles WHERE (rolsuper OR rolreplication OR rolbypassrls) AND rolname !~ '${PROVIDER_ROLES}' ORDER BY 1`,
  );
  return rows;
}

async function existing(target: pg.Client, names: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await target.query<{ name: string }>(
    'SELECT rolname AS name FROM pg_roles WHERE rolname = ANY ($1::text[])',
    [names],
  );
  return new Set(rows.map(({ name }) => name));
}

interface Need {
  /** What cannot be had when it is refused. */
  readonly what: string;
  readonly sql: string;
  /** The group that is there and whose members we would have to choose. */
  readonly group?: string;
}

/** What will be done with the roles that are not there, with names that nobody has: only what these roles call for. */
function needs(roles: readonly SourceRole[]): Need[] {
  if (roles.length === 0) return [];
  const name = `tiger_migrate_${randomBytes(6).toString('hex')}`;
  const [one, two] = [quoteIdent(name), quoteIdent(`${name}_2`)];
  const create = `CREATE ROLE ${one}`;
  const wanted: [boolean, Need][] = [
    [true, { what: 'CREATE ROLE', sql: create }],
    [
      roles.some(({ memberOf }) => memberOf.length > 0),
      { what: 'memberships (GRANT)', sql: `${create}; CREATE ROLE ${two}; GRANT ${one} TO ${two}` },
    ],
    [
      roles.some(({ createDatabases }) => createDatabases),
      { what: 'CREATEDB', sql: `${create}; ALTER ROLE ${one} CREATEDB` },
    ],
    [
      roles.some(({ createRoles }) => createRoles),
      { what: 'CREATEROLE', sql: `${create}; ALTER ROLE ${one} CREATEROLE` },
    ],
  ];
  return wanted.flatMap(([is, need]) => (is ? [need] : []));
}

/** The groups that are there and get members that they do not have. Since 16 CREATEROLE alone is no right over them. */
async function groupNeeds(
  target: pg.Client,
  roles: readonly SourceRole[],
  there: ReadonlySet<string>,
): Promise<Need[]> {
  const memberships = await readMemberships(target);
  const someone = quoteIdent(`tiger_migrate_${randomBytes(6).toString('hex')}`);
  const wanted = new Map<string, Need>();
  for (const { name, memberOf } of roles) {
    for (const group of memberOf.filter((one) => there.has(one) && !memberships.has(membership(name, one)))) {
      const grant = `GRANT ${quoteIdent(group)} TO`;
      const sql = there.has(name) ? `${grant} ${quoteIdent(name)}` : `CREATE ROLE ${someone}; ${grant} ${someone}`;
      wanted.set(group, { what: `members of ${group}`, sql, group });
    }
  }
  return [...wanted.values()];
}

/** What becomes of them, a sentence for each attribute. */
function fates(special: readonly SpecialRole[]): string[] {
  const having = (...attributes: SpecialRole['attribute'][]) =>
    special.filter(({ attribute }) => attributes.includes(attribute)).map(({ name }) => name);
  const staying = having('SUPERUSER', 'REPLICATION');
  const bypassing = having('BYPASSRLS');
  return [
    ...(staying.length > 0 ? [`stay behind, being SUPERUSER or REPLICATION: ${listed(staying)}`] : []),
    ...(bypassing.length > 0 ? [`come without BYPASSRLS: ${listed(bypassing)}`] : []),
  ];
}

/** https://www.postgresql.org/docs/current/role-attributes.html */
export const roleCreation: Check = {
  id: 'target-create-roles',
  side: 'target',
  title: 'Roles',
  severity: 'warn',
  wanted: 'the role may create the roles of the source and their memberships, unless roles are skipped',
  why: 'The roles of the source are created on the target, without passwords, and get their privileges there; those of roles that are not there are left out. All objects belong to the connecting role.',
  fix: 'ALTER ROLE … CREATEROLE; or --skip-roles.',
  async run({ source, target, options, targetSettings }) {
    if (options.skipRoles) return info('roles are skipped');
    const roles = await readRoles(source);
    const there = await existing(
      target,
      roles.map(({ name }) => name),
    );
    const absent = roles.filter(({ name }) => !there.has(name));
    const special = await specialRoles(source);
    const found = [
      absent.length === 0
        ? 'no role has to be created'
        : `${counted(absent.length, 'role')} to create: ${listed(absent.map(({ name }) => name))}`,
      ...(there.size > 0 ? [`there already, left as they are: ${listed([...there])}`] : []),
      ...fates(special),
    ].join('; ');
    const wanted = [...needs(absent), ...(await groupNeeds(target, roles, there))];
    const statements = wanted.map(({ sql }) => sql);
    const answers = statements.length === 0 ? [] : await attempts(target, statements);
    const refused = wanted.flatMap((need, at) => {
      const answer = answers[at];
      return answer ? [{ text: `${need.what}: ${answer.message}`, group: need.group }] : [];
    });
    const user = quoteIdent(targetSettings.user);
    if (refused.length > 0) {
      const grants = [
        ...(refused.some(({ group }) => group === undefined) ? [`ALTER ROLE ${user} CREATEROLE CREATEDB;`] : []),
        ...refused.flatMap(({ group }) =>
          group === undefined ? [] : [`GRANT ${quoteIdent(group)} TO ${user} WITH ADMIN OPTION;`],
        ),
      ];
      return warn(`${found}; refused: ${refused.map(({ text }) => text).join('; ')}`, {
        fix: `As a superuser of the target: ${grants.join(' ')} or create the roles there by hand, or use --skip-roles. Otherwise their privileges are left out.`,
      });
    }
    if (special.length === 0) return pass(found);
    return info(found, {
      fix: 'If the application logs in as one of those that stay behind, create a role for it on the target with the rights that it really needs. BYPASSRLS is for an administrator of the target to give: ALTER ROLE … BYPASSRLS; without it row security policies hide rows from that role.',
    });
  },
};
