import type pg from 'pg';
import { migrationOptionsSchema } from '../engine/options.ts';
import { readMigrationFile } from '../engine/process/work-directory.ts';
import { passwordSteps } from '../engine/roles/password-step.ts';
import { readRolesWithoutPassword } from '../engine/roles/passwords.ts';
import { readRecordedSearchPath, readSearchPath } from '../engine/search-path.ts';
import { readDamaged } from '../engine/sync/damage.ts';
import { readMigration } from '../engine/target/progress-schema.ts';
import { describeChunk } from '../engine/timescale/chunk-name.ts';
import { verify as compare } from '../engine/verify/verify.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { connect, destroy } from '../postgres/connect.ts';
import { displayName } from '../postgres/identifiers.ts';
import { matches } from '../postgres/patterns.ts';
import { bothConnections } from './connections.ts';
import type { CommandContext } from './context.ts';
import { readVerifySituation } from './verify-situation.ts';

const JOBS = 4;

/** The migration that the target holds, and which of its tables stand still. */
async function readMigrated(target: pg.Client) {
  const migration = await readMigration(target);
  if (!migration) return { migration, searchPath: null, damaged: [], passwords: [] };
  return {
    migration,
    searchPath: await readRecordedSearchPath(target),
    damaged: await readDamaged(target),
    passwords: await readRolesWithoutPassword(target),
  };
}

/** `verify`: compares source and target as they are now; exit code 4 when they differ. */
export async function verify(context: CommandContext, flags: { tables?: string[] }): Promise<number> {
  const { source, target } = await bothConnections(context, await readMigrationFile(context.directory));
  const onSource = () => connect(source, { side: 'source', application: 'verify', signal: context.signal });
  const onTarget = () => connect(target, { side: 'target', application: 'verify', signal: context.signal });
  const probe = await onTarget();
  const { migration, searchPath, damaged, passwords } = await readMigrated(probe).finally(() => destroy(probe));
  const pathOfSource = async () => {
    const client = await onSource();
    const as = { side: 'source', application: 'verify', signal: context.signal } as const;
    return readSearchPath(client, source, as)
      .then(({ path }) => path)
      .finally(() => destroy(client));
  };
  const situation = await readVerifySituation(migration, onSource, destroy);
  if (situation.opening !== null) context.say(situation.opening);
  const patterns = flags.tables ?? [];
  const matched = new Set<string>();
  const result = await compare({
    onSource,
    onTarget,
    destroy,
    jobs: JOBS,
    searchPath: searchPath ?? (await pathOfSource()),
    options: migrationOptionsSchema.parse(migration ? JSON.parse(migration.options) : {}),
    wanted: (table, root) => {
      const matching = patterns.filter((pattern) => matches(pattern, table) || matches(pattern, root));
      for (const pattern of matching) matched.add(pattern);
      return patterns.length === 0 || matching.length > 0;
    },
    everything: patterns.length === 0,
    onTable: (table) => {
      context.printJson({ ...table, type: 'table' });
      const rows = table.target
        ? `${table.source.rows} rows, ${table.target.rows} on the target`
        : 'missing on the target';
      const generated = table.onlyGenerated
        ? `; only generated columns differ, ${table.onlyGenerated.join(', ')}: what their functions give has changed`
        : '';
      context.say(`${table.equal ? 'equal  ' : 'DIFFERS'} ${table.relation} (${rows}${generated})`);
    },
    signal: context.signal,
  });
  const unmatched = patterns.filter((pattern) => !matched.has(pattern));
  if (unmatched.length > 0) {
    throw new MigrateError('TM1001', {
      side: 'source',
      object: unmatched.join(', '),
      message: 'no table of the migration matches',
      hint: 'Patterns are schema.table, with * for any characters and ? for one: --tables "public.*".',
    });
  }
  for (const table of damaged)
    context.say(`DAMAGED ${describeChunk(table)}: it must be copied again (migrate --resync '${displayName(table)}')`);
  for (const sentence of result.objects) context.say(`DIFFERS ${sentence}`);
  const different = result.tables.filter((table) => !table.equal);
  context.printJson({
    type: 'result',
    equal: result.equal,
    tables: result.tables.length,
    different: different.map((table) => table.relation),
    objects: result.objects,
    damaged: damaged.map(displayName),
  });
  if (result.equal) {
    const besides = patterns.length === 0 ? '; sequences and objects too' : '';
    context.say(`Equal: ${result.tables.length} tables, every row${besides}.`);
    for (const step of passwordSteps(passwords)) context.say(step);
    return 0;
  }
  const what = [
    ...(different.length > 0 ? [`${different.length} of ${result.tables.length} tables`] : []),
    ...(result.objects.length > 0 ? [`${result.objects.length} objects`] : []),
  ].join(' and ');
  throw new MigrateError('TM7001', {
    side: 'target',
    object: different[0]?.relation,
    message: `source and target differ in ${what}`,
    hint:
      different.length === 0
        ? 'Bring the definitions that differ to the target by hand, or accept that they differ.'
        : situation.hint,
  });
}
