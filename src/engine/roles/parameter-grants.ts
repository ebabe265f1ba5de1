import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Step } from './step.ts';

/** A right on a server parameter that somebody was given. */
export interface ParameterGrant {
  readonly parameter: string;
  /** Null: PUBLIC. */
  readonly role: string | null;
  readonly privilege: 'SET' | 'ALTER SYSTEM';
  readonly grantable: boolean;
}

/** pg_parameter_acl came with 15. The first superuser, who owns them, is listed as a grantee too: that is no grant. */
export const PARAMETER_GRANTS = `
SELECT p.parname AS parameter, r.rolname AS role, a.privilege_type AS privilege, bool_or(a.is_grantable) AS grantable
  FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
 WHERE a.grantee <> 10 AND (a.grantee = 0 OR r.oid IS NOT NULL) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;

/** https://www.postgresql.org/docs/current/catalog-pg-parameter-acl.html */
export const toParameterGrant = (row: Record<string, string | null>): ParameterGrant => ({
  parameter: row.parameter ?? '',
  role: row.role ?? null,
  privilege: row.privilege === 'SET' ? 'SET' : 'ALTER SYSTEM',
  grantable: row.grantable === 't',
});

const grantName = (parameter: string): string => parameter.split('.').map(quoteIdent).join('.');

const keyOf = ({ parameter, role, privilege }: ParameterGrant): string => JSON.stringify([parameter, role, privilege]);

/** The grants of the source to `roles`, and to PUBLIC, that the target does not have yet. */
export function planParameterGrants(
  source: readonly ParameterGrant[],
  target: readonly ParameterGrant[],
  roles: ReadonlySet<string>,
): Step[] {
  const there = new Map(target.map((grant) => [keyOf(grant), grant.grantable]));
  return source.flatMap((grant): Step[] => {
    const { parameter, role, privilege, grantable } = grant;
    if (role !== null && !roles.has(role)) return [];
    const own = there.get(keyOf(grant));
    if (own !== undefined && (own || !grantable)) return [];
    const grantee = role === null ? 'PUBLIC' : quoteIdent(role);
    const right = `${privilege}${grantable ? ' WITH GRANT OPTION' : ''}`;
    return [
      {
        kind: 'rights on parameters',
        sql: `GRANT ${privilege} ON PARAMETER ${grantName(parameter)} TO ${grantee}${grantable ? ' WITH GRANT OPTION' : ''}`,
        holds: `has_parameter_privilege(${quoteLiteral(role ?? 'public')}, ${quoteLiteral(parameter)}, ${quoteLiteral(right)})`,
      },
    ];
  });
}
