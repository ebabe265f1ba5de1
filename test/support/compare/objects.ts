import { notOfExtension, USER_SCHEMA } from './session.ts';

/** What is compared of everything that is not a table: as in catalog.ts, `object` and `definition`. */

const TYPE = `pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace`;
const USER_TYPE = `${USER_SCHEMA} AND ${notOfExtension('pg_type', 't.oid')}`;

/** Privileges without owners and grantors, which a migration changes; an owner's own rights are "(owner)". */
const privileges = (object: string, acl: string, kind: string, owner: string, from: string, where: string): string => `
  SELECT object, string_agg(granted, ', ' ORDER BY granted) AS definition FROM (
    SELECT ${object} AS object, concat_ws(' ',
      CASE WHEN x.grantee = ${owner} THEN '(owner)' WHEN x.grantee = 0 THEN 'PUBLIC'
        ELSE pg_get_userbyid(x.grantee)::text END,
      x.privilege_type, CASE WHEN x.is_grantable AND x.grantee <> ${owner} THEN 'grantable' END) AS granted
    FROM ${from}, aclexplode(COALESCE(${acl}, acldefault(${kind}, ${owner}))) x WHERE ${where}) g
  GROUP BY object`;

const CLASS = 'pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace';
const USER_RELATION = `${USER_SCHEMA} AND ${notOfExtension('pg_class', 'c.oid')} AND c.relpersistence <> 't'`;

