import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { beginOperatorsPath, END_OPERATORS_PATH } from '../../postgres/search-path.ts';
import { sqlState } from '../error-policy.ts';
import { entryOfKey, leaveOutOption } from '../schema/leave-out.ts';
import { inTransaction } from '../schema/restore.ts';
import { failedFinish } from './finish-error.ts';

interface Key {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  /** What it refers to, quoted. */
  readonly parent: string;
}

/** Shorter than `deadlock_timeout`, after which the server ends one of those that wait for each other: we give way before. */
const BRIEF_LOCK_MS = 200;
const PAUSE_MS = 200;
const TRIES = 20;
const LOCK_NOT_AVAILABLE = '55P03';
const FOREIGN_KEY_VIOLATION = '23503';

/** Validates, in the open transaction, the foreign keys that are valid on the source: how many. */
export async function validateForeignKeys(source: pg.Client, target: pg.Client): Promise<number> {
  const open = await keysToValidate(source, target);
  for (const key of open) {
    const validate = `${beginOperatorsPath(target)}; ${validating(key)}; ${END_OPERATORS_PATH}`;
    await target.query(validate).catch(failed(key));
  }
  return open.length;
}

/**
 * The same while replay goes on, each in a transaction of its own. Rows go on being written meanwhile. A TRUNCATE that is
 * replayed locks the same two tables, perhaps in the other order: both are locked at first, or none.
 * https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
 */
export async function validateBesideReplay(source: pg.Client, target: pg.Client, lockTimeoutMs: number): Promise<void> {
  let violated: (() => never) | null = null;
  for (const key of await keysToValidate(source, target)) {
    for (let left = TRIES - 1; ; left -= 1) {
      try {
        await inTransaction(target, async () => {
          await target.query(`SET LOCAL lock_timeout = ${BRIEF_LOCK_MS}`);
          await target.query(`LOCK TABLE ONLY ${tableOf(key)} IN SHARE UPDATE EXCLUSIVE MODE`);
          await target.query(`LOCK TABLE ONLY ${key.parent} IN ROW SHARE MODE`);
          await target.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
          await target.query(`${beginOperatorsPath(target)}; ${validating(key)}`);
        });
        break;
      } catch (error) {
        if (sqlState(error) === FOREIGN_KEY_VIOLATION) {
          // The others can be validated all the same.
          violated ??= () => failed(key)(error);
          break;
        }
        if (sqlState(error) !== LOCK_NOT_AVAILABLE || left === 0) failed(key)(error);
      }
      await delay(PAUSE_MS);
    }
  }
  violated?.();
}

const tableOf = (key: Key): string => qualified({ schema: key.schema, name: key.table });
const validating = (key: Key): string => `ALTER TABLE ${tableOf(key)} VALIDATE CONSTRAINT ${quoteIdent(key.name)}`;
const nameOf = (key: Key): string => `${displayName({ schema: key.schema, name: key.table })}.${key.name}`;
const failed = (key: Key) => failedFinish(nameOf(key), 'the foreign key could not be validated', hintOf(key));

const hintOf = (key: Key): string =>
  [
    'Nothing is lost, replay goes on. Rows that violate the key do so on the source, too: mend them there, then cut over again.',
    `Or leave the key out: stop the engine, then migrate --resume ${leaveOutOption([entryOfKey(key)])}`,
  ].join('\n');

/** Those of the target that are not valid there, but on the source. */
async function keysToValidate(source: pg.Client, target: pg.Client): Promise<Key[]> {
  const keys = async (client: pg.Client, valid: boolean) =>
    (
      await client.query<Key>(
        `SELECT n.nspname AS schema, c.relname AS table, k.conname AS name,
                quote_ident(fn.nspname) || '.' || quote_ident(f.relname) AS parent
           FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
          WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated = $1::boolean ORDER BY 1, 2, 3`,
        [String(valid)],
      )
    ).rows;
  const valid = new Set((await keys(source, true)).map(nameOf));
  return (await keys(target, false)).filter((key) => valid.has(nameOf(key)));
}
