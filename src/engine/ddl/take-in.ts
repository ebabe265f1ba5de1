import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { plannedTables } from '../begin.ts';
import type { Emit } from '../events.ts';
import { readTables, type SourceTable, selection } from '../source/catalog.ts';
import { recordDescriptions } from '../source/named-tables.ts';
import { addToPublication, assignTables, type PublicationNames } from '../source/publications.ts';
import { damageSilent, recordPublished } from '../source/published.ts';
import { insertTables } from '../sync/table-states.ts';
import { readPublished, type WantedTables, wantsPublishing } from './created.ts';
import { recordShapes } from './recorded-shapes.ts';

/** OIDs of what is published by its own name. */
async function readMembers(source: pg.Client, { all, inserts }: PublicationNames): Promise<Set<number>> {
  const { rows } = await source.query<{ oid: string }>(
    `SELECT r.prrelid::int8 AS oid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname IN ($1, $2)`,
    [all, inserts],
  );
  return new Set(rows.map(({ oid }) => Number(oid)));
}

const notPublished = (table: SourceTable): MigrateError =>
  new MigrateError('TM2005', {
    side: 'source',
    object: displayName(table),
    message: 'the table could not be published',
    hint: 'It may have been dropped or attached elsewhere at this moment: it is tried again.',
  });

/**
 * Takes tables into the migration that are on both sides by now: published, then marked `pending`, to be copied by the next
 * run of the engine, as one that is copied again. In this order: what is marked but not published would miss changes,
 * while one that is published and not marked makes replay wait.
 *
 * A transaction that has been writing to the table since before ALTER PUBLICATION may be decoded as if the table were not
 * published. None of it is lost: the copy is taken at the snapshot of a slot that is created afterwards, and creating a
 * slot waits for every transaction that was running then, so that the copy holds what they wrote; what begins later is
 * decoded as published. https://www.postgresql.org/docs/current/logicaldecoding-explanation.html
 */
export async function takeIn(
  of: WantedTables & { readonly source: pg.Client; readonly target: pg.Client; readonly emit: Emit },
  tables: readonly SourceTable[],
): Promise<void> {
  const { source, target, options, plugin, publications, emit } = of;
  const now = await readTables(source);
  if (plugin.usesPublications) {
    // What others have missed would be forgotten with the entries that are recorded below.
    await damageSilent(source, target, [publications.all, publications.inserts], emit);
    const wanted = new Set(tables.flatMap(({ oid, rootOid }) => [oid, rootOid]));
    const assigned = assignTables(now, (table) => selection(table, options) === 'all');
    const ofThese = (some: readonly SourceTable[]) => some.filter(({ oid }) => wanted.has(oid));
    const missing = { all: ofThese(assigned.all), inserts: ofThese(assigned.inserts) };
    const members = await readMembers(source, publications);
    const notYet = (some: readonly SourceTable[]) => some.filter(({ oid }) => !members.has(oid));
    await addToPublication(source, publications.all, notYet(missing.all));
    await addToPublication(source, publications.inserts, notYet(missing.inserts));
    const published = await readPublished(source, publications);
    const still = tables.find((table) => wantsPublishing(table, options) && !published.has(displayName(table)));
    if (still) throw notPublished(still);
    await recordPublished(source, target, [publications.all, publications.inserts]);
  }
  const there = now.map(({ oid }) => oid);
  const oids = tables.map(({ oid }) => oid);
  const list = `{${oids.join(',')}}`;
  const known = await target.query<{ oid: string }>(
    'SELECT source_oid::int8 AS oid FROM tiger_migrate.relation WHERE source_oid = ANY ($1::oid[])',
    [list],
  );
  const before = new Set(known.rows.map(({ oid }) => Number(oid)));
  const planned = plannedTables(
    tables.filter(({ oid }) => !before.has(oid)),
    options,
  );
  await target.query('BEGIN');
  try {
    // A table that is gone from the source has no claim on its name any more.
    await target.query(
      `DELETE FROM tiger_migrate.relation r USING json_to_recordset($1::json) t(schema text, name text)
        WHERE r.schema = t.schema AND r.name = t.name AND r.source_oid <> ALL ($2::oid[])`,
      [JSON.stringify(planned.map(({ schema, name }) => ({ schema, name }))), `{${there.join(',')}}`],
    );
    await insertTables(target, planned);
    await target.query(
      `UPDATE tiger_migrate.relation SET state = 'pending', again = again OR state IN ('copied', 'live', 'damaged'), damage_code = NULL,
              damage_reason = NULL, damage_row = NULL, damage_lsn = NULL WHERE source_oid = ANY ($1::oid[])`,
      [list],
    );
    await recordShapes(source, target, oids);
    if (!plugin.usesPublications) {
      await recordDescriptions(
        source,
        target,
        planned.map(({ sourceOid }) => sourceOid),
      );
    }
    await target.query('COMMIT');
  } catch (error) {
    await target.query('ROLLBACK').catch(() => {});
    throw error;
  }
  emit({
    type: 'log',
    text:
      `Taken into the migration: ${tables.map(displayName).join(', ')}. They are copied now; meanwhile replay waits for all tables, and ` +
      'what the source writes is received into the spool.',
  });
}
