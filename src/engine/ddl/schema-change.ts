import { displayIdent, displayName } from '../../postgres/identifiers.ts';
import type { SchemaChange } from '../events.ts';
import type { ColumnShape, TableShape } from './shape.ts';
import {
  addColumn,
  allowNulls,
  alterType,
  attachPartition,
  detachPartition,
  dropColumn,
  dropTable,
  identityFull,
  type Name,
  renameColumn,
  renameTable,
  requireValues,
} from './statements.ts';

/** A table of the migration on both sides. */
export interface TableOnBothSides {
  /** As the target's rows correspond to it; null when nothing was recorded. */
  readonly recorded: TableShape | null;
  /** As it is now; null when it was dropped. */
  readonly source: TableShape | null;
  /** Under the name by which the migration knows it; null when the target has no such table. */
  readonly target: TableShape | null;
  /** The name by which the migration knows it on the target. */
  readonly name: Name;
}

/** What is known of the tables around: the partitioned tables of the migration, by OID on the source. */
export interface Surroundings {
  /** The name on the target of a table of the migration; null when it is none. */
  readonly nameOf: (sourceOid: number) => Name | null;
  /** The name of a table on the target. */
  readonly targetName: (targetOid: number) => Name | null;
}

type Details = Pick<SchemaChange, 'what' | 'means' | 'sql'> & Partial<SchemaChange>;

/**
 * In what a table of the source is another one now than when its rows came to the target, as long as the target has not
 * followed. Empty when it has. Pure.
 */
export function changesOf(table: TableOnBothSides, around: Surroundings): SchemaChange[] {
  const { recorded, source, target, name } = table;
  const change = (kind: SchemaChange['kind'], of: Details): SchemaChange => ({
    kind,
    table: displayName(name),
    source_sql: [],
    locks: true,
    copy_again: false,
    ...of,
  });
  if (!source) {
    if (!target) return [];
    return [
      change('table-dropped', {
        what: 'the table was dropped on the source',
        means: 'Nothing more comes for it. On the target it stays as it is; drop it there if it is not wanted.',
        sql: [dropTable(name)],
        locks: false,
      }),
    ];
  }
  if (!target) {
    return [
      change('table-missing', {
        what: 'the target does not have this table',
        means:
          'Replay waits at the first change of it. Once it is there, it goes on; copy its rows again if it is empty.',
        sql: [],
      }),
    ];
  }
  const changes: SchemaChange[] = [];
  if (source.name !== name.name || source.schema !== name.schema) {
    const moved = source.schema !== name.schema;
    changes.push(
      change(moved ? 'table-moved' : 'table-renamed', {
        what: `the table is ${displayName(source)} on the source now`,
        means: 'Replay goes on into the old name, and finds the new one as soon as the target has it.',
        sql: renameTable(name, source),
      }),
    );
  }
  changes.push(...partitionChanges(table, source, target, around, change));
  // Columns of a partition are those of its root: told, and altered, there.
  const ofOurs = source.partition !== null && around.nameOf(source.partition.of) !== null && target.partition !== null;
  if (!ofOurs) changes.push(...columnChanges(recorded, source, target, name, change));
  changes.push(...identityChanges(recorded, source, change));
  return changes;
}

type Change = (kind: SchemaChange['kind'], of: Details) => SchemaChange;

function partitionChanges(
  { name }: TableOnBothSides,
  source: TableShape,
  target: TableShape,
  around: Surroundings,
  change: Change,
): SchemaChange[] {
  const parent = source.partition && around.nameOf(source.partition.of);
  const attachedTo = target.partition && around.targetName(target.partition.of);
  if (source.partition && parent && !(attachedTo && displayName(attachedTo) === displayName(parent))) {
    return [
      change('partition-attached', {
        what: `the table was attached to ${displayName(parent)}, ${source.partition.bound}`,
        means:
          'Its rows come as before; on the target they are not in the partitioned table until it is attached there.',
        sql: [attachPartition(parent, name, source.partition.bound)],
      }),
    ];
  }
  if (source.partition || !attachedTo) return [];
  return [
    change('partition-detached', {
      what: 'the partition was detached on the source',
      means:
        'It was published as a part of its root: nothing more comes for it. Once it is detached on the target too, it is ' +
        'taken in as a table of its own, and copied again.',
      sql: [detachPartition(attachedTo, name)],
    }),
  ];
}

