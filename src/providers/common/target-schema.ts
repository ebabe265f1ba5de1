import type pg from 'pg';
import { hasExclusions } from '../../engine/engine.ts';
import type { ArchiveEntry } from '../../engine/schema/archive.ts';
import { isLockTimeout, type SourceSchema } from '../../engine/schema/dump.ts';
import { leaveOutOption, nameOfEntry, whyNotLeftOut, withoutLeftOut } from '../../engine/schema/leave-out.ts';
import { type Refusal, type Trial, trySchema } from '../../engine/schema/trial.ts';
import { readSearchPath } from '../../engine/search-path.ts';
import { MigrateError } from '../../errors/migrate-error.ts';
import { connect, destroy } from '../../postgres/connect.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { giveSearchPath, type SearchPath, searchPathSetting } from '../../postgres/search-path.ts';
import { shellQuoted } from '../../postgres/shell.ts';
import type { Check, CheckOutcome, CheckRun } from '../check.ts';
import { type EventTrigger, eventTriggersFor, switchOff, triggersNamed } from '../facts/event-triggers.ts';
import { server } from '../facts/server.ts';
import { counted, fail, info, listed, pass, warn } from '../outcome.ts';
import { entriesToMake, schemaOfSource } from '../schema-of-source.ts';
import { readingRight } from './reading-right.ts';
import { remedyAcrossVersions } from './refused-definitions.ts';
import { targetEmpty } from './target-empty.ts';
import { targetCreateRight } from './target-rights.ts';

/** All of the trial; what is not tried by then is counted. */
const LIMIT_MS = 60_000;

/** What `--leave-out` names must be there: an option that does nothing would leave in what somebody wants out. */
export const leaveOutNames: Check = {
  id: 'source-leave-out',
  side: 'source',
  title: 'Objects left out by name',
  severity: 'fail',
  wanted: 'each name of --leave-out names an object, and no table needs that object',
  why: 'Everything that depends on such an object is left out too. A table would be left out with its rows.',
  fix: "Write type and name as pg_restore --list shows them: --leave-out 'VIEW mon.bg'.",
  async run(run) {
    const { leaveOut } = run.options;
    if (leaveOut.length === 0) return pass('none');
    const remaining = withoutLeftOut(await schemaOfSource(run), leaveOut);
    const refused = whyNotLeftOut(remaining);
    if (refused) return fail(refused.code, refused.message, { fix: refused.hint });
    const names = remaining.leftOut.map(({ entry, because }) =>
      because === null ? nameOfEntry(entry) : `${nameOfEntry(entry)} (needs ${nameOfEntry(because)})`,
    );
    return info(`left out: ${listed(names, 40)}`, {
      fix: 'Nothing has to be done. Create on the target what the application needs of them.',
    });
  },
};

/** Makes the schema on the target in transactions that are taken back: what it refuses would end the migration later. */
export const targetSchema: Check = {
  id: 'target-schema',
  side: 'target',
  title: 'Schema tried on the target',
  severity: 'fail',
  wanted: 'the target accepts every object of the source',
  why: 'Another major release may refuse what the source has: functions, types and operators that were removed, changed catalogs, stricter rules. The check creates the whole schema on the empty target and rolls it back.',
  fix: 'Change the objects on the source, or leave them out with --leave-out.',
  async run(run) {
    if (run.resuming) return pass('not tried: this migration has made it already');
    for (const needed of [targetEmpty, targetCreateRight, readingRight]) {
      const { status, found } = await needed.run(run);
      if (status === 'fail' || (needed === targetEmpty && status !== 'pass'))
        return info(`not tried: ${needed.title}: ${found}`, { fix: 'Nothing has to be done here.' });
    }
    let schema: SourceSchema;
    try {
      schema = await schemaOfSource(run);
    } catch (error) {
      run.signal.throwIfAborted();
      return withoutDump(error);
    }
    const remaining = withoutLeftOut(schema, run.options.leaveOut);
    return tell(run, remaining.schema);
  },
};

function withoutDump(error: unknown): CheckOutcome {
  if (!(error instanceof MigrateError)) throw error;
  if (error.code === 'TM1211') return info(`not tried: ${error.message}`, { fix: error.hint });
  if (isLockTimeout(error))
    return warn('not tried: a table of the source is locked', { fix: 'Check again in a moment.' });
  if (error.code === 'TM9002') return warn('not tried: pg_dump took longer than two minutes');
  return fail(error.code, error.message, { fix: error.hint });
}

