import { pluginOf } from '../../engine/options.ts';
import { attempts } from '../../postgres/attempts.ts';
import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { eventTriggersFor, refusingTriggers, switchOff } from '../facts/event-triggers.ts';
import { type Relation, relationsFact } from '../facts/relations.ts';
import { server } from '../facts/server.ts';
import { grantMembership } from '../membership.ts';
import { fail, listed, pass } from '../outcome.ts';
import { migratedWithRows } from '../relations.ts';

const CREATE = 'CREATE PUBLICATION tiger_migrate_check';
/** What is done with a publication later, and at the end. */
const AFTERWARDS =
  "ALTER PUBLICATION tiger_migrate_check SET (publish = 'insert'); DROP PUBLICATION tiger_migrate_check";
const TAGS = ['CREATE PUBLICATION', 'ALTER PUBLICATION', 'DROP PUBLICATION'];

const ownersOf = (relations: readonly Relation[]): string[] => [...new Set(relations.map(({ owner }) => owner))];

/** https://www.postgresql.org/docs/current/sql-createpublication.html (Notes: the privileges) */
export const publicationRight: Check = {
  id: 'source-publication-right',
  side: 'source',
  title: 'Right to publish',
  severity: 'fail',
  wanted: 'CREATE on the source database, ownership of every table, and no event trigger that refuses publications',
  why: 'The tables whose changes are replayed are named in publications; PostgreSQL lets only their owner add them.',
  fix: 'GRANT CREATE ON DATABASE … TO …; and GRANT owner TO …;',
  providers: ['selfhosted-postgres', 'rds'],
  async run({ ask, source, sourceSettings, options, provider }) {
    const plugin = pluginOf(options, provider);
    if (!plugin.usesPublications) return pass(`${plugin.name} needs no publication`);
    const role = quoteIdent(sourceSettings.user);
    const answers = await attempts(source, [CREATE, `${CREATE}; ${AFTERWARDS}`]);
    const refused = answers.find((answer) => answer !== null) ?? null;
    const triggers = refused ? refusingTriggers(await eventTriggersFor(source, TAGS), refused) : [];
    const relations = migratedWithRows(await ask('source', relationsFact), options);
    const foreign = relations.filter(({ kind, unlogged, owned }) => /^[rp]$/.test(kind) && !unlogged && !owned);
    if (!refused && foreign.length === 0) return pass('a publication can be created, all tables are owned');
    const found: string[] = [];
    const grants: string[] = [];
    if (refused) {
      const by = triggers.map(({ name }) => quoteIdent(name)).join(' or ');
      found.push(triggers.length > 0 ? `event trigger ${by} refuses: ${refused.message}` : refused.message);
    }
    if (refused && triggers.length === 0) {
      grants.push(`GRANT CREATE ON DATABASE ${quoteIdent(sourceSettings.database)} TO ${role};`);
    }
    if (foreign.length > 0) {
      found.push(`not the owner of ${listed(foreign.map(displayName))}`);
      const ordinary = foreign.filter(({ ownerIsSuperuser }) => !ownerIsSuperuser);
      const facts = await ask('source', server);
      grants.push(...ownersOf(ordinary).map((owner) => grantMembership(owner, sourceSettings.user, facts)));
    }
    const superusers = ownersOf(foreign.filter(({ ownerIsSuperuser }) => ownerIsSuperuser));
    const fix = [
      ...(triggers.length > 0
        ? [...switchOff(triggers), 'Or use --plugin test_decoding, which needs no publication.']
        : []),
      ...(grants.length > 0 ? [`As a superuser or the owner: ${grants.join(' ')}`] : []),
      ...superusers.map(
        (owner) =>
          `Tables belong to ${quoteIdent(owner)}, a superuser: connect to the source as that role. Its members could become superuser, too. Or use --plugin test_decoding, which needs no ownership.`,
      ),
    ];
    return fail('TM1212', found.join('; '), { fix: fix.join('\n') });
  },
};
