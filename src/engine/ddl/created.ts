import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import type { OutputPlugin } from '../decode/plugin.ts';
import type { SchemaChange } from '../events.ts';
import type { MigrationOptions } from '../options.ts';
import { readTablesBesidesChunks, type SourceTable, selection } from '../source/catalog.ts';
import type { PublicationNames } from '../source/publications.ts';
import { changesOf } from './schema-change.ts';
import { readShapes, readShapesByName, type TableShape } from './shape.ts';
import type { Name } from './statements.ts';
import { createTable } from './table-definition.ts';

export interface WantedTables {
  readonly options: MigrationOptions;
  readonly plugin: OutputPlugin;
  readonly publications: PublicationNames;
}

export interface CreatedTables {
  /** What the operator is to make on the target. */
  readonly changes: readonly SchemaChange[];
  /** On the target by now: they can be taken in. */
  readonly ready: readonly SourceTable[];
}

/**
 * Tables of the source that the migration should have and does not: created since, or published no more because they
 * were detached from their root. Those that the options leave out stay out.
 */
export async function lookForCreated(source: pg.Client, target: pg.Client, of: WantedTables): Promise<CreatedTables> {
  const all = (await readTablesBesidesChunks(source)).filter(
    (table) => table.kind !== 'foreign' && selection(table, of.options) !== 'excluded',
  );
  const known = await readKnown(target);
  const published = of.plugin.usesPublications ? await readPublished(source, of.publications) : null;
  const unpublished = (table: SourceTable) =>
    published !== null && wantsPublishing(table, of.options) && !published.has(displayName(table));
  const created = all.filter((table) => !known.has(table.oid));
  const detached = all.filter((table) => known.get(table.oid)?.copyRows === true && unpublished(table));
  if (created.length + detached.length === 0) return { changes: [], ready: [] };

  const there = new Set(all.map((table) => table.oid));
  const nameOf = (oid: number): Name | null => known.get(oid) ?? created.find((table) => table.oid === oid) ?? null;
  // A stream that tells tables by name can't tell a new table from the one that had its name before, be that gone or not.
  const holds = (oid: number) => there.has(oid) || !of.plugin.usesPublications;
  const taken = new Map([...known].flatMap(([oid, name]) => (holds(oid) ? [[displayName(name), oid] as const] : [])));
  const shapes = new Map(
    (
      await readShapes(
        source,
        [...created, ...detached].map(({ oid }) => oid),
      )
    ).map((shape) => [shape.oid, shape]),
  );
  const onTarget = await readShapesByName(target, [
    ...created,
    ...detached.map(({ oid }) => nameOf(oid) ?? { schema: '', name: '' }),
  ]);
  const parents = await readShapes(
    target,
    onTarget.flatMap(({ partition }) => (partition ? [partition.of] : [])),
  );
  const around = { nameOf, targetName: (oid: number) => parents.find((parent) => parent.oid === oid) ?? null };

  const changes: SchemaChange[] = [];
  const ready: SourceTable[] = [];
  for (const table of [...created, ...detached]) {
    const shape = shapes.get(table.oid);
    const name = nameOf(table.oid);
    if (!shape || !name) continue;
    const isNew = !known.has(table.oid);
    const holder = taken.get(displayName(name));
    const held = onTarget.find((one) => displayName(one) === displayName(name)) ?? null;
    if (isNew && (!held || holder !== undefined)) {
      changes.push(await toBeMade(source, { shape, name, nameOf, free: holder === undefined }));
      continue;
    }
    const open = changesOf({ recorded: null, source: shape, target: held, name }, around).filter(({ locks }) => locks);
    // Told with the tables of the migration already.
    if (isNew) changes.push(...open);
    if (open.length === 0) ready.push(table);
  }
  return { changes, ready };
}

/** Its rows come by the stream. */
export const wantsPublishing = (table: SourceTable, options: MigrationOptions): boolean =>
  (table.kind === 'ordinary' || table.kind === 'partition') && selection(table, options) === 'all';

interface ToBeMade {
  readonly shape: TableShape;
  readonly name: Name;
  readonly nameOf: (oid: number) => Name | null;
  readonly free: boolean;
}

async function toBeMade(source: pg.Client, { shape, name, nameOf, free }: ToBeMade): Promise<SchemaChange> {
  const parent = shape.partition && nameOf(shape.partition.of);
  return {
    kind: parent ? 'partition-created' : 'table-created',
    table: displayName(name),
    what: parent
      ? `a partition of ${displayName(parent)} was created`
      : 'the table was created after the migration had begun',
    means: free
      ? 'It is not migrated yet. Once it is on the target it is copied and taken in; replay of all tables waits for that copy, ' +
        'and, when rows arrive for it, until it is there.'
      : 'It is not migrated yet. On the target the name is still that of the table that had it before: rename that one first.',
    sql: free ? await createTable(source, shape, name, parent) : [],
    source_sql: [],
    locks: true,
    copy_again: false,
  };
}

async function readKnown(target: pg.Client): Promise<Map<number, Name & { readonly copyRows: boolean }>> {
  const { rows } = await target.query<Record<string, string>>(
    'SELECT source_oid::int8 AS oid, schema, name, copy_rows FROM tiger_migrate.relation',
  );
  return new Map(
    rows.map((row) => [
      Number(row.oid),
      { schema: row.schema ?? '', name: row.name ?? '', copyRows: row.copy_rows === 't' },
    ]),
  );
}

/** The names of all tables whose changes come, partitions with them. */
export async function readPublished(source: pg.Client, { all, inserts }: PublicationNames): Promise<Set<string>> {
  const { rows } = await source.query<{ schema: string; name: string }>(
    'SELECT schemaname AS schema, tablename AS name FROM pg_publication_tables WHERE pubname IN ($1, $2)',
    [all, inserts],
  );
  return new Set(rows.map(displayName));
}
