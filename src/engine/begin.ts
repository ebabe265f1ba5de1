import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';
import { displayName } from '../postgres/identifiers.ts';
import { formatLsn, INVALID_LSN, type Lsn } from '../postgres/lsn.ts';
import { recordShapes } from './ddl/recorded-shapes.ts';
import { type OutputPlugin, type PluginName, pluginNamed } from './decode/plugin.ts';
import { explain, sqlState } from './error-policy.ts';
import type { Emit } from './events.ts';
import type { MigrationOptions } from './options.ts';
import type { Servers } from './servers.ts';
import { holdsRows, identifySource, isDecoded, readTables, type SourceTable, selection } from './source/catalog.ts';
import { recordLeftOutSchemas } from './source/left-out.ts';
import { recordDescriptions } from './source/named-tables.ts';
import { assignTables, createPublications, type PublicationNames } from './source/publications.ts';
import { recordPublished } from './source/published.ts';
import { createSlot, dropSlot } from './source/slot.ts';
import { importSnapshot } from './source/snapshot.ts';
import { requireUtf8 } from './source/text-encoding.ts';
import { quotesNumbersOrNeedNot } from './source/wal2json.ts';
import { insertTables } from './sync/table-states.ts';
import { createProgressSchema, type MigrationRow } from './target/progress-schema.ts';
import { partitionColumns } from './timescale/hypertable-option.ts';
import { becomesHypertable } from './timescale/new-hypertables.ts';
import { pauseJobs } from './timescale/pause-jobs.ts';
import { undoBeginning } from './undo-beginning.ts';

/** A snapshot that is importable until `release`, and the first position that it does not hold. */
export interface HeldSnapshot extends AsyncDisposable {
  readonly name: string;
  readonly lsn: Lsn;
  /** A session in the snapshot, for looking at the catalogs. */
  readonly client: pg.Client;
}

export const slotNameOf = (id: string): string => `tiger_migrate_${id}`;
/** A name for a slot that lives as long as its session: the one before may take a moment to go. */
export const temporarySlotOf = (slot: string): string => `${slot}_resume_${randomBytes(3).toString('hex')}`;
export const publicationNamesOf = (id: string): PublicationNames => ({
  all: `tiger_migrate_${id}`,
  inserts: `tiger_migrate_${id}_inserts`,
});

/** For each table that the application holds locked. */
const PUBLICATION_LOCK_TIMEOUT_MS = 10_000;

/**
 * Creates a slot and holds its snapshot: an ordinary session imports it and exports it again, so that the replication
 * connection is free. A temporary slot lives until the snapshot is released.
 */
export async function holdSnapshot(
  servers: Servers,
  slot: string,
  plugin: OutputPlugin,
  temporary: boolean,
): Promise<HeldSnapshot> {
  const replication = await servers.replication('snapshot');
  let keeper: pg.Client | null = null;
  // The server may wait for hours here, for transactions that were open before.
  const stop = () => servers.destroy(replication);
  servers.signal.addEventListener('abort', stop, { once: true });
  try {
    const point = await createSlot(replication, slot, plugin.name, temporary).catch((error: unknown) => {
      throw explainSlotRefusal(error, slot);
    });
    keeper = await servers.onSource('snapshot');
    await importSnapshot(keeper, point.snapshot);
    const { rows } = await keeper.query<{ name: string }>('SELECT pg_export_snapshot() AS name');
    const client = keeper;
    if (!temporary) servers.destroy(replication);
    return {
      name: rows[0]?.name ?? '',
      lsn: point.lsn,
      client,
      [Symbol.asyncDispose]: async () => {
        servers.destroy(client);
        servers.destroy(replication);
      },
    };
  } catch (error) {
    servers.destroy(replication);
    if (keeper) servers.destroy(keeper);
    // The walsender does not notice that we are gone while it waits, and would leave a lasting slot behind in the end.
    if (servers.signal.aborted) await servers.afterwards('source', (client) => dropSlot(client, slot)).catch(() => {});
    throw error;
  } finally {
    servers.signal.removeEventListener('abort', stop);
  }
}

