import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Step } from './step.ts';

/** A right that is given, or taken, on what a role creates from now on. */
export interface DefaultPrivilege {
  readonly granted: boolean;
  /** Whoever creates it. */
  readonly creator: string;
  /** Null: in all schemas. */
  readonly schema: string | null;
  readonly objects: 'TABLES' | 'SEQUENCES' | 'FUNCTIONS' | 'TYPES' | 'SCHEMAS' | 'LARGE OBJECTS';
  /** Null: PUBLIC. */
  readonly role: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

const OBJECTS = { r: 'TABLES', S: 'SEQUENCES', f: 'FUNCTIONS', T: 'TYPES', n: 'SCHEMAS', L: 'LARGE OBJECTS' } as const;

/** In one schema they are added to those of all schemas; in all schemas they stand instead of what the server gives by itself. */
export const DEFAULT_PRIVILEGES = `
WITH o AS (SELECT d.defaclrole AS creator, d.defaclnamespace AS schema, d.defaclobjtype AS type, d.defaclacl AS now,
       CASE WHEN d.defaclnamespace = 0 THEN acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)
         ELSE acldefault('c', d.defaclrole) END AS first FROM pg_default_acl d),
 now AS (SELECT o.creator, o.schema, o.type, x.grantee, x.privilege_type, bool_or(x.is_grantable) AS grantable FROM o CROSS JOIN LATERAL aclexplode(o.now) x GROUP BY 1, 2, 3, 4, 5),
 first AS (SELECT o.creator, o.schema, o.type, x.grantee, x.privilege_type, bool_or(x.is_grantable) AS grantable FROM o CROSS JOIN LATERAL aclexplode(o.first) x GROUP BY 1, 2, 3, 4, 5),
 diff AS (SELECT true AS granted, g.* FROM (SELECT * FROM now EXCEPT SELECT * FROM first) g
   UNION ALL SELECT false, f.* FROM first f WHERE NOT EXISTS (SELECT FROM now m
     WHERE (m.creator, m.schema, m.type, m.grantee, m.privilege_type) = (f.creator, f.schema, f.type, f.grantee, f.privilege_type)))
SELECT d.granted, c.rolname AS creator, n.nspname AS schema, d.type, r.rolname AS role, d.privilege_type AS privilege, d.grantable
  FROM diff d JOIN pg_roles c ON c.oid = d.creator LEFT JOIN pg_namespace n ON n.oid = d.schema LEFT JOIN pg_roles r ON r.oid = d.grantee
 WHERE d.grantee <> d.creator AND (d.grantee = 0 OR r.oid IS NOT NULL) ORDER BY 2, 3, 4, 1, 5, 6`;

/** https://www.postgresql.org/docs/current/catalog-pg-default-acl.html */
export const toDefaultPrivilege = (row: Record<string, string | null>): DefaultPrivilege => ({
  granted: row.granted === 't',
  creator: row.creator ?? '',
  schema: row.schema ?? null,
  objects: OBJECTS[(row.type ?? 'r') as keyof typeof OBJECTS],
  role: row.role ?? null,
  privilege: row.privilege ?? '',
  grantable: row.grantable === 't',
});

const keyOf = (one: DefaultPrivilege): string => JSON.stringify([...Object.values(one)]);

export interface DefaultPrivilegesToPlan {
  readonly source: readonly DefaultPrivilege[];
  readonly target: readonly DefaultPrivilege[];
  /** The roles that are or will be on the target. */
  readonly roles: ReadonlySet<string>;
  readonly excludedSchemas: ReadonlySet<string>;
}

/** Those of the source that the target lacks. They come with the dump, where our role is a member of whoever creates. */
export function planDefaultPrivileges({ source, target, roles, excludedSchemas }: DefaultPrivilegesToPlan): Step[] {
  const there = new Set(target.map(keyOf));
  return source
    .filter(
      ({ creator, role, schema }) =>
        roles.has(creator) && (role === null || roles.has(role)) && !(schema !== null && excludedSchemas.has(schema)),
    )
    .filter((one) => !there.has(keyOf(one)))
    .map(({ granted, creator, schema, objects, role, privilege, grantable }): Step => {
      const who = role === null ? 'PUBLIC' : quoteIdent(role);
      const what = granted
        ? `GRANT ${privilege} ON ${objects} TO ${who}${grantable ? ' WITH GRANT OPTION' : ''}`
        : `REVOKE ${privilege} ON ${objects} FROM ${who}`;
      const whose = `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdent(creator)}`;
      return {
        kind: 'default privileges',
        sql: `${whose}${schema === null ? '' : ` IN SCHEMA ${quoteIdent(schema)}`} ${what}`,
        // The schema is not there yet when it is tried.
        trial: `${whose} ${what}`,
      };
    });
}
