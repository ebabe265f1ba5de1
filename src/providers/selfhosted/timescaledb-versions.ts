import type { ConnectionSettings } from '../../postgres/connection-string.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckRun } from '../check.ts';
import { psql } from '../client-commands.ts';
import { OLDEST, timescaleObjects } from '../facts/hypertables.ts';
import { older, type TimescaleDb, timescaledb } from '../facts/timescaledb.ts';
import { fail, info, pass, warn } from '../outcome.ts';
import { parameterFix } from '../parameter-fix.ts';

/** The two source kinds with TimescaleDB. */
export const WITH_TIMESCALEDB = ['selfhosted-timescaledb', 'mst'] as const;

/**
 * The old library must not be loaded yet: nothing may have run in that session, not even what .psqlrc holds (-X).
 * https://www.tigerdata.com/docs/self-hosted/latest/upgrades/minor-upgrade
 */
const updateCommand = (at: ConnectionSettings, version: string | null): string =>
  psql(at, `-X -c "ALTER EXTENSION timescaledb UPDATE${version === null ? '' : ` TO '${version}'`}"`);

const AS_FIRST =
  'as the owner of the extension or a superuser, in a session of its own (it must be the first command, and -X keeps .psqlrc out)';

/** Versions need not match: hypertables are rebuilt on the target, not their catalog copied. */
export const extensionOnBothSides: Check = {
  id: 'timescaledb-extension',
  side: 'target',
  title: 'TimescaleDB on both sides',
  severity: 'fail',
  wanted: 'installed on the source and on the target; the target not older than the source',
  why: 'Hypertables are created anew on the target, so the two versions may differ; an older target may lack a feature that the source uses.',
  fix: 'Use a target with TimescaleDB: every Tiger Cloud service has it.',
  providers: WITH_TIMESCALEDB,
  async run({ ask, sourceSettings, targetSettings }) {
    const from = await ask('source', timescaledb);
    const to = await ask('target', timescaledb);
    const found = `source ${from.installed ?? 'none'}, target ${to.installed ?? 'none'}`;
    if (to.offered === null && to.installed === null) return fail('TM1214', found);
    if (to.installed === null) return notCreated(found, from, to, targetSettings);
    if (from.installed === null) {
      return warn(found, {
        fix: 'The source has no TimescaleDB: choose the source kind "self-hosted PostgreSQL" (--provider selfhosted-postgres).',
      });
    }
    if (older(to.installed, from.installed)) {
      const newest = to.versions.at(-1) ?? to.installed;
      return warn(`${found}: the target is older`, {
        fix: older(to.installed, newest)
          ? `Update the target ${AS_FIRST}:\n${updateCommand(targetSettings, newest)}`
          : `The server of the target offers nothing newer than ${to.installed}: what came later (${from.installed} has it) cannot be made there. Choose a newer target.`,
      });
    }
    if (older(from.installed, to.installed)) {
      const same = from.versions.includes(to.installed) ? to.installed : null;
      return info(`${found}: they differ, and need not match`, {
        fix:
          older(from.installed, from.versions.at(-1) ?? from.installed) || same !== null
            ? `Nothing must be done. To update the source all the same, ${AS_FIRST}:\n${updateCommand(sourceSettings, same)}`
            : `Nothing must be done. The server of the source offers nothing newer than ${from.installed}: its package would have to be updated first, then\n${updateCommand(sourceSettings, null)}`,
      });
    }
    return pass(`${from.installed} on both sides`);
  },
};

/** In the same schema as on the source, by which views and defaults call its functions. */
function notCreated(found: string, from: TimescaleDb, { creatable }: TimescaleDb, at: ConnectionSettings) {
  const schema = quoteIdent(from.schema ?? 'public');
  const sql = [
    ...(schema === '"public"' ? [] : [`CREATE SCHEMA IF NOT EXISTS ${schema}`]),
    `CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA ${schema}`,
  ];
  const shown = sql.map((one) => `${one};`).join(' ');
  return creatable
    ? warn(`${found}, but the server has it`, {
        fix: `On the target: ${shown}`,
        apply: { side: 'target', sql, restart: false },
      })
    : fail('TM1214', `${found}, and this role may not create it`, {
        fix: `On the target, in database ${at.database}, as its owner or a superuser: ${shown}`,
      });
}

export const sourceTimescale: Check = {
  id: 'timescaledb-version',
  side: 'source',
  title: 'TimescaleDB of the source',
  severity: 'fail',
  wanted: `TimescaleDB ${OLDEST} or newer`,
  why: 'Before it the catalog was another one, in which hypertables, policies and aggregates cannot be found reliably.',
  fix: 'Update the extension on the source.',
  providers: WITH_TIMESCALEDB,
  async run({ ask, sourceSettings }) {
    const { installed, versions } = await ask('source', timescaledb);
    if (installed === null) return pass('not installed');
    if (!older(installed, OLDEST)) return pass(installed);
    return fail('TM1210', installed, { fix: updateTo({ installed, versions }, OLDEST, sourceSettings) });
  },
};

