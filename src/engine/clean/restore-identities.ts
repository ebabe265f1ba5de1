import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { serverVersionNum } from '../../postgres/query.ts';
import { explain } from '../error-policy.ts';
import { type IdentityNow, identityNow, indexNow } from './identity-now.ts';
import { forgetIdentity, type KeptIdentity, keepIdentity, readKeptIdentities } from './kept-identities.ts';
import { isLocked, LOCK_PATIENCE, lockHolders, withShortLock } from './short-lock.ts';
import { isSameDatabase, readSourceDatabase } from './source-identity.ts';

/** What was put back and what was not, as sentences. */
export interface RestoredIdentities {
  /** `source: replica identity of public.events is DEFAULT again` */
  readonly restored: string[];
  /** `source: index public.events_id_identity` */
  readonly removed: string[];
  /** What stays as it is on purpose, why, and the SQL for later. */
  readonly left: string[];
  /** What could not be done now; another `clean` tries again. */
  readonly failed: string[];
}

/** The tables of this source whose replica identity the work directory remembers. */
export async function changedIdentities(source: pg.Client, directory: string): Promise<KeptIdentity[]> {
  const kept = await readKeptIdentities(directory);
  if (kept.length === 0) return [];
  const here = await readSourceDatabase(source);
  return kept.filter((identity) => isSameDatabase(identity, here));
}

/**
 * Puts back the replica identities that the wizard has changed, where they are still what it set, and drops the indexes
 * that it made. To be called when the migration's own publications are gone. Safe to run again.
 */
export async function restoreIdentities(source: pg.Client, directory: string): Promise<RestoredIdentities> {
  const report: RestoredIdentities = { restored: [], removed: [], left: [], failed: [] };
  for (const kept of await changedIdentities(source, directory)) {
    const settled = await restore(source, kept, report);
    if (settled === null) await forgetIdentity(directory, kept);
    else await keepIdentity(directory, settled);
  }
  return report;
}

/** Gives what is still to be remembered of the table. */
async function restore(
  source: pg.Client,
  kept: KeptIdentity,
  report: RestoredIdentities,
): Promise<KeptIdentity | null> {
  const now = await identityNow(source, kept.oid);
  if (now === null) {
    report.left.push(`source: table ${displayName(kept)} is not there any more: nothing to put back`);
    return null;
  }
  const renamed = now.schema !== kept.schema || now.name !== kept.name;
  const table = renamed ? `${displayName(now)} (it was ${displayName(kept)})` : displayName(now);
  let rest: KeptIdentity = kept;
  if (kept.set !== null) {
    if (now.identity === kept.before.identity && (now.index?.oid ?? null) === kept.before.index) {
      // We were ended before we could change it, or somebody has put it back.
    } else if (!isStillOurs(kept, now)) {
      report.left.push(`source: replica identity of ${table} was changed by somebody since: it stays ${inWords(now)}`);
    } else if (!(await putBack(source, kept, now, table, report))) return kept;
    rest = { ...kept, set: null };
  }
  for (const name of kept.created) {
    const gone = await dropIndex(source, kept, now.schema, name, report);
    if (gone) rest = { ...rest, created: rest.created.filter((other) => other !== name) };
  }
  return rest.created.length === 0 ? null : rest;
}

const isStillOurs = ({ set }: KeptIdentity, now: IdentityNow): boolean =>
  set !== null && set.identity === now.identity && (set.identity === 'f' || set.index === (now.index?.name ?? null));

const inWords = ({ identity, index }: IdentityNow): string =>
  ({ d: 'DEFAULT', n: 'NOTHING', f: 'FULL', i: `USING INDEX ${quoteIdent(index?.name ?? '')}` })[identity];

/** The identity of before, in SQL. An index that has been dropped since stands for none at all, as it did before. */
async function formerIdentity(source: pg.Client, { before, oid }: KeptIdentity): Promise<string> {
  if (before.identity === 'd') return 'DEFAULT';
  if (before.identity === 'f') return 'FULL';
  if (before.identity === 'n' || before.index === null) return 'NOTHING';
  const { rows } = await source.query<{ name: string }>(
    'SELECT x.relname AS name FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indexrelid = $1::oid AND i.indrelid = $2::oid',
    [before.index, oid],
  );
  return rows[0] === undefined ? 'NOTHING' : `USING INDEX ${quoteIdent(rows[0].name)}`;
}

