import { notOfExtension, USER_SCHEMA } from './session.ts';

/**
 * What is compared of tables and of what hangs on them: each query gives `object` and `definition`, both text.
 * The definitions are the server's own (`pg_get_…def`), so that nothing is compared by halves.
 */

const USER_RELATION = `${USER_SCHEMA} AND ${notOfExtension('pg_class', 'c.oid')} AND c.relpersistence <> 't'`;
const CLASS = 'pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace';

export const CATALOG_FACTS: Readonly<Record<string, string>> = {
  relation: `
    SELECT c.oid::regclass::text AS object,
      concat_ws(' ', 'kind ' || c.relkind::text, 'persistence ' || c.relpersistence::text,
        'options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(c.reloptions) o),
        'row security' || CASE WHEN c.relrowsecurity THEN ' on' ELSE ' off' END,
        CASE WHEN c.relforcerowsecurity THEN 'forced' END,
        'method ' || (SELECT amname FROM pg_am WHERE oid = c.relam),
        'of ' || NULLIF(c.reloftype, 0)::regtype::text,
        CASE WHEN c.relkind = 'm' THEN 'populated ' || c.relispopulated::text END) AS definition
    FROM ${CLASS} WHERE ${USER_RELATION} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')`,

  // Positions are counted over the columns that still exist: a dropped one leaves a hole on the source only.
  column: `
    SELECT c.oid::regclass::text || '.' || quote_ident(a.attname) AS object,
      concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
        format_type(a.atttypid, a.atttypmod),
        'collate ' || NULLIF(a.attcollation, t.typcollation)::regcollation::text,
        CASE WHEN a.attnotnull THEN 'not null' END,
        'identity ' || NULLIF(a.attidentity::text, ''), 'generated ' || NULLIF(a.attgenerated::text, ''),
        'default ' || pg_get_expr(d.adbin, d.adrelid),
        'storage ' || a.attstorage::text, 'compression ' || NULLIF(a.attcompression::text, ''),
        'statistics ' || NULLIF(a.attstattarget, -1)::text,
        'options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(a.attoptions) o WHERE o !~ '^pg_attver=')
      ) AS definition
    FROM ${CLASS} JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE ${USER_RELATION} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped`,

  partition: `
    SELECT c.oid::regclass::text AS object,
      concat_ws(' ', 'parents ' || (SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
        FROM pg_inherits WHERE inhrelid = c.oid), pg_get_expr(c.relpartbound, c.oid),
        'by ' || pg_get_partkeydef(c.oid)) AS definition
    FROM ${CLASS} WHERE ${USER_RELATION} AND (c.relkind = 'p'
      OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) AND c.relkind IN ('r', 'f'))`,

  constraint: `
    SELECT COALESCE(NULLIF(k.conrelid, 0)::regclass::text, k.contypid::regtype::text) || '.' || quote_ident(k.conname)
        AS object,
      pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END AS definition
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
    WHERE ${USER_SCHEMA} AND ${notOfExtension('pg_class', 'k.conrelid')} AND ${notOfExtension('pg_type', 'k.contypid')}
      AND k.contype <> 't' AND k.contype <> 'n'`,

  index: `
    SELECT c.oid::regclass::text AS object,
      concat_ws(' ', pg_get_indexdef(c.oid), CASE WHEN NOT i.indisvalid THEN '(invalid)' END,
        CASE WHEN i.indisclustered THEN '(clustered)' END,
        CASE WHEN c.relispartition THEN 'part of ' || (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid)
        END, (SELECT string_agg(concat_ws(' ', 'statistics', attnum, attstattarget), ', ' ORDER BY attnum)
          FROM pg_attribute WHERE attrelid = c.oid AND attstattarget >= 0)) AS definition
    FROM ${CLASS} JOIN pg_index i ON i.indexrelid = c.oid WHERE ${USER_RELATION}`,

  'statistics object': `
    SELECT quote_ident(n.nspname) || '.' || quote_ident(s.stxname) AS object,
      concat_ws(' ', pg_get_statisticsobjdef(s.oid), 'target ' || NULLIF(s.stxstattarget, -1)::text) AS definition
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ${USER_SCHEMA}`,

  view: `
    SELECT c.oid::regclass::text AS object, pg_get_viewdef(c.oid) AS definition
    FROM ${CLASS} WHERE ${USER_RELATION} AND c.relkind IN ('v', 'm')`,

  // The triggers of foreign keys have no definition of their own, but somebody may have left them disabled.
  trigger: `
    SELECT c.oid::regclass::text || '.' || quote_ident(g.tgname) AS object,
      pg_get_triggerdef(g.oid) || ' enabled ' || g.tgenabled::text AS definition
    FROM ${CLASS} JOIN pg_trigger g ON g.tgrelid = c.oid WHERE ${USER_RELATION} AND NOT g.tgisinternal
    UNION ALL
    SELECT c.oid::regclass::text || ' (internal)', string_agg('enabled ' || g.tgenabled::text, ', ' ORDER BY g.tgenabled::text)
    FROM ${CLASS} JOIN pg_trigger g ON g.tgrelid = c.oid WHERE ${USER_RELATION} AND g.tgisinternal GROUP BY c.oid`,

  rule: `
    SELECT c.oid::regclass::text || '.' || quote_ident(r.rulename) AS object,
      pg_get_ruledef(r.oid) || ' enabled ' || r.ev_enabled::text AS definition
    FROM ${CLASS} JOIN pg_rewrite r ON r.ev_class = c.oid WHERE ${USER_RELATION} AND r.rulename <> '_RETURN'`,

  policy: `
    SELECT c.oid::regclass::text || '.' || quote_ident(p.policyname) AS object,
      concat_ws(' ', p.permissive, p.cmd, 'to ' || p.roles::text, 'using ' || p.qual, 'check ' || p.with_check)
        AS definition
    FROM ${CLASS} JOIN pg_policies p ON p.schemaname = n.nspname AND p.tablename = c.relname WHERE ${USER_RELATION}`,

  'sequence definition': `
    SELECT c.oid::regclass::text AS object,
      concat_ws(' ', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement, 'min', s.seqmin,
        'max', s.seqmax, 'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END,
        (SELECT 'owned by ' || d.refobjid::regclass::text || '.' || quote_ident(a.attname) || ' ' || d.deptype::text
         FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
           AND d.deptype IN ('a', 'i'))) AS definition
    FROM ${CLASS} JOIN pg_sequence s ON s.seqrelid = c.oid WHERE ${USER_RELATION}`,
};
