import { FIRST_NORMAL_OID } from '../../postgres/oids.ts';
import { comment, functionName, notMember, operatorName, options, privileges, type Scope } from './scope.ts';

/** Functions, operators, and what is made of them. */

const inSchema = (scope: Scope, catalog: string, oid: string): string =>
  `n.oid = ANY (${scope.schemas}) AND ${notMember(catalog, oid)}`;

/** The constructors of a range type come and go with it. */
const FUNCTIONS = (scope: Scope): string => `
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
  json_build_array(n.nspname, p.proname, oidvectortypes(p.proargtypes))::text AS name, p.oid::int8 AS oid,
  json_build_object('definition', pg_get_functiondef(p.oid), 'comment', ${comment('pg_proc', 'p.oid')},
    'privileges', ${privileges('p.proacl', `'f'::"char"`, 'p.proowner')})::text AS fields
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prokind <> 'a' AND ${inSchema(scope, 'pg_proc', 'p.oid')}
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')`;

const AGGREGATES = (scope: Scope): string => `
SELECT 'aggregate' AS kind, json_build_array(n.nspname, p.proname, oidvectortypes(p.proargtypes))::text AS name, p.oid::int8 AS oid,
  json_build_object('kind', a.aggkind::text, 'arguments', pg_get_function_arguments(p.oid), 'direct arguments', a.aggnumdirectargs::text,
    'transition function', ${functionName('a.aggtransfn')}, 'transition type', format_type(a.aggtranstype, NULL),
    'transition space', nullif(a.aggtransspace, 0)::text, 'initial value', a.agginitval,
    'final function', ${functionName('a.aggfinalfn')}, 'final extra', CASE WHEN a.aggfinalextra THEN 'yes' END, 'final modify', a.aggfinalmodify::text,
    'combine function', ${functionName('a.aggcombinefn')}, 'serialize function', ${functionName('a.aggserialfn')},
    'deserialize function', ${functionName('a.aggdeserialfn')},
    'moving transition function', ${functionName('a.aggmtransfn')}, 'moving inverse function', ${functionName('a.aggminvtransfn')},
    'moving final function', ${functionName('a.aggmfinalfn')}, 'moving type', CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END,
    'moving space', nullif(a.aggmtransspace, 0)::text, 'moving initial value', a.aggminitval, 'moving final extra', CASE WHEN a.aggmfinalextra THEN 'yes' END,
    'moving final modify', a.aggmfinalmodify::text, 'sort operator', ${operatorName('a.aggsortop')}, 'parallel', p.proparallel::text,
    'comment', ${comment('pg_proc', 'p.oid')}, 'privileges', ${privileges('p.proacl', `'f'::"char"`, 'p.proowner')})::text AS fields
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_aggregate a ON a.aggfnoid = p.oid
 WHERE ${inSchema(scope, 'pg_proc', 'p.oid')}`;

/** An operator that another one only names as its commutator or negator is not defined. */
const OPERATORS = (scope: Scope): string => `
SELECT 'operator' AS kind, json_build_array(n.nspname, o.oprname, concat_ws(', ', CASE WHEN o.oprleft <> 0 THEN format_type(o.oprleft, NULL) ELSE 'NONE' END,
    CASE WHEN o.oprright <> 0 THEN format_type(o.oprright, NULL) ELSE 'NONE' END))::text AS name, o.oid::int8 AS oid,
  json_build_object('function', ${functionName('o.oprcode')}, 'merges', CASE WHEN o.oprcanmerge THEN 'yes' END, 'hashes', CASE WHEN o.oprcanhash THEN 'yes' END,
    'commutator', ${operatorName('o.oprcom')}, 'negator', ${operatorName('o.oprnegate')}, 'restriction estimator', ${functionName('o.oprrest')},
    'join estimator', ${functionName('o.oprjoin')}, 'comment', ${comment('pg_operator', 'o.oid')})::text AS fields
  FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
 WHERE o.oprcode <> 0 AND ${inSchema(scope, 'pg_operator', 'o.oid')}`;

const MEMBERS = (condition: (catalog: string, oid: string, family: string) => string): string => `
(SELECT string_agg(m, E'\\n' ORDER BY m COLLATE "C") FROM (
   SELECT format('operator %s %s%s', a.amopstrategy, ${operatorName('a.amopopr')}, CASE WHEN a.amopsortfamily <> 0 THEN ' for order by' END) AS m
     FROM pg_amop a WHERE ${condition('pg_amop', 'a.oid', 'a.amopfamily')}
   UNION ALL
   SELECT format('function %s (%s, %s) %s', a.amprocnum, format_type(a.amproclefttype, NULL), format_type(a.amprocrighttype, NULL), ${functionName('a.amproc')})
     FROM pg_amproc a WHERE ${condition('pg_amproc', 'a.oid', 'a.amprocfamily')}) x)`;

const OPERATOR_CLASSES = (scope: Scope): string => `
SELECT 'operator class' AS kind, json_build_array(am.amname, n.nspname, o.opcname)::text AS name, o.oid::int8 AS oid,
  json_build_object('type', format_type(o.opcintype, NULL), 'storage', CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END,
    'default', CASE WHEN o.opcdefault THEN 'yes' END,
    'family', (SELECT format('%I.%I', fn.nspname, f.opfname) FROM pg_opfamily f JOIN pg_namespace fn ON fn.oid = f.opfnamespace WHERE f.oid = o.opcfamily),
    'members', ${MEMBERS((catalog, oid) => `EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.refclassid = 'pg_opclass'::regclass AND d.refobjid = o.oid)`)},
    'comment', ${comment('pg_opclass', 'o.oid')})::text AS fields
  FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am am ON am.oid = o.opcmethod
 WHERE ${inSchema(scope, 'pg_opclass', 'o.oid')}`;

