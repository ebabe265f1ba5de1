import { MigrateError } from '../../errors/migrate-error.ts';
import { explain, sqlState } from '../error-policy.ts';

/** Of a table that was rewritten by a transaction which ran while the slot was made; XX000, and the same at every try. */
const CANNOT_DECODE = /^could not map filenode/;
const BEGIN_AGAIN =
  'A transaction that rewrites a table (TRUNCATE, ALTER TABLE, VACUUM FULL) ran while the slot was made. Bring the source to its newest minor ' +
  'release, and copy all tables again, with a new slot: migrate --resync.';

/** What an error of the stream means: gone for good, busy, to be tried again, or not understood. `started`: it has begun. */
export function explainStreamError(error: unknown, slot: string, started: boolean): unknown {
  const state = sqlState(error);
  const message = error instanceof Error ? error.message : '';
  const about = { side: 'source', object: slot, cause: error } as const;
  // Once the stream has started, an object that does not exist is not the slot any more.
  const lost = started ? state === '58P01' : state === '42704' || (state === '55000' && /slot|WAL/i.test(message));
  if (lost || /requested WAL segment/.test(message)) {
    return new MigrateError('TM4002', {
      ...about,
      message: `the replication slot is lost: ${message}`,
      hint: 'Raise max_slot_wal_keep_size on the source, then copy all tables again, with a new slot: migrate --resync.',
    });
  }
  if (state === '42704' && /^publication .* does not exist/.test(message)) {
    return new MigrateError('TM1309', {
      ...about,
      message,
      hint: 'Copy all tables again, with new publications and a new slot: migrate --resync.',
    });
  }
  if (state === '55006') return new MigrateError('TM4007', { ...about, message });
  if (CANNOT_DECODE.test(message)) {
    const what = `PostgreSQL can not decode its own WAL for this slot: ${message}`;
    return new MigrateError('TM4010', { ...about, message: what, hint: BEGIN_AGAIN });
  }
  const doing = 'streaming changes from the source failed';
  return explain(error, { code: 'TM4005', retryCode: 'TM4001', side: 'source', object: slot, doing });
}
