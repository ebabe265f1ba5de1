import type pg from 'pg';
import { MigrateError } from '../../errors/migrate-error.ts';
import { qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { sqlState } from '../error-policy.ts';
import { entryOfKey, nameOfEntry } from '../schema/leave-out.ts';
import { inTransaction } from '../schema/restore.ts';
import { KEEP_REPLAY_OUT } from '../target/apply-lock.ts';
import { recordedObjects } from '../target/progress-schema.ts';
import { type FinishOptions, makeOne } from './make-object.ts';
import { validateBesideReplay } from './validate-keys.ts';

/**
 * Makes the foreign keys ahead of the cut-over, where replay's session does not fire them: then the downtime does not
 * hold their validation. Each in a transaction of its own that waits `lockTimeoutMs` for its locks; what can't be made
 * now is left for the cut-over. Once every table stands at one position of the source, its keys hold on the target at
 * every commit, since replay commits whole transactions.
 */
export async function makeKeysEarly(options: FinishOptions, lockTimeoutMs: number): Promise<number> {
  const { source, target, schema, emit } = options;
  const notPostponable = await keysOnPartitioned(source);
  const done = await recordedObjects(target, 'entry');
  const open = schema.foreignKeys.filter((entry) => !done.has(entry.key));
  let made = 0;
  await target.query(`SET lock_timeout = ${lockTimeoutMs}`);
  for (const entry of open) {
    const sql = notPostponable.has(entry.oid) ? entry.sql : postponed(entry.sql);
    try {
      await inTransaction(target, async () => {
        await target.query(KEEP_REPLAY_OUT);
        await makeOne(options, { ...entry, sql });
      });
      made += 1;
    } catch (error) {
      emit({ type: 'log', text: `Foreign key ${entry.name} is left for the cut-over: ${refusalOf(error)}` });
    }
  }
  await validateBesideReplay(source, target, lockTimeoutMs).catch((error: unknown) => {
    emit({ type: 'log', text: `Foreign keys will be validated at the cut-over: ${refusalOf(error)}` });
  });
  return made;
}

/**
 * Takes away the foreign keys of ours that refer to these tables, or to what they are partitions of, and forgets that they
 * were made: the server refuses to TRUNCATE a table that others refer to. They are made, and validated, as at first.
 */
export async function takeKeysAway(
  { target, schema, emit }: Pick<FinishOptions, 'target' | 'schema' | 'emit'>,
  tables: readonly { readonly schema: string; readonly name: string }[],
): Promise<void> {
  const done = await recordedObjects(target, 'entry');
  const ours = new Map(
    schema.foreignKeys.filter((entry) => done.has(entry.key)).map((entry) => [nameOfEntry(entry), entry]),
  );
  if (ours.size === 0 || tables.length === 0) return;
  const { rows } = await target.query<{ schema: string; table: string; name: string }>(
    `WITH copied AS (SELECT to_regclass(t) AS oid FROM json_array_elements_text($1::json) t)
     SELECT n.nspname AS schema, c.relname AS table, k.conname AS name
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (
        SELECT oid FROM copied UNION SELECT a FROM copied, pg_partition_ancestors(copied.oid) a)`,
    [JSON.stringify(tables.map(qualified))],
  );
  for (const key of rows) {
    const entry = ours.get(nameOfEntry(entryOfKey(key)));
    if (!entry) continue;
    const table = qualified({ schema: key.schema, name: key.table });
    await inTransaction(target, async () => {
      await target.query(`ALTER TABLE ${table} DROP CONSTRAINT ${quoteIdent(key.name)}`);
      await target.query(`DELETE FROM tiger_migrate.object WHERE kind = 'entry' AND name = $1`, [entry.key]);
    });
    emit({ type: 'log', text: `Foreign key ${entry.name} is taken away until its table is copied again` });
  }
}

/** What the server said; an error of the connection, which ends everything that was to come on it, is thrown again. */
function refusalOf(error: unknown): string {
  const cause = error instanceof MigrateError ? error.cause : error;
  if (sqlState(cause) === null) throw error;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Foreign keys that must be validated as they are made: those on a partitioned table can't be NOT VALID (before 18), and
 * of those that refer to one, the constraints for its partitions would stay not valid for ever. OIDs on the source.
 */
export async function keysOnPartitioned(source: pg.Client): Promise<Set<number>> {
  const { rows } = await source.query<{ oid: string }>(
    `SELECT k.oid::int8 AS oid FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
      WHERE k.contype = 'f' AND 'p' IN (c.relkind, f.relkind)`,
  );
  return new Set(rows.map((row) => Number(row.oid)));
}

/** The statement that makes the key without looking at the rows; it is validated afterwards. */
export const postponed = (sql: string): string =>
  /\bNOT VALID;\s*$/.test(sql) ? sql : sql.replace(/;\s*$/, ' NOT VALID;');
