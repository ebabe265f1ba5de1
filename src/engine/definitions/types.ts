import { comment, functionName, nameOf, notMember, options, privileges, type Scope } from './scope.ts';

/** Schemas, extensions, types, collations, text search, foreign servers, default privileges. */

const inSchema = (scope: Scope, catalog: string, oid: string): string =>
  `n.oid = ANY (${scope.schemas}) AND ${notMember(catalog, oid)}`;

const SCHEMAS = (scope: Scope): string => `
SELECT 'schema' AS kind, json_build_array(n.nspname)::text AS name, n.oid::int8 AS oid,
  json_build_object('comment', ${comment('pg_namespace', 'n.oid')}, 'privileges', ${privileges('n.nspacl', `'n'::"char"`, 'n.nspowner')})::text AS fields
  FROM pg_namespace n WHERE ${inSchema(scope, 'pg_namespace', 'n.oid')}`;

/** The target may have a newer version: a check tells of it. */
const EXTENSIONS = `
SELECT 'extension' AS kind, json_build_array(e.extname)::text AS name, e.oid::int8 AS oid,
  json_build_object('schema', n.nspname)::text AS fields
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace`;

const ABOUT = `'comment', ${comment('pg_type', 't.oid')}, 'privileges', ${privileges('t.typacl', `'T'::"char"`, 't.typowner')}`;

const ENUMS = (scope: Scope): string => `
SELECT 'enum type' AS kind, json_build_array(n.nspname, t.typname)::text AS name, t.oid::int8 AS oid,
  json_build_object('labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e WHERE e.enumtypid = t.oid), ${ABOUT})::text AS fields
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e' AND ${inSchema(scope, 'pg_type', 't.oid')}`;

const DOMAINS = (scope: Scope): string => `
SELECT 'domain' AS kind, json_build_array(n.nspname, t.typname)::text AS name, t.oid::int8 AS oid,
  json_build_object('base type', format_type(t.typbasetype, t.typtypmod), 'default', coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
    'not null', CASE WHEN t.typnotnull THEN 'yes' END,
    'collation', CASE WHEN t.typcollation <> b.typcollation THEN ${nameOf('pg_collation', 'coll', 't.typcollation')} END, ${ABOUT})::text AS fields
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype
 WHERE t.typtype = 'd' AND ${inSchema(scope, 'pg_type', 't.oid')}`;

/** Before 14 there are no multiranges: their name is compared where both sides have one. */
const RANGES = (scope: Scope): string => `
SELECT 'range type' AS kind, json_build_array(n.nspname, t.typname)::text AS name, t.oid::int8 AS oid,
  json_build_object('subtype', format_type(r.rngsubtype, NULL), 'collation', ${nameOf('pg_collation', 'coll', 'r.rngcollation')},
    'operator class', ${nameOf('pg_opclass', 'opc', 'r.rngsubopc')}, 'canonical', ${functionName('r.rngcanonical')},
    'difference', ${functionName('r.rngsubdiff')},
    'multirange', ${scope.version >= 140000 ? 'format_type(r.rngmultitypid, NULL)' : 'NULL'}, ${ABOUT})::text AS fields
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_range r ON r.rngtypid = t.oid WHERE ${inSchema(scope, 'pg_type', 't.oid')}`;

const BASE_TYPES = (scope: Scope): string => `
SELECT CASE WHEN t.typisdefined THEN 'base type' ELSE 'shell type' END AS kind, json_build_array(n.nspname, t.typname)::text AS name, t.oid::int8 AS oid,
  json_build_object('input', ${functionName('t.typinput')}, 'output', ${functionName('t.typoutput')}, 'receive', ${functionName('t.typreceive')},
    'send', ${functionName('t.typsend')}, 'modifier input', ${functionName('t.typmodin')}, 'modifier output', ${functionName('t.typmodout')},
    'analyze', ${functionName('t.typanalyze')}, 'subscript', ${scope.version >= 140000 ? functionName('nullif(t.typsubscript, 0)') : 'NULL'},
    'length', t.typlen::text, 'by value', CASE WHEN t.typbyval THEN 'yes' END, 'alignment', t.typalign::text,
    'storage', t.typstorage::text, 'category', t.typcategory::text, 'preferred', CASE WHEN t.typispreferred THEN 'yes' END,
    'delimiter', t.typdelim::text, 'default', t.typdefault, 'element', CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END,
    'collatable', CASE WHEN t.typcollation <> 0 THEN 'yes' END, ${ABOUT})::text AS fields
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype IN ('b', 'p') AND ${inSchema(scope, 'pg_type', 't.oid')}
   AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)`;

