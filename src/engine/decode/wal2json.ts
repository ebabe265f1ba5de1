import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { type Change, MESSAGE_PREFIX, type StreamRelation } from './change.ts';
import { MARKER_PREFIXES } from './compression-markers.ts';
import type { NamedTable, NamedTables } from './named-tables.ts';
import type { Decoder, OutputPlugin } from './plugin.ts';
import { startsWith } from './tuple.ts';
import {
  ACTION,
  actionOf,
  isWarning,
  messageIn,
  notUnderstood,
  positionIn,
  recordOfWarning,
  requireEnd,
  TableNames,
  tablesInWarning,
  transactionIn,
} from './wal2json-lines.ts';
import { lossyOf, numbersLost } from './wal2json-numbers.ts';
import { columnsAt, type JsonColumn, JsonTupleReader } from './wal2json-tuple.ts';

const COLUMNS = Buffer.from(',"columns":');
const IDENTITY = Buffer.from(',"identity":');

const identityChanged = (table: NamedTable): MigrateError =>
  new MigrateError('TM2003', {
    side: 'source',
    object: displayName(table),
    message: 'the replica identity of the table is another one than when the migration began',
    hint: 'Replay stopped before this change. wal2json does not tell by which columns a row is known: start over with migrate --drop-if-exists.',
  });

/** A table with what its rows looked like the last time. */
interface Shape {
  readonly relation: StreamRelation;
  readonly reader: JsonTupleReader;
  readonly lossy: boolean;
}

/** Tables that one TRUNCATE has named so far: each comes in a line of its own, all with the same LSN. */
interface Truncation {
  readonly lsn: string;
  readonly relations: readonly number[];
}

class Wal2Json {
  readonly #tables: NamedTables;
  readonly #names = new TableNames();
  readonly #shapes = new Map<number, Shape>();
  /** Numbers come in quotes, NaN too. Null before the first BEGIN: a spool may begin inside of a transaction, which was applied. */
  #numbersQuoted: boolean | null = null;
  #truncation: Truncation | null = null;

  constructor(tables: NamedTables) {
    this.#tables = tables;
  }

  /** May be asked the same record again after it has thrown, or asked for a table: nothing is forgotten before. */
  readonly decode: Decoder = (record) => {
    const before = this.#truncation;
    const next =
      actionOf(record) === ACTION.truncate ? this.#truncate(record) : { changes: this.#read(record), truncation: null };
    if (next.changes[0]?.kind === 'unknown-table') return next.changes;
    this.#truncation = next.truncation;
    if (!before) return next.changes;
    if (next.truncation?.lsn === before.lsn) {
      this.#truncation = { lsn: before.lsn, relations: [...before.relations, ...next.truncation.relations] };
      return next.changes;
    }
    return before.relations.length === 0 ? next.changes : [truncateOf(before), ...next.changes];
  };

