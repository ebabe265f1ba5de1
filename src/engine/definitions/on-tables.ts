import { comment, notMember, type Scope } from './scope.ts';
import { relations } from './tables.ts';

/** What stands on tables: constraints, indexes, statistics objects, triggers, rules, policies. */

const ALL = `'r', 'p', 'f', 'v', 'm'`;

/** Partitions have their part of a foreign key of the partitioned table by themselves. NOT NULL is a constraint since 18. */
const CONSTRAINTS = (scope: Scope): string => `
SELECT CASE o.contype WHEN 'n' THEN 'not-null constraint' ELSE 'constraint' END AS kind,
  json_build_array(n.nspname, c.relname, o.conname)::text AS name, o.oid::int8 AS oid,
  json_build_object(
    'type', o.contype::text,
    'definition', pg_get_constraintdef(o.oid),
    'inherited', CASE WHEN o.contype IN ('c', 'n') AND NOT o.conislocal THEN 'only' END,
    'triggers', CASE WHEN o.contype = 'f' THEN nullif((SELECT string_agg(DISTINCT g.tgenabled::text, '') FROM pg_trigger g WHERE g.tgconstraint = o.oid), 'O') END,
    'comment', ${comment('pg_constraint', 'o.oid')})::text AS fields
  FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE o.contype IN ('c', 'p', 'u', 'x', 'f', 'n') AND (o.contype <> 'f' OR o.conparentid = 0) AND ${relations(scope, ALL)}`;

const DOMAIN_CONSTRAINTS = (scope: Scope): string => `
SELECT 'constraint' AS kind, json_build_array(n.nspname, t.typname, o.conname)::text AS name, o.oid::int8 AS oid,
  json_build_object('type', 'd', 'definition', pg_get_constraintdef(o.oid), 'base type', format_type(t.typbasetype, t.typtypmod),
    'comment', ${comment('pg_constraint', 'o.oid')})::text AS fields
  FROM pg_constraint o JOIN pg_type t ON t.oid = o.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE o.contype = 'c' AND n.oid = ANY (${scope.schemas}) AND ${notMember('pg_type', 't.oid')}`;

/** A table's index that is not valid is no part of a dump, and nothing depends on it. */
const INDEXES = (scope: Scope): string => `
SELECT 'index' AS kind, json_build_array(n.nspname, x.relname)::text AS name, x.oid::int8 AS oid,
  json_build_object(
    'table', json_build_array(n.nspname, c.relname)::text,
    'definition', pg_get_indexdef(x.oid),
    'unique', CASE WHEN i.indisunique OR i.indisexclusion THEN 'yes' END,
    'valid', CASE WHEN NOT i.indisvalid THEN 'no' END,
    'clustered', CASE WHEN i.indisclustered THEN 'yes' END,
    'constraint', (SELECT o.conname FROM pg_constraint o WHERE o.conindid = x.oid AND o.contype IN ('p', 'u', 'x') AND o.conrelid = c.oid),
    'part of', (SELECT format('%I.%I', pn.nspname, p.relname) FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent
      JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE h.inhrelid = x.oid),
    'statistics target', (SELECT string_agg(format('%s %s', a.attnum, a.attstattarget), ', ' ORDER BY a.attnum) FROM pg_attribute a
      WHERE a.attrelid = x.oid AND a.attstattarget >= 0),
    'comment', ${comment('pg_class', 'x.oid')})::text AS fields
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE ${relations(scope, ALL)}`;

const STATISTICS = (scope: Scope): string => `
SELECT 'statistics object' AS kind, json_build_array(sn.nspname, s.stxname)::text AS name, s.oid::int8 AS oid,
  json_build_object('table', json_build_array(n.nspname, c.relname)::text, 'definition', pg_get_statisticsobjdef(s.oid),
    'statistics target', ${scope.version >= 130000 ? `nullif(s.stxstattarget, -1)::text` : 'NULL'},
    'comment', ${comment('pg_statistic_ext', 's.oid')})::text AS fields
  FROM pg_statistic_ext s JOIN pg_namespace sn ON sn.oid = s.stxnamespace JOIN pg_class c ON c.oid = s.stxrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${relations(scope, ALL)}`;

const ENABLED = `CASE g.tgenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END`;

/**
 * Partitions have the triggers of the partitioned table by themselves: of those only a state of their own counts. Before
 * 2.23 TimescaleDB has triggers of its own on hypertables.
 */
const TRIGGERS = (scope: Scope): string => `
SELECT 'trigger' AS kind, json_build_array(n.nspname, c.relname, g.tgname)::text AS name, g.oid::int8 AS oid,
  json_build_object('table', json_build_array(n.nspname, c.relname)::text,
    'definition', ${scope.version >= 130000 ? 'CASE WHEN g.tgparentid = 0 THEN pg_get_triggerdef(g.oid) END' : 'pg_get_triggerdef(g.oid)'},
    'enabled', ${ENABLED}, 'comment', ${comment('pg_trigger', 'g.oid')})::text AS fields
  FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE ${scope.version >= 130000 ? '(g.tgparentid <> 0 OR NOT g.tgisinternal)' : 'NOT g.tgisinternal'}
   ${scope.version >= 130000 ? `AND (g.tgparentid = 0 OR g.tgconstraint = 0 AND EXISTS (SELECT FROM pg_trigger p WHERE p.oid = g.tgparentid AND p.tgenabled <> g.tgenabled))` : ''}
   AND NOT EXISTS (SELECT FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid WHERE e.classid = 'pg_proc'::regclass
     AND e.objid = g.tgfoid AND e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e' AND x.extname = 'timescaledb')
   AND ${relations(scope, ALL)}`;

const RULES = (scope: Scope): string => `
SELECT 'rule' AS kind, json_build_array(n.nspname, c.relname, r.rulename)::text AS name, r.oid::int8 AS oid,
  json_build_object('table', json_build_array(n.nspname, c.relname)::text, 'definition', pg_get_ruledef(r.oid),
    'enabled', CASE r.ev_enabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END,
    'comment', ${comment('pg_rewrite', 'r.oid')})::text AS fields
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE r.rulename <> '_RETURN' AND ${relations(scope, ALL)}`;

const POLICIES = (scope: Scope): string => `
SELECT 'policy' AS kind, json_build_array(n.nspname, c.relname, p.polname)::text AS name, p.oid::int8 AS oid,
  json_build_object('table', json_build_array(n.nspname, c.relname)::text,
    'restrictive', CASE WHEN NOT p.polpermissive THEN 'yes' END,
    'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    'roles', (SELECT json_agg(x.who ORDER BY x.who COLLATE "C")::text FROM (
      SELECT CASE WHEN r = 0 THEN 'public' ELSE 'role ' || pg_get_userbyid(r) END AS who FROM unnest(p.polroles) r) x),
    'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
    'comment', ${comment('pg_policy', 'p.oid')})::text AS fields
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${relations(scope, ALL)}`;

export const onTableQueries = (scope: Scope) => [
  { catalog: 'pg_constraint', sql: CONSTRAINTS(scope) },
  { catalog: 'pg_constraint', sql: DOMAIN_CONSTRAINTS(scope) },
  { catalog: 'pg_class', sql: INDEXES(scope) },
  { catalog: 'pg_statistic_ext', sql: STATISTICS(scope) },
  { catalog: 'pg_trigger', sql: TRIGGERS(scope) },
  { catalog: 'pg_rewrite', sql: RULES(scope) },
  { catalog: 'pg_policy', sql: POLICIES(scope) },
];