async function tell(run: CheckRun, schema: SourceSchema): Promise<CheckOutcome> {
  const { options, signal, targetSettings } = run;
  const entries = await entriesToMake(run, schema);
  // A session of its own: it sets things, and may be broken off.
  const client = await connect(targetSettings, { side: 'target', application: 'trial', signal });
  const stop = () => destroy(client);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const as = { side: 'source', application: 'trial', signal } as const;
    const { path } = await readSearchPath(run.source, run.sourceSettings, as);
    giveSearchPath(client, () => path);
    const bodies = await bodiesOf(run, path);
    const trial = await trySchema(client, entries, {
      hasExclusions: hasExclusions(options),
      bodies,
      limitMs: LIMIT_MS,
      signal,
    });
    const { refusals, orphaned } = trial;
    if (refusals.length > 0) return refused(trial, schema, await eventTriggersFor(run.target, null));
    const left = trial.untried === 0 ? '' : `; not tried, because time or locks ran out: ${trial.untried}`;
    const tried = `${counted(trial.tried, 'object')} can be made${left}`;
    const remarks = [
      ...(trial.bodies.length === 0 ? [] : [`the target refuses the body of ${listed(trial.bodies.map(describe))}`]),
      ...(orphaned.length === 0 ? [] : [`left out with what is excluded: ${listed(orphaned.map(describe))}`]),
    ];
    if (trial.bodies.length > 0) {
      return warn([tried, ...remarks].join('; '), {
        fix: 'They are created as they are, and fail when they are called. Change them on the source, or on the target after the migration.',
      });
    }
    if (trial.untried > 0) {
      return warn([tried, ...remarks].join('; '), {
        fix: 'What could not be tried may still be refused: the migration then stops and says what to do.',
      });
    }
    return remarks.length > 0 ? info([tried, ...remarks].join('; '), { fix: 'Nothing has to be done.' }) : pass(tried);
  } finally {
    signal.removeEventListener('abort', stop);
    destroy(client);
  }
}

const describe = ({ entry, message }: Refusal): string => `${nameOfEntry(entry)} (${message})`;

function refused(
  { refusals, bodies }: Trial,
  schema: SourceSchema,
  eventTriggers: readonly EventTrigger[],
): CheckOutcome {
  const entries = refusals.map(({ entry }) => entry);
  const tables = entries.filter(({ type }) => type === 'TABLE');
  const others = entries.filter(({ type }) => type !== 'TABLE');
  const names = others.map(nameOfEntry);
  const remaining = withoutLeftOut(schema, names);
  const along = remaining.leftOut.filter(({ because }) => because !== null).map(({ entry }) => nameOfEntry(entry));
  const impossible = whyNotLeftOut(remaining);
  const refusing = new Set(refusals.flatMap(({ context }) => triggersNamed(eventTriggers, context)));
  const fix = [
    ...(refusing.size > 0 ? [`On the target. ${switchOff([...refusing]).join(' ')}`] : []),
    ...new Set(refusals.flatMap((refusal) => remedyAcrossVersions(refusal) ?? [])),
    ...(others.length === 0 || impossible
      ? []
      : [
          `Leave out, and make on the target afterwards what the application needs: ${leaveOutOption(others)}`,
          ...(along.length > 0 ? [`Left out with it: ${listed(along, 40)}`] : []),
        ]),
    ...(impossible ? [`${impossible.message}. ${impossible.hint}`] : []),
    ...tables.map((table) => `Or leave the table out: --exclude-table ${shellQuoted(displayName(table))}`),
    'Or change the objects on the source so that the target accepts them.',
  ];
  const found = [
    listed(refusals.map(describe), 20),
    ...(bodies.length === 0 ? [] : [`the target refuses the body of ${listed(bodies.map(describe))}`]),
  ];
  return fail('TM1223', found.join('; '), { fix: fix.join('\n') });
}

const VALIDATORS: Readonly<Record<string, string>> = {
  sql: 'pg_catalog.fmgr_sql_validator',
  plpgsql: 'plpgsql_validator',
};

/** Between major releases bodies of functions are looked into, too, under the search_path that the migration uses. */
async function bodiesOf({ ask, signal, sourceSettings }: CheckRun, path: SearchPath) {
  const [from, to] = [await ask('source', server), await ask('target', server)];
  if (from.version.major === to.version.major) return null;
  const searchPath = searchPathSetting(path);
  const acceptedBySource = async (entry: ArchiveEntry): Promise<boolean> => {
    const client = await connect(sourceSettings, { side: 'source', application: 'trial', signal });
    try {
      return await validates(client, entry, searchPath);
    } finally {
      destroy(client);
    }
  };
  return { searchPath, acceptedBySource };
}

async function validates(client: pg.Client, entry: ArchiveEntry, searchPath: string): Promise<boolean> {
  const { rows } = await client.query<{ language: string; schema: string }>(
    `SELECT l.lanname AS language, quote_ident(n.nspname) AS schema FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
       JOIN pg_proc v ON v.oid = l.lanvalidator JOIN pg_namespace n ON n.oid = v.pronamespace WHERE p.oid = $1::oid`,
    [String(entry.oid)],
  );
  const row = rows[0];
  const validator = row && VALIDATORS[row.language];
  if (!row || !validator) return true;
  const name = row.language === 'plpgsql' ? `${row.schema}.${validator}` : validator;
  await client.query(`SELECT set_config('search_path', $1, false), set_config('check_function_bodies', 'on', false)`, [
    searchPath,
  ]);
  return client.query(`SELECT ${name}($1::oid)`, [String(entry.oid)]).then(
    () => true,
    () => false,
  );
}
