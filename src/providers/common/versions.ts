import type { ProviderId } from '../../engine/options.ts';
import { formatVersion, versionFromNumber } from '../../postgres/client-tools.ts';
import { numericSetting } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, pass } from '../outcome.ts';

/** `messages` of pgoutput, which carries heartbeats and the end marker, came with 14. */
const OLDEST_MAJOR: Readonly<Record<ProviderId, number>> = {
  'selfhosted-postgres': 14,
  rds: 14,
  'selfhosted-timescaledb': 12,
  mst: 12,
};
const OLDEST_TARGET_MAJOR = 14;

export const sourceVersion: Check = {
  id: 'source-version',
  side: 'source',
  title: 'Source version',
  wanted: 'PostgreSQL 14 or newer (12 or newer for TimescaleDB sources)',
  why: 'The replay is kept in step by messages inside the stream of changes, which older versions do not send.',
  fix: 'Upgrade the source in place (pg_upgrade) to a newer major release, or migrate it with pg_dump and a downtime.',
  async run({ source, provider }) {
    const number = (await numericSetting(source, 'server_version_num')) ?? 0;
    const found = `PostgreSQL ${formatVersion(versionFromNumber(number))}`;
    const oldest = OLDEST_MAJOR[provider];
    return versionFromNumber(number).major >= oldest
      ? pass(found)
      : fail('TM1210', `${found}; this kind of source needs ${oldest} or newer`);
  },
};

export const targetVersion: Check = {
  id: 'target-version',
  side: 'target',
  title: 'Target version',
  wanted: 'the same major release as the source, or a newer one',
  why: "A newer server's schema uses commands that an older one does not know; PostgreSQL does not support going back.",
  fix: 'Create the target with at least the major release of the source.',
  async run({ source, target }) {
    const from = versionFromNumber((await numericSetting(source, 'server_version_num')) ?? 0);
    const to = versionFromNumber((await numericSetting(target, 'server_version_num')) ?? 0);
    const found = `PostgreSQL ${formatVersion(to)}, the source is ${formatVersion(from)}`;
    return to.major >= from.major && to.major >= OLDEST_TARGET_MAJOR ? pass(found) : fail('TM1210', found);
  },
};
