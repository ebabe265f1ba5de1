import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { SYSTEM_SCHEMAS } from '../source/belongs.ts';
import type { Step } from './step.ts';

/** A privilege on an object of the server or of an extension that is not as initdb, or CREATE EXTENSION, has left it. */
export interface ChangedPrivilege {
  readonly granted: boolean;
  readonly kind: 'TABLE' | 'FUNCTION' | 'SCHEMA' | 'LANGUAGE' | 'TYPE';
  /** As SQL names it: `pg_catalog.pg_authid`, `pg_sleep(double precision)`. */
  readonly object: string;
  /** Of a table; null: of all of it. */
  readonly column: string | null;
  /** Null: PUBLIC. */
  readonly role: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

interface Kind {
  readonly kind: ChangedPrivilege['kind'];
  readonly catalog: string;
  readonly cast: string;
  readonly acl: string;
  readonly owner: string;
  /** As acldefault takes it. */
  readonly type: string;
  readonly name: string;
  readonly from: string;
}

const SYSTEM = `n.nspname IN ('pg_catalog', 'information_schema')`;
/** An extension's objects outside of the schemas that are left out with all that is in them. */
const ofExtension = (catalog: string): string =>
  `NOT ${SYSTEM_SCHEMAS} AND EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.${catalog}'::regclass AND e.objid = o.oid AND e.deptype = 'e')`;
const inSchema = (catalog: string, schema: string): string =>
  `${catalog} o JOIN pg_namespace n ON n.oid = o.${schema} AND (${SYSTEM} OR (${ofExtension(catalog)}))`;

const KINDS: readonly Kind[] = [
  {
    kind: 'TABLE',
    catalog: 'pg_class',
    cast: 'regclass',
    acl: 'o.relacl',
    owner: 'o.relowner',
    type: `CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"`,
    name: `format('%I.%I', n.nspname, o.relname)`,
    from: inSchema('pg_class', 'relnamespace'),
  },
  {
    kind: 'FUNCTION',
    catalog: 'pg_proc',
    cast: 'regprocedure',
    acl: 'o.proacl',
    owner: 'o.proowner',
    type: `'f'`,
    name: 'o.oid::regprocedure::text',
    from: inSchema('pg_proc', 'pronamespace'),
  },
  {
    kind: 'TYPE',
    catalog: 'pg_type',
    cast: 'regtype',
    acl: 'o.typacl',
    owner: 'o.typowner',
    type: `'T'`,
    name: 'o.oid::regtype::text',
    from: inSchema('pg_type', 'typnamespace'),
  },
  {
    kind: 'SCHEMA',
    catalog: 'pg_namespace',
    cast: 'regnamespace',
    acl: 'o.nspacl',
    owner: 'o.nspowner',
    type: `'n'`,
    name: 'quote_ident(o.nspname)',
    from: `pg_namespace o JOIN pg_namespace n ON n.oid = o.oid AND ${SYSTEM}`,
  },
  {
    kind: 'LANGUAGE',
    catalog: 'pg_language',
    cast: 'language',
    acl: 'o.lanacl',
    owner: 'o.lanowner',
    type: `'l'`,
    name: 'quote_ident(o.lanname)',
    from: 'pg_language o',
  },
];

/** Objects whose list of rights is not the first one any more: few, and only these are looked at. */
const changed = ({ kind, catalog, acl, owner, type, name, from }: Kind): string => `
  SELECT '${kind}' AS kind, ${name} AS object, NULL AS col, ${owner} AS owner, coalesce(${acl}, acldefault(${type}, ${owner})) AS now,
         coalesce(i.initprivs, acldefault(${type}, ${owner})) AS first
    FROM ${from} LEFT JOIN pg_init_privs i ON i.classoid = 'pg_catalog.${catalog}'::regclass AND i.objoid = o.oid AND i.objsubid = 0
   WHERE ${acl} IS DISTINCT FROM i.initprivs`;

const COLUMNS = `
  SELECT 'TABLE', format('%I.%I', n.nspname, o.relname), a.attname, o.relowner, coalesce(a.attacl, acldefault('c', o.relowner)),
         coalesce(i.initprivs, acldefault('c', o.relowner))
    FROM pg_attribute a JOIN (${inSchema('pg_class', 'relnamespace')}) ON o.oid = a.attrelid
    LEFT JOIN pg_init_privs i ON i.classoid = 'pg_catalog.pg_class'::regclass AND i.objoid = a.attrelid AND i.objsubid = a.attnum
   WHERE a.attacl IS DISTINCT FROM i.initprivs AND NOT a.attisdropped`;

/**
 * What somebody has changed of the rights on objects that the server or an extension brings. pg_dump brings them along, and only a
 * superuser can take them. https://www.postgresql.org/docs/current/catalog-pg-init-privs.html
 */
export const CHANGED_PRIVILEGES = `
WITH o AS (${[...KINDS.map(changed), COLUMNS].join(' UNION ALL ')}),
 now AS (SELECT o.kind, o.object, o.col, o.owner, x.grantee, x.privilege_type, bool_or(x.is_grantable) AS grantable
           FROM o CROSS JOIN LATERAL aclexplode(o.now) x GROUP BY 1, 2, 3, 4, 5, 6),
 first AS (SELECT o.kind, o.object, o.col, o.owner, x.grantee, x.privilege_type, bool_or(x.is_grantable) AS grantable
           FROM o CROSS JOIN LATERAL aclexplode(o.first) x GROUP BY 1, 2, 3, 4, 5, 6),
 diff AS (SELECT true AS granted, * FROM (SELECT * FROM now EXCEPT SELECT * FROM first) g
   UNION ALL SELECT false, f.* FROM first f WHERE NOT EXISTS (SELECT FROM now m WHERE (m.kind, m.object, m.grantee, m.privilege_type)
       = (f.kind, f.object, f.grantee, f.privilege_type) AND m.col IS NOT DISTINCT FROM f.col))
SELECT d.granted, d.kind, d.object, d.col, r.rolname AS role, d.privilege_type AS privilege, d.grantable
  FROM diff d LEFT JOIN pg_roles r ON r.oid = d.grantee
 WHERE d.grantee <> d.owner AND (d.grantee = 0 OR r.oid IS NOT NULL) ORDER BY 2, 3, 4, 1, 5, 6`;

export const toChangedPrivilege = (row: Record<string, string | null>): ChangedPrivilege => ({
  granted: row.granted === 't',
  kind: row.kind as ChangedPrivilege['kind'],
  object: row.object ?? '',
  column: row.col ?? null,
  role: row.role ?? null,
  privilege: row.privilege ?? '',
  grantable: row.grantable === 't',
});

const keyOf = (one: ChangedPrivilege): string =>
  JSON.stringify([
    one.granted,
    one.kind,
    one.object,
    one.column,
    one.role,
    one.privilege,
    one.granted && one.grantable,
  ]);

/** SQL: the object's list of rights on the target holds this one. */
function inList({ kind, object, column, role, privilege }: ChangedPrivilege): string {
  const of = KINDS.find((one) => one.kind === kind);
  if (of === undefined) throw new Error(`no catalog of a ${kind}`);
  const grantee = role === null ? '0' : `(SELECT oid FROM pg_roles WHERE rolname = ${quoteLiteral(role)})`;
  const where =
    of.cast === 'language'
      ? `quote_ident(o.lanname) = ${quoteLiteral(object)}`
      : `o.oid = ${quoteLiteral(object)}::${of.cast}`;
  const list =
    column === null
      ? `SELECT coalesce(${of.acl}, acldefault(${of.type}, ${of.owner})) AS acl FROM ${of.catalog} o WHERE ${where}`
      : `SELECT attacl AS acl FROM pg_attribute WHERE attrelid = ${quoteLiteral(object)}::regclass AND attname = ${quoteLiteral(column)}`;
  return `EXISTS (SELECT FROM (${list}) l CROSS JOIN LATERAL aclexplode(l.acl) x WHERE x.grantee = ${grantee} AND x.privilege_type = ${quoteLiteral(privilege)})`;
}

/** The information schema gives these rights itself, which before 13 are not noted as the first ones. */
const isOfInformationSchema = ({ granted, role, object }: ChangedPrivilege): boolean =>
  granted && role === null && /^information_schema\b/.test(object);

/** Those changes of the source that the target lacks; `roles`: the grantees, besides PUBLIC, that are or will be there. */
export function planChangedPrivileges(
  source: readonly ChangedPrivilege[],
  target: readonly ChangedPrivilege[],
  roles: ReadonlySet<string>,
): Step[] {
  const there = new Set(target.map(keyOf));
  return source
    .filter(
      (one) => !isOfInformationSchema(one) && (one.role === null || roles.has(one.role)) && !there.has(keyOf(one)),
    )
    .map((one): Step => {
      const { granted, kind, object, column, role, privilege, grantable } = one;
      const what = `${privilege}${column === null ? '' : ` (${quoteIdent(column)})`} ON ${kind} ${object}`;
      const who = role === null ? 'PUBLIC' : quoteIdent(role);
      return {
        kind: 'rights on objects of the server or of extensions',
        sql: granted ? `GRANT ${what} TO ${who}${grantable ? ' WITH GRANT OPTION' : ''}` : `REVOKE ${what} FROM ${who}`,
        holds: granted ? inList(one) : `NOT ${inList(one)}`,
      };
    });
}
