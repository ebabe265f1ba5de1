import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import type { Emit } from '../events.ts';
import { type Damage, markDamaged, tellDamage } from '../sync/damage.ts';
import { isComplete, readTableStates, type SyncedTable } from '../sync/table-states.ts';
import { TreeWatch } from '../sync/trees.ts';
import type { SourceTable } from './catalog.ts';
import { guardApplication, withoutIdentity } from './identity-guard.ts';
import { addToPublication } from './publications.ts';
import { publishByIdentity } from './publish-by-identity.ts';

/**
 * What is published. A table that somebody takes out of a publication simply sends nothing any more, and one that is put
 * back has missed what was between: so the entries that we have made are recorded on the target, by their own OIDs, which
 * no second entry has. https://www.postgresql.org/docs/current/catalog-pg-publication-rel.html
 */

/** What our publications are, and which entries they have: other text, and it pays to look closer. */
const FINGERPRINT = `
SELECT concat_ws(' ', (SELECT string_agg(concat_ws(' ', p.oid, p.pubname, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot), ', ' ORDER BY p.pubname)
                         FROM pg_publication p WHERE p.pubname = ANY ($1::text[])),
         (SELECT sum(hashtextextended(concat_ws('/', r.oid, r.prrelid), 0)) FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
           WHERE p.pubname = ANY ($1::text[])),
         (SELECT sum(hashtextextended(concat_ws('/', i.inhrelid, i.inhparent), 0)) FROM pg_inherits i)) AS fingerprint`;

const WHOLE = `
SELECT count(*) AS whole FROM pg_publication p WHERE NOT p.pubviaroot AND NOT p.puballtables AND p.pubinsert AND p.pubtruncate
   AND (p.pubname = $1 AND p.pubupdate AND p.pubdelete OR p.pubname = $2 AND NOT p.pubupdate AND NOT p.pubdelete)`;

const ENTRIES = `
SELECT r.prrelid::int8 AS relation, string_agg(r.oid::text, ' ' ORDER BY r.oid) AS entries FROM pg_publication_rel r
  JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = ANY ($1::text[]) GROUP BY 1`;

/** Those of the given tables that exist, with all relations by which each may be published: itself and what it is a part of. */
const PUBLISHED_BY = `
SELECT c.oid::int8 AS oid, (SELECT string_agg(a.relid::oid::text, ' ') FROM pg_partition_ancestors(c.oid) a) AS ancestors
  FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND c.relpersistence = 'p'`;

const listOf = (items: readonly (string | number)[]): string => `{${items.join(',')}}`;

/** The entries of each relation that is published by its own name. */
type Entries = ReadonlyMap<string, string>;

async function readEntries(source: pg.Client, names: readonly string[]): Promise<Entries> {
  const { rows } = await source.query<{ relation: string; entries: string }>(ENTRIES, [listOf(names)]);
  return new Map(rows.map(({ relation, entries }) => [relation, entries]));
}

async function record(target: pg.Client, entries: Entries): Promise<void> {
  await target.query(
    `WITH gone AS (DELETE FROM tiger_migrate.object WHERE kind = 'published' AND NOT $1::jsonb ? name)
     INSERT INTO tiger_migrate.object (kind, name, detail) SELECT 'published', key, value FROM jsonb_each_text($1::jsonb)
     ON CONFLICT (kind, name) DO UPDATE SET detail = excluded.detail`,
    [JSON.stringify(Object.fromEntries(entries))],
  );
}

/** Records the entries that the publications have now: from here on any other is somebody else's doing. */
export async function recordPublished(source: pg.Client, target: pg.Client, names: readonly string[]): Promise<void> {
  if (names.length > 0) await record(target, await readEntries(source, names));
}

/** Rejects with TM1309 when a publication is gone, or does not publish what it did. */
export async function requirePublications(source: pg.Client, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { rows } = await source.query<{ whole: string }>(WHOLE, [...names]);
  if (Number(rows[0]?.whole) === names.length) return;
  throw new MigrateError('TM1309', {
    side: 'source',
    object: names.join(', '),
    message: 'a publication of the migration was dropped or altered: changes did not come',
    hint: 'Copy all tables again, with new publications and a new slot: migrate --resync.',
  });
}

/** Of these tables those that exist, with the relations by whose entry each is published: its own, or of what it is a part of. */
async function publishedBy(source: pg.Client, tables: readonly SyncedTable[]): Promise<Map<number, string[]>> {
  const { rows } = await source.query<{ oid: string; ancestors: string | null }>(PUBLISHED_BY, [
    listOf(tables.map((table) => table.sourceOid)),
  ]);
  return new Map(rows.map(({ oid, ancestors }) => [Number(oid), [oid, ...(ancestors?.split(' ') ?? [])]]));
}

/** Tables whose changes do not come, or did not for a while. */
async function silentTables(
  source: pg.Client,
  target: pg.Client,
  entries: Entries,
  tables: readonly SyncedTable[],
): Promise<SyncedTable[]> {
  const { rows: recorded } = await target.query<{ name: string; detail: string }>(
    `SELECT name, detail FROM tiger_migrate.object WHERE kind = 'published'`,
  );
  const isThere = (relation: string, entry: string) => (entries.get(relation) ?? '').split(' ').includes(entry);
  const changed = new Set(
    recorded
      .filter(({ name, detail }) => !detail.split(' ').every((entry) => isThere(name, entry)))
      .map(({ name }) => name),
  );
  const by = await publishedBy(source, tables);
  return tables.filter(({ sourceOid }) => {
    const relations = by.get(sourceOid);
    if (!relations) return false;
    return !relations.some((one) => entries.has(one)) || relations.some((one) => changed.has(one));
  });
}

