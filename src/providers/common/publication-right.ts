import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import { inRolledBackTransaction, refusal } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, listed, pass } from '../outcome.ts';
import { FROM_USER_RELATIONS, migrated } from '../relations.ts';

/** https://www.postgresql.org/docs/current/sql-createpublication.html (Notes: the privileges) */
export const publicationRight: Check = {
  id: 'source-publication-right',
  side: 'source',
  title: 'Right to publish',
  wanted: 'CREATE on the source database, and ownership of every table',
  why: 'The tables whose changes are replayed are named in publications; PostgreSQL lets only their owner add them.',
  fix: 'GRANT CREATE ON DATABASE … TO …; and GRANT owner TO …;',
  providers: ['selfhosted-postgres', 'rds'],
  async run({ source, sourceSettings, options }) {
    const role = quoteIdent(sourceSettings.user);
    const refused = await inRolledBackTransaction(source, () =>
      refusal(source, 'CREATE PUBLICATION tiger_migrate_check'),
    );
    const { rows } = await source.query<{ schema: string; name: string; owner: string }>(
      `SELECT n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner ${FROM_USER_RELATIONS}
         AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1, 2`,
    );
    const foreign = migrated(rows, options);
    if (refused === null && foreign.length === 0) return pass('a publication can be created, all tables are owned');
    const found: string[] = [];
    const grants: string[] = [];
    if (refused !== null) {
      found.push(refused);
      grants.push(`GRANT CREATE ON DATABASE ${quoteIdent(sourceSettings.database)} TO ${role};`);
    }
    if (foreign.length > 0) {
      found.push(`not the owner of ${listed(foreign.map(displayName))}`);
      const owners = [...new Set(foreign.map(({ owner }) => owner))];
      grants.push(...owners.map((owner) => `GRANT ${quoteIdent(owner)} TO ${role};`));
    }
    return fail('TM1212', found.join('; '), { fix: `As a superuser or the owner: ${grants.join(' ')}` });
  },
};