export const OBJECT_FACTS: Readonly<Record<string, string>> = {
  schema: `SELECT quote_ident(n.nspname) AS object, '' AS definition FROM pg_namespace n WHERE ${USER_SCHEMA}`,

  extension: `
    SELECT quote_ident(e.extname) AS object, e.extversion || ' in ' || n.nspname AS definition
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace`,

  type: `
    SELECT t.oid::regtype::text AS object, concat_ws(' ', t.typtype,
      (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
      (SELECT format_type(rngsubtype, NULL) || ' diff ' || rngsubdiff::text || ' canonical ' || rngcanonical::text
       FROM pg_range WHERE rngtypid = t.oid),
      CASE WHEN t.typtype = 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod), 'default ' || t.typdefault,
        CASE WHEN t.typnotnull THEN 'not null' END, 'collate ' || NULLIF(t.typcollation, 0)::regcollation::text) END
      ) AS definition
    FROM ${TYPE} WHERE ${USER_TYPE} AND t.typtype IN ('e', 'd', 'r', 'm', 'b', 'c') AND t.typelem = 0
      AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class WHERE oid = t.typrelid AND relkind = 'c'))`,

  function: `
    SELECT p.oid::regprocedure::text AS object,
      CASE WHEN p.prokind = 'a' THEN 'aggregate ' || (SELECT concat_ws(' ', a.aggtransfn, a.aggfinalfn,
          format_type(a.aggtranstype, NULL), a.agginitval, a.aggkind) FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
        ELSE pg_get_functiondef(p.oid) END AS definition
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_proc', 'p.oid')}
      -- The constructors of range types come and go with their types.
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        AND d.deptype = 'i')`,

  operator: `
    SELECT o.oid::regoperator::text AS object,
      concat_ws(' ', o.oprcode, o.oprcanmerge, o.oprcanhash, o.oprcom::regoper, o.oprrest, o.oprjoin) AS definition
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_operator', 'o.oid')}`,

  'operator class': `
    SELECT quote_ident(n.nspname) || '.' || quote_ident(o.opcname) || ' using ' || m.amname AS object,
      concat_ws(' ', format_type(o.opcintype, NULL), CASE WHEN o.opcdefault THEN 'default' END) AS definition
    FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am m ON m.oid = o.opcmethod
    WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_opclass', 'o.oid')}`,

  cast: `
    SELECT format_type(k.castsource, NULL) || ' as ' || format_type(k.casttarget, NULL) AS object,
      concat_ws(' ', NULLIF(k.castfunc, 0)::regprocedure, k.castcontext, k.castmethod) AS definition
    FROM pg_cast k WHERE k.oid >= 16384 AND ${notOfExtension('pg_cast', 'k.oid')}`,

  collation: `
    SELECT quote_ident(n.nspname) || '.' || quote_ident(k.collname) AS object,
      concat_ws(' ', k.collprovider, k.collisdeterministic, k.collcollate, k.collctype) AS definition
    FROM pg_collation k JOIN pg_namespace n ON n.oid = k.collnamespace
    WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_collation', 'k.oid')}`,

  'text search configuration': `
    SELECT quote_ident(n.nspname) || '.' || quote_ident(k.cfgname) AS object,
      (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', '
        ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = k.oid) AS definition
    FROM pg_ts_config k JOIN pg_namespace n ON n.oid = k.cfgnamespace
    WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_ts_config', 'k.oid')}`,

  'event trigger': `
    SELECT quote_ident(e.evtname) AS object,
      concat_ws(' ', e.evtevent, e.evtfoid::regprocedure, e.evtenabled, e.evttags::text) AS definition
    FROM pg_event_trigger e WHERE ${notOfExtension('pg_event_trigger', 'e.oid')}`,

  'foreign server': `
    SELECT quote_ident(s.srvname) AS object, concat_ws(' ', w.fdwname, s.srvtype, s.srvversion, s.srvoptions::text)
      AS definition
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw`,

  // By identity, not by OID; the comment of the database itself is shared, and stays where it is.
  comment: `
    SELECT i.type || ' ' || i.identity AS object, d.description AS definition
    FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
    WHERE i.type IS NOT NULL AND i.identity !~ '^(pg_catalog|information_schema|pg_toast|tiger_migrate)\\M'
      AND d.objoid >= 16384
      AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = d.classoid AND x.objid = d.objoid AND x.deptype = 'e')
      AND d.classoid NOT IN ('pg_extension'::regclass, 'pg_publication'::regclass, 'pg_subscription'::regclass)`,

  'privileges of relation': privileges(
    'c.oid::regclass::text',
    'c.relacl',
    `CASE WHEN c.relkind = 'S' THEN 's'::"char" ELSE 'r'::"char" END`,
    'c.relowner',
    CLASS,
    `${USER_RELATION} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')`,
  ),
  'privileges of column': privileges(
    "c.oid::regclass::text || '.' || quote_ident(a.attname)",
    'a.attacl',
    `'c'::"char"`,
    'c.relowner',
    `${CLASS} JOIN pg_attribute a ON a.attrelid = c.oid`,
    `${USER_RELATION} AND a.attacl IS NOT NULL AND NOT a.attisdropped`,
  ),
  'privileges of schema': privileges(
    'quote_ident(n.nspname)',
    'n.nspacl',
    `'n'::"char"`,
    'n.nspowner',
    'pg_namespace n',
    USER_SCHEMA,
  ),
  'privileges of function': privileges(
    'p.oid::regprocedure::text',
    'p.proacl',
    `'f'::"char"`,
    'p.proowner',
    'pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace',
    `${USER_SCHEMA} AND ${notOfExtension('pg_proc', 'p.oid')}`,
  ),
  'privileges of type': privileges(
    't.oid::regtype::text',
    't.typacl',
    `'T'::"char"`,
    't.typowner',
    TYPE,
    `${USER_TYPE} AND t.typacl IS NOT NULL`,
  ),

  'default privileges': `
    SELECT concat_ws(' ', COALESCE(n.nspname, 'everywhere'), d.defaclobjtype) AS object,
      string_agg(concat_ws(' ', CASE WHEN x.grantee = d.defaclrole THEN '(owner)' WHEN x.grantee = 0 THEN 'PUBLIC'
        ELSE pg_get_userbyid(x.grantee)::text END, x.privilege_type, x.is_grantable), ', '
        ORDER BY x.grantee = d.defaclrole, pg_get_userbyid(x.grantee), x.privilege_type) AS definition
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) x
    GROUP BY 1`,
};
