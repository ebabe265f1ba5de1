import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import { shellQuoted } from '../../postgres/shell.ts';
import { explain, mayHeal, sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import type { Servers } from '../servers.ts';
import type { SourceTable } from '../source/catalog.ts';
import { recordedObjects, recordObject } from '../target/progress-schema.ts';
import type { ArchiveEntry } from './archive.ts';
import { leaveOutOption, nameOfEntry } from './leave-out.ts';
import { isMadeByHand, MADE_BY_HAND, takenAsItIs } from './made-by-hand.ts';

/** What pg_dump's script sets at its beginning, so that its statements mean what they meant on the source. */
export const RESTORE_SETTINGS = {
  check_function_bodies: 'false',
  client_min_messages: 'warning',
  row_security: 'off',
  default_table_access_method: 'heap',
  default_tablespace: '',
};

/** Gives a session of its own, in which a dump's statements mean what they should. */
export async function withRestoreSettings(servers: Servers, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await servers.onTarget('schema');
  try {
    for (const [name, value] of Object.entries(RESTORE_SETTINGS)) {
      await client.query('SELECT set_config($1, $2, false)', [name, value]);
    }
    await work(client);
  } finally {
    servers.destroy(client);
  }
}

/** Objects whose refusal is listed for the operator instead of ending the migration. */
const DISPENSABLE = new Set([
  'ACL',
  'DEFAULT ACL',
  'SECURITY LABEL',
  'EVENT TRIGGER',
  'EXTENSION',
  'PROCEDURAL LANGUAGE',
  'SUBSCRIPTION',
  'PUBLICATION',
  // They hold no rows. The server needs USAGE on its wrapper, a mapping its role.
  'SERVER',
  'USER MAPPING',
  'FOREIGN TABLE',
]);

/** duplicate_schema, duplicate_object: a schema or an extension's member may be there from the start. */
const ALREADY_THERE = new Set(['42P06', '42710']);
/** undefined_table, undefined_object, undefined_function, invalid_schema_name */
const MISSING = new Set(['42P01', '42704', '42883', '3F000']);

/** The statement names something that is not there. */
export const isMissing = (error: unknown): boolean => MISSING.has(sqlState(error) ?? '');

const ENTRIES_PER_TRANSACTION = 100;

export interface RestoreOptions {
  readonly client: pg.Client;
  /** Says what an object is that the operator may have made by hand. */
  readonly source: pg.Client;
  readonly emit: Emit;
  /** Something was left out on request: what stands on it can't be made, and is listed. */
  readonly hasExclusions: boolean;
  readonly signal: AbortSignal;
}

/**
 * Makes the entries on the target that were not made before, and records each in the transaction that makes it. Runs
 * many in one transaction and, when one of those fails, one by one to name the culprit. Rejects with TM2002.
 */
export async function restoreEntries(options: RestoreOptions, entries: readonly ArchiveEntry[]): Promise<void> {
  const { client, signal } = options;
  const done = await recordedObjects(client, 'entry');
  const open = entries.filter((entry) => !done.has(entry.key) && !isCommentOnExtension(entry));
  for (let start = 0; start < open.length; start += ENTRIES_PER_TRANSACTION) {
    signal.throwIfAborted();
    const some = open.slice(start, start + ENTRIES_PER_TRANSACTION);
    try {
      await inTransaction(client, async () => {
        await client.query(some.map((entry) => entry.sql).join('\n;\n'));
        for (const entry of some) await recordObject(client, 'entry', entry.key);
      });
    } catch (error) {
      if (mayHeal(error)) throw error;
      for (const entry of some) await restoreOne(options, entry);
    }
  }
}

async function restoreOne(options: RestoreOptions, entry: ArchiveEntry): Promise<void> {
  const { client, emit } = options;
  try {
    await makeEntry(client, entry);
  } catch (error) {
    const state = sqlState(error);
    const there = entry.type === 'SCHEMA' && state !== null && ALREADY_THERE.has(state);
    if (!there && (await isMadeByHand({ source: options.source, target: client }, entry, error))) {
      emit({ type: 'warning', text: takenAsItIs(entry) });
      await recordObject(client, 'entry', entry.key, MADE_BY_HAND);
      return;
    }
    const orphan = isMissing(error) && (entry.type === 'COMMENT' || (options.hasExclusions && entry.type !== 'TABLE'));
    if (!there && !orphan && (mayHeal(error) || !DISPENSABLE.has(entry.type))) {
      throw explain(error, {
        code: 'TM2002',
        retryCode: 'TM1109',
        side: 'target',
        object: nameOfEntry(entry),
        doing: 'could not be created',
        hint: waysOut(entry),
      });
    }
    if (!there) {
      const message = error instanceof Error ? error.message : String(error);
      emit({ type: 'warning', text: `Left out: ${entry.type} ${entry.schema}.${entry.name}: ${message}` });
    }
    await recordObject(client, 'entry', entry.key, there ? 'was there' : 'left out');
  }
}

/** What to do about an entry that the target refuses. */
const waysOut = (entry: ArchiveEntry): string =>
  [
    `Make it on the target by hand as the target takes it, then run migrate --resume: it is taken as it is.`,
    entry.type === 'TABLE'
      ? `Or leave the table out: migrate --drop-if-exists --exclude-table ${shellQuoted(displayName(entry))}.`
      : `Or leave it out, and what depends on it: migrate --resume ${leaveOutOption([entry])}`,
    'Or remove the cause on the target, then run migrate --resume.',
  ].join('\n');
/**
 * pg_dump writes definitions for an empty search_path. But the server also inlines the functions of an expression, whose bodies may name
 * objects without a schema: when a name is not found, the entry is made again under the operator's search_path.
 */
async function makeEntry(client: pg.Client, entry: ArchiveEntry): Promise<void> {
  const make = (before: string, after: string) =>
    inTransaction(client, async () => {
      await client.query(`${before}${entry.sql}\n;\n${after}`);
      await recordObject(client, 'entry', entry.key);
    });
  try {
    await make('', '');
  } catch (error) {
    if (!isMissing(error)) throw error;
    await make(`${beginOperatorsPath(client)};\n`, END_OPERATORS_PATH).catch(() => {
      throw error;
    });
  }
}

/** plpgsql's and others' comments belong to the extension's owner. */
const isCommentOnExtension = (entry: ArchiveEntry): boolean =>
  entry.type === 'COMMENT' && entry.name.startsWith('EXTENSION ');

export async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/**
 * While rows come from elsewhere, GENERATED ALWAYS identity columns must take them in UPDATE, too; they become BY
 * DEFAULT until cut-over. https://www.postgresql.org/docs/current/sql-createtable.html
 */
export async function setIdentity(
  client: pg.Client,
  tables: readonly SourceTable[],
  generated: 'BY DEFAULT',
): Promise<void> {
  for (const table of tables) {
    for (const column of identitiesOf(table)) {
      await setGenerated(client, table, column.name, generated);
    }
  }
}

/** Since 17 a partition, also one that is partitioned itself, has its parent's, and can't be altered alone. */
const identitiesOf = ({ oid, rootOid, columns }: SourceTable) =>
  oid === rootOid ? columns.filter((column) => column.identityAlways) : [];

async function setGenerated(
  client: pg.Client,
  table: { schema: string; name: string },
  column: string,
  generated: 'BY DEFAULT' | 'ALWAYS',
): Promise<void> {
  await client
    .query(`ALTER TABLE ${qualified(table)} ALTER COLUMN ${quoteIdent(column)} SET GENERATED ${generated}`)
    .catch((error: unknown) => {
      throw explain(error, {
        code: 'TM2002',
        retryCode: 'TM1109',
        side: 'target',
        object: `${displayName(table)}.${column}`,
        doing: `could not be set to GENERATED ${generated}`,
      });
    });
}

const IDENTITY = 'identity always';

/** Lets these tables take the source's values for GENERATED ALWAYS columns, and remembers which those are. */
export async function openIdentities(client: pg.Client, tables: readonly SourceTable[]): Promise<void> {
  await inTransaction(client, async () => {
    for (const table of tables) {
      for (const column of identitiesOf(table)) {
        await recordObject(client, IDENTITY, JSON.stringify([table.schema, table.name, column.name]));
      }
    }
    await setIdentity(client, tables, 'BY DEFAULT');
  });
}

/** Makes them GENERATED ALWAYS again. */
export async function closeIdentities(client: pg.Client): Promise<void> {
  for (const record of await recordedObjects(client, IDENTITY)) {
    const [schema = '', name = '', column = ''] = JSON.parse(record) as string[];
    await setGenerated(client, { schema, name }, column, 'ALWAYS');
  }
}