/** In which column the locale of a collation stands: in others before 15, and again before 17. */
const localeOf = ({ version }: Scope): string => {
  const own = version >= 170000 ? 'k.colllocale' : version >= 150000 ? 'k.colliculocale' : 'NULL';
  return `coalesce(${own}, CASE WHEN k.collprovider = 'i' THEN k.collcollate END)`;
};

const COLLATIONS = (scope: Scope): string => `
SELECT 'collation' AS kind, json_build_array(n.nspname, k.collname)::text AS name, k.oid::int8 AS oid,
  json_build_object('provider', k.collprovider::text, 'deterministic', CASE WHEN NOT k.collisdeterministic THEN 'no' END,
    'locale', ${localeOf(scope)}, 'order', CASE WHEN k.collprovider = 'c' THEN k.collcollate END, 'character type', CASE WHEN k.collprovider = 'c' THEN k.collctype END,
    'rules', ${scope.version >= 160000 ? 'k.collicurules' : 'NULL'}, 'comment', ${comment('pg_collation', 'k.oid')})::text AS fields
  FROM pg_collation k JOIN pg_namespace n ON n.oid = k.collnamespace WHERE ${inSchema(scope, 'pg_collation', 'k.oid')}`;

const TEXT_SEARCH = (scope: Scope): readonly { catalog: string; sql: string }[] => [
  {
    catalog: 'pg_ts_parser',
    sql: `SELECT 'text search parser' AS kind, json_build_array(n.nspname, o.prsname)::text AS name, o.oid::int8 AS oid,
  json_build_object('start', ${functionName('o.prsstart')}, 'token', ${functionName('o.prstoken')}, 'end', ${functionName('o.prsend')},
    'headline', ${functionName('o.prsheadline')}, 'types', ${functionName('o.prslextype')}, 'comment', ${comment('pg_ts_parser', 'o.oid')})::text AS fields
  FROM pg_ts_parser o JOIN pg_namespace n ON n.oid = o.prsnamespace WHERE ${inSchema(scope, 'pg_ts_parser', 'o.oid')}`,
  },
  {
    catalog: 'pg_ts_template',
    sql: `SELECT 'text search template' AS kind, json_build_array(n.nspname, o.tmplname)::text AS name, o.oid::int8 AS oid,
  json_build_object('init', ${functionName('o.tmplinit')}, 'lexize', ${functionName('o.tmpllexize')}, 'comment', ${comment('pg_ts_template', 'o.oid')})::text AS fields
  FROM pg_ts_template o JOIN pg_namespace n ON n.oid = o.tmplnamespace WHERE ${inSchema(scope, 'pg_ts_template', 'o.oid')}`,
  },
  {
    catalog: 'pg_ts_dict',
    sql: `SELECT 'text search dictionary' AS kind, json_build_array(n.nspname, o.dictname)::text AS name, o.oid::int8 AS oid,
  json_build_object('template', ${nameOf('pg_ts_template', 'tmpl', 'o.dicttemplate')}, 'options', o.dictinitoption, 'comment', ${comment('pg_ts_dict', 'o.oid')})::text AS fields
  FROM pg_ts_dict o JOIN pg_namespace n ON n.oid = o.dictnamespace WHERE ${inSchema(scope, 'pg_ts_dict', 'o.oid')}`,
  },
  {
    catalog: 'pg_ts_config',
    sql: `SELECT 'text search configuration' AS kind, json_build_array(n.nspname, o.cfgname)::text AS name, o.oid::int8 AS oid,
  json_build_object('parser', ${nameOf('pg_ts_parser', 'prs', 'o.cfgparser')},
    'mappings', (SELECT string_agg(format('%s: %s', x.maptokentype, x.dictionaries), E'\\n' ORDER BY x.maptokentype) FROM (
      SELECT m.maptokentype, string_agg(format('%I.%I', dn.nspname, d.dictname), ', ' ORDER BY m.mapseqno) AS dictionaries
        FROM pg_ts_config_map m JOIN pg_ts_dict d ON d.oid = m.mapdict JOIN pg_namespace dn ON dn.oid = d.dictnamespace
       WHERE m.mapcfg = o.oid GROUP BY m.maptokentype) x),
    'comment', ${comment('pg_ts_config', 'o.oid')})::text AS fields
  FROM pg_ts_config o JOIN pg_namespace n ON n.oid = o.cfgnamespace WHERE ${inSchema(scope, 'pg_ts_config', 'o.oid')}`,
  },
];

