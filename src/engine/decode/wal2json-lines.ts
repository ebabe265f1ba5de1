import { MigrateError } from '../../errors/migrate-error.ts';
import { parseLsn } from '../../postgres/lsn.ts';
import type { Change } from './change.ts';
import { afterString, stringAt, unescapeString } from './json-text.ts';
import { startsWith } from './tuple.ts';

/** What `"action"` may be. */
export const ACTION = {
  begin: 0x42,
  commit: 0x43,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
  message: 0x4d,
};

const ACTION_START = Buffer.from('{"action":"');
const SCHEMA = Buffer.from(',"schema":');
const TABLE = Buffer.from(',"table":');
const TRANSACTIONAL = Buffer.from(',"transactional":true,"prefix":');
const NOT_TRANSACTIONAL = Buffer.from(',"transactional":false,"prefix":');
const CONTENT = Buffer.from(',"content":');
const CLOSE = 0x7d;
/** A record that begins with this holds a warning of the server, not JSON. */
const WARNING = 'W';

export const notUnderstood = (record: Buffer): MigrateError =>
  new MigrateError('TM4005', {
    side: 'source',
    message: `wal2json message not understood: ${record.toString('utf8', 0, 120)}`,
  });

/** The letter of the line's action; 0 when it is none. */
export const actionOf = (record: Buffer): number =>
  startsWith(record, 0, ACTION_START) ? (record[ACTION_START.length] ?? 0) : 0;

export function requireEnd(record: Buffer, end: number): void {
  if (record[end] !== CLOSE || end + 1 !== record.length) throw notUnderstood(record);
}

const TRANSACTION =
  /^\{"action":"[BC]"(?:,"xid":(\d+))?,"lsn":"([0-9A-F]+\/[0-9A-F]+)","nextlsn":"([0-9A-F]+\/[0-9A-F]+)"\}$/;

/** BEGIN or COMMIT: both hold the positions of the commit record's beginning and end. */
export function transactionIn(record: Buffer): Extract<Change, { kind: 'begin' | 'commit' }> {
  const [, xid, at, end] = TRANSACTION.exec(record.toString('latin1')) ?? [];
  if (at === undefined || end === undefined) throw notUnderstood(record);
  const commitLsn = parseLsn(at);
  if (actionOf(record) === ACTION.commit) return { kind: 'commit', commitLsn, endLsn: parseLsn(end) };
  return { kind: 'begin', commitLsn, xid: xid === undefined ? null : Number(xid) };
}

const POSITION = /^\{"action":"[A-Z]"(?:,"xid":\d+)?,"lsn":"([0-9A-F]+\/[0-9A-F]+)"/;

/** The position of a change, as the line writes it. */
export function positionIn(record: Buffer): string {
  const [, lsn] = POSITION.exec(record.toString('latin1', 0, 80)) ?? [];
  if (lsn === undefined) throw notUnderstood(record);
  return lsn;
}

interface Name {
  readonly schema: string;
  readonly name: string;
}

/** Finds the table that a line is about; the same bytes stand for the same name. */
export class TableNames {
  readonly #names = new Map<string, Name>();

  /** The name, and the position behind it. */
  of(record: Buffer): { name: Name; end: number } {
    const start = record.indexOf(SCHEMA);
    const schemaEnd = start < 0 ? -1 : afterString(record, start + SCHEMA.length);
    const end =
      schemaEnd > 0 && startsWith(record, schemaEnd, TABLE) ? afterString(record, schemaEnd + TABLE.length) : -1;
    if (end < 0) throw notUnderstood(record);
    const text = record.toString('latin1', start, end);
    const known = this.#names.get(text);
    if (known) return { name: known, end };
    const schema = stringAt(record, start + SCHEMA.length);
    const table = stringAt(record, schemaEnd + TABLE.length);
    if (!schema || !table) throw notUnderstood(record);
    const name = { schema: schema.text, name: table.text };
    this.#names.set(text, name);
    return { name, end };
  }
}

/** `{"action":"M","lsn":"0/1","transactional":true,"prefix":"…","content":"…"}` */
export function messageIn(record: Buffer): Change {
  const transactional = record.includes(TRANSACTIONAL);
  const what = transactional ? TRANSACTIONAL : NOT_TRANSACTIONAL;
  const prefix = stringAt(record, record.indexOf(what) + what.length);
  const content = Buffer.allocUnsafe(record.length);
  const result = { end: -1, length: 0 };
  if (prefix && startsWith(record, prefix.end, CONTENT)) {
    unescapeString(record, prefix.end + CONTENT.length, content, 0, result);
  }
  if (!prefix || result.end < 0) throw notUnderstood(record);
  requireEnd(record, result.end);
  // One outside of a transaction is none of ours.
  if (!transactional) return { kind: 'other' };
  const lsn = parseLsn(positionIn(record));
  return { kind: 'message', prefix: prefix.text, content: content.subarray(0, result.length), lsn };
}

/**
 * Of an UPDATE or DELETE of a table without replica identity wal2json writes nothing; the server's warning, which comes
 * in its place in the stream, is all that tells of it. Null for warnings that mean something else.
 */
export const recordOfWarning = (text: string): Buffer | null =>
  text.startsWith('no tuple ') ? Buffer.from(WARNING + text) : null;

const WITHOUT_ROW = /^Wno tuple identifier for (?:UPDATE|DELETE) in table "(.+)"$/s;

export const isWarning = (record: Buffer): boolean => record[0] === WARNING.charCodeAt(0);

/** The tables that such a record may mean: it escapes nothing, so that a name with `"."` in it can be read in several ways. */
export function tablesInWarning(record: Buffer): Name[] {
  const [, names] = WITHOUT_ROW.exec(record.toString('utf8')) ?? [];
  if (names === undefined) throw notUnderstood(record);
  const found: Name[] = [];
  for (let at = names.indexOf('"."'); at >= 0; at = names.indexOf('"."', at + 1)) {
    found.push({ schema: names.slice(0, at), name: names.slice(at + 3) });
  }
  return found;
}
