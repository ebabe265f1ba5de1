import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { type Lsn, lsn } from '../../postgres/lsn.ts';
import type { Change, StreamRelation } from './change.ts';
import type { NamedTable, NamedTables } from './named-tables.ts';
import type { Decoder, OutputPlugin } from './plugin.ts';
import { columnsAt, type ShownColumn, TupleReader } from './test-decoding-tuple.ts';
import { startsWith } from './tuple.ts';

/** The LSN of the frame stands in front of the text. */
const LSN_BYTES = 8;
/** The position of the text in the record. */
const TEXT = LSN_BYTES;

const TABLE = Buffer.from('table ');
const MESSAGE = Buffer.from('message: transactional: ');
const OLD_KEY = Buffer.from(' old-key:');
const NEW_TUPLE = Buffer.from(' new-tuple:');
const NO_DATA = Buffer.from(' (no-tuple-data)');
const B = 0x42;
const C = 0x43;
const QUOTE = 0x22;
const SPACE = 0x20;
const COLON = 0x3a;
const COMMA = 0x2c;

/** A type has no number in this stream; applying needs none for text, only that another type is another one. */
const FIRST_TYPE = 1_000_000_000;

const notUnderstood = (record: Buffer): MigrateError =>
  new MigrateError('TM4005', {
    side: 'source',
    message: `test_decoding message not understood: ${record.toString('utf8', TEXT, TEXT + 80)}`,
  });

const identityChanged = (table: NamedTable): MigrateError =>
  new MigrateError('TM2003', {
    side: 'source',
    object: displayName(table),
    message: 'the replica identity of the table is another one than when the migration began',
    hint: 'Replay stopped before this change. test_decoding does not tell by which columns a row is known: start over with migrate --drop-if-exists.',
  });

/** A table with what its rows looked like the last time. */
interface Shape {
  readonly relation: StreamRelation;
  readonly reader: TupleReader;
}

interface Name {
  readonly schema: string;
  readonly name: string;
}

/** Reads a name as `quote_qualified_identifier` writes it. */
function nameIn(text: string): Name | null {
  const parts = [...text.matchAll(/(?:"((?:[^"]|"")*)"|([^".]+))(?:\.|$)/gs)];
  const [schema, name] = parts.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
  return schema !== undefined && name !== undefined && parts.length === 2 ? { schema, name } : null;
}

class TestDecoding {
  readonly #tables: NamedTables;
  readonly #names = new Map<string, Name>();
  readonly #shapes = new Map<number, Shape>();
  readonly #types = new Map<string, number>();

  constructor(tables: NamedTables) {
    this.#tables = tables;
  }

  readonly decode: Decoder = (record) => {
    if (record.length <= TEXT) throw notUnderstood(record);
    if (record[TEXT] === B)
      return [{ kind: 'begin', commitLsn: null, xid: Number(record.toString('latin1', TEXT + 6)) }];
    if (record[TEXT] === C) {
      // Where the commit record begins is not told; its last byte is as good a position inside it.
      const endLsn = lsn(record.readBigUInt64BE(0));
      return [{ kind: 'commit', commitLsn: lsn(endLsn - 1n), endLsn }];
    }
    if (startsWith(record, TEXT, TABLE)) return this.#tableChange(record);
    if (startsWith(record, TEXT, MESSAGE)) return [message(record)];
    throw notUnderstood(record);
  };

  #tableChange(record: Buffer): readonly Change[] {
    const names: Name[] = [];
    let at = TEXT + TABLE.length;
    for (;;) {
      const end = endOfName(record, at);
      names.push(this.#nameAt(record, at, end));
      if (record[end] === COLON) {
        at = end + 2;
        break;
      }
      at = end + 2;
    }
    const operation = record[at];
    if (operation === 0x54) return this.#truncate(record, names, at);
    const [name] = names;
    if (!name || names.length > 1) throw notUnderstood(record);
    const table = this.#tables.find(name);
    if (table === undefined)
      return [{ kind: 'unknown-table', ...name, ...(operation === 0x44 ? { deleted: true } : {}) }];
    if (table === null) return [{ kind: 'other' }];
    const from = at + 'INSERT:'.length;
    if (record[from - 1] !== COLON) throw notUnderstood(record);
    switch (operation) {
      case 0x49:
        return this.#insert(record, table, from);
      case 0x55:
        return this.#update(record, table, from);
      case 0x44:
        return this.#delete(record, table, from);
      default:
        throw notUnderstood(record);
    }
  }