const TAKEN_OUT: Damage = {
  code: 'TM1308',
  reason: 'the table was taken out of our publication on the source, so that its changes did not come',
  row: null,
  lsn: null,
};

const WITHOUT_IDENTITY: Damage = {
  code: 'TM5006',
  reason:
    'the table, or a partition of the same partitioned table, has lost its replica identity on the source, so that UPDATE and DELETE ' +
    'can not be published any more',
  row: null,
  lsn: null,
};

/** Damages complete tables whose changes do not come any more, or did not for a while, and remembers the entries that there are now. */
export async function damageSilent(
  source: pg.Client,
  target: pg.Client,
  publications: readonly string[],
  emit: Emit,
): Promise<void> {
  const entries = await readEntries(source, publications);
  const tables = (await readTableStates(target)).filter((table) => table.copyRows && isComplete(table));
  const silent = await silentTables(source, target, entries, tables);
  const roots = new Map(silent.map((table) => [table.sourceOid, table.rootOid]));
  const lacking = await withoutIdentity(source, [...roots.keys()]);
  const rootsLacking = new Set([...lacking].map((oid) => roots.get(oid)));
  for (const table of silent) {
    const damage = rootsLacking.has(table.rootOid) ? WITHOUT_IDENTITY : TAKEN_OUT;
    if (!(await markDamaged(target, table.sourceOid, damage, ['copied', 'live']))) continue;
    tellDamage(emit, { ...table, damage });
  }
  // What they have missed is remembered; an entry that goes from now on is another matter.
  await record(target, entries);
}

/** With very many tables a look takes a while: it is not to take more than a tenth of the time. */
const REST = 10;
const LONGEST_REST_MS = 10_000;

export interface PublicationWatchOptions {
  readonly publications: readonly string[];
  readonly connectTarget: (application: string) => Promise<pg.Client>;
  readonly destroy: (client: pg.Client) => void;
  readonly emit: Emit;
}

/** Looks after the publications of one run of the engine. */
export class PublicationWatch {
  readonly #options: PublicationWatchOptions;
  #seen = '';
  #guardNotBefore = 0;
  /** Whatever the plugin is: what a partition was taken away from is to be damaged as well. */
  readonly #trees = new TreeWatch();

  constructor(options: PublicationWatchOptions) {
    this.#options = options;
  }

  /**
   * Damages the tables whose changes do not come any more, or did not for a while: nothing but another copy brings them
   * what they have missed. Rejects with TM1309 when a whole publication is gone. For when all tables are copied.
   */
  async look(source: pg.Client): Promise<void> {
    const { publications, connectTarget, destroy, emit } = this.#options;
    await this.#trees.look(source, this.#options);
    if (publications.length === 0) return;
    const { rows } = await source.query<{ fingerprint: string }>(FINGERPRINT, [listOf(publications)]);
    const now = rows[0]?.fingerprint ?? '';
    if (now === this.#seen) return;
    await requirePublications(source, publications);
    const target = await connectTarget('publications');
    try {
      await damageSilent(source, target, publications, emit);
    } finally {
      destroy(target);
    }
    this.#seen = now;
  }

  /** Keeps the application's UPDATE and DELETE from failing because of us. The next look damages what was published by it. */
  async guard(source: pg.Client): Promise<void> {
    const { publications, emit } = this.#options;
    const began = performance.now();
    if (began < this.#guardNotBefore) return;
    const moved = await guardApplication(source, publications);
    const end = performance.now();
    this.#guardNotBefore = end + Math.min(LONGEST_REST_MS, (end - began) * REST);
    for (const table of moved) {
      emit({
        type: 'warning',
        text:
          `${table} has no usable replica identity any more: the source refused the application's UPDATE and DELETE because of our ` +
          'publication, or would not tell which rows they mean. From now on only its INSERT and TRUNCATE are published. Give it an identity on the source, then copy it again.',
      });
    }
  }
}

/**
 * Publishes those of these tables that are not, before they are copied again: what is written from now on must come. Those whose
 * identity is another one by now change their publication.
 */
export async function publishAgain(
  of: {
    readonly source: pg.Client;
    readonly target: pg.Client;
    readonly publications: readonly string[];
    readonly emit: Emit;
  },
  tables: readonly SyncedTable[],
  onSource: readonly SourceTable[],
): Promise<void> {
  const { source, target, publications, emit } = of;
  const [all, inserts] = publications;
  if (all === undefined || inserts === undefined) return;
  await requirePublications(source, publications);
  // What others have missed would be forgotten.
  await damageSilent(source, target, publications, emit);
  await publishByIdentity(source, { all, inserts }, onSource, new Set(tables.map(({ rootOid }) => rootOid)));
  const entries = await readEntries(source, publications);
  const by = await publishedBy(source, tables);
  const missing = onSource.filter(({ oid }) => by.has(oid) && !by.get(oid)?.some((one) => entries.has(one)));
  const those = (identified: boolean) => missing.filter((table) => table.hasIdentity === identified);
  await addToPublication(source, all, those(true));
  await addToPublication(source, inserts, those(false));
  const again = new Set(tables.map(({ sourceOid }) => sourceOid));
  for (const table of onSource) {
    if (!again.has(table.oid) || table.hasIdentity) continue;
    const text = `${displayName(table)} has no replica identity: once it is copied, only its INSERT and TRUNCATE are replayed.`;
    emit({ type: 'warning', text });
  }
  await recordPublished(source, target, publications);
}
