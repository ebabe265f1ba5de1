import type pg from 'pg';
import { displayName } from '../../postgres/identifiers.ts';
import type { SchemaChange } from '../events.ts';
import { type RecordedTable, readRecorded } from './recorded-shapes.ts';
import { changesOf, type Surroundings, type TableOnBothSides } from './schema-change.ts';
import { readShapes, readShapesByName, type TableShape } from './shape.ts';
import type { Name } from './statements.ts';
import { createTable, withSequences } from './table-definition.ts';

export interface BothSides {
  readonly tables: readonly TableOnBothSides[];
  /** In what they differ, with the statements that end it. */
  readonly changes: readonly SchemaChange[];
}

/** Tables that are looked at at once: bounds the memory. */
const AT_ONCE = 500;

/**
 * Looks at tables of the migration on both sides: all whose rows are migrated, or those with these OIDs. A table that
 * both sides call by a new name is remembered by it on the target from then on.
 */
export async function lookAtBothSides(
  source: pg.Client,
  target: pg.Client,
  oids: readonly number[] | null,
): Promise<BothSides> {
  const names = await readNames(target);
  const tables: TableOnBothSides[] = [];
  const changes: SchemaChange[] = [];
  const wanted = oids ?? [...names.keys()];
  for (let start = 0; start < wanted.length; start += AT_ONCE) {
    const some = await readSome(source, target, wanted.slice(start, start + AT_ONCE), names);
    const around = await surroundingsOf(target, some, names);
    for (const table of some) {
      tables.push(table);
      for (const change of changesOf(table, around)) changes.push(await withDefinition(source, change, table, around));
    }
  }
  return { tables, changes };
}

/** The names on the target of all tables whose rows are migrated and of what they are partitions of, by their OID on the source. */
async function readNames(target: pg.Client): Promise<Map<number, Name>> {
  const { rows } = await target.query<{ oid: string; schema: string; name: string }>(
    `WITH RECURSIVE kept(oid) AS (
       SELECT source_oid FROM tiger_migrate.relation WHERE (copy_rows AND kind <> 'chunk') OR kind = 'hypertable'
       UNION
       SELECT (s.shape::jsonb -> 'partition' ->> 'of')::oid FROM kept k JOIN tiger_migrate.shape s ON s.source_oid = k.oid
        WHERE s.shape::jsonb -> 'partition' ->> 'of' IS NOT NULL)
     SELECT r.source_oid::int8 AS oid, r.schema, r.name FROM tiger_migrate.relation r JOIN kept k ON k.oid = r.source_oid`,
  );
  return new Map(rows.map(({ oid, schema, name }) => [Number(oid), { schema, name }]));
}

async function readSome(
  source: pg.Client,
  target: pg.Client,
  oids: readonly number[],
  names: Map<number, Name>,
): Promise<TableOnBothSides[]> {
  const recorded = await readRecorded(target, oids);
  const onSource = new Map((await readShapes(source, oids)).map((shape) => [shape.oid, shape]));
  const nameNow = (oid: number): Name[] => {
    const shape = onSource.get(oid);
    return shape ? [shape] : [];
  };
  const found = await readShapesByName(target, [...recorded, ...recorded.flatMap(({ oid }) => nameNow(oid))]);
  const onTarget = new Map(found.map((shape) => [displayName(shape), shape]));
  const taken = new Set([...names.values()].map(displayName));
  const tables: TableOnBothSides[] = [];
  for (const table of recorded) {
    const now = onSource.get(table.oid) ?? null;
    const held = onTarget.get(displayName(table)) ?? null;
    const renamed = !held && now && !taken.has(displayName(now)) ? (onTarget.get(displayName(now)) ?? null) : null;
    if (now && renamed) {
      await rename(target, table, now);
      names.set(table.oid, { schema: now.schema, name: now.name });
    }
    const name = renamed ? { schema: renamed.schema, name: renamed.name } : { schema: table.schema, name: table.name };
    tables.push({ recorded: table.shape, source: now, target: held ?? renamed, name });
  }
  return tables;
}

async function rename(target: pg.Client, table: RecordedTable, { schema, name }: Name): Promise<void> {
  const { oid } = table;
  // Rows of its partitions may go through it.
  await target.query(
    `UPDATE tiger_migrate.relation SET target_schema = $1, target_name = $2 WHERE kind = 'partition' AND (target_schema, target_name) = ($3, $4)`,
    [schema, name, table.schema, table.name],
  );
  await target.query('UPDATE tiger_migrate.relation SET schema = $2, name = $3 WHERE source_oid = $1::oid', [
    String(oid),
    schema,
    name,
  ]);
}

async function surroundingsOf(
  target: pg.Client,
  tables: readonly TableOnBothSides[],
  names: ReadonlyMap<number, Name>,
): Promise<Surroundings> {
  const parents = tables.flatMap(({ target: shape }) => (shape?.partition ? [shape.partition.of] : []));
  const shapes = new Map((await readShapes(target, [...new Set(parents)])).map((shape) => [shape.oid, shape]));
  return { nameOf: (oid) => names.get(oid) ?? null, targetName: (oid) => shapes.get(oid) ?? null };
}

async function withDefinition(
  source: pg.Client,
  change: SchemaChange,
  { source: shape, name }: TableOnBothSides,
  around: Surroundings,
): Promise<SchemaChange> {
  if (!shape) return change;
  if (change.kind === 'column-added') return { ...change, sql: await withSequences(source, shape, name, change.sql) };
  if (change.kind !== 'table-missing') return change;
  const parent = shape.partition && around.nameOf(shape.partition.of);
  return { ...change, sql: await createTable(source, shape, name, parent) };
}

/** The shapes that the target has followed: they may be recorded. */
export const followed = ({ tables, changes }: BothSides): TableShape[] => {
  const open = new Set(changes.map(({ table }) => table));
  return tables.flatMap(({ source, recorded, name }) =>
    source && !open.has(displayName(name)) && JSON.stringify(source) !== JSON.stringify(recorded) ? [source] : [],
  );
};