function explainSlotRefusal(error: unknown, slot: string): unknown {
  const state = sqlState(error);
  const as = {
    side: 'source',
    object: slot,
    message: error instanceof Error ? error.message : '',
    cause: error,
  } as const;
  if (state === '53400') {
    return new MigrateError('TM1207', {
      ...as,
      hint: 'Drop a slot that nobody uses (SELECT pg_drop_replication_slot(…)) or raise max_replication_slots and restart.',
    });
  }
  if (state === '55000')
    return new MigrateError('TM1205', { ...as, hint: 'Set wal_level = logical and restart the source.' });
  if (state === '42501') return new MigrateError('TM1206', { ...as, hint: 'ALTER ROLE … REPLICATION on the source.' });
  return error;
}

export interface Begun {
  readonly migration: MigrationRow;
  readonly snapshot: HeldSnapshot;
}

/** A table that is in the snapshot and not in the publications: its changes would never come. */
class CreatedMeanwhile extends Error {
  readonly tables: readonly SourceTable[];
  constructor(tables: readonly SourceTable[]) {
    super('tables were created between the publications and the snapshot');
    this.tables = tables;
  }
}

const ATTEMPTS = 5;

type BeginOptions = {
  readonly id: string;
  readonly source: pg.Client;
  readonly target: pg.Client;
  /** With the output plugin that was chosen. */
  readonly options: MigrationOptions & { readonly plugin: PluginName };
  readonly replicaRole: boolean;
  readonly emit: Emit;
};

/** Begins a migration, again when a table was created on the source at that moment. See `beginOnce`. */
export async function beginMigration(servers: Servers, of: BeginOptions): Promise<Begun> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await beginOnce(servers, of);
    } catch (error) {
      if (!(error instanceof CreatedMeanwhile)) throw error;
      if (attempt < ATTEMPTS) continue;
      throw new MigrateError('TM1215', {
        side: 'source',
        object: error.tables.map(displayName).join(', '),
        message: `at every one of ${ATTEMPTS} attempts tables were created on the source while the migration began`,
        hint: 'Keep the application from creating tables for a moment, or leave them out with --exclude-table.',
      });
    }
  }
}

/**
 * Begins a migration: our schema on the target, publications, then the slot (in this order: what is published is decoded
 * from the slot's beginning), and the list of tables as the snapshot shows it. When it fails nothing is left behind.
 */
async function beginOnce(servers: Servers, of: BeginOptions): Promise<Begun> {
  const { id, source, target, options } = of;
  const plugin = pluginNamed(options.plugin);
  if (!plugin.usesPublications) await requireUtf8(source, plugin);
  const replication = await servers.replication('identify');
  const identity = await identifySource(replication).finally(() => servers.destroy(replication));
  const slot = slotNameOf(id);
  const publications = publicationNamesOf(id);
  const present = await readTables(source);
  const assigned = assignTables(present, (table) => selection(table, options) === 'all');
  const quoted = plugin.name === 'wal2json' && (await quotesNumbersOrNeedNot(source, present, options));
  const published = [...assigned.all, ...assigned.inserts];
  const migration: MigrationRow = {
    id,
    sourceSystem: identity.system,
    sourceTimeline: identity.timeline,
    sourceDatabase: identity.database,
    slot,
    publications: plugin.usesPublications ? [publications.all, publications.inserts] : [],
    options: JSON.stringify(options),
    phase: 'snapshot',
    binaryStream: plugin.usesPublications
      ? published.every((table) => table.columns.every((column) => column.generated || column.binarySafe))
      : quoted,
    replicaRole: of.replicaRole,
  };
  // Recorded first: whatever happens now, `clean` and the next attempt know the names of what there may be.
  await target.query('BEGIN');
  await createProgressSchema(target, migration, INVALID_LSN);
  await target.query('COMMIT');
  let snapshot: HeldSnapshot | null = null;
  try {
    await pauseJobs({ source, target, emit: of.emit, signal: servers.signal });
    if (plugin.usesPublications) await publish(source, publications, assigned);
    snapshot = await holdSnapshot(servers, slot, plugin, false);
    const tables = await readTables(snapshot.client);
    const publishedOids = new Set(published.map((table) => table.oid));
    const unpublished = tables.filter(
      (table) => isDecoded(table) && selection(table, options) === 'all' && !publishedOids.has(table.rootOid),
    );
    if (plugin.usesPublications && unpublished.length > 0) throw new CreatedMeanwhile(unpublished);
    await target.query('BEGIN');
    await target.query('UPDATE tiger_migrate.progress SET applied_lsn = $1::pg_lsn', [formatLsn(snapshot.lsn)]);
    await insertTables(target, plannedTables(tables, options));
    await recordLeftOutSchemas(snapshot.client, target);
    await recordPublished(source, target, migration.publications);
    await recordShapes(
      snapshot.client,
      target,
      tables.filter(({ kind }) => kind !== 'chunk').map(({ oid }) => oid),
    );
    if (!plugin.usesPublications) {
      await recordDescriptions(
        snapshot.client,
        target,
        tables.map(({ oid }) => oid),
      );
    }
    await target.query(`UPDATE tiger_migrate.migration SET phase = 'schema'`);
    await target.query('COMMIT');
    return { migration: { ...migration, phase: 'schema' }, snapshot };
  } catch (error) {
    await snapshot?.[Symbol.asyncDispose]();
    // An open transaction of ours would hold locks on what is to be dropped.
    await target.query('ROLLBACK').catch(() => {});
    await undoBeginning(servers, migration).catch(() => {});
    throw error;
  }
}