  #nameAt(record: Buffer, start: number, end: number): Name {
    const text = record.toString('utf8', start, end);
    const known = this.#names.get(text);
    if (known) return known;
    const name = nameIn(text);
    if (!name) throw notUnderstood(record);
    this.#names.set(text, name);
    return name;
  }

  #insert(record: Buffer, table: NamedTable, at: number): readonly Change[] {
    if (startsWith(record, at, NO_DATA)) throw notUnderstood(record);
    const described: Change[] = [];
    let shape = this.#shapeOf(table, described);
    let tuple = shape.reader.whole(record, at);
    if (!tuple) {
      shape = this.#reshape(table, columnsAt(record, at).columns, described);
      tuple = shape.reader.whole(record, at);
    }
    if (!tuple) throw notUnderstood(record);
    return [...described, { kind: 'insert', relation: table.oid, tuple }];
  }

  #update(record: Buffer, table: NamedTable, at: number): readonly Change[] {
    if (startsWith(record, at, NO_DATA)) throw notUnderstood(record);
    if (table.identity === 'nothing') return [{ kind: 'unidentified', relation: table.oid }];
    const described: Change[] = [];
    const withOld = startsWith(record, at, OLD_KEY);
    if (!withOld && table.identity === 'full') throw identityChanged(table);
    const read = ({ reader }: Shape) => {
      const old = withOld ? reader.part(record, at + OLD_KEY.length) : null;
      if (withOld && !old) return null;
      const newAt = old ? old.end + NEW_TUPLE.length : at;
      if (old && !startsWith(record, old.end, NEW_TUPLE)) throw notUnderstood(record);
      const tuple = reader.whole(record, newAt);
      return tuple ? { old: old?.tuple ?? null, tuple } : null;
    };
    let shape = this.#shapeOf(table, described);
    let found = read(shape);
    if (!found) {
      const newAt = withOld ? columnsAt(record, at + OLD_KEY.length).end + NEW_TUPLE.length : at;
      shape = this.#reshape(table, columnsAt(record, newAt).columns, described);
      found = read(shape);
    }
    if (!found) throw notUnderstood(record);
    if (found.old && !shape.reader.hasKeys(found.old)) throw identityChanged(table);
    return [...described, { kind: 'update', relation: table.oid, ...found }];
  }

  #delete(record: Buffer, table: NamedTable, at: number): readonly Change[] {
    if (table.identity === 'nothing') return [{ kind: 'unidentified', relation: table.oid }];
    if (startsWith(record, at, NO_DATA)) throw identityChanged(table);
    const described: Change[] = [];
    let shape = this.#shapeOf(table, described);
    let old = shape.reader.part(record, at);
    if (!old) {
      // Only what is not NULL is shown: what is known besides stays.
      const shown = columnsAt(record, at).columns;
      const before = shape.relation.columns.map(({ name }) => name);
      const changed = new Map(shown.map((column) => [column.name, column]));
      const kept = shape.reader.columns.map((column) => changed.get(column.name) ?? column);
      shape = this.#reshape(table, [...kept, ...shown.filter(({ name }) => !before.includes(name))], described);
      old = shape.reader.part(record, at);
    }
    if (old?.end !== record.length) throw notUnderstood(record);
    if (!shape.reader.hasKeys(old.tuple)) throw identityChanged(table);
    return [...described, { kind: 'delete', relation: table.oid, old: old.tuple }];
  }

  #truncate(record: Buffer, names: readonly Name[], at: number): readonly Change[] {
    const unknown = names.find((name) => this.#tables.find(name) === undefined);
    if (unknown) return [{ kind: 'unknown-table', ...unknown, truncated: true }];
    const described: Change[] = [];
    const relations: number[] = [];
    for (const name of names) {
      const table = this.#tables.find(name);
      if (!table) continue;
      this.#shapeOf(table, described);
      relations.push(table.oid);
    }
    if (relations.length === 0) return [{ kind: 'other' }];
    const flags = record.toString('latin1', at + 'TRUNCATE:'.length);
    const cascade = flags.includes(' cascade');
    return [...described, { kind: 'truncate', relations, cascade, restartIdentity: flags.includes(' restart_seqs') }];
  }

  #shapeOf(table: NamedTable, described: Change[]): Shape {
    const known = this.#shapes.get(table.oid);
    return known ?? this.#reshape(table, table.columns, described);
  }

  /** The table's rows look like this from now on. */
  #reshape(table: NamedTable, columns: readonly ShownColumn[], described: Change[]): Shape {
    const isKey = ({ name }: ShownColumn) => table.identity === 'full' || table.keys.includes(name);
    const keys = table.identity === 'full' ? [] : table.keys;
    if (keys.some((key) => columns.every(({ name }) => name !== key))) throw identityChanged(table);
    const relation: StreamRelation = {
      oid: table.oid,
      schema: table.schema,
      name: table.name,
      identity: table.identity,
      columns: columns.map((column) => ({
        name: column.name,
        key: isKey(column),
        type: this.#typeOf(column.type),
        typmod: -1,
      })),
    };
    const keyIndexes = keys.map((key) => columns.findIndex(({ name }) => name === key));
    const shape = { relation, reader: new TupleReader(columns, keyIndexes) };
    this.#shapes.set(table.oid, shape);
    const before = described.findIndex((change) => change.kind === 'relation' && change.relation.oid === table.oid);
    described.splice(before < 0 ? described.length : before, 1, { kind: 'relation', relation });
    return shape;
  }

  #typeOf(type: string): number {
    const known = this.#types.get(type);
    if (known !== undefined) return known;
    const next = FIRST_TYPE + this.#types.size;
    this.#types.set(type, next);
    return next;
  }
}

