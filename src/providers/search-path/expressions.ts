import type pg from 'pg';
import type { Fact } from '../fact.ts';
import { server } from '../facts/server.ts';
import { notInExtension, USER_SCHEMA } from '../relations.ts';

/** A function of the operator's that an expression calls. */
export interface CalledFunction {
  /** With its schema and arguments, as ALTER FUNCTION takes it. */
  readonly signature: string;
  readonly name: string;
  /** Belongs to an extension: the target has one of its own. */
  readonly ofExtension: boolean;
  /** It finds names by the search_path of the session: it is not in C, and has no search_path of its own. */
  readonly bySearchPath: boolean;
  readonly oid: number;
}

export type ExpressionKind =
  | 'generated column'
  | 'check'
  | 'domain'
  | 'index'
  | 'partition key'
  | 'statistics'
  | 'materialized view';

/** Something of the schema that the migration evaluates. */
export interface Expression {
  readonly kind: ExpressionKind;
  /** The relation that it belongs to; of a domain the domain itself. */
  readonly schema: string;
  readonly relation: string;
  readonly partOf: readonly { readonly schema: string; readonly name: string }[];
  /** Of the column, constraint, index or statistics object; empty where the relation itself is meant. */
  readonly name: string;
  readonly partitioned: boolean;
  /** Our role owns the relation. */
  readonly ours: boolean;
  /** In SQL, with every name qualified: a list of expressions, a whole query of a materialized view, or the base type of a domain. */
  readonly sql: string;
  readonly functions: readonly CalledFunction[];
  /** Of a domain: a query of some values `v` of its base type, from a column that has it. */
  readonly sample: string | null;
  /** Of a generated column: another one that it is computed from. The server computes it anew when that one is updated. */
  readonly basis: string | null;
}

/** OIDs below are PostgreSQL's own. */
const FIRST_USER_OID = 16384;
const STATISTICS_EXPRESSIONS_VERSION = 140000;

const FUNCTIONS = `json_agg(json_build_object('oid', o.oid::int8, 'signature', o.oid::regprocedure::text, 'name', o.name,
    'ofExtension', o.of_extension, 'bySearchPath', o.by_search_path) ORDER BY o.oid)`;

/** The functions, with the aggregates and operators that stand for them. */
const CALLED = `
own AS (
  SELECT p.oid, p.proname::text AS name, l.lanname NOT IN ('c', 'internal')
           AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s(setting) WHERE s.setting LIKE 'search\\_path=%') AS by_search_path,
         EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e') AS of_extension
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
   WHERE p.oid >= ${FIRST_USER_OID}
), called(function, class, object) AS (
  SELECT oid, 'pg_proc'::regclass::oid, oid FROM own
  UNION SELECT o.oid, 'pg_proc'::regclass::oid, a.aggfnoid::oid FROM pg_aggregate a
    JOIN own o ON o.oid IN (a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid)
  UNION SELECT o.oid, 'pg_operator'::regclass::oid, p.oid FROM pg_operator p JOIN own o ON o.oid = p.oprcode::oid
), used AS (
  SELECT DISTINCT d.classid, d.objid, d.objsubid, c.function FROM pg_depend d JOIN called c ON d.refclassid = c.class AND d.refobjid = c.object
   WHERE d.classid IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass, 'pg_statistic_ext'::regclass)
), users AS (
  SELECT classid, objid, objsubid, ${FUNCTIONS}::text AS functions
    FROM used u JOIN own o ON o.oid = u.function GROUP BY 1, 2, 3
)`;

/** Before 15 it is the column that depends on what a generated column calls, not its expression. */
const ofGenerated = (depend: string): string =>
  `(${depend}.classid, ${depend}.objid, ${depend}.objsubid) IN (('pg_attrdef'::regclass::oid, x.oid, 0), ('pg_class'::regclass::oid, x.adrelid, x.adnum::int))`;

/** A partition shares what its parent has: that one is looked at. */
const OF_TABLE = (classOfUser: string, oid: string, relation: string, more = '') => `
  FROM users u JOIN ${classOfUser} x ON u.classid = '${classOfUser}'::regclass AND u.objid = ${oid}
  JOIN pg_class c ON c.oid = ${relation} AND NOT c.relispartition JOIN pg_namespace n ON n.oid = c.relnamespace ${more}`;
const TABLE = `n.nspname::text AS schema, c.relname::text AS relation, c.relkind = 'p' AS partitioned, pg_has_role(c.relowner, 'USAGE') AS ours, u.functions, NULL AS sample`;
const NO_BASIS = 'NULL AS basis';

