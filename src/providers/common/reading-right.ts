import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { fail, listed, pass } from '../outcome.ts';
import { FROM_USER_RELATIONS, migrated } from '../relations.ts';

export const readingRight: Check = {
  id: 'source-select-right',
  side: 'source',
  title: 'Right to read',
  wanted: 'USAGE on every schema, SELECT on every table and sequence',
  why: 'All rows are copied, and pg_dump locks every table before it reads its definition.',
  fix: 'GRANT pg_read_all_data TO …;',
  async run({ source, sourceSettings, options }) {
    const { rows } = await source.query<{ schema: string; name: string; readable: string }>(
      `SELECT n.nspname AS schema, c.relname AS name,
         has_schema_privilege(n.oid, 'USAGE') AND (CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
           ELSE has_table_privilege(c.oid, 'SELECT') END) AS readable
       ${FROM_USER_RELATIONS} AND c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't' ORDER BY 1, 2`,
    );
    const wanted = migrated(rows, options);
    const refused = wanted.filter(({ readable }) => readable !== 't');
    if (refused.length === 0) return pass(`${wanted.length} tables, materialized views and sequences can be read`);
    const role = quoteIdent(sourceSettings.user);
    const schemas = [...new Set(refused.map(({ schema }) => quoteIdent(schema)))];
    return fail('TM1212', `no right to read ${listed(refused.map(displayName))}`, {
      fix: `PostgreSQL 14 or newer: GRANT pg_read_all_data TO ${role}; else ${schemas
        .map(
          (schema) =>
            `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role};`,
        )
        .join(' ')}`,
    });
  },
};

/** https://www.postgresql.org/docs/current/ddl-rowsecurity.html */
export const rowSecurity: Check = {
  id: 'source-row-security',
  side: 'source',
  title: 'Row-level security',
  wanted: 'no policy hides rows from the role: owner of the table, or BYPASSRLS',
  why: 'A policy would hide rows from the copy. Sessions here run with row_security = off, so that it would fail instead.',
  fix: 'ALTER ROLE … BYPASSRLS; or migrate as the owner of the tables.',
  async run({ source, sourceSettings, options }) {
    const { rows } = await source.query<{ schema: string; name: string }>(
      `SELECT n.nspname AS schema, c.relname AS name ${FROM_USER_RELATIONS} AND c.relkind IN ('r', 'p')
         AND c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1, 2`,
    );
    const hidden = migrated(rows, options);
    if (hidden.length === 0) return pass('no table hides rows from this role');
    return fail('TM1212', `policies apply to this role on ${listed(hidden.map(displayName))}`, {
      fix: `As a superuser: ALTER ROLE ${quoteIdent(sourceSettings.user)} BYPASSRLS;`,
    });
  },
};
