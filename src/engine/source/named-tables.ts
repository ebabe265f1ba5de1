import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { unknownTable } from '../ddl/misfit.ts';
import { type NamedTable, NamedTables } from '../decode/named-tables.ts';
import type { MigrationOptions } from '../options.ts';
import type { SyncedTable } from '../sync/table-states.ts';
import { recordedObjects } from '../target/progress-schema.ts';
import { selection } from './catalog.ts';
import { IDENTIFIES } from './identity-index.ts';
import { LEFT_OUT_SCHEMA } from './left-out.ts';

/** What a stream that tells tables by name must know of one of them. */
type Description = Pick<NamedTable, 'identity' | 'keys' | 'columns'>;

/** The columns of the index that identifies rows; none when nothing does. */
const KEYS = `ARRAY(SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, n)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE ${IDENTIFIES} ORDER BY k.n)`;

const DESCRIPTIONS = `
SELECT c.oid::int8 AS oid, json_build_object('relreplident', c.relreplident, 'keys', ${KEYS},
         'columns', (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL),
                                   'oid', a.atttypid::int8, 'position', a.attnum, 'toast', a.attlen = -1, 'generated', a.attgenerated <> '') ORDER BY a.attnum), '[]')
                       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))::text AS described
  FROM pg_class c WHERE c.oid = ANY ($1::oid[])`;

interface Described extends Pick<Description, 'keys' | 'columns'> {
  readonly relreplident: 'd' | 'n' | 'f' | 'i';
}

function identityOf({ relreplident, keys }: Pick<Described, 'relreplident' | 'keys'>): NamedTable['identity'] {
  if (relreplident === 'f') return 'full';
  if (keys.length === 0) return 'nothing';
  return relreplident === 'i' ? 'index' : 'default';
}

/**
 * Describes tables as `source`, a session in the snapshot of the slot, sees them, and records it on the target: names in
 * the stream mean what they meant when the slot began, however often the engine is started again.
 */
export async function recordDescriptions(source: pg.Client, target: pg.Client, oids: readonly number[]): Promise<void> {
  const { rows } = await source.query<{ oid: string; described: string }>(DESCRIPTIONS, [`{${oids.join(',')}}`]);
  const tables = rows.map(({ oid, described }) => {
    const { relreplident, keys, columns } = JSON.parse(described) as Described;
    const description: Description = { identity: identityOf({ relreplident, keys }), keys, columns };
    return { oid, description };
  });
  await target.query(
    `INSERT INTO tiger_migrate.description (source_oid, description)
     SELECT t.oid, t.description FROM json_to_recordset($1::json) t(oid oid, description jsonb)`,
    [JSON.stringify(tables)],
  );
}

async function readDescriptions(target: pg.Client): Promise<Map<number, Description>> {
  const { rows } = await target.query<{ oid: string; description: string }>(
    'SELECT source_oid::int8 AS oid, description::text AS description FROM tiger_migrate.description',
  );
  return new Map(rows.map(({ oid, description }) => [Number(oid), JSON.parse(description) as Description]));
}

/** The tables of the migration by the names that they had when the slot began. */
export async function readNamedTables(target: pg.Client, tables: Iterable<SyncedTable>): Promise<NamedTables> {
  const described = await readDescriptions(target);
  const named: NamedTable[] = [];
  for (const { sourceOid, schema, name, copyRows } of tables) {
    const description = described.get(sourceOid);
    if (description) named.push({ oid: sourceOid, schema, name, wanted: copyRows, ...description });
  }
  return new NamedTables(named, await recordedObjects(target, LEFT_OUT_SCHEMA));
}

/** The tables whose changes are applied, as they were when the slot began. */
export interface NamesAtStart {
  readonly known: readonly { readonly oid: string; readonly schema: string; readonly name: string }[];
  readonly described: ReadonlyMap<number, Description>;
}

export async function readNamesAtStart(target: pg.Client): Promise<NamesAtStart> {
  const { rows: known } = await target.query<{ oid: string; schema: string; name: string }>(
    'SELECT source_oid::int8 AS oid, schema, name FROM tiger_migrate.relation WHERE copy_rows',
  );
  return { known, described: await readDescriptions(target) };
}

const NOW = `
SELECT k.oid::text, own.schema AS own_schema, own.name AS own_name, other.oid::text AS other_oid, own.identity, own.keys
  FROM json_to_recordset($1::json) k(oid oid, schema text, name text)
  LEFT JOIN LATERAL (SELECT n.nspname AS schema, c.relname AS name, c.relreplident AS identity, to_json(${KEYS})::text AS keys
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = k.oid) own ON true
  LEFT JOIN LATERAL (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = k.schema AND c.relname = k.name) other ON true`;

