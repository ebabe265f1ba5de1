import { attempts } from '../../postgres/attempts.ts';
import { quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import { server } from '../facts/server.ts';
import { type SettingOverride, type TimescaleDb, timescaledb } from '../facts/timescaledb.ts';
import { counted, fail, listed, pass, warn } from '../outcome.ts';
import { compresses, WITH_TIMESCALEDB } from './timescaledb-versions.ts';

/** A setting that makes TimescaleDB change compressed rows in a way that the stream does not show. */
interface Hidden {
  readonly name: string;
  /** What a session has of which nothing is known. */
  readonly byDefault: 'on' | 'off';
}

/** 2.17 and newer. */
const BATCH_DELETE: Hidden = { name: 'timescaledb.enable_compressed_direct_batch_delete', byDefault: 'on' };
/** 2.21 and newer. */
const DIRECT_COMPRESS: readonly Hidden[] = [
  { name: 'timescaledb.enable_direct_compress_insert', byDefault: 'off' },
  { name: 'timescaledb.enable_direct_compress_copy', byDefault: 'off' },
];

const TRUE = /^(on|true|yes|t|y|1)$/i;

export const batchDelete: Check = {
  id: 'timescaledb-direct-batch-delete',
  side: 'source',
  title: 'Deletes of whole compressed batches',
  severity: 'fail',
  wanted: `${BATCH_DELETE.name} = off for every session, where anything is compressed`,
  why: 'A DELETE that covers whole batches of compressed rows removes them without a change that the stream could show: they would stay on the target.',
  fix: `ALTER DATABASE … SET ${BATCH_DELETE.name} = off; then let all sessions reconnect.`,
  providers: WITH_TIMESCALEDB,
  run: (run) => mustBeOff(run, [BATCH_DELETE]),
};

export const directCompress: Check = {
  id: 'timescaledb-direct-compress',
  side: 'source',
  title: 'Inserts that are compressed at once',
  severity: 'fail',
  wanted: `${DIRECT_COMPRESS.map(({ name }) => name).join(', ')} = off for every session`,
  why: 'Rows that go straight into compressed storage are not in the stream of changes: they would be missing on the target.',
  fix: `ALTER DATABASE … SET ${DIRECT_COMPRESS[0]?.name} = off; then let all sessions reconnect.`,
  providers: WITH_TIMESCALEDB,
  run: (run) => mustBeOff(run, DIRECT_COMPRESS),
};

/** Somebody for whom a setting is on. */
interface On {
  readonly setting: string;
  /** Null: for everybody who has no setting of their own. */
  readonly role: string | null;
}

async function mustBeOff(run: CheckRun, wanted: readonly Hidden[]): Promise<CheckOutcome> {
  const { ask } = run;
  const state = await ask('source', timescaledb);
  const known = wanted.filter(({ name }) => state.settings.has(name));
  if (known.length === 0) return pass(state.installed === null ? 'not installed' : `${state.installed} cannot do that`);
  if (!(await compresses(run))) return pass('no hypertable is compressed');
  const { role, database } = await ask('source', server);
  const on = known.flatMap((one) => whoHasItOn(one, state, role.name));
  if (on.length > 0) {
    const found = on.map((one) => `${one.setting} = on${one.role === null ? '' : ` for role ${one.role}`}`);
    return fail('TM1215', listed(found), await turnOff(run, on));
  }
  const names = known.map(({ name }) => name);
  const fresh = state.overrides.some(({ name, inDatabase }) => inDatabase && names.includes(name));
  if (!fresh || state.sessions === 0) return pass('off');
  return warn(
    `off for new sessions; ${counted(state.sessions, 'other session')} in database ${database.name} may have begun before`,
    {
      fix: [
        'ALTER DATABASE and ALTER ROLE reach new sessions only: restart the application, or have its pool reconnect. Which sessions those are (a reader with pg_monitor sees all):',
        "SELECT pid, usename, application_name, backend_start FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' ORDER BY backend_start;",
        `To end them: SELECT pg_terminate_backend(pid);`,
        'Where all have begun since, nothing is left to do.',
      ].join('\n'),
    },
  );
}

/** A role's setting in this database goes before the role's own, that before the database's, that before the server's. */
function whoHasItOn({ name, byDefault }: Hidden, { settings, overrides }: TimescaleDb, us: string): On[] {
  const own = overrides.filter((one) => one.name === name);
  const isOn = ({ value }: SettingOverride): boolean => TRUE.test(value);
  const ofDatabase = own.find(({ role }) => role === null);
  const ofUs = own.some(({ role }) => role === us);
  // Our own session shows the server's value only where nothing more particular is set.
  const everybody = ofDatabase ? isOn(ofDatabase) : (ofUs ? byDefault : settings.get(name)) === 'on';
  const roles = new Set(own.flatMap(({ role }) => role ?? []));
  const on = [...roles].filter((role) => {
    const its = own.filter((one) => one.role === role);
    const first = its.find(({ inDatabase }) => inDatabase) ?? its[0];
    return first !== undefined && isOn(first);
  });
  return [...(everybody ? [{ setting: name, role: null }] : []), ...on.map((role) => ({ setting: name, role }))];
}

async function turnOff(run: CheckRun, on: readonly On[]): Promise<Pick<CheckOutcome, 'fix' | 'apply'>> {
  const { role, database } = await run.ask('source', server);
  const { overrides } = await run.ask('source', timescaledb);
  const ofDatabase = (setting: string) => overrides.some((one) => one.role === null && one.name === setting);
  // What the configuration file sets reaches all sessions at once, which ALTER DATABASE does not.
  const system = role.superuser ? on.filter((one) => one.role === null && !ofDatabase(one.setting)) : [];
  const particular = on.filter((one) => !system.includes(one));
  const inDatabase = quoteIdent(database.name);
  const alter = particular.map((one) =>
    one.role === null
      ? `ALTER DATABASE ${inDatabase} SET ${one.setting} = off`
      : `ALTER ROLE ${quoteIdent(one.role)} IN DATABASE ${inDatabase} SET ${one.setting} = off`,
  );
  const sql = [
    ...system.map((one) => `ALTER SYSTEM SET ${one.setting} = off`),
    ...(system.length > 0 ? ['SELECT pg_reload_conf()'] : []),
    ...alter,
  ];
  const allowed = alter.length === 0 || (await attempts(run.source, alter)).every((refused) => refused === null);
  const who = allowed ? '' : 'As a superuser, or as the owner of the database for ALTER DATABASE: ';
  const fix = [
    `${who}${sql.map((one) => `${one};`).join(' ')}`,
    ...(alter.length > 0 ? ['Then let all sessions reconnect: those that are open keep the old value.'] : []),
  ].join('\n');
  return allowed ? { fix, apply: { side: 'source', sql, restart: false } } : { fix };
}
