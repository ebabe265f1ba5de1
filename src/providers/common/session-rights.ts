import { quoteIdent } from '../../postgres/identifiers.ts';
import { firstRow, inRolledBackTransaction, refusal } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, info, pass, warn } from '../outcome.ts';

/** https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-STATS-VIEWS (who may see what) */
export const seeSessions: Check = {
  id: 'source-see-sessions',
  side: 'source',
  title: 'Right to see other sessions',
  wanted: 'membership in pg_read_all_stats (or pg_monitor)',
  why: 'Before the cut-over it is watched that nobody writes any more; without this right only sessions of the same role can be seen.',
  fix: 'GRANT pg_read_all_stats TO …;',
  async run({ source, sourceSettings }) {
    const { allowed } = await firstRow<{ allowed: string }>(
      source,
      "SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS allowed",
    );
    return allowed === 't'
      ? pass('allowed')
      : warn('the role sees only its own sessions', {
          fix: `As a superuser: GRANT pg_read_all_stats TO ${quoteIdent(sourceSettings.user)};`,
        });
  },
};

/** Tries, and rolls back, what --freeze-source does at the cut-over. */
export const freezeRight: Check = {
  id: 'source-freeze-right',
  side: 'source',
  title: 'Right to freeze the source',
  wanted: 'ownership of the database and membership in pg_signal_backend, when --freeze-source is given',
  why: 'Freezing makes the database read-only for new sessions and ends the others.',
  fix: 'Leave out --freeze-source and stop the application yourself before the cut-over.',
  async run({ source, sourceSettings, options }) {
    if (!options.freezeSource) return info('not asked for');
    const role = quoteIdent(sourceSettings.user);
    const database = quoteIdent(sourceSettings.database);
    const message = await inRolledBackTransaction(source, () =>
      refusal(source, `ALTER DATABASE ${database} SET default_transaction_read_only = on`),
    );
    const { allowed } = await firstRow<{ allowed: string }>(
      source,
      "SELECT pg_has_role('pg_signal_backend', 'USAGE') AS allowed",
    );
    if (message === null && allowed === 't') return pass('allowed');
    const found = [
      ...(message === null ? [] : [message]),
      ...(allowed === 't' ? [] : ['sessions of other roles cannot be ended']),
    ];
    const grants = [
      ...(message === null ? [] : [`ALTER DATABASE ${database} OWNER TO ${role};`]),
      ...(allowed === 't' ? [] : [`GRANT pg_signal_backend TO ${role};`]),
    ];
    return fail('TM1212', found.join('; '), {
      fix: `As a superuser: ${grants.join(' ')} Or leave out --freeze-source and stop the application yourself.`,
    });
  },
};
