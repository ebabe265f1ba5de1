import type pg from 'pg';
import { MigrateError, toMigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { carryOverLate } from '../carry-over/carry-over.ts';
import type { DefinitionWatch } from '../carry-over/watch.ts';
import type { CutoverRequest } from '../control.ts';
import { requireSchemaFollows, told } from '../ddl/at-cutover.ts';
import type { SchemaWatch } from '../ddl/watch.ts';
import { mayHeal } from '../error-policy.ts';
import type { CutoverStep, Emit } from '../events.ts';
import { migrationOptionsSchema } from '../options.ts';
import type { Replay } from '../replay/replay.ts';
import { type BothServers, bringConnectionLimit, type OpenAtEnd, tellOpenAtEnd } from '../roles/carry.ts';
import type { ClassifiedSchema } from '../schema/classify.ts';
import { type EntryName, nameOfEntry, readLeftOut } from '../schema/leave-out.ts';
import type { Servers } from '../servers.ts';
import { readTables, type SourceTable, selection } from '../source/catalog.ts';
import { readNamesAtStart, requireSameNames } from '../source/named-tables.ts';
import type { PublicationWatch } from '../source/published.ts';
import { requireNoneDamaged } from '../sync/damage.ts';
import { readTableStates } from '../sync/table-states.ts';
import { type MigrationRow, recordObject } from '../target/progress-schema.ts';
import { settleChunks } from '../timescale/settle-chunks.ts';
import type { Aggregate } from '../timescale/source-aggregates.ts';
import type { TroubleWatch } from '../troubles.ts';
import { drain } from './drain.ts';
import { endMigration } from './end-migration.ts';
import { forgetFreeze, freezeSource, isFrozen, preparedTransactions, unfreezeSource, unfreezeSql } from './fence.ts';
import { makeRemainingObjects } from './finish-objects.ts';
import { requireValidIndexes } from './invalid-indexes.ts';
import { leaveSource } from './leave-source.ts';
import { makeJobsOfSource } from './make-jobs-of-source.ts';
import { refreshMaterializedViews } from './materialized-views.ts';
import { refreshInCutover } from './refresh-in-cutover.ts';
import { copySequences, sequencesBehind } from './sequences.ts';
import { copyUnlogged } from './unlogged-tables.ts';

export interface CutoverOptions {
  readonly servers: Servers;
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly migration: MigrationRow;
  readonly schema: ClassifiedSchema;
  readonly tables: readonly SourceTable[];
  readonly unlogged: readonly SourceTable[];
  readonly aggregates: readonly Aggregate[];
  readonly hasExclusions: boolean;
  /** Chunks are compressed after the end. */
  readonly compress: boolean;
  /** The stream tells tables by name. */
  readonly namesMustStay: boolean;
  readonly schemaWatch: SchemaWatch;
  readonly definitions: DefinitionWatch;
  readonly published: PublicationWatch;
  readonly replay: Replay;
  readonly troubles: TroubleWatch;
  /** Nothing more is to come from the slot. */
  readonly stopReceiving: () => Promise<void>;
  readonly request: CutoverRequest;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface CutoverResult {
  readonly summary: readonly string[];
  /** Roles that can't log in before somebody sets a password. */
  readonly rolesWithoutPassword: readonly string[];
  /** The freeze stays. */
  readonly sourceReadOnly: boolean;
  readonly downtimeMs: number;
}

const QUIET_PATIENCE_MS = 15_000;

/**
 * Fence → drain → sequences → objects → verify → report. What a failed cut-over must not leave behind (keys, triggers,
 * rules) is made in one transaction on the target, which ends with the record that the migration is done: until then
 * the source is given back as it was and the caller goes on replaying. TM6001 when changes arrived after the fence.
 */
export async function cutOver(options: CutoverOptions): Promise<CutoverResult> {
  const { source, target, migration, published, request, replay, emit } = options;
  const started = performance.now();
  const steps = new Steps(emit);
  const requireQuiet = async (changesBefore: number): Promise<void> => {
    const since = (await drain(options, null)) - changesBefore;
    if (since > 0)
      throw stillWritten(migration, `${since} row changes arrived after the fence: the application still writes`);
  };
  let downtimeMs = 0;
  let froze = false;
  try {
    await steps.run('fence', async () => {
      await published.look(source);
      await requireNoneDamaged(target);
      await requireNoNewTables(options);
      await requireSchemaFollows(options, true);
      await requireValidIndexes(source, target);
      await requireNonePrepared(options);
      if (!request.freezeSource) return [null, 'the application is expected to be stopped'];
      // One that the operator has made read-only stays so, whatever becomes of the cut-over.
      if (!(await isFrozen(source))) {
        await recordObject(target, 'source', 'frozen', migration.sourceDatabase);
        froze = true;
      }
      const ended = await freezeSource(source, migration.sourceDatabase);
      await requireNonePrepared(options);
      return [null, `the source is read-only, ${ended} sessions ended`];
    });
    const changes = await steps.run('drain', async () => {
      const before = replay.changes;
      await settle(options);
      const drained = await drain(options, null);
      await published.look(source);
      await requireNoneDamaged(target);
      return [drained, `${drained - before} changes applied, everything that the source committed is here`];
    });
    await steps.run('sequences', async () => {
      const count = await copySequences(source, target);
      return [null, `${count} sequences set`];
    });
    await endMigration(options, async (begin) => {
      await steps.run('objects', async () => {
        await copyUnlogged(options.servers, target, options.unlogged, options.signal);
        const aggregates = await refreshInCutover(options);
        const views = await refreshMaterializedViews(source, target, options.schema);
        await requireQuiet(changes);
        await begin();
        const objects = await makeRemainingObjects(options);
        await carryOverLate(target);
        await bringConnectionLimit(serversOf(options));
        const jobs = await makeJobsOfSource(options);
        const refreshed = [aggregates, jobs].map((one) => (one === null ? '' : `, ${one}`)).join('');
        return [null, `${objects} keys, triggers and rules made, ${views} materialized views refreshed${refreshed}`];
      });
      await steps.run('verify', async () => {
        await requireNothingNew(options, changes);
        await requireSchemaFollows(options, false);
        await published.look(source);
        if (options.namesMustStay) await requireSameNames(source, await readNamesAtStart(target));
        await copySequences(source, target);
        await requireValidIndexes(source, target);
        const problems = await sequencesBehind(source, target);
        if (problems.length > 0) {
          throw new MigrateError('TM6005', { side: 'target', message: `not as it should be: ${problems.join('; ')}` });
        }
        return [null, 'sequences and indexes in order, nothing written since the fence'];
      });
    });
    downtimeMs = Math.round(performance.now() - started);
  } catch (error) {
    steps.failed(error);
    if (froze) await giveBack(options);
    throw error;
  }
  const { summary, rolesWithoutPassword } = await lookAround(options);
  await steps.run('report', async () => [null, await leaveSource(options)]);
  const leftOut = await readLeftOut(target).catch(() => []);
  return {
    summary: [...summarize(options), ...tellLeftOut(leftOut), ...summary],
    rolesWithoutPassword,
    sourceReadOnly: request.freezeSource,
    downtimeMs,
  };
}

const serversOf = ({ source, target, migration }: CutoverOptions): BothServers => ({
  source,
  target,
  options: migrationOptionsSchema.parse(JSON.parse(migration.options)),
});

/** What is left to be done around the database. The migration is done already, whatever becomes of this look. */
const lookAround = (options: CutoverOptions): Promise<OpenAtEnd> =>
  tellOpenAtEnd(serversOf(options), options.emit).catch((error: unknown) => {
    const text = `What the target still lacks of roles and rights could not be found out: ${toMigrateError(error).message}`;
    options.emit({ type: 'warning', text });
    return { summary: [], rolesWithoutPassword: [] };
  });

const settle = (options: CutoverOptions): Promise<void> =>
  settleChunks({
    ...options,
    options: migrationOptionsSchema.parse(JSON.parse(options.migration.options)),
    applied: () => options.replay.applied,
    drain: () => drain(options, null),
  });

/** Tells which step runs, and how it ended. */
class Steps {
  readonly #emit: Emit;
  #current: CutoverStep = 'fence';

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  async run<T>(name: CutoverStep, work: () => Promise<[T, string]>): Promise<T> {
    this.#current = name;
    this.#emit({ type: 'cutover', step: name, state: 'running', detail: '' });
    const [result, detail] = await work();
    this.#emit({ type: 'cutover', step: name, state: 'done', detail });
    return result;
  }

  failed(error: unknown): void {
    const detail = toMigrateError(error).message;
    this.#emit({ type: 'cutover', step: this.#current, state: 'failed', detail });
  }
}

/**
 * That nothing was written since. Our own transaction holds locks on the tables: a change would wait for it, so that a
 * marker which does not come through in time says the same.
 */
async function requireNothingNew(options: CutoverOptions, changesBefore: number): Promise<void> {
  const { migration, signal } = options;
  const since = await drain(options, QUIET_PATIENCE_MS).catch((error: unknown) => {
    signal.throwIfAborted();
    // A session that was lost says nothing about the application.
    if (error instanceof MigrateError || mayHeal(error)) throw error;
    const seconds = QUIET_PATIENCE_MS / 1000;
    throw stillWritten(migration, `a last look at the source did not come through in ${seconds} s`, error);
  });
  if (since > changesBefore)
    throw stillWritten(migration, `${since - changesBefore} row changes arrived after the fence`);
}

async function requireNonePrepared({ source, migration }: CutoverOptions): Promise<void> {
  const names = await preparedTransactions(source);
  if (names.length === 0) return;
  throw new MigrateError('TM6001', {
    side: 'source',
    object: migration.sourceDatabase,
    message: `prepared transactions wait to be committed: ${names.slice(0, 5).join(', ')}`,
    hint: 'Nothing is lost, replay goes on. COMMIT PREPARED or ROLLBACK PREPARED them, then cut over again.',
  });
}

const stillWritten = (migration: MigrationRow, message: string, cause?: unknown): MigrateError =>
  new MigrateError('TM6001', {
    side: 'source',
    object: migration.sourceDatabase,
    message,
    hint: 'Nothing is lost: they are applied and replay goes on. Stop the application, or cut over with --freeze-source.',
    cause,
  });

async function giveBack({ source, target, migration, signal, emit }: CutoverOptions): Promise<void> {
  if (signal.aborted) return;
  const given = unfreezeSource(source).then(() => true);
  const isGiven = await given.catch((failure: unknown) => {
    const why = failure instanceof Error ? failure.message : String(failure);
    const byHand = unfreezeSql(migration.sourceDatabase);
    emit({
      type: 'warning',
      text: mayHeal(failure)
        ? `The source may still be read-only (${why}): it is given back as soon as it can be reached; by hand: ${byHand}.`
        : `The source is still read-only (${why}): run ${byHand} there.`,
    });
    return false;
  });
  // Else a resume lifts it once more, which does no harm.
  if (isGiven) await forgetFreeze(target).catch(() => {});
}

/** Tables that were created since the migration began are not in it: a cut-over without them needs a reason. */
async function requireNoNewTables({ source, target, migration, request, emit }: CutoverOptions): Promise<void> {
  const options = migrationOptionsSchema.parse(JSON.parse(migration.options));
  const known = new Set((await readTableStates(target)).map((table) => table.sourceOid));
  const missing = (await readTables(source)).filter(
    // A chunk is taken in by itself.
    (table) => !known.has(table.oid) && table.kind !== 'chunk' && selection(table, options) !== 'excluded',
  );
  if (missing.length === 0) return;
  const text = `Created on the source after the migration had begun, and not migrated: ${missing.map(displayName).join(', ')}`;
  if (request.override === null) {
    throw new MigrateError('TM2003', {
      side: 'source',
      object: missing.map(displayName)[0],
      message: text,
      hint:
        'Replay goes on. Make them on the target (status and the wizard, D, show the statements): they are copied and taken in ' +
        'then. Or cut over without them, with a reason to override (cutover --override REASON).',
    });
  }
  emit({ type: 'warning', text });
}

const tellLeftOut = (leftOut: readonly EntryName[]): string[] =>
  leftOut.length === 0 ? [] : [`Left out on request: ${leftOut.map(nameOfEntry).join(', ')}.`];

/** What changed on the source meanwhile and is not on the target. */
const notCarried = ({ changes }: DefinitionWatch): string[] =>
  changes.length === 0
    ? []
    : [`Changed on the source and not on the target: ${changes.map(({ what }) => what).join('; ')}.`];

function summarize({
  tables,
  unlogged,
  replay,
  request,
  migration,
  schemaWatch,
  definitions,
}: CutoverOptions): string[] {
  return [
    `${tables.length + unlogged.length} tables migrated, ${replay.changes} changes in ${replay.transactions} transactions replayed.`,
    request.freezeSource
      ? `The source database ${migration.sourceDatabase} was made read-only.`
      : 'The source was not made read-only: make sure that nothing writes to it any more.',
    ...told(schemaWatch),
    ...notCarried(definitions),
  ];
}
