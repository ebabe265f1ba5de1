import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { COUNTED_AT_MOST, catalog } from '../facts/catalog.ts';
import { relationsFact } from '../facts/relations.ts';
import { counted, fail, info, listed, pass, warn } from '../outcome.ts';
import { shellWord } from '../platforms/platform.ts';
import { migrated } from '../relations.ts';

/** https://www.postgresql.org/docs/current/logicaldecoding-explanation.html: large objects are not decoded. */
export const largeObjects: Check = {
  id: 'source-large-objects',
  side: 'source',
  title: 'Large objects',
  severity: 'fail',
  wanted: 'none',
  why: 'Logical decoding does not carry their changes, so they could not be kept in step.',
  fix: 'Move them into bytea columns (lo_get), or remove them (vacuumlo, lo_unlink).',
  async run({ ask, sourceSettings: { host, port, user, database } }) {
    const { largeObjects: count } = await ask('source', catalog);
    if (count === 0) return pass('none');
    const found =
      count > COUNTED_AT_MOST ? `more than ${COUNTED_AT_MOST} large objects` : counted(count, 'large object');
    return fail('TM1215', found, {
      fix: [
        'Move those that you need into a bytea column, and let the application use it: ALTER TABLE … ADD data bytea; UPDATE … SET data = lo_get(its oid column);',
        `Remove those that no oid column of any table names: vacuumlo -h ${shellWord(host)} -p ${port} -U ${shellWord(user)} ${shellWord(database)}`,
        'Or remove all: SELECT lo_unlink(oid) FROM pg_largeobject_metadata;',
      ].join('\n'),
    });
  },
};

/** What needs no remedy, and what the operator should know before looking for it on the target. */
export const leftOut: Check = {
  id: 'source-left-out',
  side: 'source',
  title: 'What is treated differently',
  severity: 'info',
  wanted: 'nothing, or known to you',
  why: 'Unlogged tables write no WAL, so their changes cannot be replayed. Foreign tables keep their rows on another server. Materialized views are computed anew. Temporary tables belong to their session.',
  fix: 'Nothing has to be done. ALTER TABLE … SET LOGGED; makes the changes of an unlogged table come like all others. For foreign tables the target must be able to reach their server.',
  async run({ ask, options }) {
    const relations = migrated(await ask('source', relationsFact), options);
    const { temporaryTables } = await ask('source', catalog);
    const names = (some: typeof relations) => listed(some.map(displayName));
    const unlogged = relations.filter(({ kind, unlogged: without }) => kind === 'r' && without);
    const foreign = relations.filter(({ kind }) => kind === 'f');
    const materialized = relations.filter(({ kind }) => kind === 'm');
    const found = [
      ...(unlogged.length > 0 ? [`unlogged, copied again at the cut-over: ${names(unlogged)}`] : []),
      ...(foreign.length > 0 ? [`foreign, created without rows: ${names(foreign)}`] : []),
      ...(materialized.length > 0 ? [`materialized views, refreshed at the cut-over: ${names(materialized)}`] : []),
      ...(temporaryTables === 0 ? [] : [`${counted(temporaryTables, 'temporary table')}, left out`]),
    ];
    return found.length === 0
      ? pass('no unlogged, foreign or temporary tables, no materialized views')
      : info(found.join('; '));
  },
};

/** https://www.postgresql.org/docs/current/manage-ag-tablespaces.html */
export const tablespaces: Check = {
  id: 'source-tablespaces',
  side: 'source',
  title: 'Tablespaces',
  severity: 'info',
  wanted: 'none besides the default',
  why: 'On the target everything goes to the default tablespace.',
  fix: 'Nothing to do; or create tablespaces on the target and move the tables after the migration.',
  async run({ ask }) {
    const { tablespaces: names } = await ask('source', catalog);
    return names.length === 0 ? pass('only the default') : info(`ignored: ${listed(names.map(quoteIdent))}`);
  },
};

/** https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY */
export const allTablesPublications: Check = {
  id: 'source-all-tables-publications',
  side: 'source',
  title: 'Publications FOR ALL TABLES',
  severity: 'warn',
  wanted: 'none',
  why: 'They take in every table created later; one without replica identity then makes UPDATE and DELETE of the application fail.',
  fix: 'Drop them if nobody subscribes: DROP PUBLICATION …;',
  async run({ ask }) {
    const { allTablesPublications: names } = await ask('source', catalog);
    if (names.length === 0) return pass('none');
    const drops = names.map((name) => `DROP PUBLICATION ${quoteIdent(name)};`);
    return warn(listed(names.map(quoteIdent)), { fix: `Drop them if nobody subscribes: ${drops.join(' ')}` });
  },
};

/** https://www.postgresql.org/docs/current/event-triggers.html */
export const eventTriggers: Check = {
  id: 'source-event-triggers',
  side: 'source',
  title: 'Event triggers',
  severity: 'info',
  wanted: 'none, or known to you',
  why: 'They fire on the source when the publications are created. At the cut-over they are created on the target, where only a superuser may; what it refuses is listed.',
  fix: 'Check that they allow CREATE PUBLICATION and DROP PUBLICATION (the check "Right to publish" tries the first), and that you can do without them on the target.',
  async run({ ask }) {
    const { eventTriggers: triggers } = await ask('source', catalog);
    if (triggers.length === 0) return pass('none');
    return info(listed(triggers.map(({ name, event }) => `${quoteIdent(name)} ON ${event}`)));
  },
};
