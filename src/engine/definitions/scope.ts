import type pg from 'pg';
import { SYSTEM_SCHEMAS } from '../source/belongs.ts';
import { readRoots } from '../timescale/source-hypertables.ts';

/** What the catalog queries of one server depend on. */
export interface Scope {
  /** `server_version_num`. */
  readonly version: number;
  /** SQL: an array of the OIDs of the schemas whose objects are compared. */
  readonly schemas: string;
  /** SQL: an array of the OIDs of hypertables. Their chunks have other names on the other side. */
  readonly hypertables: string;
  /** Also type and position of columns that have nothing else. Most are such. */
  readonly plainColumns: boolean;
}

/** The operator's schemas. TimescaleDB keeps chunks and the storage of continuous aggregates in its own schemas. */
const SCHEMAS = `
SELECT coalesce(array_agg(n.oid), '{}')::text AS schemas, current_setting('server_version_num') AS version
  FROM pg_namespace n
 WHERE NOT ${SYSTEM_SCHEMAS}`;

export async function readScope(client: pg.Client, plainColumns: boolean): Promise<Scope> {
  const { rows } = await client.query<{ schemas: string; version: string }>(SCHEMAS);
  const roots = await readRoots(client);
  return {
    version: Number(rows[0]?.version ?? 0),
    schemas: `'${rows[0]?.schemas ?? '{}'}'::oid[]`,
    hypertables: `'{${[...roots].join(',')}}'::oid[]`,
    plainColumns,
  };
}

/** SQL: the object is no member of an extension. Members are compared as the extension. */
export const notMember = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_catalog.${catalog}'::regclass AND m.objid = ${oid} AND m.deptype = 'e')`;

/** SQL: the relation is no chunk. */
export const notChunk = ({ hypertables }: Scope, relation: string): string =>
  hypertables === `'{}'::oid[]`
    ? 'true'
    : `NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = ${relation} AND h.inhparent = ANY (${hypertables}))`;

/** SQL: the comment on an object. */
export const comment = (catalog: string, oid: string, column = '0'): string =>
  `(SELECT d.description FROM pg_description d WHERE d.classoid = 'pg_catalog.${catalog}'::regclass AND d.objoid = ${oid} AND d.objsubid = ${column})`;

/**
 * SQL: privileges as a JSON array of `[grantee, privilege, grantable]`. The owner is `owner`, PUBLIC is `public`, and any
 * other grantee is `role NAME`. `kind` is that of `acldefault`.
 */
export const privileges = (acl: string, kind: string, owner: string): string =>
  `(SELECT json_agg(json_build_array(
      CASE WHEN x.grantee = ${owner} THEN 'owner' WHEN x.grantee = 0 THEN 'public' ELSE 'role ' || pg_get_userbyid(x.grantee) END,
      x.privilege_type, x.is_grantable AND x.grantee <> ${owner}))::text
    FROM aclexplode(coalesce(${acl}, acldefault(${kind}, ${owner}))) x)`;

/** SQL: options of an array column in one order, one a line. */
export const options = (array: string): string =>
  `(SELECT string_agg(o, E'\\n' ORDER BY o COLLATE "C") FROM unnest(${array}) o WHERE o !~ '^pg_attver=')`;

/** SQL: names of a function, an operator, a collation and others by their parts. */
export const nameOf = (catalog: string, prefix: string, oid: string): string =>
  `(SELECT format('%I.%I', zn.nspname, z.${prefix}name) FROM ${catalog} z JOIN pg_namespace zn ON zn.oid = z.${prefix}namespace WHERE z.oid = ${oid})`;

/** SQL: a function with its arguments, or null for none. */
export const functionName = (oid: string): string =>
  `(SELECT format('%I.%I(%s)', zn.nspname, z.proname, oidvectortypes(z.proargtypes)) FROM pg_proc z
      JOIN pg_namespace zn ON zn.oid = z.pronamespace WHERE z.oid = ${oid})`;

/** SQL: an operator with its operands, or null for none. */
export const operatorName = (oid: string): string =>
  `(SELECT format('%I.%s(%s, %s)', zn.nspname, z.oprname, CASE WHEN z.oprleft <> 0 THEN format_type(z.oprleft, NULL) ELSE 'NONE' END,
      CASE WHEN z.oprright <> 0 THEN format_type(z.oprright, NULL) ELSE 'NONE' END)
     FROM pg_operator z JOIN pg_namespace zn ON zn.oid = z.oprnamespace WHERE z.oid = ${oid})`;
