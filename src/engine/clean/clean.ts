import type pg from 'pg';
import { unfreezeSource } from '../cutover/fence.ts';
import { dropPublications } from '../source/publications.ts';
import { dropSlot } from '../source/slot.ts';
import { readMigration, recordedObjects } from '../target/progress-schema.ts';

const SLOTS = `SELECT slot_name AS name FROM pg_replication_slots WHERE slot_name::text IN ($1, $1 || '_resume')`;

/**
 * Removes what a migration has made besides the data: slot and publications on the source, a freeze, our schema on the
 * target. Rows and objects of the application stay. Gives what was removed, as sentences. Safe to run again.
 */
export async function clean(source: pg.Client, target: pg.Client, knownId: string | null): Promise<string[]> {
  const removed: string[] = [];
  const migration = await readMigration(target);
  const slot = migration?.slot ?? (knownId ? `tiger_migrate_${knownId}` : null);
  if (slot) {
    const { rows } = await source.query<{ name: string }>(SLOTS, [slot]);
    for (const { name } of rows) if (await dropSlot(source, name)) removed.push(`source: replication slot ${name}`);
    const publications = await existingPublications(source, slot);
    await dropPublications(source, publications);
    for (const name of publications) removed.push(`source: publication ${name}`);
  }
  if (migration && (await recordedObjects(target, 'source')).has('frozen')) {
    await unfreezeSource(source, migration.sourceDatabase);
    removed.push(`source: database ${migration.sourceDatabase} takes writes again`);
  }
  if (migration) {
    await target.query('DROP SCHEMA tiger_migrate CASCADE');
    removed.push('target: schema tiger_migrate');
  }
  return removed;
}

/** Both publications of a migration are named after its slot. */
async function existingPublications(source: pg.Client, slot: string): Promise<string[]> {
  const { rows } = await source.query<{ name: string }>(
    `SELECT pubname AS name FROM pg_publication WHERE pubname::text IN ($1, $1 || '_inserts') ORDER BY 1`,
    [slot],
  );
  return rows.map((row) => row.name);
}
