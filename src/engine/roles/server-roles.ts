import type pg from 'pg';
import { providersOwn } from './provider-roles.ts';

export interface Membership {
  readonly group: string;
  /** May grant it to others. */
  readonly admin: boolean;
  /** Has the rights of the group without SET ROLE. Before 16 all memberships of a role do, or none. */
  readonly inherit: boolean;
  /** May SET ROLE to the group. */
  readonly set: boolean;
}

/** A role as pg_roles shows it to everybody: without its password. */
export interface Role {
  readonly name: string;
  readonly superuser: boolean;
  readonly inherit: boolean;
  readonly createRoles: boolean;
  readonly createDatabases: boolean;
  readonly login: boolean;
  readonly replication: boolean;
  readonly bypassRls: boolean;
  /** -1: no limit. */
  readonly connectionLimit: number;
  /** In UTC, as SQL takes it; null: for ever. */
  readonly validUntil: string | null;
  readonly comment: string | null;
  readonly memberOf: readonly Membership[];
}

/** Several grantors may have given the same membership: it holds what any of them gave. The options came with 16. */
export const ROLES = `
SELECT r.rolname AS name, r.rolsuper AS superuser, r.rolinherit AS inherit, r.rolcreaterole AS create_role, r.rolcreatedb AS create_db,
       r.rolcanlogin AS login, r.rolreplication AS replication, r.rolbypassrls AS bypass, r.rolconnlimit AS connection_limit,
       CASE WHEN isfinite(r.rolvaliduntil)
         THEN to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"' || CASE WHEN r.rolvaliduntil < '0001-01-01 00:00:00+00' THEN ' BC' ELSE '' END)
         ELSE r.rolvaliduntil::text END AS valid_until,
       shobj_description(r.oid, 'pg_authid') AS comment,
       (SELECT coalesce(json_agg(json_build_array(g.rolname, m.admin, coalesce(m.inherit, r.rolinherit), coalesce(m.set, true)) ORDER BY g.rolname), '[]')
          FROM (SELECT a.roleid, bool_or(a.admin_option) AS admin, bool_or((to_jsonb(a) ->> 'inherit_option')::bool) AS inherit,
                  bool_or((to_jsonb(a) ->> 'set_option')::bool) AS set FROM pg_auth_members a WHERE a.member = r.oid GROUP BY 1) m
          JOIN pg_roles g ON g.oid = m.roleid)::text AS member_of,
       (SELECT o.rolsuper FROM pg_roles o WHERE o.rolname = current_user) AS ours_is_superuser
  FROM pg_roles r ORDER BY r.rolname`;

export interface LeftOutRole {
  readonly name: string;
  /** For people: `of Amazon RDS`. */
  readonly why: string;
  readonly ofProvider: boolean;
}

export interface ServerRoles {
  readonly all: readonly Role[];
  /** Without those that are left out, and PostgreSQL's own (`pg_monitor` and the like). */
  readonly roles: readonly Role[];
  readonly leftOut: readonly LeftOutRole[];
  /** PostgreSQL's own: members are all that an operator can give them. */
  readonly predefined: ReadonlySet<string>;
}

/** Reads all roles of a server, and says which are not the operator's: its provider's, and its own superuser `postgres`. */
export const readServerRoles = async (client: pg.Client): Promise<ServerRoles> =>
  toServerRoles((await client.query<Record<string, string>>(ROLES)).rows);

export function toServerRoles(rows: readonly Record<string, string>[]): ServerRoles {
  const names = rows.map(({ name }) => name ?? '');
  const provided = providersOwn(names, { superuser: rows[0]?.ours_is_superuser === 't' });
  const all = rows.map(toRole);
  // Names that begin so are reserved.
  const isPredefined = (name: string) => name.startsWith('pg_');
  const why = (role: Role): string | null => {
    const provider = provided.get(role.name);
    if (provider !== undefined) return `of ${provider}`;
    return role.name === 'postgres' && role.superuser ? "the server's superuser" : null;
  };
  const own = all.filter(({ name }) => !isPredefined(name));
  return {
    all,
    roles: own.filter((role) => why(role) === null),
    leftOut: own.flatMap((role) => {
      const reason = why(role);
      return reason === null ? [] : [{ name: role.name, why: reason, ofProvider: provided.has(role.name) }];
    }),
    predefined: new Set(names.filter(isPredefined)),
  };
}

const toRole = (row: Record<string, string>): Role => ({
  name: row.name ?? '',
  superuser: row.superuser === 't',
  inherit: row.inherit === 't',
  createRoles: row.create_role === 't',
  createDatabases: row.create_db === 't',
  login: row.login === 't',
  replication: row.replication === 't',
  bypassRls: row.bypass === 't',
  connectionLimit: Number(row.connection_limit),
  validUntil: row.valid_until?.replace('.000000', '') ?? null,
  comment: row.comment ?? null,
  memberOf: (JSON.parse(row.member_of ?? '[]') as [string, boolean, boolean, boolean][]).map(
    ([group, admin, inherit, set]) => ({ group, admin, inherit, set }),
  ),
});
