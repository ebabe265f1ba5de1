import type pg from 'pg';
import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import { recordedObjects } from '../target/progress-schema.ts';

export interface SourceRole {
  readonly name: string;
  readonly login: boolean;
  readonly inherit: boolean;
  /** May create databases, or roles. */
  readonly createDatabases: boolean;
  readonly createRoles: boolean;
  readonly connectionLimit: number;
  readonly memberOf: readonly string[];
}

/** Roles that a provider makes for itself; they exist on its own servers only. */
export const PROVIDER_ROLES =
  '^(pg_|rds|aws|aurora|avnadmin|_aiven|aiven|cloudsql|azure|supabase|neon|tsdb|tiger|postgres$|tsdbowner$|doadmin$)';

const ROLES = `
SELECT r.rolname AS name, r.rolcanlogin AS login, r.rolinherit AS inherit, r.rolcreatedb AS createdb, r.rolcreaterole AS createrole,
       r.rolconnlimit AS connection_limit,
       (SELECT coalesce(json_agg(g.rolname ORDER BY g.rolname), '[]') FROM pg_auth_members m
          JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)::text AS member_of
  FROM pg_roles r
 WHERE NOT r.rolsuper AND NOT r.rolreplication AND r.rolname !~ '${PROVIDER_ROLES}'
 ORDER BY r.rolname`;

/** The roles that can be taken along: superusers, replication roles and a provider's own are left out. No passwords. */
export async function readRoles(source: pg.Client): Promise<SourceRole[]> {
  const { rows } = await source.query<Record<string, string>>(ROLES);
  return rows.map((row) => ({
    name: row.name ?? '',
    login: row.login === 't',
    inherit: row.inherit === 't',
    createDatabases: row.createdb === 't',
    createRoles: row.createrole === 't',
    connectionLimit: Number(row.connection_limit),
    memberOf: JSON.parse(row.member_of ?? '[]') as string[],
  }));
}

/** A member and its group as one text. */
export const membership = (member: string, group: string): string => JSON.stringify([member, group]);

/** Who is a member of what on the target already: granting it again would need a right over the group (16 and newer). */
export async function readMemberships(target: pg.Client): Promise<ReadonlySet<string>> {
  const { rows } = await target.query<{ member: string; grp: string }>(
    `SELECT u.rolname AS member, g.rolname AS grp FROM pg_auth_members m
       JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.roleid`,
  );
  return new Set(rows.map((row) => membership(row.member, row.grp)));
}

const DUPLICATE_ROLE = '42710';

/**
 * Creates the roles that are not there, without passwords, and their memberships among each other. What the target
 * refuses is listed as a warning. Gives the names of those that this migration has created.
 */
export async function createRoles(
  target: pg.Client,
  roles: readonly SourceRole[],
  emit: Emit,
): Promise<ReadonlySet<string>> {
  const refused: string[] = [];
  const attempt = async (sql: string, what: string) => {
    try {
      await target.query(sql);
    } catch (error) {
      if (sqlState(error) === null) throw error;
      if (sqlState(error) !== DUPLICATE_ROLE) refused.push(`${what} (${error instanceof Error ? error.message : ''})`);
    }
  };
  const names = new Set(roles.map((role) => role.name));
  for (const role of roles) {
    const attributes = [
      role.login ? 'LOGIN' : 'NOLOGIN',
      role.inherit ? 'INHERIT' : 'NOINHERIT',
      ...(role.connectionLimit >= 0 ? [`CONNECTION LIMIT ${role.connectionLimit}`] : []),
    ];
    const name = quoteIdent(role.name);
    const record = `INSERT INTO tiger_migrate.object (kind, name) VALUES ('role', ${quoteLiteral(role.name)})`;
    await attempt(`CREATE ROLE ${name} ${attributes.join(' ')}; ${record}`, `role ${role.name}`);
  }
  const created = await recordedObjects(target, 'role');
  const memberships = await readMemberships(target);
  for (const role of roles) {
    // Each by itself: a role that may do less is better than none. One that was there before stays as it was.
    const name = quoteIdent(role.name);
    const powers = created.has(role.name)
      ? [...(role.createDatabases ? ['CREATEDB'] : []), ...(role.createRoles ? ['CREATEROLE'] : [])]
      : [];
    for (const power of powers) await attempt(`ALTER ROLE ${name} ${power}`, `${power} of ${role.name}`);
    const groups = role.memberOf.filter((group) => names.has(group) && !memberships.has(membership(role.name, group)));
    for (const group of groups) {
      await attempt(`GRANT ${quoteIdent(group)} TO ${quoteIdent(role.name)}`, `membership of ${role.name} in ${group}`);
    }
  }
  const withLogin = roles.filter((role) => role.login).map((role) => role.name);
  if (withLogin.length > 0) {
    emit({ type: 'log', text: `Roles come without passwords: set them on the target for ${withLogin.join(', ')}` });
  }
  if (refused.length > 0) emit({ type: 'warning', text: `The target refused: ${refused.join('; ')}` });
  return created;
}

export interface PolicyWithoutRole {
  readonly schema: string;
  readonly name: string;
  readonly policy: string;
  readonly role: string;
}

/** Policies of the source that name a role which the target does not have: they can't be made there. */
export async function policiesWithoutRole(source: pg.Client, target: pg.Client): Promise<PolicyWithoutRole[]> {
  const { rows } = await source.query<{ schema: string; name: string; policy: string; role: string }>(
    `SELECT p.schemaname AS schema, p.tablename AS name, p.policyname AS policy, r.role
       FROM pg_policies p CROSS JOIN LATERAL unnest(p.roles) r(role) WHERE r.role <> 'public' ORDER BY 1, 2, 3, 4`,
  );
  const there = await target.query<{ name: string }>('SELECT rolname AS name FROM pg_roles');
  const names = new Set(there.rows.map((row) => row.name));
  return rows.filter((row) => !names.has(row.role));
}