/** The position behind a qualified name. */
function endOfName(record: Buffer, start: number): number {
  let quoted = false;
  for (let at = start; at < record.length; at += 1) {
    const byte = record[at];
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted && (byte === COLON || byte === COMMA)) return at;
    else if (!quoted && byte === SPACE) break;
  }
  throw notUnderstood(record);
}

/** `message: transactional: 1 prefix: …, sz: 12 content:…`; prefix and content may hold anything. */
function message(record: Buffer): Change {
  const text = record.toString('latin1', TEXT);
  const start = text.indexOf(' prefix: ') + ' prefix: '.length;
  const size = /, sz: (\d+) content:/gs;
  size.lastIndex = start;
  for (let found = size.exec(text); found; found = size.exec(text)) {
    const content = found.index + found[0].length;
    if (content + Number(found[1]) !== text.length) continue;
    return {
      kind: 'message',
      prefix: Buffer.from(text.slice(start, found.index), 'latin1').toString('utf8'),
      content: record.subarray(TEXT + content),
      lsn: lsn(record.readBigUInt64BE(0)),
    };
  }
  throw notUnderstood(record);
}

/**
 * PostgreSQL's contrib module. Its lines hold text, in the database's encoding; COMMIT stands in a frame whose LSN is the
 * end of the commit record. https://www.postgresql.org/docs/current/test-decoding.html
 */
export const testDecoding: OutputPlugin = {
  name: 'test_decoding',
  usesPublications: false,
  needsLsn: true,
  oldestSource: 12,
  // Not `skip-empty-xacts`: before 15 it shows a message without BEGIN and COMMIT.
  parameters: () => [`"include-xids" 'on'`, `"include-timestamp" 'off'`],
  isBegin: (record) => record[TEXT] === B,
  commitEndOf: (record): Lsn | null => (record[TEXT] === C ? lsn(record.readBigUInt64BE(0)) : null),
  describedRelation: () => null,
  decoder: (tables) => new TestDecoding(tables).decode,
};