/** Publications that publish UPDATE or DELETE of a table: by its own name, that of a table it is a partition of, its schema, or all. */
const publishing = (bySchema: boolean): string => `
WITH named AS (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_ancestors($1::oid) a(relid))
SELECT p.pubname AS name FROM pg_publication p
 WHERE (p.pubupdate OR p.pubdelete) AND (p.puballtables
    OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid IN (SELECT oid FROM named))
    ${
      bySchema
        ? `OR EXISTS (SELECT FROM pg_publication_namespace s JOIN pg_class c ON c.relnamespace = s.pnnspid
             WHERE s.pnpubid = p.oid AND c.oid IN (SELECT oid FROM named))`
        : ''
    })
 ORDER BY 1`;

/** FOR TABLES IN SCHEMA: https://www.postgresql.org/docs/15/release-15.html */
const BY_SCHEMA_VERSION = 150000;

async function publications(source: pg.Client, oid: string): Promise<string[]> {
  const sql = publishing((await serverVersionNum(source)) >= BY_SCHEMA_VERSION);
  const { rows } = await source.query<{ name: string }>(sql, [oid]);
  return rows.map(({ name }) => name);
}

/** False when it is left as it is. */
async function putBack(
  source: pg.Client,
  kept: KeptIdentity,
  now: IdentityNow,
  table: string,
  report: RestoredIdentities,
): Promise<boolean> {
  const former = await formerIdentity(source, kept);
  const sql = `ALTER TABLE ${qualified(now)} REPLICA IDENTITY ${former}`;
  const identifies = former === 'FULL' || (former === 'DEFAULT' && now.hasKey);
  const others = identifies ? [] : await publications(source, kept.oid);
  if (others.length > 0) {
    report.left.push(
      `source: replica identity of ${table} stays ${inWords(now)}: ${others.map((name) => `publication ${quoteIdent(name)}`).join(', ')} ` +
        `publishes its updates or deletes, which would fail without one. Once that is gone: ${sql};`,
    );
    return false;
  }
  try {
    await withShortLock(source, sql);
  } catch (error) {
    report.failed.push(
      `source: replica identity of ${table} is still ${inWords(now)}: ${await refused(source, kept.oid, error)}. Later: ${sql};`,
    );
    return false;
  }
  report.restored.push(`source: replica identity of ${table} is ${former} again`);
  return true;
}

async function refused(source: pg.Client, oid: string, error: unknown): Promise<string> {
  if (!isLocked(error)) {
    return explain(error, { code: 'TM1216', retryCode: 'TM1216', side: 'source', doing: 'the server refused' }).message;
  }
  const holders = await lockHolders(source, oid);
  const by = holders.length === 0 ? '' : ` by ${holders.join(', ')}`;
  return `the table was locked${by} for more than ${LOCK_PATIENCE}`;
}

/** Nobody waits behind this one: it may take its time, but not for ever. */
const DROP_WAIT_MS = 10_000;

/** What stands on an index so that it must stay: it is an identity, or belongs to a constraint. */
const NEEDED = `
SELECT CASE WHEN i.indisreplident AND c.relreplident = 'i' THEN 'it is the replica identity'
            WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) THEN 'a constraint stands on it'
            WHEN EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid) THEN 'it is a part of an index of the partitioned table' END AS why
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
 WHERE i.indrelid = $1::oid AND x.relname = $2`;

/** True when there is nothing more to do about the index. */
async function dropIndex(
  source: pg.Client,
  { oid }: KeptIdentity,
  schema: string,
  name: string,
  report: RestoredIdentities,
): Promise<boolean> {
  if ((await indexNow(source, oid, name)) === null) return true;
  const index = displayName({ schema, name });
  const sql = `DROP INDEX CONCURRENTLY ${qualified({ schema, name })}`;
  const { rows } = await source.query<{ why: string | null }>(NEEDED, [oid, name]);
  const why = rows[0]?.why ?? null;
  if (why !== null) {
    report.left.push(`source: index ${index} stays: ${why}. Once it is not needed: ${sql};`);
    return true;
  }
  try {
    await source.query(`SET lock_timeout = ${DROP_WAIT_MS}`);
    await source.query(sql);
  } catch (error) {
    report.failed.push(
      `source: index ${index} could not be dropped: ${await refused(source, oid, error)}. Later: ${sql};`,
    );
    return false;
  } finally {
    await source.query('SET lock_timeout = 0').catch(() => {});
  }
  report.removed.push(`source: index ${index}`);
  return true;
}