const FOREIGN: readonly { catalog: string; sql: string }[] = [
  {
    catalog: 'pg_foreign_data_wrapper',
    sql: `SELECT 'foreign-data wrapper' AS kind, json_build_array(o.fdwname)::text AS name, o.oid::int8 AS oid,
  json_build_object('handler', ${functionName('o.fdwhandler')}, 'validator', ${functionName('o.fdwvalidator')}, 'options', ${options('o.fdwoptions')},
    'comment', ${comment('pg_foreign_data_wrapper', 'o.oid')}, 'privileges', ${privileges('o.fdwacl', `'F'::"char"`, 'o.fdwowner')})::text AS fields
  FROM pg_foreign_data_wrapper o WHERE ${notMember('pg_foreign_data_wrapper', 'o.oid')}`,
  },
  {
    catalog: 'pg_foreign_server',
    sql: `SELECT 'server' AS kind, json_build_array(o.srvname)::text AS name, o.oid::int8 AS oid,
  json_build_object('wrapper', (SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = o.srvfdw), 'type', o.srvtype, 'version', o.srvversion,
    'options', ${options('o.srvoptions')}, 'comment', ${comment('pg_foreign_server', 'o.oid')},
    'privileges', ${privileges('o.srvacl', `'S'::"char"`, 'o.srvowner')})::text AS fields
  FROM pg_foreign_server o WHERE ${notMember('pg_foreign_server', 'o.oid')}`,
  },
  {
    catalog: 'pg_user_mapping',
    sql: `SELECT 'user mapping' AS kind, json_build_array(o.srvname, CASE WHEN o.umuser = 0 THEN 'PUBLIC' ELSE o.usename END)::text AS name, o.umid::int8 AS oid,
  json_build_object('options', ${options('o.umoptions')}, 'hidden', CASE WHEN NOT coalesce(
      (o.umuser <> 0 AND o.usename = current_user AND has_server_privilege(o.srvid, 'USAGE'))
      OR (o.umuser = 0 AND pg_has_role((SELECT s.srvowner FROM pg_foreign_server s WHERE s.oid = o.srvid), 'USAGE'))
      OR (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user), false) THEN 'yes' END)::text AS fields
  FROM pg_user_mappings o WHERE ${notMember('pg_foreign_server', 'o.srvid')}`,
  },
];

const DEFAULT_PRIVILEGES = `
SELECT 'default privileges' AS kind, json_build_array('role ' || pg_get_userbyid(d.defaclrole), coalesce(n.nspname, ''),
    CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
      WHEN 'n' THEN 'schemas' ELSE 'large objects' END)::text AS name, d.oid::int8 AS oid,
  json_build_object('privileges', ${privileges('d.defaclacl', `'r'::"char"`, 'd.defaclrole')})::text AS fields
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace`;

export const typeQueries = (scope: Scope) => [
  { catalog: 'pg_namespace', sql: SCHEMAS(scope) },
  { catalog: 'pg_extension', sql: EXTENSIONS },
  { catalog: 'pg_type', sql: ENUMS(scope) },
  { catalog: 'pg_type', sql: DOMAINS(scope) },
  { catalog: 'pg_type', sql: RANGES(scope) },
  { catalog: 'pg_type', sql: BASE_TYPES(scope) },
  { catalog: 'pg_collation', sql: COLLATIONS(scope) },
  ...TEXT_SEARCH(scope),
  ...FOREIGN,
  { catalog: 'pg_default_acl', sql: DEFAULT_PRIVILEGES },
];
