import type pg from 'pg';
import { USER_SCHEMA } from '../relations.ts';

/** An object of the operator's that an ordinary role may not create everywhere. */
export interface DelicateObject {
  readonly kind:
    | 'operator class'
    | 'operator family'
    | 'base type'
    | 'text search parser'
    | 'text search template'
    | 'access method'
    | 'foreign-data wrapper'
    | 'foreign server'
    | 'cast'
    | 'binary cast'
    | 'function of a language'
    | 'leakproof function'
    | 'function with a setting';
  /** As SQL names it. */
  readonly name: string;
  /** Empty: it is in none. */
  readonly schema: string;
  /** Language, the two types of a cast, or as JSON: wrapper and its extension or null, name and value of the setting. */
  readonly detail: string;
  /** Its catalog, and its OID there. */
  readonly classOid: number;
  readonly oid: number;
}

const own = (catalog: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.${catalog}'::regclass AND e.objid = o.oid AND e.deptype = 'e')`;
const inSchema = (column: string, catalog: string): string =>
  `JOIN pg_namespace n ON n.oid = o.${column} WHERE ${USER_SCHEMA} AND ${own(catalog)}`;
/** OIDs below are PostgreSQL's own. */
const FIRST_USER_OID = 16384;

const ID = 'o.tableoid::text AS class_oid, o.oid::text AS oid';

const OBJECTS = `
  SELECT 'operator class' AS kind, format('%I.%I', n.nspname, opcname) AS name, n.nspname::text AS schema, '' AS detail, ${ID}
    FROM pg_opclass o ${inSchema('opcnamespace', 'pg_opclass')}
  UNION ALL SELECT 'operator family', format('%I.%I', n.nspname, opfname), n.nspname, '', ${ID} FROM pg_opfamily o ${inSchema('opfnamespace', 'pg_opfamily')}
    AND NOT EXISTS (SELECT FROM pg_opclass c WHERE c.opcfamily = o.oid)
  UNION ALL SELECT 'base type', format('%I.%I', n.nspname, typname), n.nspname, '', ${ID} FROM pg_type o ${inSchema('typnamespace', 'pg_type')}
    AND typtype = 'b' AND NOT (typelem <> 0 AND typlen = -1)
  UNION ALL SELECT 'text search parser', format('%I.%I', n.nspname, prsname), n.nspname, '', ${ID} FROM pg_ts_parser o ${inSchema('prsnamespace', 'pg_ts_parser')}
  UNION ALL SELECT 'text search template', format('%I.%I', n.nspname, tmplname), n.nspname, '', ${ID} FROM pg_ts_template o ${inSchema('tmplnamespace', 'pg_ts_template')}
  UNION ALL SELECT 'access method', quote_ident(amname), '', '', ${ID} FROM pg_am o WHERE o.oid >= ${FIRST_USER_OID} AND ${own('pg_am')}
  UNION ALL SELECT 'foreign-data wrapper', quote_ident(fdwname), '', '', ${ID} FROM pg_foreign_data_wrapper o WHERE ${own('pg_foreign_data_wrapper')}
  UNION ALL SELECT 'foreign server', quote_ident(srvname), '', json_build_array(w.fdwname, (SELECT x.extname FROM pg_depend e
      JOIN pg_extension x ON x.oid = e.refobjid WHERE e.classid = 'pg_catalog.pg_foreign_data_wrapper'::regclass AND e.objid = w.oid AND e.deptype = 'e'))::text, ${ID}
    FROM pg_foreign_server o JOIN pg_foreign_data_wrapper w ON w.oid = o.srvfdw
    WHERE ${own('pg_foreign_server')}
  -- Who owns one of the types may make casts with it: everything that comes is ours there.
  UNION ALL SELECT CASE WHEN castmethod = 'b' THEN 'binary cast' ELSE 'cast' END,
      format('(%s AS %s)', format_type(castsource, NULL), format_type(casttarget, NULL)), '',
      format('%s AS %s', format_type(castsource, NULL), format_type(casttarget, NULL)), ${ID}
    FROM pg_cast o WHERE o.oid >= ${FIRST_USER_OID} AND ${own('pg_cast')}
      AND (castmethod = 'b' OR (castsource < ${FIRST_USER_OID} AND casttarget < ${FIRST_USER_OID}))
  UNION ALL SELECT 'function of a language', o.oid::regprocedure::text, n.nspname, l.lanname, ${ID} FROM pg_proc o JOIN pg_language l ON l.oid = o.prolang
    ${inSchema('pronamespace', 'pg_proc')} AND NOT l.lanpltrusted AND o.prokind <> 'a'
      -- A range type brings its own.
      AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_catalog.pg_proc'::regclass AND i.objid = o.oid AND i.deptype = 'i')
  UNION ALL SELECT 'leakproof function', o.oid::regprocedure::text, n.nspname, '', ${ID} FROM pg_proc o ${inSchema('pronamespace', 'pg_proc')} AND proleakproof
  UNION ALL SELECT 'function with a setting', o.oid::regprocedure::text, n.nspname,
      json_build_array(split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1))::text, ${ID}
    FROM pg_proc o CROSS JOIN LATERAL unnest(o.proconfig) AS c (setting) ${inSchema('pronamespace', 'pg_proc')}
      AND split_part(c.setting, '=', 1) NOT IN ('search_path', 'role')
  ORDER BY 1, 2`;

/** All of them, in one query. Those of extensions come with these. */
export async function delicateObjects(client: pg.Client): Promise<DelicateObject[]> {
  const { rows } = await client.query<
    { kind: DelicateObject['kind'] } & Record<'name' | 'schema' | 'detail' | 'class_oid' | 'oid', string>
  >(OBJECTS);
  return rows.map(({ class_oid, oid, ...row }) => ({ ...row, classOid: Number(class_oid), oid: Number(oid) }));
}
