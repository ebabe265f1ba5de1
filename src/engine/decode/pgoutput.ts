import { MigrateError } from '../../errors/migrate-error.ts';
import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import { lsn } from '../../postgres/lsn.ts';
import type { Change, StreamColumn, StreamRelation } from './change.ts';
import type { OutputPlugin } from './plugin.ts';
import { NULL_VALUE, type Tuple, UNCHANGED } from './tuple.ts';

/** First bytes of the messages: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
export const MESSAGE = {
  begin: 0x42,
  commit: 0x43,
  origin: 0x4f,
  relation: 0x52,
  type: 0x59,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
  message: 0x4d,
} as const;

const IDENTITIES = { d: 'default', n: 'nothing', f: 'full', i: 'index' } as const;

const notUnderstood = (what: string): MigrateError =>
  new MigrateError('TM4005', { side: 'source', message: `replication message not understood: ${what}` });

function readCString(buffer: Buffer, offset: number): { text: string; next: number } {
  const end = buffer.indexOf(0, offset);
  if (end < 0) throw notUnderstood('string without an end');
  return { text: buffer.toString('utf8', offset, end), next: end + 1 };
}

const NEW = 0x4e;
const KEY = 0x4b;
const OLD = 0x4f;

/** The tuple whose kind byte, one of `kinds`, stands at `kindAt`. */
function readTuple(buffer: Buffer, kindAt: number, kinds: readonly number[]): { tuple: Tuple; next: number } {
  if (!kinds.includes(buffer[kindAt] ?? 0)) throw notUnderstood(`tuple kind ${buffer[kindAt]}`);
  const offset = kindAt + 1;
  const columns = buffer.readUInt16BE(offset);
  const cells = new Int32Array(columns * 2);
  let at = offset + 2;
  for (let column = 0; column < columns; column += 1) {
    switch (buffer[at]) {
      case 0x6e: // n
        cells[column * 2 + 1] = NULL_VALUE;
        at += 1;
        break;
      case 0x75: // u
        cells[column * 2 + 1] = UNCHANGED;
        at += 1;
        break;
      case 0x74: // t
      case 0x62: {
        // b
        const length = buffer.readInt32BE(at + 1);
        if (length < 0) throw notUnderstood('value of negative length');
        cells[column * 2] = at + 5;
        cells[column * 2 + 1] = length;
        at += 5 + length;
        break;
      }
      default:
        throw notUnderstood(`column kind ${buffer[at]}`);
    }
  }
  if (at > buffer.length) throw notUnderstood('tuple longer than its message');
  return { tuple: { buffer, cells }, next: at };
}

function readRelation(buffer: Buffer): StreamRelation {
  const oid = buffer.readUInt32BE(1);
  const schema = readCString(buffer, 5);
  const name = readCString(buffer, schema.next);
  const identity = IDENTITIES[String.fromCharCode(buffer[name.next] ?? 0) as keyof typeof IDENTITIES];
  if (!identity) throw notUnderstood('replica identity');
  const count = buffer.readUInt16BE(name.next + 1);
  const columns: StreamColumn[] = [];
  let at = name.next + 3;
  for (let index = 0; index < count; index += 1) {
    const flags = buffer[at] ?? 0;
    const column = readCString(buffer, at + 1);
    columns.push({
      key: (flags & 1) === 1,
      name: column.text,
      type: buffer.readUInt32BE(column.next),
      typmod: buffer.readInt32BE(column.next + 4),
    });
    at = column.next + 8;
  }
  // An empty schema name stands for pg_catalog.
  return { oid, schema: schema.text || 'pg_catalog', name: name.text, identity, columns };
}

/**
 * One pgoutput message, protocol version 1, as a `Change` whose tuples are views into `buffer`: the caller must not
 * write to it afterwards. Throws TM4005 for what it does not know; nothing is skipped silently.
 */
export function decodePgoutput(buffer: Buffer): Change {
  try {
    return decode(buffer);
  } catch (error) {
    if (error instanceof RangeError) throw notUnderstood(`type ${buffer[0]}, cut off at ${buffer.length} bytes`);
    throw error;
  }
}

function decode(buffer: Buffer): Change {
  switch (buffer[0]) {
    case MESSAGE.insert:
      return { kind: 'insert', relation: buffer.readUInt32BE(1), tuple: readTuple(buffer, 5, [NEW]).tuple };
    case MESSAGE.update: {
      const relation = buffer.readUInt32BE(1);
      if (buffer[5] === NEW) return { kind: 'update', relation, old: null, tuple: readTuple(buffer, 5, [NEW]).tuple };
      const old = readTuple(buffer, 5, [KEY, OLD]);
      return { kind: 'update', relation, old: old.tuple, tuple: readTuple(buffer, old.next, [NEW]).tuple };
    }
    case MESSAGE.delete:
      return { kind: 'delete', relation: buffer.readUInt32BE(1), old: readTuple(buffer, 5, [KEY, OLD]).tuple };
    case MESSAGE.begin:
      return { kind: 'begin', commitLsn: lsn(buffer.readBigUInt64BE(1)), xid: buffer.readUInt32BE(17) };
    case MESSAGE.commit:
      return {
        kind: 'commit',
        commitLsn: lsn(buffer.readBigUInt64BE(2)),
        endLsn: lsn(buffer.readBigUInt64BE(10)),
      };
    case MESSAGE.relation:
      return { kind: 'relation', relation: readRelation(buffer) };
    case MESSAGE.truncate: {
      const count = buffer.readUInt32BE(1);
      const flags = buffer[5] ?? 0;
      const relations: number[] = [];
      for (let index = 0; index < count; index += 1) relations.push(buffer.readUInt32BE(6 + index * 4));
      return { kind: 'truncate', relations, cascade: (flags & 1) !== 0, restartIdentity: (flags & 2) !== 0 };
    }
    case MESSAGE.message: {
      const prefix = readCString(buffer, 10);
      const length = buffer.readUInt32BE(prefix.next);
      if (prefix.next + 4 + length > buffer.length) throw notUnderstood('content longer than its message');
      return {
        kind: 'message',
        lsn: lsn(buffer.readBigUInt64BE(2)),
        prefix: prefix.text,
        content: buffer.subarray(prefix.next + 4, prefix.next + 4 + length),
      };
    }
    case MESSAGE.origin:
    case MESSAGE.type:
      return { kind: 'other' };
    default:
      throw notUnderstood(`type ${buffer[0]}`);
  }
}

/** The end LSN when the message commits a transaction, else null. */
export const commitEndOf = (message: Buffer): ReturnType<typeof lsn> | null =>
  message[0] === MESSAGE.commit ? lsn(message.readBigUInt64BE(10)) : null;

/** The table's OID when the message describes a table, else null. */
export const describedRelation = (message: Buffer): number | null =>
  message[0] === MESSAGE.relation ? message.readUInt32BE(1) : null;

/** PostgreSQL's own, with logical messages (14+): https://www.postgresql.org/docs/current/protocol-logical-replication.html */
export const pgoutput: OutputPlugin = {
  name: 'pgoutput',
  usesPublications: true,
  needsLsn: false,
  oldestSource: 14,
  parameters: ({ publications, binary }) => [
    `proto_version '1'`,
    `publication_names ${quoteLiteral(publications.map(quoteIdent).join(','))}`,
    `messages 'true'`,
    ...(binary ? [`binary 'true'`] : []),
  ],
  isBegin: (record) => record[0] === MESSAGE.begin,
  commitEndOf,
  describedRelation,
  decoder: () => (record) => [decodePgoutput(record)],
};
