import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { dropPublications } from '../source/publications.ts';
import { dropSlot } from '../source/slot.ts';
import { type MigrationRow, readMigration } from '../target/progress-schema.ts';
import { readWaitingChunks, type WaitingChunk } from '../timescale/chunks-to-compress.ts';
import { restoreJobs } from '../timescale/pause-jobs.ts';
import { liftFreeze } from './freeze.ts';
import { isSameDatabase, readSourceDatabase } from './source-identity.ts';

const SLOTS = `
SELECT slot_name AS name FROM pg_replication_slots
 WHERE slot_name::text = $1::text OR starts_with(slot_name::text, $1::text || '_resume')`;

/**
 * Removes what a migration has made besides the data: slot and publications on the source, the pause of jobs, our schema on the
 * target; the freeze of one that is not finished, of a finished one only with `unfreeze`. Rows and objects of the application stay. A side whose database is not there any more is null; `knownId` is
 * the migration that the work directory remembers, for a target that has forgotten. Gives what was removed, as
 * sentences. Safe to run again. Rejects with TM1307 when the target's migration is one of another source: its slot
 * would stay there for ever.
 */
export async function clean(
  source: pg.Client | null,
  target: pg.Client | null,
  knownId: string | null,
  { unfreeze = false } = {},
): Promise<string[]> {
  const removed: string[] = [];
  const migration = target && (await readMigration(target));
  if (source && migration) await requireItsSource(source, migration);
  const slot = migration?.slot ?? (knownId ? `tiger_migrate_${knownId}` : null);
  if (source && slot) {
    const { rows } = await source.query<{ name: string }>(SLOTS, [slot]);
    for (const { name } of rows) if (await dropSlot(source, name)) removed.push(`source: replication slot ${name}`);
    const publications = await existingPublications(source, slot);
    await dropPublications(source, publications);
    for (const name of publications) removed.push(`source: publication ${name}`);
  }
  if (source && (await liftFreeze({ source, target, migration, unfreeze }))) {
    removed.push('source: the freeze, the database takes writes again');
  }
  if (source && target && migration) {
    const jobs = await restoreJobs(source, target);
    if (jobs.length > 0) removed.push(`source: the pause of jobs ${jobs.join(', ')}`);
  }
  if (target && migration) {
    const waiting = await readWaitingChunks(target);
    if (waiting.length > 0) removed.push(`target: ${stillWaiting(waiting)}`);
    await target.query('DROP SCHEMA tiger_migrate CASCADE');
    removed.push('target: schema tiger_migrate');
  }
  return removed;
}

/** Those of a policy are its own business; the others nobody knows any more. */
function stillWaiting(chunks: readonly WaitingChunk[]): string {
  const which = [...new Set(chunks.map(({ relation }) => relation))].join(', ');
  return `the list of ${chunks.length} chunks of ${which} that are not compressed yet: where no policy does it, compress_chunk them by hand`;
}

/** Both publications of a migration are named after its slot. */
async function existingPublications(source: pg.Client, slot: string): Promise<string[]> {
  const { rows } = await source.query<{ name: string }>(
    `SELECT pubname AS name FROM pg_publication
      WHERE pubname::text = $1::text OR pubname::text = $1::text || '_inserts' ORDER BY 1`,
    [slot],
  );
  return rows.map((row) => row.name);
}

async function requireItsSource(source: pg.Client, migration: MigrationRow): Promise<void> {
  const here = await readSourceDatabase(source);
  if (isSameDatabase(here, { system: migration.sourceSystem, database: migration.sourceDatabase })) return;
  throw new MigrateError('TM1307', {
    side: 'source',
    object: here.database,
    message: `the target holds a migration of another source (database ${migration.sourceDatabase}, system ${migration.sourceSystem})`,
    hint: 'Give the source that the migration began with: a slot and publications wait there to be removed. If it is gone for good: DROP SCHEMA tiger_migrate CASCADE on the target.',
  });
}
