import type pg from 'pg';
import { errorCode } from '../../postgres/connection-errors.ts';
import type { Check } from '../check.ts';
import { catalog } from '../facts/catalog.ts';
import { settings } from '../facts/settings.ts';
import { workload } from '../facts/workload.ts';
import { formatBytes, info } from '../outcome.ts';
import { shownRate, walRate } from './slot-life.ts';

const HOUR = 3_600;
const INSUFFICIENT_PRIVILEGE = '42501';

/** https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE; null where it may not be asked. */
async function walOnDisk(source: pg.Client): Promise<number | null> {
  try {
    const { rows } = await source.query<{ bytes: string }>(
      'SELECT coalesce(sum(size), 0) AS bytes FROM pg_ls_waldir()',
    );
    return Number(rows[0]?.bytes ?? 0);
  } catch (error) {
    if (errorCode(error) === INSUFFICIENT_PRIVILEGE) return null;
    throw error;
  }
}

/** PostgreSQL does not tell how much room a disk has. */
export const sourceDisk: Check = {
  id: 'source-wal-disk',
  side: 'source',
  title: 'Disk of the source',
  severity: 'info',
  wanted: 'room for the WAL of as many hours as the engine may stand still',
  why: 'While the engine runs, changes are fetched at once. While it is stopped, the source keeps them as WAL; a full disk stops the source.',
  fix: 'Look at the free space of the disk that holds pg_wal: df -h on the server. A migration that is given up must be ended with tiger-migrate-tui clean, or the WAL piles up.',
  async run({ ask, source, provider }) {
    const { walNow, walAverage } = await ask('source', workload);
    const rate = walRate(walNow, walAverage);
    const { mayListWal } = await ask('source', catalog);
    const present = mayListWal ? await walOnDisk(source) : null;
    const limit = (await ask('source', settings)).get('max_slot_wal_keep_size');
    const found = [
      `an hour without the engine leaves about ${formatBytes(rate * HOUR)} there, at ${shownRate(rate)}`,
      ...(present === null ? [] : [`pg_wal holds ${formatBytes(present)} now`]),
      ...(limit === null || limit.raw === '-1' ? [] : [`${limit.shown} at most (max_slot_wal_keep_size)`]),
    ].join('; ');
    const fix = WHERE_TO_LOOK[provider];
    return { ...info(found), ...(fix === undefined ? {} : { fix }) };
  },
};

const WHERE_TO_LOOK: Readonly<Partial<Record<string, string>>> = {
  rds: 'Look at FreeStorageSpace: RDS console → your database → Monitoring; on Aurora the storage grows by itself. A migration that is given up must be ended with tiger-migrate-tui clean, or the WAL piles up.',
  mst: 'Look at the disk usage on the Metrics page of the service. A migration that is given up must be ended with tiger-migrate-tui clean, or the WAL piles up.',
};
