import type { Check } from '../check.ts';
import { tablesWithoutIdentity } from '../identity.ts';
import { pass, warn } from '../outcome.ts';

const LISTED = 50;

/** https://www.postgresql.org/docs/current/logical-replication-publication.html */
export const replicaIdentity: Check = {
  id: 'source-replica-identity',
  side: 'source',
  title: 'Replica identity',
  wanted: 'a primary key or a replica identity on every table',
  why: 'It says which row an UPDATE or DELETE means. Without one these are not published, only inserts.',
  fix: 'ALTER TABLE … REPLICA IDENTITY USING INDEX …; or FULL. Or accept that only inserts are replayed.',
  async run({ source, options }) {
    const tables = await tablesWithoutIdentity(source, options);
    if (tables.length === 0) return pass('all tables');
    const names = tables.map(({ relation, partitions }) =>
      partitions > 0 ? `${relation} (${partitions} partition${partitions === 1 ? '' : 's'})` : relation,
    );
    const shown = names.slice(0, LISTED);
    const more = names.length > LISTED ? [`and ${names.length - LISTED} more`] : [];
    return warn(
      [
        'The following tables in the Source DB have neither a primary key nor a REPLICA IDENTITY (FULL/INDEX)',
        'UPDATE and DELETE statements on these tables will not be replicated to the Target DB',
        ...[...shown, ...more].map((name) => `  ${name}`),
      ].join('\n'),
    );
  },
};