const OPERATOR_FAMILIES = (scope: Scope): string => `
SELECT 'operator family' AS kind, json_build_array(am.amname, n.nspname, o.opfname)::text AS name, o.oid::int8 AS oid,
  json_build_object('members', ${MEMBERS((_, _oid, family) => `${family} = o.oid`)}, 'comment', ${comment('pg_opfamily', 'o.oid')})::text AS fields
  FROM pg_opfamily o JOIN pg_namespace n ON n.oid = o.opfnamespace JOIN pg_am am ON am.oid = o.opfmethod
 WHERE ${inSchema(scope, 'pg_opfamily', 'o.oid')}`;

const CASTS = `
SELECT 'cast' AS kind, json_build_array(format_type(k.castsource, NULL), format_type(k.casttarget, NULL))::text AS name, k.oid::int8 AS oid,
  json_build_object('function', ${functionName('k.castfunc')}, 'context', k.castcontext::text, 'method', k.castmethod::text,
    'comment', ${comment('pg_cast', 'k.oid')})::text AS fields
  FROM pg_cast k WHERE k.oid >= ${FIRST_NORMAL_OID} AND ${notMember('pg_cast', 'k.oid')}
   -- A range type brings the cast to its multirange.
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = k.oid AND d.deptype = 'i')`;

const TRANSFORMS = `
SELECT 'transform' AS kind, json_build_array(format_type(o.trftype, NULL), l.lanname)::text AS name, o.oid::int8 AS oid,
  json_build_object('from SQL', ${functionName('o.trffromsql')}, 'to SQL', ${functionName('o.trftosql')}, 'comment', ${comment('pg_transform', 'o.oid')})::text AS fields
  FROM pg_transform o JOIN pg_language l ON l.oid = o.trflang WHERE ${notMember('pg_transform', 'o.oid')}`;

const LANGUAGES = `
SELECT 'language' AS kind, json_build_array(l.lanname)::text AS name, l.oid::int8 AS oid,
  json_build_object('handler', ${functionName('l.lanplcallfoid')}, 'inline', ${functionName('l.laninline')}, 'validator', ${functionName('l.lanvalidator')},
    'trusted', CASE WHEN l.lanpltrusted THEN 'yes' END, 'comment', ${comment('pg_language', 'l.oid')},
    'privileges', ${privileges('l.lanacl', `'l'::"char"`, 'l.lanowner')})::text AS fields
  FROM pg_language l WHERE l.oid >= ${FIRST_NORMAL_OID} AND ${notMember('pg_language', 'l.oid')}`;

const ACCESS_METHODS = `
SELECT 'access method' AS kind, json_build_array(o.amname)::text AS name, o.oid::int8 AS oid,
  json_build_object('handler', ${functionName('o.amhandler')}, 'type', o.amtype::text, 'comment', ${comment('pg_am', 'o.oid')})::text AS fields
  FROM pg_am o WHERE o.oid >= ${FIRST_NORMAL_OID} AND ${notMember('pg_am', 'o.oid')}`;

const CONVERSIONS = (scope: Scope): string => `
SELECT 'conversion' AS kind, json_build_array(n.nspname, o.conname)::text AS name, o.oid::int8 AS oid,
  json_build_object('from', pg_encoding_to_char(o.conforencoding), 'to', pg_encoding_to_char(o.contoencoding), 'function', ${functionName('o.conproc')},
    'default', CASE WHEN o.condefault THEN 'yes' END, 'comment', ${comment('pg_conversion', 'o.oid')})::text AS fields
  FROM pg_conversion o JOIN pg_namespace n ON n.oid = o.connamespace WHERE ${inSchema(scope, 'pg_conversion', 'o.oid')}`;

const EVENT_TRIGGERS = `
SELECT 'event trigger' AS kind, json_build_array(o.evtname)::text AS name, o.oid::int8 AS oid,
  json_build_object('event', o.evtevent, 'function', ${functionName('o.evtfoid')},
    'enabled', CASE o.evtenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END,
    'tags', ${options('o.evttags')}, 'comment', ${comment('pg_event_trigger', 'o.oid')})::text AS fields
  FROM pg_event_trigger o WHERE ${notMember('pg_event_trigger', 'o.oid')}`;

export const routineQueries = (scope: Scope) => [
  { catalog: 'pg_proc', sql: FUNCTIONS(scope) },
  { catalog: 'pg_proc', sql: AGGREGATES(scope) },
  { catalog: 'pg_operator', sql: OPERATORS(scope) },
  { catalog: 'pg_opclass', sql: OPERATOR_CLASSES(scope) },
  { catalog: 'pg_opfamily', sql: OPERATOR_FAMILIES(scope) },
  { catalog: 'pg_cast', sql: CASTS },
  { catalog: 'pg_transform', sql: TRANSFORMS },
  { catalog: 'pg_language', sql: LANGUAGES },
  { catalog: 'pg_am', sql: ACCESS_METHODS },
  { catalog: 'pg_conversion', sql: CONVERSIONS(scope) },
  { catalog: 'pg_event_trigger', sql: EVENT_TRIGGERS },
];
