import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { shellQuoted } from '../../postgres/shell.ts';
import { recordObject } from '../target/progress-schema.ts';
import type { ArchiveEntry } from './archive.ts';
import type { SourceSchema } from './dump.ts';

/** An entry of the dump as `--leave-out` names it: `VIEW mon.bg`, `FK CONSTRAINT public.orders orders_code_fkey`. */
export type EntryName = Pick<ArchiveEntry, 'type' | 'schema' | 'name'>;

/** The entry of a foreign key. pg_dump writes a space for a line break in a name. */
export const entryOfKey = (key: {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
}): EntryName => ({
  type: 'FK CONSTRAINT',
  schema: key.schema.replace(/[\r\n]/g, ' '),
  name: `${key.table} ${key.name}`.replace(/[\r\n]/g, ' '),
});

/** pg_dump writes `-` where an object is in no schema. */
const inNoSchema = ({ schema }: EntryName): boolean => schema === '' || schema === '-';

export const nameOfEntry = (entry: EntryName): string =>
  inNoSchema(entry) ? `${entry.type} ${entry.name}` : `${entry.type} ${entry.schema}.${entry.name}`;

const spellings = (entry: EntryName): string[] =>
  inNoSchema(entry) ? [nameOfEntry(entry)] : [nameOfEntry(entry), `${entry.type} ${displayName(entry)}`];

/** Whether one of the names is that of the entry; the type in any case, the name also quoted as in SQL. */
export const isNamed = (names: readonly string[], entry: EntryName): boolean =>
  spellings(entry).some((spelling) =>
    names.some((text) => {
      const name = text.trim();
      const { length } = entry.type;
      return (
        name.slice(length) === spelling.slice(length) &&
        name.slice(0, length).toUpperCase() === spelling.slice(0, length)
      );
    }),
  );

/** The option that leaves these entries out, for a shell. */
export const leaveOutOption = (entries: readonly EntryName[]): string =>
  `--leave-out ${entries.map((entry) => shellQuoted(nameOfEntry(entry))).join(' ')}`;

export interface LeftOut {
  readonly entry: ArchiveEntry;
  /** Null: it was named itself. Else what it depends on. */
  readonly because: ArchiveEntry | null;
}

export interface Remaining {
  readonly schema: SourceSchema;
  readonly leftOut: readonly LeftOut[];
  /** Names that no entry has. */
  readonly unmatched: readonly string[];
}

const HAS_PARTS = new Set(['INDEX', 'CONSTRAINT']);

/**
 * The schema without the entries that are named and without everything that depends on them. The index of a partitioned table and
 * those of its partitions are one: without one of its parts it stays invalid, so they are left out together. Pure.
 */
export function withoutLeftOut(schema: SourceSchema, names: readonly string[]): Remaining {
  if (names.length === 0) return { schema, leftOut: [], unmatched: [] };
  const all = [...schema.preData, ...schema.postData];
  const gone = new Map<number, LeftOut>();
  const unmatched = names.filter((name) => !all.some((entry) => isNamed([name], entry)));
  for (const entry of all) if (isNamed(names, entry)) gone.set(entry.dumpId, { entry, because: null });
  const byId = new Map(all.map((entry) => [entry.dumpId, entry]));
  for (let before = -1; before !== gone.size; ) {
    before = gone.size;
    for (const entry of all) {
      const cause = entry.dependencies.map((id) => gone.get(id)).find((one) => one !== undefined);
      if (!cause) continue;
      if (!gone.has(entry.dumpId)) gone.set(entry.dumpId, { entry, because: cause.entry });
      if (entry.type !== 'INDEX ATTACH') continue;
      for (const id of entry.dependencies) {
        const part = byId.get(id);
        if (part && HAS_PARTS.has(part.type) && !gone.has(id)) gone.set(id, { entry: part, because: cause.entry });
      }
    }
  }
  const keep = ({ dumpId }: ArchiveEntry) => !gone.has(dumpId);
  const kept = { preData: schema.preData.filter(keep), postData: schema.postData.filter(keep) };
  return { schema: kept, leftOut: [...gone.values()], unmatched };
}