const expressions = (version: number): string => `
WITH ${CALLED}
SELECT 'generated column' AS kind, a.attname::text AS name, pg_get_expr(x.adbin, x.adrelid) AS sql, ${TABLE},
       (SELECT b.attname FROM pg_depend d JOIN pg_attribute b ON b.attrelid = d.refobjid AND b.attnum = d.refobjsubid
         WHERE ${ofGenerated('d')} AND d.refclassid = 'pg_class'::regclass AND d.refobjid = x.adrelid
           AND d.refobjsubid NOT IN (0, x.adnum) ORDER BY b.attnum LIMIT 1)::text AS basis
  FROM pg_attrdef x JOIN users u ON ${ofGenerated('u')}
  JOIN pg_class c ON c.oid = x.adrelid AND NOT c.relispartition JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum
 WHERE a.attgenerated <> '' AND ${USER_SCHEMA}
UNION ALL
SELECT 'check', x.conname, pg_get_expr(x.conbin, x.conrelid), ${TABLE}, ${NO_BASIS}
  ${OF_TABLE('pg_constraint', 'x.oid', 'x.conrelid')} WHERE x.contype = 'c' AND ${USER_SCHEMA}
UNION ALL
SELECT 'index', i.relname, concat_ws(', ', pg_get_expr(k.indexprs, k.indrelid), pg_get_expr(k.indpred, k.indrelid)), ${TABLE}, ${NO_BASIS}
  FROM users u JOIN pg_index k ON u.classid = 'pg_class'::regclass AND u.objid = k.indexrelid JOIN pg_class i ON i.oid = k.indexrelid
  JOIN pg_class c ON c.oid = k.indrelid AND NOT c.relispartition JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE (k.indexprs IS NOT NULL OR k.indpred IS NOT NULL) AND ${USER_SCHEMA}
UNION ALL
SELECT 'partition key', '', pg_get_expr(x.partexprs, x.partrelid), ${TABLE}, ${NO_BASIS}
  FROM users u JOIN pg_partitioned_table x ON u.classid = 'pg_class'::regclass AND u.objid = x.partrelid
  JOIN pg_class c ON c.oid = x.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE x.partexprs IS NOT NULL AND ${USER_SCHEMA}
${
  version < STATISTICS_EXPRESSIONS_VERSION
    ? ''
    : `UNION ALL
SELECT 'statistics', x.stxname, array_to_string(pg_get_statisticsobjdef_expressions(x.oid), ', '), ${TABLE}, ${NO_BASIS}
  ${OF_TABLE('pg_statistic_ext', 'x.oid', 'x.stxrelid')} WHERE x.stxexprs IS NOT NULL AND ${USER_SCHEMA}`
}
UNION ALL
SELECT 'domain', x.conname, format_type(t.typbasetype, t.typtypmod), n.nspname::text, t.typname::text, false, pg_has_role(t.typowner, 'USAGE'), u.functions,
       (SELECT format('SELECT x.%I::%s AS v FROM ONLY %I.%I x LIMIT 100', a.attname, format_type(t.typbasetype, t.typtypmod), cn.nspname, c.relname)
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' JOIN pg_namespace cn ON cn.oid = c.relnamespace
         WHERE a.atttypid = t.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relpages DESC LIMIT 1), NULL
  FROM users u JOIN pg_constraint x ON u.classid = 'pg_constraint'::regclass AND u.objid = x.oid
  JOIN pg_type t ON t.oid = x.contypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE x.contype = 'c' AND ${USER_SCHEMA}
ORDER BY 4, 5, 1, 2`;

/** Every one: what a function of PostgreSQL's finds by a name in a text is in no catalog. Functions are those of views below, too. */
const VIEWS = `
WITH RECURSIVE ${CALLED.replace(
  /used AS[\s\S]*$/,
  `below(view, relation) AS (
  SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'm' AND ${USER_SCHEMA} AND ${notInExtension('pg_class', 'c.oid')}
  UNION
  SELECT b.view, v.oid FROM below b JOIN pg_rewrite r ON r.ev_class = b.relation
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class v ON v.oid = d.refobjid AND v.relkind = 'v'
), used AS (
  SELECT DISTINCT b.view, c.function FROM below b JOIN pg_rewrite r ON r.ev_class = b.relation
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    JOIN called c ON d.refclassid = c.class AND d.refobjid = c.object
)`,
)}
SELECT 'materialized view' AS kind, '' AS name, rtrim(pg_get_viewdef(c.oid), ';') AS sql, n.nspname::text AS schema, c.relname::text AS relation,
       false AS partitioned, pg_has_role(c.relowner, 'USAGE') AS ours,
       coalesce((SELECT ${FUNCTIONS} FROM used u JOIN own o ON o.oid = u.function WHERE u.view = c.oid), '[]')::text AS functions
  FROM below b JOIN pg_class c ON c.oid = b.view AND b.relation = b.view JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relispopulated ORDER BY 4, 5`;

type Row = Record<'kind' | 'name' | 'sql' | 'schema' | 'relation' | 'partitioned' | 'ours' | 'functions', string> & {
  sample?: string | null;
  basis?: string | null;
};

/** What the server evaluates for rows, by functions of the operator's: one pass over the catalogs, however many tables. */
export const expressionsFact: Fact<readonly Expression[]> = {
  async read(client, askHere) {
    const { versionNumber } = await askHere(server);
    return asExpressions((await client.query<Row>(expressions(versionNumber))).rows);
  },
};

/** Materialized views that have rows. */
export const readViews = async (source: pg.Client) => asExpressions((await source.query<Row>(VIEWS)).rows);

function asExpressions(rows: readonly Row[]): Expression[] {
  return rows.map((row) => ({
    kind: row.kind as ExpressionKind,
    name: row.name,
    sql: row.sql,
    schema: row.schema,
    relation: row.relation,
    partOf: [],
    partitioned: row.partitioned === 't',
    ours: row.ours === 't',
    functions: JSON.parse(row.functions) as CalledFunction[],
    sample: row.sample ?? null,
    basis: row.basis ?? null,
  }));
}