/**
 * Rejects with TM2003 when a name of the migration stands for another table than when the slot began, or a table's rows
 * are identified by other columns: what the stream says of it can't be trusted any more. A table that is dropped is not
 * meant: its name still stands for nothing else.
 */
export async function requireSameNames(source: pg.Client, { known, described }: NamesAtStart): Promise<void> {
  const { rows } = await source.query<Record<string, string | null>>(NOW, [JSON.stringify(known)]);
  const now = new Map(rows.map((row) => [row.oid, row]));
  for (const table of known) {
    const row = now.get(table.oid);
    if (!row) continue;
    const renamed = row.own_name !== null && (row.own_name !== table.name || row.own_schema !== table.schema);
    if (renamed) {
      const into = displayName({ schema: row.own_schema ?? '', name: row.own_name ?? '' });
      throw notTheSame(table, `the table was renamed to ${into} on the source`);
    }
    if (row.other_oid !== null && row.other_oid !== table.oid) {
      throw notTheSame(table, 'on the source the name stands for another table than when the migration began');
    }
    const before = described.get(Number(table.oid));
    if (row.own_name === null || !before || before.identity === 'nothing') continue;
    const keys = JSON.parse(row.keys ?? '[]') as string[];
    const identity = identityOf({ relreplident: row.identity as Described['relreplident'], keys });
    if (identity !== before.identity || keys.join('\n') !== before.keys.join('\n')) {
      throw notTheSame(table, 'its replica identity on the source is another one than when the migration began');
    }
  }
}

const FINGERPRINT = `
SELECT concat((SELECT sum(hashtextextended(concat_ws('/', c.oid, c.relnamespace, c.relreplident, c.relname), 0))
                 FROM pg_class c WHERE c.relkind IN ('r', 'p')), ' ',
              (SELECT sum(hashtextextended(concat_ws('/', i.indexrelid, i.indrelid, i.indkey, i.indisreplident, i.indisvalid), 0))
                 FROM pg_index i WHERE i.indisprimary OR i.indisreplident), ' ',
              (SELECT sum(hashtextextended(concat_ws('/', n.oid, n.nspname), 0)) FROM pg_namespace n)) AS fingerprint`;

/** Changes whenever a table or schema is made, renamed or dropped, or an identity is another: then it pays to look closer. */
export async function fingerprintOfNames(source: pg.Client): Promise<string> {
  const { rows } = await source.query<{ fingerprint: string }>(FINGERPRINT);
  return rows[0]?.fingerprint ?? '';
}

const notTheSame = (table: { schema: string; name: string }, message: string): MigrateError =>
  new MigrateError('TM2003', {
    side: 'source',
    object: displayName(table),
    message,
    hint:
      'This output plugin tells tables by name and rows by what identifies them now, so that changes made since may have ' +
      'gone elsewhere. Start over with migrate --drop-if-exists; tables must not be renamed while a migration runs.',
  });

const LOOK_UP = `
SELECT c.oid::text AS oid, c.relispartition AS is_partition,
       CASE WHEN c.relispartition THEN (SELECT json_agg(json_build_array(an.nspname, a.relname))
                FROM pg_partition_ancestors(c.oid) WITH ORDINALITY p(oid, n) JOIN pg_class a ON a.oid = p.oid
                JOIN pg_namespace an ON an.oid = a.relnamespace WHERE p.n > 1) END::text AS part_of
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`;

/**
 * What a name in the stream means that was not there when the slot began. A table that was created since is not part of
 * the migration, as with publications; a new partition of one that is makes this reject with TM2003, and so does a name
 * that a table of the migration has got. `tell` hears of a table that is gone again: nothing more can be said of it.
 */
export async function explainName(
  name: { readonly schema: string; readonly name: string },
  of: {
    readonly source: pg.Client;
    readonly tables: ReadonlyMap<number, SyncedTable>;
    readonly options: MigrationOptions;
    readonly tell: (text: string) => void;
  },
): Promise<void> {
  const { rows } = await of.source.query<Record<string, string | null>>(LOOK_UP, [name.schema, name.name]);
  const row = rows[0];
  if (!row) {
    of.tell(`Changes of ${displayName(name)}, which was created after the start and dropped again, are left out.`);
    return;
  }
  const known = of.tables.get(Number(row.oid));
  if (known?.copyRows) throw notTheSame(known, `the table was renamed to ${displayName(name)} on the source`);
  if (row.is_partition !== 't') return;
  const partOf = (JSON.parse(row.part_of ?? '[]') as [string, string][]).map(([schema, own]) => ({
    schema,
    name: own,
  }));
  const names = new Set([...of.tables.values()].map(displayName));
  const ofOurs = partOf.some((root) => names.has(displayName(root)));
  if (ofOurs && selection({ ...name, partOf }, of.options) === 'all') throw unknownTable({ oid: null, ...name });
}
