import type pg from 'pg';
import { sqlState } from './error-policy.ts';
import { refusedFunctions, US } from './server-functions.ts';

const INSUFFICIENT_PRIVILEGE = '42501';

/** Whether the server refused something for want of a right. */
const isRefused = (error: unknown): boolean =>
  sqlState(error) === INSUFFICIENT_PRIVILEGE ||
  (error instanceof Error && sqlState(error.cause) === INSUFFICIENT_PRIVILEGE);

/** What copying needs of a table on the source. */
const TO_READ = `
  SELECT format('GRANT USAGE ON SCHEMA %I TO %s;', n.nspname, ${US}) AS sql FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = $1::oid AND NOT has_schema_privilege(n.oid, 'USAGE')
  UNION ALL
  SELECT format('GRANT SELECT ON %I.%I TO %s;', n.nspname, c.relname, ${US}) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = $1::oid AND NOT has_table_privilege(c.oid, 'SELECT')
  UNION ALL
  SELECT format('ALTER ROLE %s BYPASSRLS;', ${US}) FROM pg_class c WHERE c.oid = $1::oid AND c.relrowsecurity AND row_security_active(c.oid)`;

/** What the migration needs of its tables on the target: to own them, for keys and triggers are made on them, too. */
const TO_WRITE = `
  WITH ours AS (
    SELECT n.oid AS schema_oid, n.nspname, c.relname, c.relowner FROM tiger_migrate.relation r JOIN pg_namespace n ON n.nspname = r.schema
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = r.name WHERE r.kind <> 'foreign')
  SELECT DISTINCT format('GRANT USAGE ON SCHEMA %I TO %s;', nspname, ${US}) AS sql FROM ours WHERE NOT has_schema_privilege(schema_oid, 'USAGE')
  UNION ALL
  SELECT format('ALTER TABLE %I.%I OWNER TO %s;', nspname, relname, ${US}) FROM ours WHERE NOT pg_has_role(relowner, 'USAGE')
  UNION ALL
  SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %I.%I TO %s;', nspname, relname, ${US}) FROM ours o
   WHERE pg_has_role(relowner, 'USAGE') AND NOT (SELECT bool_and(has_table_privilege(c.oid, p)) FROM pg_class c,
     unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p WHERE c.relnamespace = o.schema_oid AND c.relname = o.relname)
  UNION ALL
  SELECT format('GRANT TEMPORARY ON DATABASE %I TO %s;', current_database(), ${US})
   WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')`;

/** Opens a session for the time of a question. */
type Asking = (ask: (client: pg.Client) => Promise<string[]>) => Promise<string[]>;

/** The statements as advice; null when nothing is missing that we know of. */
const advice = (side: 'source' | 'target', statements: readonly string[]): string | null =>
  statements.length === 0 ? null : `On the ${side}, as the owner or a superuser: ${statements.join(' ')}`;

/** For `untilHealed`: the statements that give back what is missing on the source, of one table or of the server. */
export const remedyOnSource =
  (asking: Asking, table?: { readonly oid: number }) =>
  async (error: unknown): Promise<string | null> => {
    if (!isRefused(error)) return null;
    const missing = await asking(async (client) => {
      const { rows } = table ? await client.query<{ sql: string }>(TO_READ, [String(table.oid)]) : { rows: [] };
      const functions = await refusedFunctions(client, 'source');
      return [...rows.map(({ sql }) => sql), ...functions.flatMap(({ grants }) => grants)];
    });
    return advice('source', missing);
  };

/** The same for the target, of which all tables of the migration are looked at. */
export const remedyOnTarget =
  (asking: Asking) =>
  async (error: unknown): Promise<string | null> => {
    if (!isRefused(error)) return null;
    const missing = await asking(async (client) =>
      (await client.query<{ sql: string }>(TO_WRITE)).rows.map(({ sql }) => sql),
    );
    return advice('target', missing);
  };