const INSUFFICIENT_PRIVILEGE = '42501';

/** Creates both publications. */
export async function publish(
  source: pg.Client,
  names: PublicationNames,
  tables: ReturnType<typeof assignTables>,
): Promise<void> {
  await createPublications(source, names, tables, PUBLICATION_LOCK_TIMEOUT_MS).catch((error: unknown) => {
    throw explain(error, {
      code: 'TM1212',
      retryCode: 'TM1110',
      side: 'source',
      object: names.all,
      doing: 'the publications could not be created',
      hint:
        sqlState(error) === INSUFFICIENT_PRIVILEGE
          ? 'The role must own the tables and have CREATE on the database: GRANT CREATE ON DATABASE … TO …'
          : 'When an event trigger refuses it: ALTER EVENT TRIGGER … DISABLE for the time of the migration, or use --plugin test_decoding.',
    });
  });
}

export const plannedTables = (tables: readonly SourceTable[], options: MigrationOptions) =>
  tables.map((table) => ({
    sourceOid: table.oid,
    schema: table.schema,
    name: table.name,
    kind: table.kind,
    rootOid: table.rootOid,
    copyRows: holdsRows(table) && selection(table, options) === 'all',
    parts: 1,
    ...partitioning(table, options),
  }));

function partitioning(table: SourceTable, { hypertables }: MigrationOptions): { partitionedBy?: readonly string[] } {
  const wanted = becomesHypertable(table, hypertables);
  return wanted ? { partitionedBy: partitionColumns(wanted) } : {};
}

/** Rejects with TM4006 or TM1307 when the source is not the one that the migration began with. */
export async function requireSameSource(servers: Servers, migration: MigrationRow): Promise<void> {
  const replication = await servers.replication('identify');
  await requireSameIdentity(replication, migration).finally(() => servers.destroy(replication));
}

/** The same on a replication connection that is there: whoever answers now may be another server than the one before. */
export async function requireSameIdentity(replication: pg.Client, migration: MigrationRow): Promise<void> {
  const now = await identifySource(replication);
  if (now.system !== migration.sourceSystem || now.database !== migration.sourceDatabase) {
    throw new MigrateError('TM1307', {
      side: 'source',
      object: `${now.database}`,
      message: `the target holds a migration of another source (database ${migration.sourceDatabase}, system ${migration.sourceSystem})`,
      hint: 'Give the source that the migration began with, or another target database.',
    });
  }
  if (now.timeline !== migration.sourceTimeline) {
    throw new MigrateError('TM4006', {
      side: 'source',
      object: `timeline ${now.timeline}`,
      message: `the source failed over (its timeline was ${migration.sourceTimeline}): the slot may lack changes`,
      hint: 'Copy all tables again from the new one: migrate --resync.',
    });
  }
}