  #read(record: Buffer): readonly Change[] {
    switch (actionOf(record)) {
      case ACTION.begin: {
        const begin = transactionIn(record);
        // What the stream was asked for: see `parameters`.
        this.#numbersQuoted = begin.kind === 'begin' && begin.xid === null;
        return [begin];
      }
      case ACTION.commit:
        return [transactionIn(record)];
      case ACTION.insert:
        return this.#row(record, (table, at) => this.#insert(record, table, at));
      case ACTION.update:
        return this.#row(record, (table, at) => this.#update(record, table, at));
      case ACTION.delete:
        return this.#row(record, (table, at) => this.#delete(record, table, at));
      case ACTION.message:
        return [messageIn(record)];
      default:
        if (isWarning(record)) return this.#warning(record);
        throw notUnderstood(record);
    }
  }

  #warning(record: Buffer): readonly Change[] {
    for (const name of tablesInWarning(record)) {
      const table = this.#tables.find(name);
      if (!table) continue;
      if (table.identity !== 'nothing') throw identityChanged(table);
      return [{ kind: 'unidentified', relation: table.oid }];
    }
    return [{ kind: 'other' }];
  }

  #row(record: Buffer, read: (table: NamedTable, at: number) => readonly Change[]): readonly Change[] {
    const { name, end } = this.#names.of(record);
    const table = this.#tables.find(name);
    if (table === undefined) return [{ kind: 'unknown-table', ...name }];
    return table === null ? [{ kind: 'other' }] : read(table, end);
  }

  #truncate(record: Buffer): { changes: readonly Change[]; truncation: Truncation } {
    const { name, end } = this.#names.of(record);
    requireEnd(record, end);
    const lsn = positionIn(record);
    const table = this.#tables.find(name);
    const changes: Change[] = [];
    if (table === undefined) changes.push({ kind: 'unknown-table', ...name });
    if (table) this.#shapeOf(table, changes);
    return { changes, truncation: { lsn, relations: table ? [table.oid] : [] } };
  }

  #insert(record: Buffer, table: NamedTable, at: number): readonly Change[] {
    const start = at + COLUMNS.length;
    if (!startsWith(record, at, COLUMNS)) throw notUnderstood(record);
    const described: Change[] = [];
    let read = this.#shapeOf(table, described).reader.row(record, start, false);
    if (!read) {
      const shown = columnsAt(record, start);
      if (shown) read = this.#reshape(table, shown.columns, described).reader.row(record, start, false);
    }
    if (!read) throw notUnderstood(record);
    requireEnd(record, read.end);
    return [...described, { kind: 'insert', relation: table.oid, tuple: read.tuple }];
  }

  #update(record: Buffer, table: NamedTable, at: number): readonly Change[] {
    if (!startsWith(record, at, COLUMNS)) throw notUnderstood(record);
    if (table.identity === 'nothing') return [{ kind: 'unidentified', relation: table.oid }];
    const start = at + COLUMNS.length;
    const described: Change[] = [];
    const readRow = ({ reader }: Shape) => {
      const row = reader.row(record, start, true);
      if (!row || !startsWith(record, row.end, IDENTITY)) return null;
      const old = reader.old(record, row.end + IDENTITY.length);
      // The whole old row shows every column that there is.
      return old && (table.identity !== 'full' || old.shown === reader.columns.length) ? { row, old } : null;
    };
    let shape = this.#shapeOf(table, described);
    let read = readRow(shape);
    if (!read) {
      shape = this.#reshape(table, this.#columnsOfUpdate(record, table, start, shape), described);
      read = readRow(shape);
    }
    if (!read) throw notUnderstood(record);
    const { row, old } = read;
    requireEnd(record, old.end);
    if (table.identity !== 'full' && old.shown !== table.keys.length) throw identityChanged(table);
    if (!shape.reader.hasKeys(old.tuple)) throw identityChanged(table);
    const sameKey = table.identity !== 'full' && shape.reader.sameKey(row.tuple, old.tuple);
    const change = { kind: 'update', relation: table.oid, old: sameKey ? null : old.tuple, tuple: row.tuple } as const;
    return [...described, change];
  }

  /** What the columns are when an UPDATE does not show those that are known. */
  #columnsOfUpdate(record: Buffer, table: NamedTable, start: number, { reader }: Shape): readonly JsonColumn[] {
    const row = columnsAt(record, start);
    if (!row) throw notUnderstood(record);
    const old = startsWith(record, row.end, IDENTITY) ? columnsAt(record, row.end + IDENTITY.length) : null;
    if (!old) throw identityChanged(table);
    const named = (columns: readonly JsonColumn[], name: string) => columns.find((column) => column.name === name);
    if (table.identity === 'full') {
      if (row.columns.some(({ name }) => !named(old.columns, name))) throw identityChanged(table);
      return old.columns.map((column) => named(row.columns, column.name) ?? this.#placed(column, reader));
    }
    // A known column may be TOASTed and unchanged, unless another one stands in its place: then it has a new name.
    const kept = reader.columns.filter(
      ({ name, position, toast }) =>
        toast && row.columns.every((column) => column.name !== name && column.position !== position),
    );
    return [...row.columns, ...kept].sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  }

  /** An old row does not say where its columns stand: what is known of them. */
  #placed(column: JsonColumn, { columns }: JsonTupleReader): JsonColumn {
    return columns.find(({ name, type }) => name === column.name && type === column.type) ?? column;
  }

  #delete(record: Buffer, table: NamedTable, at: number): readonly Change[] {
    if (table.identity === 'nothing') return [{ kind: 'unidentified', relation: table.oid }];
    if (!startsWith(record, at, IDENTITY)) throw identityChanged(table);
    const start = at + IDENTITY.length;
    const described: Change[] = [];
    let shape = this.#shapeOf(table, described);
    const full = table.identity === 'full';
    let old = shape.reader.old(record, start);
    if (full && old?.shown !== shape.reader.columns.length) {
      const shown = columnsAt(record, start)?.columns.map((column) => this.#placed(column, shape.reader));
      if (!shown) throw notUnderstood(record);
      shape = this.#reshape(table, shown, described);
      old = shape.reader.old(record, start);
    }
    if (!old) throw columnsAt(record, start) ? identityChanged(table) : notUnderstood(record);
    requireEnd(record, old.end);
    if (!full && old.shown !== table.keys.length) throw identityChanged(table);
    if (!shape.reader.hasKeys(old.tuple)) throw identityChanged(table);
    return [...described, { kind: 'delete', relation: table.oid, old: old.tuple }];
  }

  #shapeOf(table: NamedTable, described: Change[]): Shape {
    const shape = this.#shapes.get(table.oid) ?? this.#reshape(table, describedColumns(table), described);
    if (shape.lossy && this.#numbersQuoted === false) throw numbersLost(table, shape.reader.columns);
    return shape;
  }

  /** The table's rows look like this from now on. */
  #reshape(table: NamedTable, columns: readonly JsonColumn[], described: Change[]): Shape {
    const full = table.identity === 'full';
    const keys = full ? [] : table.keys;
    if (keys.some((key) => columns.every(({ name }) => name !== key))) throw identityChanged(table);
    const lossy = lossyOf(table, columns).length > 0;
    if (lossy && this.#numbersQuoted === false) throw numbersLost(table, columns);
    const relation: StreamRelation = {
      oid: table.oid,
      schema: table.schema,
      name: table.name,
      identity: table.identity,
      columns: columns.map(({ name, type }) => ({ name, key: full || keys.includes(name), type, typmod: -1 })),
    };
    const keyIndexes = keys.map((key) => columns.findIndex(({ name }) => name === key));
    const shape = { relation, reader: new JsonTupleReader(columns, keyIndexes), lossy };
    this.#shapes.set(table.oid, shape);
    const before = described.findIndex((change) => change.kind === 'relation' && change.relation.oid === table.oid);
    described.splice(before < 0 ? described.length : before, 1, { kind: 'relation', relation });
    return shape;
  }
}