/** How the source gets to `wanted` or newer. */
function updateTo(
  { installed, versions }: { installed: string; versions: readonly string[] },
  wanted: string,
  at: ConnectionSettings,
): string {
  const newest = versions.at(-1) ?? installed;
  return older(newest, wanted)
    ? `The server offers no newer version than ${newest}: install the package of TimescaleDB ${wanted} or newer on the server first (PostgreSQL 13 and older have none: upgrade PostgreSQL), then ${AS_FIRST}:\n${updateCommand(at, null)}`
    : `Update it ${AS_FIRST}:\n${updateCommand(at, newest)}`;
}

const MARKERS = '2.16';
const MARKERS_SETTING = 'timescaledb.enable_compression_wal_markers';

/** Whether the source compresses, now or by a policy. */
export async function compresses({ ask }: CheckRun): Promise<boolean> {
  const { hypertables } = await ask('source', timescaleObjects);
  return hypertables.some(({ compression, compressedChunks }) => compression || compressedChunks > 0);
}

/** src/guc.c of TimescaleDB: on by default, and only the configuration file or ALTER SYSTEM can change it. */
export const compressionMarkers: Check = {
  id: 'timescaledb-compression-markers',
  side: 'source',
  title: 'Compression told from changes',
  severity: 'fail',
  wanted: `TimescaleDB ${MARKERS} or newer and ${MARKERS_SETTING} = on, where anything is compressed`,
  why: 'Compressing and decompressing move rows about, and the stream of changes shows that as deletes and inserts. Only the marks around them tell them from what the application did.',
  fix: 'Update the extension on the source.',
  providers: WITH_TIMESCALEDB,
  async run(run) {
    const { ask, sourceSettings } = run;
    const { installed, versions, settings } = await ask('source', timescaledb);
    if (installed === null) return pass('not installed');
    if (!(await compresses(run))) return pass('no hypertable is compressed');
    if (older(installed, MARKERS)) {
      return fail('TM1210', `hypertables are compressed, and ${installed} sends no marks`, {
        fix: updateTo({ installed, versions }, MARKERS, sourceSettings),
      });
    }
    if (settings.get(MARKERS_SETTING) !== 'off') return pass(`${installed} sends marks`);
    return {
      ...fail('TM1215', `${MARKERS_SETTING} = off`),
      ...(await parameterFix(run, { name: MARKERS_SETTING, value: 'on', restart: false })),
    };
  },
};

/** https://www.tigerdata.com/docs/about/latest/timescaledb-editions */
export const license: Check = {
  id: 'timescaledb-license',
  side: 'target',
  title: 'TimescaleDB edition of the target',
  severity: 'fail',
  wanted:
    'timescaledb.license = timescale on the target, where the source uses compression, continuous aggregates or policies',
  why: 'The Apache edition has none of the three.',
  fix: 'Set timescaledb.license = timescale on the target (the package without "-oss" in its name), or use a Tiger Cloud service.',
  providers: WITH_TIMESCALEDB,
  async run(run) {
    const { settings, installed } = await run.ask('target', timescaledb);
    if (installed === null) return pass('not installed on the target yet');
    const edition = settings.get('timescaledb.license') ?? 'not known';
    if (edition !== 'apache') return pass(edition);
    const { aggregates, jobs } = await run.ask('source', timescaleObjects);
    const used = [
      ...((await compresses(run)) ? ['compression'] : []),
      ...(aggregates.length > 0 ? ['continuous aggregates'] : []),
      ...(jobs.length > 0 ? ['policies or jobs'] : []),
    ];
    return used.length === 0
      ? pass('apache, and the source uses nothing more')
      : fail('TM1214', `apache; the source uses ${used.join(', ')}`);
  },
};

const RESTORING = 'timescaledb.restoring';

/** https://www.tigerdata.com/docs/api/latest/administration#timescaledb_pre_restore */
export const restoring = (side: 'source' | 'target'): Check => ({
  id: `timescaledb-restoring-${side}`,
  side,
  title: 'TimescaleDB at work',
  severity: 'fail',
  wanted: `${RESTORING} = off`,
  why: 'While it is on, TimescaleDB does not act: hypertables seem empty and inserted rows stay outside the chunks. It is left on when a restore was not finished.',
  fix: 'SELECT timescaledb_post_restore();',
  providers: WITH_TIMESCALEDB,
  async run({ ask, ...run }) {
    const { settings, schema, overrides } = await ask(side, timescaledb);
    const on =
      settings.get(RESTORING) === 'on' || overrides.some(({ name, value }) => name === RESTORING && value === 'on');
    if (!on) return pass('off');
    const { database } = side === 'source' ? run.sourceSettings : run.targetSettings;
    return fail('TM1215', `${RESTORING} = on`, {
      fix: `In database ${database} of the ${side}, as its owner or a superuser: SELECT ${quoteIdent(schema ?? 'public')}.timescaledb_post_restore();`,
    });
  },
});
