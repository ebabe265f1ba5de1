import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import { firstRow } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { counted, fail, info, listed, pass, warn } from '../outcome.ts';
import { FROM_USER_RELATIONS, migrated } from '../relations.ts';

const COUNTED_AT_MOST = 100_000;

/** https://www.postgresql.org/docs/current/logicaldecoding-explanation.html: large objects are not decoded. */
export const largeObjects: Check = {
  id: 'source-large-objects',
  side: 'source',
  title: 'Large objects',
  wanted: 'none',
  why: 'Logical decoding does not carry their changes, so they could not be kept in step.',
  fix: 'Move them into bytea columns (UPDATE … SET data = lo_get(oid)), or remove those that nobody refers to: vacuumlo DATABASE. Then SELECT lo_unlink(oid) for the rest.',
  async run({ source }) {
    const { count } = await firstRow<{ count: string }>(
      source,
      `SELECT count(*) AS count FROM (SELECT FROM pg_largeobject_metadata LIMIT ${COUNTED_AT_MOST + 1}) AS first`,
    );
    const found = Number(count);
    if (found === 0) return pass('none');
    return fail(
      'TM1215',
      found > COUNTED_AT_MOST ? `more than ${COUNTED_AT_MOST} large objects` : counted(found, 'large object'),
    );
  },
};

/** What needs no remedy, and what the operator should know before looking for it on the target. */
export const leftOut: Check = {
  id: 'source-left-out',
  side: 'source',
  title: 'What is treated differently',
  wanted: 'nothing, or known to you',
  why: 'Unlogged tables write no WAL: they are copied again at the cut-over. Foreign tables keep their rows elsewhere; temporary ones belong to their session.',
  fix: 'ALTER TABLE … SET LOGGED; for tables whose changes shall be replayed.',
  async run({ source, options }) {
    const { rows } = await source.query<{ schema: string; name: string; kind: string; persistence: string }>(
      `SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence ${FROM_USER_RELATIONS}
         AND ((c.relkind = 'r' AND c.relpersistence = 'u') OR c.relkind = 'f') ORDER BY 1, 2`,
    );
    const { temporary } = await firstRow<{ temporary: string }>(
      source,
      "SELECT count(*) AS temporary FROM pg_class WHERE relpersistence = 't' AND relkind IN ('r', 'p')",
    );
    const special = migrated(rows, options);
    const unlogged = special.filter(({ kind }) => kind === 'r').map(displayName);
    const foreign = special.filter(({ kind }) => kind === 'f').map(displayName);
    const found = [
      ...(unlogged.length > 0 ? [`unlogged: ${listed(unlogged)}`] : []),
      ...(foreign.length > 0 ? [`foreign: ${listed(foreign)}`] : []),
      ...(temporary === '0' ? [] : [counted(Number(temporary), 'temporary table')]),
    ];
    return found.length === 0 ? pass('no unlogged, foreign or temporary tables') : info(found.join('; '));
  },
};

/** https://www.postgresql.org/docs/current/manage-ag-tablespaces.html */
export const tablespaces: Check = {
  id: 'source-tablespaces',
  side: 'source',
  title: 'Tablespaces',
  wanted: 'none besides the default',
  why: 'On the target everything goes to the default tablespace.',
  fix: 'Nothing to do; or create tablespaces on the target and move the tables after the migration.',
  async run({ source }) {
    const { rows } = await source.query<{ name: string }>(
      "SELECT spcname AS name FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1",
    );
    return rows.length === 0
      ? pass('only the default')
      : info(`ignored: ${listed(rows.map(({ name }) => quoteIdent(name)))}`);
  },
};

/** https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY */
export const allTablesPublications: Check = {
  id: 'source-all-tables-publications',
  side: 'source',
  title: 'Publications FOR ALL TABLES',
  wanted: 'none',
  why: 'They take in every table created later; one without replica identity then makes UPDATE and DELETE of the application fail.',
  fix: 'Drop them if nobody subscribes: DROP PUBLICATION …;',
  async run({ source }) {
    const { rows } = await source.query<{ name: string }>(
      'SELECT pubname AS name FROM pg_publication WHERE puballtables ORDER BY 1',
    );
    return rows.length === 0 ? pass('none') : warn(listed(rows.map(({ name }) => quoteIdent(name))));
  },
};

/** https://www.postgresql.org/docs/current/event-triggers.html */
export const eventTriggers: Check = {
  id: 'source-event-triggers',
  side: 'source',
  title: 'Event triggers',
  wanted: 'none, or known to you',
  why: 'They fire when the publications are created. On the target only a superuser can create them.',
  fix: 'Check that they allow CREATE PUBLICATION and DROP PUBLICATION; create them on the target after the migration.',
  async run({ source }) {
    const { rows } = await source.query<{ name: string; event: string }>(
      `SELECT evtname AS name, evtevent AS event FROM pg_event_trigger t WHERE evtenabled <> 'D'
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_catalog.pg_event_trigger'::regclass
           AND e.objid = t.oid AND e.deptype = 'e') ORDER BY 1`,
    );
    if (rows.length === 0) return pass('none');
    return info(listed(rows.map(({ name, event }) => `${quoteIdent(name)} ON ${event}`)));
  },
};
