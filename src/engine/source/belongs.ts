import type pg from 'pg';

/**
 * The one place that decides which schemas are not the operator's. PostgreSQL reserves names that begin with `pg_`. All others
 * are decided by what they are: a schema belongs to an extension when pg_depend says so, and to us when it holds our tables.
 * No other name, and no prefix of one, says anything.
 * https://www.postgresql.org/docs/current/catalog-pg-depend.html
 */

/** Extensions whose own schemas are left out with all that is in them: the target has the extension's own. */
const OWNING_EXTENSIONS = ['timescaledb', 'timescaledb_toolkit'];

/** Our schema on the target, and on a source that was the target of an earlier migration. */
const OUR_SCHEMA = 'tiger_migrate';

const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/** SQL over a row of pg_namespace: the server's own. */
const ofServer = (n: string): string => `(${n}.nspname = 'information_schema' OR ${n}.nspname ~ '^pg_')`;

/** SQL over a row of pg_namespace: a member of one of these extensions. The list of them is read once for each statement. */
const ofExtensions = (n: string, extensions: readonly string[]): string =>
  `${n}.oid = ANY (ARRAY(SELECT sd.objid FROM pg_depend sd JOIN pg_extension sx ON sx.oid = sd.refobjid
     WHERE sd.classid = 'pg_namespace'::regclass AND sd.refclassid = 'pg_extension'::regclass AND sd.deptype = 'e'
       AND sx.extname IN (${list(extensions)})))`;

/** SQL over a row of pg_namespace: it is called as our schema and holds our tables. */
const ours = (n: string): string =>
  `${n}.oid = ANY (ARRAY(SELECT sc.relnamespace FROM pg_class sc JOIN pg_namespace sn ON sn.oid = sc.relnamespace
     JOIN pg_attribute sa ON sa.attrelid = sc.oid AND sa.attname = 'source_timeline'
     WHERE sn.nspname = '${OUR_SCHEMA}' AND sc.relname = 'migration' AND sc.relkind = 'r'))`;

/** SQL over a row of pg_namespace: a schema of the extension timescaledb. */
export const ofTimescaleDb = (n: string): string => ofExtensions(n, ['timescaledb']);

/** SQL over `pg_namespace n`: schemas that are the server's, an extension's machinery, or ours. */
export const SYSTEM_SCHEMAS = `(${ofServer('n')} OR ${ofExtensions('n', OWNING_EXTENSIONS)} OR ${ours('n')})`;

/**
 * The schemas of TimescaleDB's own functions in every version. CREATE EXTENSION fails where a schema of the name is there already, so that
 * in a database with the extension these names mean nothing else.
 */
const TIMESCALEDB_FUNCTIONS = ['_timescaledb_functions', '_timescaledb_internal'];
/** The same as elements of a list in SQL. */
export const TIMESCALEDB_FUNCTION_SCHEMAS = list(TIMESCALEDB_FUNCTIONS);
/** A schema of TimescaleDB's own functions, in a database that has the extension. */
export const isOfTimescaleFunctions = (schema: string): boolean => TIMESCALEDB_FUNCTIONS.includes(schema);

/** PostgreSQL's own schemas, which no extension and no operator can make. */
export const isServerSchema = (schema: string): boolean => schema === 'information_schema' || schema.startsWith('pg_');

/** A schema that is not migrated, though it is not the server's. */
export interface LeftOutSchema {
  readonly name: string;
  /** For people: `of the extension timescaledb`. */
  readonly why: string;
}

/** SQL: the schemas that are left out of a migration with all that is in them. */
export const LEFT_OUT_SCHEMAS = `
SELECT n.nspname AS name, (SELECT min(x.extname) FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
         WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.refclassid = 'pg_extension'::regclass
           AND d.deptype = 'e') AS extension
  FROM pg_namespace n WHERE ${SYSTEM_SCHEMAS} AND NOT ${ofServer('n')} ORDER BY 1`;

interface SchemaRow {
  readonly name: string;
  readonly extension: string | null;
}

export const toLeftOutSchema = ({ name, extension }: SchemaRow): LeftOutSchema => ({
  name,
  why: extension === null ? 'of an earlier migration to this database' : `of the extension ${extension}`,
});

export const readLeftOutSchemas = async (client: pg.Client): Promise<LeftOutSchema[]> =>
  (await client.query<{ name: string; extension: string | null }>(LEFT_OUT_SCHEMAS)).rows.map(toLeftOutSchema);

/** SQL: a schema that is called as ours and is not ours. */
export const FOREIGN_OWN_SCHEMA = `SELECT FROM pg_namespace n WHERE n.nspname = '${OUR_SCHEMA}' AND NOT ${ours('n')}`;
