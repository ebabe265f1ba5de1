import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { commentLiteral, type Step } from './step.ts';

/** A privilege on a database. */
interface DatabasePrivilege {
  /** Null: PUBLIC. */
  readonly role: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** What belongs to a database itself, besides its settings. */
export interface DatabaseProperties {
  readonly name: string;
  readonly owner: string;
  /** -1: no limit. */
  readonly connectionLimit: number;
  readonly comment: string | null;
  /** Without those of the owner, which has all. */
  readonly privileges: readonly DatabasePrivilege[];
}

export const DATABASE = `
SELECT d.datname AS name, o.rolname AS owner, d.datconnlimit AS connection_limit,
       shobj_description(d.oid, 'pg_database') AS comment,
       (SELECT coalesce(json_agg(json_build_array(a.role, a.privilege, a.grantable) ORDER BY a.role, a.privilege), '[]')
          FROM (SELECT r.rolname AS role, x.privilege_type AS privilege, bool_or(x.is_grantable) AS grantable
                  FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x LEFT JOIN pg_roles r ON r.oid = x.grantee
                 WHERE x.grantee <> d.datdba AND (x.grantee = 0 OR r.oid IS NOT NULL) GROUP BY 1, 2) a)::text AS privileges
  FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba WHERE d.datname = current_database()`;

/** https://www.postgresql.org/docs/current/catalog-pg-database.html */
export const toDatabaseProperties = (row: Record<string, string | null>): DatabaseProperties => ({
  name: row.name ?? '',
  owner: row.owner ?? '',
  connectionLimit: Number(row.connection_limit ?? -1),
  comment: row.comment ?? null,
  privileges: (JSON.parse(row.privileges ?? '[]') as [string | null, string, boolean][]).map(
    ([role, privilege, grantable]) => ({ role, privilege, grantable }),
  ),
});

const keyOf = ({ role, privilege }: DatabasePrivilege): string => JSON.stringify([role, privilege]);

/** SQL: whether a privilege was given to a role, or to PUBLIC, by name: not by way of a membership. */
const given = (role: string | null, privilege: string): string =>
  `EXISTS (SELECT FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
     WHERE d.datname = current_database() AND x.privilege_type = ${quoteLiteral(privilege)}
       AND x.grantee = ${role === null ? '0' : `(SELECT oid FROM pg_roles WHERE rolname = ${quoteLiteral(role)})`})`;

/**
 * What the target's database does not have yet of the source's privileges and comment. What PUBLIC may not do on the source is taken from it
 * here; what others than PUBLIC may do here stays. `known`: the roles that are or will be on the target.
 */
export function planDatabase(
  source: DatabaseProperties,
  target: DatabaseProperties,
  known: ReadonlySet<string>,
): Step[] {
  const database = quoteIdent(target.name);
  const there = new Map(target.privileges.map((one) => [keyOf(one), one.grantable]));
  const wanted = new Set(source.privileges.map(keyOf));
  const kind = 'privileges on the database';
  const named = (role: string | null): string => (role === null ? 'PUBLIC' : quoteIdent(role));
  const grants = source.privileges
    .filter(({ role }) => role === null || (known.has(role) && role !== target.owner))
    .filter((one) => !there.has(keyOf(one)) || (one.grantable && !there.get(keyOf(one))))
    .map(({ role, privilege, grantable }) => ({
      kind,
      sql: `GRANT ${privilege} ON DATABASE ${database} TO ${named(role)}${grantable ? ' WITH GRANT OPTION' : ''}`,
      holds: given(role, privilege),
    }));
  const revokes = target.privileges
    .filter((one) => one.role === null && !wanted.has(keyOf(one)))
    .map(({ privilege }) => ({
      kind,
      sql: `REVOKE ${privilege} ON DATABASE ${database} FROM PUBLIC`,
      holds: `NOT ${given(null, privilege)}`,
    }));
  const comment = `COMMENT ON DATABASE ${database} IS ${commentLiteral(source.comment)}`;
  return [
    ...grants,
    ...revokes,
    ...(source.comment === null || source.comment === target.comment
      ? []
      : [{ kind: 'comment on the database', sql: comment }]),
  ];
}

/** The limit of connections: at the cut-over, for a migration itself needs many. Null: nothing is to be done. */
export function planConnectionLimit(source: DatabaseProperties, target: DatabaseProperties): Step | null {
  const limit = source.connectionLimit;
  if (limit < 0 || limit === target.connectionLimit) return null;
  return {
    kind: 'connection limit of the database',
    sql: `ALTER DATABASE ${quoteIdent(target.name)} CONNECTION LIMIT ${limit}`,
    ...(target.connectionLimit < 0 ? {} : { byHand: 'the database has a limit of its own' }),
  };
}
