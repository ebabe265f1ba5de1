import { testDecoding } from '../../engine/decode/test-decoding.ts';
import { pluginOf } from '../../engine/options.ts';
import { formatVersion, type PgVersion } from '../../postgres/client-tools.ts';
import type { Check, CheckOutcome } from '../check.ts';
import { server } from '../facts/server.ts';
import { fail, pass } from '../outcome.ts';

const OLDEST_TARGET_MAJOR = 14;

export const sourceVersion: Check = {
  id: 'source-version',
  side: 'source',
  title: 'Source version',
  severity: 'fail',
  wanted: 'PostgreSQL 14 or newer; 12 or newer with --plugin test_decoding or wal2json and for TimescaleDB sources',
  why: 'The replay is kept in step by messages inside the stream of changes, which older versions do not send.',
  fix: 'Upgrade the source in place (pg_upgrade) to a newer major release, or migrate it with pg_dump and a downtime.',
  async run({ ask, options, provider }) {
    const { version } = await ask('source', server);
    const found = `PostgreSQL ${formatVersion(version)}`;
    const { name, oldestSource } = pluginOf(options, provider);
    if (version.major >= oldestSource) return pass(found);
    const { name: other, oldestSource: older } = testDecoding;
    return version.major >= older
      ? fail('TM1210', `${found}; ${name} needs ${oldestSource} or newer`, {
          fix: `Use --plugin ${other}, whose stream has such messages in PostgreSQL ${older}, too.`,
        })
      : fail('TM1210', `${found}; ${older} or newer is needed`);
  },
};

export const targetVersion: Check = {
  id: 'target-version',
  side: 'target',
  title: 'Target version',
  severity: 'fail',
  wanted: 'the same major release as the source, or a newer one',
  why: "A newer server's schema may use commands and types that an older one does not know; PostgreSQL supports no way back.",
  fix: 'Create the target with at least the major release of the source.',
  async run({ ask }) {
    return targetVersionOutcome((await ask('source', server)).version, (await ask('target', server)).version);
  },
};

function targetVersionOutcome(from: PgVersion, to: PgVersion): CheckOutcome {
  const found = `PostgreSQL ${formatVersion(to)}, the source is ${formatVersion(from)}`;
  if (to.major < from.major) {
    const wanted = Math.max(from.major, OLDEST_TARGET_MAJOR);
    return fail('TM1210', `${found}: going back to an older major release is not possible`, {
      fix: `In the Tiger Console upgrade this service to PostgreSQL ${wanted} or newer (Operations → Service Upgrades), or create a new one with it, and give its connection string.`,
    });
  }
  if (to.major < OLDEST_TARGET_MAJOR) {
    return fail('TM1210', `${found}; the target needs ${OLDEST_TARGET_MAJOR} or newer`);
  }
  if (to.major > from.major) {
    return pass(`${found}: a newer major release is fine; read its notes on incompatible changes for the application`);
  }
  return pass(found);
}