const describedColumns = (table: NamedTable): JsonColumn[] =>
  table.columns.map(({ name, oid = 0, position = null, toast = true }) => ({ name, type: oid, position, toast }));

/** CASCADE names the tables that it takes along; sequences are set at the cut-over: what wal2json leaves out is not missed. */
const truncateOf = ({ relations }: Truncation): Change => ({
  kind: 'truncate',
  relations,
  cascade: false,
  restartIdentity: false,
});

/** What the stream is asked for in any case: 2.3 and newer know it. */
const ASKED = [
  `"format-version" '2'`,
  `"include-lsn" 'on'`,
  // Names of types are not always written as JSON strings; their OIDs are.
  `"include-types" 'off'`,
  `"include-type-oids" 'on'`,
  `"include-column-positions" 'on'`,
  `"add-msg-prefixes" '${[MESSAGE_PREFIX, ...MARKER_PREFIXES].join(',')}'`,
];

/**
 * https://github.com/eulerto/wal2json, one line of JSON for each change. Its BEGIN says where the commit record is, as
 * pgoutput's does.
 */
export const wal2json: OutputPlugin = {
  name: 'wal2json',
  usesPublications: false,
  needsLsn: false,
  oldestSource: 12,
  // Transaction ids show in the spool that numbers are not quoted: the decoder must know, whenever it reads.
  parameters: ({ binary }) => [...ASKED, binary ? `"numeric-data-types-as-string" 'on'` : `"include-xids" 'on'`],
  isBegin: (record) => actionOf(record) === ACTION.begin,
  commitEndOf(record) {
    if (actionOf(record) !== ACTION.commit) return null;
    const commit = transactionIn(record);
    return commit.kind === 'commit' ? commit.endLsn : null;
  },
  describedRelation: () => null,
  recordOfWarning,
  decoder: (tables) => new Wal2Json(tables).decode,
};
