import { quoteIdent, quoteLiteral } from '../../postgres/identifiers.ts';
import type { Check } from '../check.ts';
import { activity, type Slot } from '../facts/activity.ts';
import { settings } from '../facts/settings.ts';
import { formatBytes, listed, pass, warn } from '../outcome.ts';

const LONG_SECONDS = 60;
const SHOWN = 12;

/** https://www.postgresql.org/docs/current/logicaldecoding-explanation.html */
export const openTransactions: Check = {
  id: 'source-open-transactions',
  side: 'source',
  title: 'Long transactions',
  severity: 'warn',
  wanted: `no writing transaction older than ${LONG_SECONDS} s, no prepared transaction`,
  why: 'A slot can be created only when all transactions that are writing at that moment have ended.',
  fix: 'Let them end, or end them: SELECT pg_terminate_backend(pid); ROLLBACK PREPARED …;',
  async run({ ask, sourceSettings }) {
    const { writers, prepared } = await ask('source', activity);
    const long = writers.filter(({ seconds }) => seconds === null || seconds >= LONG_SECONDS);
    if (long.length + prepared.length === 0) return pass('none');
    const found = [
      ...prepared.map(({ gid, database }) => `prepared transaction ${JSON.stringify(gid)} in ${database}`),
      ...long.map(({ pid, user, seconds }) =>
        seconds === null
          ? `process ${pid} of ${user ?? 'the server'} (writing, since when is hidden from this role)`
          : `process ${pid} of ${user ?? 'the server'}, for ${seconds} s`,
      ),
    ];
    const ends = [
      ...prepared.map(({ gid, database }) => `ROLLBACK PREPARED ${quoteLiteral(gid)}; -- in ${database}`),
      ...long.map(({ pid }) => `SELECT pg_terminate_backend(${pid});`),
    ];
    const hidden = long.some(({ seconds }) => seconds === null);
    const fix = [
      'Let them end (COMMIT PREPARED for prepared ones), or end them:',
      ...ends.slice(0, SHOWN),
      ...(hidden
        ? [`To see how old they are, as a superuser: GRANT pg_read_all_stats TO ${quoteIdent(sourceSettings.user)};`]
        : []),
    ];
    return warn(listed(found), { fix: fix.join('\n') });
  },
};

const keeps = ({ bytes }: Pick<Slot, 'bytes'>): string =>
  bytes === null ? 'no WAL' : `keeps ${formatBytes(Math.max(0, bytes))}`;

const readerOf = ({ plugin, database }: Pick<Slot, 'plugin' | 'database'>): string =>
  plugin === null ? 'of a standby or a backup' : `${plugin} in ${database}`;

/** https://www.postgresql.org/docs/current/view-pg-replication-slots.html */
export const inactiveSlots: Check = {
  id: 'source-inactive-slots',
  side: 'source',
  title: 'Slots left behind',
  severity: 'warn',
  wanted: 'no replication slot that nobody reads from',
  why: 'Each keeps its WAL on the disk of the source, and old row versions in the catalogs.',
  fix: "If nobody needs it any more: SELECT pg_drop_replication_slot('name');",
  async run({ ask, resuming }) {
    const { slots } = await ask('source', activity);
    // The slot of the migration that goes on is read again in a moment.
    const left = slots.filter(({ name, active }) => !active && !(resuming && name.startsWith('tiger_migrate')));
    if (left.length === 0) return pass('none');
    const drops = left.map(({ name }) => `SELECT pg_drop_replication_slot(${quoteLiteral(name)});`);
    return warn(listed(left.map((slot) => `${slot.name} (${keeps(slot)}; ${readerOf(slot)})`)), {
      fix: `Ask who made it. If nobody needs it any more: ${drops.join(' ')}`,
    });
  },
};

const FAR_BEHIND_BYTES = 10 * 1024 ** 3;
/** Of `max_slot_wal_keep_size`. */
const FAR_BEHIND_SHARE = 0.1;

/** Ours reads from the same WAL; where another subscriber can't keep up, ours may not either. */
export const laggingSlots: Check = {
  id: 'source-lagging-slots',
  side: 'source',
  title: 'Slots that lag behind',
  severity: 'warn',
  wanted: 'no slot in use that keeps more than 10 GiB of WAL, or a tenth of max_slot_wal_keep_size',
  why: 'Its WAL stays on the disk of the source beside that of the migration, and the source may be too busy to decode for one more.',
  fix: 'Look at its subscriber: SELECT * FROM pg_stat_replication;',
  async run({ ask, resuming }) {
    const limit = (await ask('source', settings)).number('max_slot_wal_keep_size') ?? -1;
    const far = limit > 0 ? Math.min(FAR_BEHIND_BYTES, limit * 1024 ** 2 * FAR_BEHIND_SHARE) : FAR_BEHIND_BYTES;
    const { slots } = await ask('source', activity);
    const lagging = slots.filter(
      ({ name, active, bytes }) => active && (bytes ?? 0) > far && !(resuming && name.startsWith('tiger_migrate')),
    );
    if (lagging.length === 0) return pass(`none keeps more than ${formatBytes(far)}`);
    return warn(listed(lagging.map((slot) => `${slot.name} (${keeps(slot)})`)), {
      fix: `See whether its subscriber stands still or is slow, and why: SELECT * FROM pg_stat_replication WHERE pid IN (SELECT active_pid FROM pg_replication_slots WHERE slot_name IN (${lagging
        .map(({ name }) => quoteLiteral(name))
        .join(', ')})); Begin the migration when it has caught up.`,
    });
  },
};
