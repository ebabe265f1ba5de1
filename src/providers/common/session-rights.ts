import { OTHER_CLIENTS } from '../../engine/cutover/fence.ts';
import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import { firstRow } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { type ServerFacts, server } from '../facts/server.ts';
import { grantMembership } from '../membership.ts';
import { fail, info, pass } from '../outcome.ts';

/** Roles with sessions that freezing ends, and that ours may not end: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL */
const NOT_OURS_TO_END = `
  SELECT string_agg(DISTINCT a.usename, ', ') AS roles
    FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
   WHERE ${OTHER_CLIENTS} AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
     AND (r.rolsuper OR NOT (pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')))`;

/** Another owner instead would take rights from the application's role; members of a superuser could become one. */
const ownership = (facts: ServerFacts, user: string): string => {
  const { name, owner, ownerIsSuperuser } = facts.database;
  return ownerIsSuperuser
    ? `ALTER DATABASE ${quoteIdent(name)} OWNER TO ${quoteIdent(user)};`
    : grantMembership(owner, user, facts);
};

/** Tries, and rolls back, what --freeze-source does at the cut-over. */
export const freezeRight: Check = {
  id: 'source-freeze-right',
  side: 'source',
  title: 'Right to freeze the source',
  severity: 'fail',
  wanted: 'ownership of the database, and the right to end the sessions of others, when --freeze-source is given',
  why: 'Freezing makes the database read-only for new sessions and ends the others.',
  fix: 'Leave out --freeze-source and stop the application yourself before the cut-over.',
  async run({ ask, source, sourceSettings, options }) {
    if (!options.freezeSource) return info('not asked for');
    const database = quoteIdent(sourceSettings.database);
    const [refused] = await attempts(source, [`ALTER DATABASE ${database} SET default_transaction_read_only = on`]);
    const { roles } = await firstRow<{ roles: string | null }>(source, NOT_OURS_TO_END);
    if (!refused && roles === null) return pass('allowed');
    const found = [
      ...(refused ? [refused.message] : []),
      ...(roles === null ? [] : [`sessions of ${roles} cannot be ended`]),
    ];
    const { user } = sourceSettings;
    const facts = await ask('source', server);
    const grants = [
      ...(refused ? [ownership(facts, user)] : []),
      ...(roles === null
        ? []
        : [`${grantMembership('pg_signal_backend', user, facts)} (a superuser's sessions must be closed by itself)`]),
    ];
    return fail('TM1212', found.join('; '), {
      fix: `As a superuser: ${grants.join(' ')} Or leave out --freeze-source and stop the application yourself.`,
    });
  },
};
