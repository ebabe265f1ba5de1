import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { copyStatements, pipeCopy } from '../copy/pipe.ts';
import { explain, sqlState } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import type { ArchiveEntry } from '../schema/archive.ts';
import type { ClassifiedSchema } from '../schema/classify.ts';
import { inTransaction, setIdentity } from '../schema/restore.ts';
import type { SourceTable } from '../source/catalog.ts';
import { recordedObjects, recordObject } from '../target/progress-schema.ts';

const DISPENSABLE = new Set(['EVENT TRIGGER', 'ACL', 'DEFAULT ACL', 'SECURITY LABEL', 'PUBLICATION', 'SUBSCRIPTION']);
const MISSING = new Set(['42P01', '42704', '42883', '3F000']);

const fail = (object: string, doing: string) => (error: unknown) => {
  throw explain(error, {
    code: 'TM6005',
    retryCode: 'TM1110',
    side: 'target',
    object,
    doing,
    hint: 'Remove the cause on the target, then cut over again: what is done stays done.',
  });
};

/** Refreshes the target's materialized views that are populated on the source, in the order of their dependencies. */
export async function refreshMaterializedViews(
  source: pg.Client,
  target: pg.Client,
  preData: readonly ArchiveEntry[],
): Promise<number> {
  const { rows } = await source.query<{ oid: string; schema: string; name: string }>(
    `SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND c.relispopulated`,
  );
  const populated = new Map(rows.map((row) => [Number(row.oid), row]));
  let refreshed = 0;
  // pg_dump lists a view behind those that it stands on.
  for (const entry of preData) {
    const view = entry.type === 'MATERIALIZED VIEW' ? populated.get(entry.oid) : undefined;
    if (!view) continue;
    await target
      .query(`REFRESH MATERIALIZED VIEW ${qualified(view)}`)
      .catch(fail(displayName(view), 'the materialized view could not be refreshed'));
    refreshed += 1;
  }
  return refreshed;
}

/** Unlogged tables leave no trace in the WAL: what they hold now is copied once more. */
export async function copyUnlogged(
  source: pg.Client,
  target: pg.Client,
  tables: readonly SourceTable[],
  signal: AbortSignal,
): Promise<void> {
  for (const table of tables) {
    const part = { table, part: 0, parts: 1, pages: null, bytes: table.bytes };
    await inTransaction(target, async () => {
      await target.query(`TRUNCATE ONLY ${qualified(table)}`);
      await pipeCopy(source, target, copyStatements(part, table, false), () => {}, signal);
    }).catch(fail(displayName(table), 'the unlogged table could not be copied'));
  }
}

export interface FinishOptions {
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly schema: ClassifiedSchema;
  readonly tables: readonly SourceTable[];
  /** Something was left out on request: what stands on it is listed instead of failing. */
  readonly hasExclusions: boolean;
  readonly emit: Emit;
}

/**
 * Makes what must not exist while we write, all in one transaction: foreign keys (not yet validated where the server can
 * postpone it), triggers, rules, policies, row security, and GENERATED ALWAYS. All of it or nothing: a failed cut-over
 * goes back to replay on a target without triggers.
 */
export async function makeRemainingObjects(options: FinishOptions): Promise<number> {
  const { source, target, schema, tables } = options;
  const notPostponable = await keysOnPartitioned(source);
  const done = await recordedObjects(target, 'entry');
  const open = [...schema.foreignKeys, ...schema.atCutover].filter((entry) => !done.has(entry.key));
  await inTransaction(target, async () => {
    for (const entry of open) await makeOne(options, entry, !notPostponable.has(entry.oid));
    if (await recordObject(target, 'identity', 'always')) await setIdentity(target, tables, 'ALWAYS');
  });
  return open.length;
}

async function makeOne(
  { target, emit, hasExclusions }: FinishOptions,
  entry: ArchiveEntry,
  mayPostpone: boolean,
): Promise<void> {
  const object = `${entry.type} ${entry.schema}.${entry.name}`;
  await target.query('SAVEPOINT tm_object');
  try {
    await target.query(entry.type === 'FK CONSTRAINT' && mayPostpone ? postponed(entry.sql) : entry.sql);
  } catch (error) {
    await target.query('ROLLBACK TO SAVEPOINT tm_object');
    const state = sqlState(error);
    const orphan = hasExclusions && state !== null && MISSING.has(state);
    if (!orphan && !DISPENSABLE.has(entry.type)) fail(object, 'could not be created')(error);
    emit({ type: 'warning', text: `Left out: ${object}: ${error instanceof Error ? error.message : String(error)}` });
  }
  await recordObject(target, 'entry', entry.key);
}

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
    try {
      await inTransaction(target, () => makeOne(options, entry, !notPostponable.has(entry.oid)));
      made += 1;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      emit({ type: 'log', text: `Foreign key ${entry.name} is left for the cut-over: ${why}` });
    }
  }
  await validateForeignKeys(source, target).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    emit({ type: 'log', text: `Foreign keys will be validated at the cut-over: ${why}` });
  });
  return made;
}

/**
 * After a cut-over that failed late: columns take what the source has in UPDATE, too, again. True when the cut-over had
 * come as far as making triggers and keys, which fire unless this session's role keeps them from it.
 */
export async function reopenForReplay(target: pg.Client, tables: readonly SourceTable[]): Promise<boolean> {
  let reopened = false;
  await inTransaction(target, async () => {
    const { rowCount } = await target.query(`DELETE FROM tiger_migrate.object WHERE kind = 'identity'`);
    reopened = rowCount === 1;
    if (reopened) await setIdentity(target, tables, 'BY DEFAULT');
  });
  return reopened;
}

/**
 * Foreign keys that must be validated as they are made: those on a partitioned table can't be NOT VALID (before 18), and
 * of those that refer to one, the constraints for its partitions would stay not valid for ever. OIDs on the source.
 */
async function keysOnPartitioned(source: pg.Client): Promise<Set<number>> {
  const { rows } = await source.query<{ oid: string }>(
    `SELECT k.oid::int8 AS oid FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
      WHERE k.contype = 'f' AND 'p' IN (c.relkind, f.relkind)`,
  );
  return new Set(rows.map((row) => Number(row.oid)));
}

const postponed = (sql: string): string => (/\bNOT VALID;\s*$/.test(sql) ? sql : sql.replace(/;\s*$/, ' NOT VALID;'));

/** Validates the foreign keys that were valid on the source. Readers and writers of the target go on meanwhile. */
export async function validateForeignKeys(source: pg.Client, target: pg.Client): Promise<number> {
  const keys = async (client: pg.Client, valid: boolean) =>
    (
      await client.query<{ schema: string; table: string; name: string }>(
        `SELECT n.nspname AS schema, c.relname AS table, k.conname AS name
           FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated = $1::boolean ORDER BY 1, 2, 3`,
        [String(valid)],
      )
    ).rows;
  const name = (key: { schema: string; table: string; name: string }) =>
    `${displayName({ schema: key.schema, name: key.table })}.${key.name}`;
  const valid = new Set((await keys(source, true)).map(name));
  const open = (await keys(target, false)).filter((key) => valid.has(name(key)));
  for (const key of open) {
    const table = qualified({ schema: key.schema, name: key.table });
    await target
      .query(`ALTER TABLE ${table} VALIDATE CONSTRAINT ${quoteIdent(key.name)}`)
      .catch(fail(name(key), 'the foreign key could not be validated'));
  }
  return open.length;
}