function columnChanges(
  recorded: TableShape | null,
  source: TableShape,
  target: TableShape,
  name: Name,
  change: Change,
): SchemaChange[] {
  const changes: SchemaChange[] = [];
  const there = new Map(target.columns.map((column) => [column.name, column]));
  const before = new Map((recorded?.columns ?? []).map((column) => [column.number, column]));
  /** Neither its number nor its name was there: it came since. */
  const isNew = (column: ColumnShape) =>
    recorded !== null && !before.has(column.number) && !beforeByName.has(column.name);
  const beforeByName = new Map((recorded?.columns ?? []).map((column) => [column.name, column]));
  const rewritten = recorded !== null && recorded.file !== source.file;
  const follows = new Set<string>();
  for (const column of source.columns) {
    const shown = displayIdent(column.name);
    const old = before.get(column.number);
    const held = there.get(column.name);
    const heldBefore = beforeByName.get(column.name);
    if (held && heldBefore && heldBefore.number !== column.number && recorded) {
      follows.add(column.name);
      changes.push(anotherColumn(name, column, held, change));
      continue;
    }
    if (held) {
      follows.add(column.name);
      // The target has it by now; what its old rows hold in it comes by another copy only.
      if (isNew(column) && hasOwnValues(column, rewritten))
        changes.push({ ...added(name, column, true, change), sql: [] });
      changes.push(...retyped(name, column, held, old, rewritten, change));
      continue;
    }
    if (old && old.name !== column.name && there.has(old.name)) {
      follows.add(old.name);
      changes.push(
        change('column-renamed', {
          what: `the column ${displayIdent(old.name)} is called ${shown} now`,
          means: 'Replay waits at the first change that names it so, and goes on once the target calls it the same.',
          sql: [renameColumn(name, old.name, column.name)],
        }),
      );
      continue;
    }
    changes.push(added(name, column, rewritten, change));
  }
  for (const column of target.columns) {
    if (follows.has(column.name) || !beforeByName.has(column.name)) continue;
    changes.push(dropped(name, column, change));
  }
  return changes;
}

/** The name is that of another column now: values of old rows can't be told from the new ones' by looking. */
const anotherColumn = (name: Name, column: ColumnShape, held: ColumnShape, change: Change): SchemaChange =>
  change('column-replaced', {
    what: `${displayIdent(column.name)} is another column than the one that had this name`,
    means: 'The target holds the values of the old one in it: the table must be copied again.',
    sql: held.type === column.type ? [] : [dropColumn(name, held.name), ...addColumn(name, column, true)],
    copy_again: true,
  });

function retyped(
  name: Name,
  column: ColumnShape,
  held: ColumnShape,
  old: ColumnShape | undefined,
  rewritten: boolean,
  change: Change,
): SchemaChange[] {
  const shown = displayIdent(column.name);
  const changes: SchemaChange[] = [];
  // Where the target differed from the beginning, somebody wanted it so.
  if (column.type !== held.type && old && old.type !== column.type) {
    changes.push(
      change('column-retyped', {
        what: `the column ${shown} was ${old.type} and is ${column.type} now`,
        means: rewritten
          ? 'Replay waits where the type changes. The statement converts the values by a plain cast; had the one on the source ' +
            'another USING, copy the table again afterwards.'
          : 'Replay waits where the type changes. No value is another one by it.',
        sql: [alterType(name, column)],
      }),
    );
  }
  if (held.notNull && !column.notNull && held.identity === '' && old?.notNull === true) {
    changes.push(
      change('column-nullable', {
        what: `the column ${shown} may be NULL now`,
        means: 'A row with NULL in it would be refused by the target.',
        sql: [allowNulls(name, column.name)],
      }),
    );
  }
  if (column.notNull && !held.notNull && old?.notNull !== true) {
    changes.push(
      change('column-not-null', {
        what: `the column ${shown} is NOT NULL`,
        means: 'The target takes NULL there, too. Say it there as well, once replay has caught up.',
        sql: [requireValues(name, column.name)],
        locks: false,
      }),
    );
  }
  return changes;
}

/** A volatile default, serial, identity: each row that was there got a value of its own when the table was written anew. */
const hasOwnValues = (column: ColumnShape, rewritten: boolean): boolean =>
  rewritten &&
  column.generated === '' &&
  column.missing === null &&
  (column.expression !== null || column.identity !== '');

function added(name: Name, column: ColumnShape, rewritten: boolean, change: Change): SchemaChange {
  const own = hasOwnValues(column, rewritten);
  return change('column-added', {
    what: `the column ${displayIdent(column.name)} ${column.type} was added`,
    means: own
      ? 'The source gave each row that was there a value of its own, which the stream does not carry: add the column, then ' +
        'copy the table again.'
      : 'Replay waits at the first change with this column, and goes on once the target has it.',
    sql: addColumn(name, column, own),
    copy_again: own,
  });
}

function dropped(name: Name, column: ColumnShape, change: Change): SchemaChange {
  const refuses = column.notNull && column.expression === null && column.identity === '' && column.generated === '';
  return change('column-dropped', {
    what: `the column ${displayIdent(column.name)} was dropped`,
    means: refuses
      ? 'Rows without it are refused by the target, where it is NOT NULL: replay waits until it is dropped there, too.'
      : 'New rows have no value for it. On the target it stays as it is until it is dropped there, too.',
    sql: [dropColumn(name, column.name)],
    locks: refuses,
  });
}

const identifies = ({ identity, keys }: TableShape): boolean => identity === 'f' || keys.length > 0;

function identityChanges(recorded: TableShape | null, source: TableShape, change: Change): SchemaChange[] {
  if (source.kind === 'p' || !recorded || !identifies(recorded) || identifies(source)) return [];
  return [
    change('identity-lost', {
      what: 'the table has no key any more by which UPDATE and DELETE are told',
      means:
        'With pgoutput the source refused every UPDATE and DELETE of this table, the application’s own, until the engine noticed and ' +
        'published it for INSERT and TRUNCATE only; with other plugins they are left out. Run the statement on the SOURCE, or give the ' +
        'table a key without generated columns, then copy it again.',
      copy_again: true,
      sql: [],
      source_sql: [identityFull(source)],
    }),
  ];
}
