import type pg from 'pg';
import { identityNow, indexNow } from '../../engine/clean/identity-now.ts';
import { forgetIdentity, type KeptIdentity, keepIdentity, keptIdentity } from '../../engine/clean/kept-identities.ts';
import { isLocked, LOCK_PATIENCE, lockHolders, withShortLock } from '../../engine/clean/short-lock.ts';
import { readSourceDatabase } from '../../engine/clean/source-identity.ts';
import { sqlState } from '../../engine/error-policy.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { buildUniqueIndex } from './build-index.ts';
import { setIdentitySql } from './statements.ts';
import type { IdentityChange, IdentityChoice, LackingTable } from './table.ts';

export interface ApplyOptions {
  /** The work directory, in which what was there before is remembered for `clean`. */
  readonly directory: string;
  /** Ends what is under way: a statement is cancelled, what it has left behind is removed. */
  readonly signal: AbortSignal;
  /** Ends the statement that `source` is running, from another connection. */
  readonly cancel: () => Promise<void>;
}

/**
 * Gives the tables of a choice their replica identity, one table after the other; what each had is remembered first. The
 * tables before one that fails keep what they got. Rejects with TM1216, or TM9002 when the signal aborts.
 */
export async function applyIdentity(source: pg.Client, choice: IdentityChoice, options: ApplyOptions): Promise<void> {
  const here = await readSourceDatabase(source);
  for (const [at, change] of choice.changes.entries()) {
    try {
      await applyOne(source, here, change, options);
    } catch (error) {
      const failure = toError(error, change.table, options.signal);
      const done = at === 0 ? '' : ` (${at} of ${choice.changes.length} partitions have it already)`;
      throw done === ''
        ? failure
        : new MigrateError(failure.code, { ...failure.report(), message: `${failure.message}${done}`, cause: error });
    }
  }
}

async function applyOne(
  source: pg.Client,
  here: Pick<KeptIdentity, 'system' | 'database'>,
  { table, create, index }: IdentityChange,
  options: ApplyOptions,
): Promise<void> {
  const { directory, signal } = options;
  const now = await identityNow(source, table.oid);
  if (now === null || now.schema !== table.schema || now.name !== table.name) {
    throw new MigrateError('TM1216', {
      side: 'source',
      object: displayName(table),
      message: now === null ? 'the table is not there any more' : `the table is now called ${displayName(now)}`,
      hint: 'Look again (key r).',
    });
  }
  const known = await keptIdentity(directory, here, table.oid);
  // What somebody else has set since is what was there before; what we set ourselves is not.
  const ours = known?.set && known.set.identity === now.identity && known.set.index === (now.index?.name ?? null);
  let kept: KeptIdentity = {
    ...here,
    oid: table.oid,
    schema: table.schema,
    name: table.name,
    before: known && ours ? known.before : { identity: now.identity, index: now.index?.oid ?? null },
    set: known && ours ? known.set : null,
    created: known?.created ?? [],
  };
  if (create !== null && index !== null) {
    const there = await indexNow(source, table.oid, index);
    // One that somebody has made by hand is theirs; half of one is what is left of ours.
    if (there === null || !there.valid) {
      kept = { ...kept, created: [...new Set([...kept.created, index])] };
      await keepIdentity(directory, kept);
    }
    try {
      await buildUniqueIndex(source, { table, name: index, columns: create, there }, options);
    } catch (error) {
      // Who cannot look must take it for left.
      const gone = await indexNow(source, table.oid, index).then(
        (left) => left === null,
        () => false,
      );
      if (gone) await remember(directory, { ...kept, created: kept.created.filter((name) => name !== index) });
      throw error;
    }
  }
  const next: KeptIdentity = { ...kept, set: { identity: index === null ? 'f' : 'i', index } };
  await keepIdentity(directory, next);
  try {
    await withShortLock(source, setIdentitySql(table, index), signal);
  } catch (error) {
    await remember(directory, kept);
    if (!isLocked(error)) throw error;
    const holders = await lockHolders(source, table.oid);
    const by = holders.length === 0 ? '' : ` by session ${holders.join(', ')}`;
    const made = create === null ? '' : '; the new index is there and waits for the next try';
    throw new MigrateError('TM1216', {
      side: 'source',
      object: displayName(table),
      message: `the table was locked for more than ${LOCK_PATIENCE}${by}; its replica identity is as it was${made}`,
      hint: 'Wait until that transaction has ended, or end it, and apply again.',
      cause: error,
    });
  }
}

/** Of a table that we have not changed there is nothing to remember. */
const remember = (directory: string, kept: KeptIdentity): Promise<void> =>
  kept.set === null && kept.created.length === 0 ? forgetIdentity(directory, kept) : keepIdentity(directory, kept);

const INSUFFICIENT_PRIVILEGE = '42501';

function toError(error: unknown, table: LackingTable, signal: AbortSignal): MigrateError {
  if (error instanceof MigrateError) return error;
  if (signal.aborted) {
    return new MigrateError('TM9002', {
      side: 'source',
      object: displayName(table),
      message: 'interrupted; its replica identity is as it was',
      cause: error,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new MigrateError('TM1216', {
    side: 'source',
    object: displayName(table),
    message: `the server refused: ${message}`,
    hint:
      sqlState(error) === INSUFFICIENT_PRIVILEGE
        ? 'Only its owner may do this: save the SQL (key s) and have it run by the owner.'
        : 'Choose another identity, or mend what the server says and apply again.',
    cause: error,
  });
}
