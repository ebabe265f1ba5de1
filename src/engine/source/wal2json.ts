import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { wal2json } from '../decode/wal2json.ts';
import { LOSSY_TYPES } from '../decode/wal2json-numbers.ts';
import { explain, sqlState } from '../error-policy.ts';
import type { MigrationOptions } from '../options.ts';
import { holdsRows, type SourceTable, selection } from './catalog.ts';

/** `"name" 'value'` of START_REPLICATION → name, value: what the functions that read a slot take. */
const asArguments = (parameters: readonly string[]): string[] =>
  parameters.flatMap((parameter) => /^"(.*)" '(.*)'$/s.exec(parameter)?.slice(1) ?? []);

/**
 * Whether the wal2json of this server writes numbers as strings when asked to (2.6 and newer), found out by asking it, on
 * a temporary slot: an installed file says nothing about its version. Creating the slot waits for transactions that run.
 * Rejects with TM4009 when it is older than 2.3 and knows less than we need; with the server's error when there is none.
 */
export async function quotesNumbers(session: pg.Client): Promise<boolean> {
  if (await knows(session, true)) return true;
  if (await knows(session, false)) return false;
  throw new MigrateError('TM4009', {
    side: 'source',
    object: wal2json.name,
    message: 'this wal2json does not know the options that the migration needs: it is older than 2.3',
    hint: 'Install wal2json 2.6 or newer on the source, or use --plugin pgoutput or test_decoding.',
  });
}

async function knows(session: pg.Client, quoted: boolean): Promise<boolean> {
  const slot = `tiger_migrate_ask_${randomBytes(6).toString('hex')}`;
  const options = asArguments(wal2json.parameters({ publications: [], binary: quoted }));
  await session.query('SELECT pg_create_logical_replication_slot($1, $2, true)', [slot, wal2json.name]);
  try {
    await session.query(
      `SELECT count(*) FROM pg_logical_slot_peek_changes($1, NULL, 1,
         VARIADIC ARRAY(SELECT json_array_elements_text($2::json)))`,
      [slot, JSON.stringify(options)],
    );
  } catch (error) {
    // An error takes the session's temporary slots with it. invalid_parameter_value: an option that is not known.
    if (sqlState(error) === '22023') return false;
    throw error;
  }
  await session.query('SELECT pg_drop_replication_slot($1)', [slot]);
  return true;
}

const LOSSY_COLUMNS = `
SELECT DISTINCT n.nspname AS schema, c.relname AS name, a.attname AS column
  FROM pg_attribute a JOIN pg_class own ON own.oid = a.attrelid
  JOIN pg_class c ON c.oid = CASE WHEN own.relispartition THEN pg_partition_root(own.oid)::oid ELSE own.oid END
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE a.attrelid = ANY ($1::oid[]) AND a.atttypid = ANY ($2::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
   AND a.attgenerated = '' ORDER BY 1, 2, 3`;

/** `schema.table.column` of those columns of the tables whose NaN and infinity an older wal2json writes as null. */
export async function lossyColumns(session: pg.Client, oids: readonly (number | string)[]): Promise<string[]> {
  const { rows } = await session.query<{ schema: string; name: string; column: string }>(LOSSY_COLUMNS, [
    `{${oids.join(',')}}`,
    `{${LOSSY_TYPES.join(',')}}`,
  ]);
  return rows.map((row) => `${displayName(row)}.${row.column}`);
}

const NAMED = 20;

/** Whether wal2json writes numbers as strings. Rejects with TM4008 when it does not, and values of the migration would be lost. */
export async function quotesNumbersOrNeedNot(
  source: pg.Client,
  tables: readonly SourceTable[],
  options: MigrationOptions,
): Promise<boolean> {
  const quoted = await quotesNumbers(source).catch((error: unknown) => {
    throw explain(error, {
      code: 'TM4009',
      retryCode: 'TM1110',
      side: 'source',
      object: wal2json.name,
      doing: 'the output plugin could not be asked',
      hint: 'Install wal2json on the source and allow it in output_plugin_libraries, or use --plugin pgoutput or test_decoding.',
    });
  });
  if (quoted) return true;
  const wanted = tables.filter((table) => holdsRows(table) && selection(table, options) === 'all');
  const columns = await lossyColumns(
    source,
    wanted.map(({ oid }) => oid),
  );
  if (columns.length === 0) return false;
  const more = columns.length > NAMED ? ` and ${columns.length - NAMED} more` : '';
  throw new MigrateError('TM4008', {
    side: 'source',
    object: `${columns.slice(0, NAMED).join(', ')}${more}`,
    message: 'this wal2json (before 2.6) writes NaN and infinity of these columns as null',
    hint: 'Install wal2json 2.6 or newer on the source, or use --plugin pgoutput or test_decoding.',
  });
}
