import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { readShapes, type TableShape } from '../ddl/shape.ts';
import { sqlState } from '../error-policy.ts';
import type { ArchiveEntry } from './archive.ts';
import { nameOfEntry } from './leave-out.ts';

/** SQLSTATEs of a statement whose object exists already: duplicate_schema, _table, _object, _function, _column, a second primary key. */
const ALREADY_THERE = new Set(['42P06', '42P07', '42710', '42723', '42701', '42P16']);
/** wrong_object_type: `… is already a partition`. */
const ALREADY_ATTACHED = '42809';

/** The object's identity in PostgreSQL's own terms: type, names and arguments. */
const ADDRESS = `
SELECT type, to_json(object_names)::text AS names, to_json(object_args)::text AS args
  FROM pg_identify_object_as_address($1::oid, $2::oid, 0)`;
const FIND = `
SELECT objid::int8 AS oid FROM pg_get_object_address($1, ARRAY(SELECT json_array_elements_text($2::json)),
  ARRAY(SELECT json_array_elements_text($3::json)))`;

/** Detail of the record of an object that the operator has made. */
export const MADE_BY_HAND = 'made by hand';

export const takenAsItIs = (entry: ArchiveEntry): string =>
  `Taken as it is on the target, where it was made by hand: ${nameOfEntry(entry)}`;

/**
 * Whether the target refused the entry because the same object is there: of the same type, schema, name and arguments as PostgreSQL
 * identifies it. The target was empty at the beginning, so somebody has made it since. Rejects with TM2012 when it is a table that
 * can not take the rows. `target` must be in no failed transaction.
 */
export async function isMadeByHand(
  { source, target }: { readonly source: pg.Client; readonly target: pg.Client },
  entry: ArchiveEntry,
  error: unknown,
): Promise<boolean> {
  const state = sqlState(error) ?? '';
  if (entry.type === 'TABLE ATTACH' && state === ALREADY_ATTACHED) return true;
  if (!ALREADY_THERE.has(state) || entry.oid === 0) return false;
  const oid = await findSame(source, target, entry);
  if (oid === null) return false;
  if (entry.type === 'TABLE') await requireFit(source, target, entry, oid);
  return true;
}

async function findSame(source: pg.Client, target: pg.Client, entry: ArchiveEntry): Promise<number | null> {
  const { rows } = await source.query<Record<'type' | 'names' | 'args', string | null>>(ADDRESS, [
    String(entry.classOid),
    String(entry.oid),
  ]);
  const address = rows[0];
  // Dropped on the source since.
  if (!address?.type) return null;
  try {
    const found = await target.query<{ oid: string }>(FIND, [
      address.type,
      address.names ?? '[]',
      address.args ?? '[]',
    ]);
    return found.rows[0] ? Number(found.rows[0].oid) : null;
  } catch (failure) {
    if (sqlState(failure) === null) throw failure;
    return null;
  }
}

async function requireFit(source: pg.Client, target: pg.Client, entry: ArchiveEntry, oid: number): Promise<void> {
  const [theirs] = await readShapes(source, [entry.oid]);
  const [ours] = await readShapes(target, [oid]);
  const misfits = theirs && ours ? misfitsOf(theirs, ours) : [];
  if (misfits.length === 0) return;
  throw new MigrateError('TM2012', {
    side: 'target',
    object: nameOfEntry(entry),
    message: `the table that is there can't take the rows of the source: ${misfits.join('; ')}`,
    hint: `Alter or drop ${displayName(entry)} on the target, then run migrate --resume.`,
  });
}

/** What of a table made by hand keeps the rows of the source out. Pure. */
function misfitsOf(source: TableShape, target: TableShape): string[] {
  const misfits: string[] = [];
  if (source.kind !== target.kind) misfits.push(source.kind === 'p' ? 'it is not partitioned' : 'it is partitioned');
  const there = new Map(target.columns.map((column) => [column.name, column]));
  for (const column of source.columns) {
    const own = there.get(column.name);
    if (!own) misfits.push(`column ${column.name} is missing`);
    else if (own.type !== column.type) misfits.push(`column ${column.name} is ${own.type}, not ${column.type}`);
    else if ((own.generated !== '') !== (column.generated !== '')) {
      misfits.push(`column ${column.name} is ${own.generated === '' ? 'not ' : ''}generated`);
    } else if (own.notNull && !column.notNull) misfits.push(`column ${column.name} is NOT NULL`);
  }
  const known = new Set(source.columns.map(({ name }) => name));
  for (const { name, notNull, expression, identity } of target.columns) {
    if (!known.has(name) && notNull && expression === null && identity === '')
      misfits.push(`column ${name}, which the source does not have, is NOT NULL`);
  }
  return misfits;
}
