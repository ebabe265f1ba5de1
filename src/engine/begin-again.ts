import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';
import { formatLsn } from '../postgres/lsn.ts';
import { type Begun, holdSnapshot, publish, requireSameSource } from './begin.ts';
import { pluginNamed } from './decode/plugin.ts';
import { spoolDirectoryOf } from './engine.ts';
import type { Emit } from './events.ts';
import { durableInSpool, removeSpool, requireNothingMissing } from './open-spool.ts';
import { migrationOptionsSchema } from './options.ts';
import type { Servers } from './servers.ts';
import { identifySource, readTables } from './source/catalog.ts';
import { recordDescriptions } from './source/named-tables.ts';
import { assignTables, dropPublications } from './source/publications.ts';
import { recordPublished, requirePublications } from './source/published.ts';
import { dropSlot } from './source/slot.ts';
import { readTableStates } from './sync/table-states.ts';
import { type MigrationRow, readApplied, recordedObjects, recordObject } from './target/progress-schema.ts';

interface BeginAgainOptions {
  readonly servers: Servers;
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly migration: MigrationRow;
  readonly workDirectory: string;
  readonly emit: Emit;
}

/** Kind of the record on the target of a slot that the source can not decode for. */
const UNDECODABLE = 'undecodable slot';

/** Ends a run of the engine, for the next one to begin the migration again: nothing was replayed yet. */
export class BeginAgainAsked extends Error {
  constructor(cause: MigrateError) {
    super('the migration is to begin again, with a new slot', { cause });
  }
}

/** Remembers that nothing more will come of this slot; true when `error` says so. */
export async function rememberUndecodable(servers: Servers, slot: string, error: unknown): Promise<boolean> {
  if (!(error instanceof MigrateError) || error.code !== 'TM4010') return false;
  await servers.afterwards('target', (client) => recordObject(client, UNDECODABLE, slot, error.message));
  return true;
}

async function requireDecodable(target: pg.Client, { slot }: MigrationRow): Promise<void> {
  if (!(await recordedObjects(target, UNDECODABLE)).has(slot)) return;
  throw new MigrateError('TM4010', {
    side: 'source',
    object: slot,
    message: 'PostgreSQL can not decode its own WAL for it',
  });
}

/** Slot, spool, publications and source: what is lost with one of them, only another copy of all tables brings back. */
const LOST = new Set(['TM1309', 'TM4002', 'TM4004', 'TM4006', 'TM4010']);

/** Why the migration can't go on where it stands: changes are missing for good. Null when none are. */
export async function missingChanges(of: BeginAgainOptions): Promise<MigrateError | null> {
  const { servers, source, target, migration, workDirectory } = of;
  try {
    await requireSameSource(servers, migration);
    await requireDecodable(target, migration);
    await requirePublications(source, migration.publications);
    const { appliedLsn } = await readApplied(target);
    const durable = await durableInSpool(spoolDirectoryOf(workDirectory), appliedLsn);
    await requireNothingMissing({ source, target, migration, workDirectory }, durable);
    return null;
  } catch (error) {
    if (error instanceof MigrateError && LOST.has(error.code)) return error;
    throw error;
  }
}

/**
 * Begins the same migration again with a new slot, new publications and an empty spool: all tables are to be copied again
 * in the new slot's snapshot. Schema, indexes and options stay. When it fails it can be asked for again: until the last
 * step the target remembers what was lost.
 */
export async function beginAgain(of: BeginAgainOptions, lost: MigrateError): Promise<Begun> {
  const { servers, source, target, migration, workDirectory, emit } = of;
  const options = migrationOptionsSchema.parse(JSON.parse(migration.options));
  const plugin = pluginNamed(options.plugin ?? 'pgoutput');
  const { slot, publications } = migration;
  const text = `All tables are copied again, with a new slot: ${lost.code} ${lost.message}. Schema and indexes stay.`;
  emit({ type: 'warning', text });
  await dropSlot(source, slot);
  await removeSpool(workDirectory);
  const states = await readTableStates(target);
  const [all, inserts] = publications;
  if (all !== undefined && inserts !== undefined) {
    await dropPublications(source, publications);
    const ours = new Set(states.filter((table) => table.copyRows).map((table) => table.sourceOid));
    await publish(
      source,
      { all, inserts },
      assignTables(await readTables(source), (table) => ours.has(table.oid)),
    );
  }
  const replication = await servers.replication('identify');
  const identity = await identifySource(replication).finally(() => servers.destroy(replication));
  const snapshot = await holdSnapshot(servers, slot, plugin, false);
  try {
    await target.query('BEGIN');
    await target.query(
      `UPDATE tiger_migrate.relation SET again = again OR state IN ('copied', 'live', 'damaged'), state = 'pending',
              damage_code = NULL, damage_reason = NULL, damage_row = NULL, damage_lsn = NULL WHERE copy_rows`,
    );
    await target.query('UPDATE tiger_migrate.progress SET applied_lsn = $1::pg_lsn', [formatLsn(snapshot.lsn)]);
    await target.query('UPDATE tiger_migrate.migration SET source_timeline = $1', [identity.timeline]);
    await target.query('DELETE FROM tiger_migrate.object WHERE kind = $1', [UNDECODABLE]);
    await recordPublished(source, target, publications);
    if (!plugin.usesPublications) {
      await target.query('DELETE FROM tiger_migrate.description');
      const oids = states.map((table) => table.sourceOid);
      await recordDescriptions(snapshot.client, target, oids);
    }
    await target.query('COMMIT');
  } catch (error) {
    await snapshot[Symbol.asyncDispose]();
    throw error;
  }
  return { migration: { ...migration, sourceTimeline: identity.timeline }, snapshot };
}