/** A table holds rows: it is left out by an option of its own. Null: `leftOut` can be done without. */
export function whyNotLeftOut({ leftOut, unmatched }: Remaining): MigrateError | null {
  if (unmatched.length > 0) {
    return new MigrateError('TM1224', {
      side: 'source',
      object: unmatched[0],
      message: `no object of the source is called ${unmatched.join(', ')}`,
      hint: "Write type and name as pg_restore --list shows them, in quotes: --leave-out 'VIEW mon.bg' 'FK CONSTRAINT public.orders orders_code_fkey'.",
    });
  }
  const table = leftOut.find(({ entry }) => entry.type === 'TABLE');
  if (!table) return null;
  const { entry, because } = table;
  return new MigrateError('TM1224', {
    side: 'source',
    object: nameOfEntry(entry),
    message: because
      ? `TABLE ${displayName(entry)} needs ${nameOfEntry(because)}, which is to be left out`
      : `${nameOfEntry(entry)} is a table, whose rows would be left out with it`,
    hint: `Leave the table out by its own option, --exclude-table ${shellQuoted(displayName(entry))}, or change it on the source.`,
  });
}

/** As a sentence for people. */
export const describeLeftOut = ({ entry, because }: LeftOut): string =>
  because === null
    ? `Left out on request: ${nameOfEntry(entry)}`
    : `Left out with ${nameOfEntry(because)}: ${nameOfEntry(entry)}`;

const KIND = 'left out on request';

/** Records on the target what is left out, instead of what was before: comparisons must not call it missing. */
export async function recordLeftOut(target: pg.Client, leftOut: readonly LeftOut[]): Promise<void> {
  await target.query('DELETE FROM tiger_migrate.object WHERE kind = $1', [KIND]);
  for (const { entry, because } of leftOut) {
    const { type, schema, name, classOid, oid } = entry;
    const why = because === null ? null : nameOfEntry(because);
    await recordObject(target, KIND, entry.key, JSON.stringify({ type, schema, name, classOid, oid, because: why }));
  }
}

/**
 * Drops foreign keys that an earlier run has made ahead of the cut-over and that are left out by now: one whose rows violate it could
 * not be validated. Other objects that are on the target stay there.
 */
export async function dropLeftOutKeys(target: pg.Client, leftOut: readonly LeftOut[]): Promise<void> {
  for (const { entry } of leftOut) {
    if (entry.type !== 'FK CONSTRAINT') continue;
    const { rows } = await target.query<{ schema: string; table: string; name: string }>(KEY_OF_ENTRY, [
      entry.schema,
      entry.name,
    ]);
    for (const { schema, table, name } of rows) {
      await target.query(`ALTER TABLE ${qualified({ schema, name: table })} DROP CONSTRAINT ${quoteIdent(name)}`);
    }
    await target.query(`DELETE FROM tiger_migrate.object WHERE kind = 'entry' AND name = $1`, [entry.key]);
  }
}

/** As pg_dump names its entries, where a line break would end one. */
const KEY_OF_ENTRY = `
SELECT n.nspname AS schema, c.relname AS table, k.conname AS name
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname = $1 AND translate(c.relname || ' ' || k.conname, E'\\r\\n', '  ') = $2`;

/** An object of the source, by its catalog and its OID there. */
export type LeftOutObject = Pick<ArchiveEntry, 'type' | 'schema' | 'name' | 'classOid' | 'oid'>;

/** What the migration on this target leaves out on request. */
export async function readLeftOut(target: pg.Client): Promise<LeftOutObject[]> {
  const { rows } = await target.query<{ there: string }>(
    `SELECT to_regclass('tiger_migrate.object') IS NOT NULL AS there`,
  );
  if (rows[0]?.there !== 't') return [];
  const recorded = await target.query<{ detail: string }>('SELECT detail FROM tiger_migrate.object WHERE kind = $1', [
    KIND,
  ]);
  return recorded.rows.map(({ detail }) => JSON.parse(detail) as LeftOutObject);
}
