import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { relationsFact } from '../facts/relations.ts';
import { server } from '../facts/server.ts';
import { grantMembership } from '../membership.ts';
import { fail, listed, pass } from '../outcome.ts';
import { migrated } from '../relations.ts';

const READ_ALL_DATA_VERSION = 140000;

/**
 * Asked of the catalog, not tried: an attempt for each of 10,000 tables would lock them all.
 * https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS
 */
export const readingRight: Check = {
  id: 'source-select-right',
  side: 'source',
  title: 'Right to read',
  severity: 'fail',
  wanted: 'USAGE on every schema, SELECT on every table and sequence',
  why: 'All rows are copied, and pg_dump locks every table before it reads its definition.',
  fix: 'GRANT pg_read_all_data TO …;',
  async run({ ask, sourceSettings, options }) {
    const relations = migrated(await ask('source', relationsFact), options);
    const wanted = relations.filter(({ kind }) => /^[rpS]$/.test(kind));
    const refused = wanted.filter(({ readable }) => !readable);
    if (refused.length === 0) return pass(`${wanted.length} tables and sequences can be read`);
    const role = quoteIdent(sourceSettings.user);
    const facts = await ask('source', server);
    const schemas = [...new Set(refused.map(({ schema }) => quoteIdent(schema)))];
    const grants = schemas.map(
      (schema) =>
        `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role};`,
    );
    const fix = [
      ...(facts.versionNumber >= READ_ALL_DATA_VERSION
        ? [
            `As a superuser or an administrator of that role: ${grantMembership('pg_read_all_data', sourceSettings.user, facts)}`,
          ]
        : []),
      `As the owner: ${grants.join(' ')}`,
    ];
    return fail('TM1212', `no right to read ${listed(refused.map(displayName))}`, { fix: fix.join('\nOr: ') });
  },
};

/** https://www.postgresql.org/docs/current/ddl-rowsecurity.html */
export const rowSecurity: Check = {
  id: 'source-row-security',
  side: 'source',
  title: 'Row-level security',
  severity: 'fail',
  wanted: 'no policy hides rows from the role: owner of the table, or BYPASSRLS',
  why: 'A policy would hide rows from the copy. Sessions here run with row_security = off, so that it would fail instead.',
  fix: 'ALTER ROLE … BYPASSRLS; or migrate as the owner of the tables.',
  async run({ ask, sourceSettings, options }) {
    const hidden = migrated(await ask('source', relationsFact), options).filter(({ hidesRows }) => hidesRows);
    if (hidden.length === 0) return pass('no table hides rows from this role');
    return fail('TM1212', `policies apply to this role on ${listed(hidden.map(displayName))}`, {
      fix: `As a superuser: ALTER ROLE ${quoteIdent(sourceSettings.user)} BYPASSRLS;`,
    });
  },
};
