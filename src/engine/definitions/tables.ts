import { comment, notChunk, notMember, options, privileges, type Scope } from './scope.ts';

/**
 * Tables, views, sequences and their columns. Every query gives `kind`, `name` (a JSON array), `oid` and `fields` (a JSON object
 * of texts; null is the default).
 */

const RELATION_KIND = `CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
  WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' ELSE 'table' END`;

/** The relations that are compared, called `c` in the schema `n`. */
export const relations = (scope: Scope, kinds: string): string =>
  `c.relkind IN (${kinds}) AND c.relpersistence <> 't' AND n.oid = ANY (${scope.schemas})
   AND ${notMember('pg_class', 'c.oid')} AND ${notChunk(scope, 'c.oid')}`;

const RELATIONS = (scope: Scope): string => `
SELECT ${RELATION_KIND} AS kind, json_build_array(n.nspname, c.relname)::text AS name, c.oid::int8 AS oid,
  json_build_object(
    'persistence', CASE WHEN c.relpersistence = 'u' THEN 'unlogged' END,
    'options', nullif(concat_ws(E'\\n', ${options('c.reloptions')},
      (SELECT string_agg('toast.' || o, E'\\n' ORDER BY o COLLATE "C") FROM pg_class tc, unnest(tc.reloptions) o WHERE tc.oid = c.reltoastrelid)), ''),
    'access method', (SELECT am.amname FROM pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap'),
    'of type', format_type(nullif(c.reloftype, 0), NULL),
    'partition key', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
    'partition bound', CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
    'parents', CASE WHEN c.relkind IN ('r', 'p', 'f') THEN (SELECT string_agg(format('%I.%I', pn.nspname, p.relname), ', ' ORDER BY h.inhseqno)
      FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE h.inhrelid = c.oid) END,
    'row security', nullif(concat_ws(', ', CASE WHEN c.relrowsecurity THEN 'enabled' END, CASE WHEN c.relforcerowsecurity THEN 'forced' END), ''),
    'populated', CASE WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'no' END,
    'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    'server', (SELECT s.srvname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
    'foreign options', (SELECT ${options('f.ftoptions')} FROM pg_foreign_table f WHERE f.ftrelid = c.oid),
    'comment', CASE WHEN c.relkind <> 'c' THEN ${comment('pg_class', 'c.oid')} ELSE ${comment('pg_type', 'c.reltype')} END,
    'privileges', CASE WHEN c.relkind = 'c' THEN (SELECT ${privileges('t.typacl', `'T'::"char"`, 't.typowner')} FROM pg_type t WHERE t.oid = c.reltype)
      ELSE ${privileges('c.relacl', `CASE WHEN c.relkind = 'S' THEN 's'::"char" ELSE 'r'::"char" END`, 'c.relowner')} END)::text AS fields
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE ${relations(scope, `'r', 'p', 'f', 'v', 'm', 'c'`)}`;

const SEQUENCES = (scope: Scope): string => `
SELECT 'sequence' AS kind, json_build_array(n.nspname, c.relname)::text AS name, c.oid::int8 AS oid,
  json_build_object(
    'type', format_type(s.seqtypid, NULL), 'start', s.seqstart::text, 'increment', s.seqincrement::text, 'minimum', s.seqmin::text,
    'maximum', s.seqmax::text, 'cache', s.seqcache::text, 'cycle', CASE WHEN s.seqcycle THEN 'yes' END,
    'persistence', CASE WHEN c.relpersistence = 'u' THEN 'unlogged' END,
    'owned by', (SELECT format('%I.%I.%I', tn.nspname, t.relname, a.attname) FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
        JOIN pg_namespace tn ON tn.oid = t.relnamespace JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
       WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')),
    'comment', ${comment('pg_class', 'c.oid')},
    'privileges', ${privileges('c.relacl', `'s'::"char"`, 'c.relowner')})::text AS fields
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
 WHERE ${relations(scope, `'S'`)}`;

/** The column has more than a type. */
const HAS_MORE = ({
  version,
}: Scope): string => `(d.oid IS NOT NULL OR a.attacl IS NOT NULL OR a.attidentity <> '' OR a.attoptions IS NOT NULL
   OR a.attfdwoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1 OR a.attstorage <> t.typstorage
   ${version >= 140000 ? `OR a.attcompression <> ''` : ''} OR ${comment('pg_class', 'c.oid', 'a.attnum')} IS NOT NULL)`;

/** Of a view only what its query does not say. Since 17 a partition shows its parent's identity columns as its own. */
const COLUMNS = (scope: Scope): string => `
SELECT 'column' AS kind, json_build_array(n.nspname, c.relname, a.attname)::text AS name, c.oid::int8 AS oid,
  ${scope.plainColumns ? '' : `CASE WHEN NOT ${HAS_MORE(scope)} THEN '{}' ELSE `}json_build_object(
    'position', CASE WHEN c.relkind NOT IN ('v', 'm') THEN row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)::text END,
    'type', CASE WHEN c.relkind NOT IN ('v', 'm') THEN format_type(a.atttypid, a.atttypmod) END,
    'collation', CASE WHEN a.attcollation NOT IN (0, t.typcollation) AND c.relkind NOT IN ('v', 'm') THEN
      (SELECT format('%I.%I', ln.nspname, l.collname) FROM pg_collation l JOIN pg_namespace ln ON ln.oid = l.collnamespace WHERE l.oid = a.attcollation) END,
    'not null', CASE WHEN a.attnotnull THEN 'yes' END,
    'identity', CASE WHEN NOT c.relispartition THEN CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END END,
    'generated', CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END,
    'default', pg_get_expr(d.adbin, d.adrelid),
    'storage', CASE WHEN c.relkind IN ('r', 'p', 'm') AND a.attstorage <> t.typstorage THEN
      CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'x' THEN 'EXTENDED' ELSE 'MAIN' END END,
    'compression', ${scope.version >= 140000 ? `CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END` : 'NULL'},
    'statistics target', nullif(a.attstattarget, -1)::text,
    'options', ${options('a.attoptions')},
    'foreign options', ${options('a.attfdwoptions')},
    'comment', ${comment('pg_class', 'c.oid', 'a.attnum')},
    'privileges', CASE WHEN a.attacl IS NOT NULL THEN ${privileges('a.attacl', `'c'::"char"`, 'c.relowner')} END)::text${scope.plainColumns ? '' : ' END'} AS fields
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE ${relations(scope, `'r', 'p', 'f', 'v', 'm', 'c'`)} AND a.attnum > 0 AND NOT a.attisdropped`;

export const tableQueries = (scope: Scope) => [
  { catalog: 'pg_class', sql: RELATIONS(scope) },
  { catalog: 'pg_class', sql: SEQUENCES(scope) },
  { catalog: 'pg_class', sql: COLUMNS(scope) },
];
