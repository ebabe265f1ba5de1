import { setMaxListeners } from 'node:events';
import type pg from 'pg';
import { MigrateError } from '../errors/migrate-error.ts';
import { clientToolsFor } from '../postgres/client-tools.ts';
import { formatLsn } from '../postgres/lsn.ts';
import { serverVersionNum } from '../postgres/query.ts';
import { publicationNamesOf } from './begin.ts';
import { BeginAgainAsked, rememberUndecodable } from './begin-again.ts';
import { bringTables } from './bring-tables.ts';
import { DefinitionWatch } from './carry-over/watch.ts';
import { replayUntilCutover } from './cutover/await-cutover.ts';
import { cutOver } from './cutover/cutover.ts';
import { keysBesideReplay } from './cutover/keys-beside-replay.ts';
import { leaveSourceAtLast } from './cutover/leave-source.ts';
import { FirstLook, lookForOrphans } from './cutover/look-for-orphans.ts';
import { takeIn } from './ddl/take-in.ts';
import { SchemaWatch } from './ddl/watch.ts';
import { pluginNamed } from './decode/plugin.ts';
import { type Engine, type EngineInput, hasExclusions, setPhase } from './engine.ts';
import { explain } from './error-policy.ts';
import { Monitor } from './monitor.ts';
import { openSpool } from './open-spool.ts';
import { migrationOptionsSchema, withRuntimeOptions } from './options.ts';
import { Replay } from './replay/replay.ts';
import { Resources } from './resources.ts';
import { dumpOnce } from './schema/bring-schema.ts';
import { readSearchPath, takeUpSearchPath } from './search-path.ts';
import { requireLock, Servers } from './servers.ts';
import { PublicationWatch } from './source/published.ts';
import { markForResync } from './sync/resync.ts';
import { readTableStates } from './sync/table-states.ts';
import { takeUp } from './take-up.ts';
import { backendOf, endBackend } from './target/end-backend.ts';
import { chooseJobs } from './target/jobs.ts';
import { type MigrationRow, readMigration } from './target/progress-schema.ts';
import { AggregatesBesideReplay } from './timescale/aggregates-beside-replay.ts';
import { analyzeHypertables } from './timescale/analyze-hypertables.ts';
import { listChunksToCompress } from './timescale/chunks-to-compress.ts';
import type { TroubleWatch } from './troubles.ts';

/** So long somebody who holds a lock on the target may keep the source waiting, then the cut-over is given back. */
const CUTOVER_LOCK_TIMEOUT_MS = 10_000;

/** How long a cut-over waits, before its fence, for the first look at rows that violate a foreign key. */
const FIRST_LOOK_MS = 30_000;

/**
 * Every step finds out from the target what is done already, so that the same function begins and resumes. Says whether there are chunks
 * to be compressed now that the migration is done.
 */
export async function runOnce(
  input: EngineInput,
  tell: {
    readonly begun: () => void;
    readonly healthy: () => void;
    readonly troubles: TroubleWatch;
    readonly left: { backend: string | null };
  },
): Promise<boolean> {
  const { emit, signal } = input;
  const failed = new AbortController();
  const combined = AbortSignal.any([signal, failed.signal]);
  // Every session and worker listens to it.
  setMaxListeners(0, combined);
  const servers = new Servers({ ...input, signal: combined });
  await using sessions = new Resources();
  const open = async (connect: (application: string) => Promise<pg.Client>) => {
    const client = await connect('control');
    sessions.defer(() => servers.destroy(client));
    const stop = () => servers.destroy(client);
    combined.addEventListener('abort', stop, { once: true });
    return client;
  };
  // One that is done may have outlived its source.
  const ready = input.resume ? null : await open(servers.onSource);
  const target = await open(servers.onTarget);
  if (tell.left.backend !== null) await endBackend(target, tell.left.backend);
  tell.left.backend = backendOf(target);
  await requireLock(target, servers);
  const done = input.resume ? await doneButForCompression(input, target) : null;
  if (done) {
    emit({ type: 'phase', phase: 'done' });
    await leaveSourceAtLast({ servers, target, migration: done, emit });
    return true;
  }
  const source = ready ?? (await open(servers.onSource));

  const { migration, snapshot } = await takeUp(input, { servers, source, target });
  if (snapshot) sessions.use(snapshot);
  servers.searchPath = await takeUpSearchPath(target, () =>
    readSearchPath(source, servers.source, { side: 'source', application: `${input.id} path`, signal: combined }),
  );
  if (servers.replicaRole) await target.query('SET session_replication_role = replica');
  if (input.resync && !snapshot)
    await markForResync({ source, target, publications: migration.publications, emit }, input.resync);
  tell.begun();
  const options = withRuntimeOptions(migrationOptionsSchema.parse(JSON.parse(migration.options)), input.options);
  // A migration that was begun before there was a choice uses pgoutput.
  const plugin = pluginNamed(options.plugin ?? 'pgoutput');
  const sourceVersionNum = await serverVersionNum(source);
  const { tools, warning } = await clientToolsFor(sourceVersionNum, process.env, combined);
  if (warning) emit({ type: 'warning', text: warning });
  const jobs = await chooseJobs(source, target, options);
  const engine: Engine = { input, servers, source, target, migration, options, plugin, tools, sourceVersionNum, jobs };

  const receiving = new AbortController();
  const receivingSignal = AbortSignal.any([combined, receiving.signal]);
  const {
    receiver,
    spool,
    watermark,
    directory: spoolDirectory,
  } = await openSpool(engine, snapshot !== null, receivingSignal);
  sessions.defer(() => spool.close());
  const replay = new Replay({
    connectTarget: servers.onTarget,
    connectSource: servers.onSource,
    destroy: servers.destroy,
    spoolDirectory,
    watermark,
    plugin,
    options,
    emit,
    signal: combined,
  });
  const wanted = { options, plugin, publications: publicationNamesOf(migration.id) };
  const schemaWatch = new SchemaWatch({
    ...wanted,
    onTarget: async (use) => {
      const client = await servers.onTarget('schema');
      return use(client).finally(() => servers.destroy(client));
    },
    applied: () => replay.applied,
    emit,
  });
  const definitions = new DefinitionWatch({ workDirectory: input.workDirectory, options, emit });
  const published = new PublicationWatch({
    publications: migration.publications,
    connectTarget: servers.onTarget,
    destroy: servers.destroy,
    emit,
  });
  const monitor = new Monitor({
    servers,
    schema: schemaWatch,
    slot: migration.slot,
    published,
    namesMustStay: !plugin.usesPublications,
    receiver,
    replay,
    troubles: tell.troubles,
    emit,
    signal: receivingSignal,
  });

  let replaying = false;
  /** What runs beside the phases; the first that fails ends them all. */
  const background: Promise<unknown>[] = [];
  const beside = (work: Promise<unknown>) => {
    background.push(
      work.catch((error: unknown) => {
        failed.abort(error);
      }),
    );
  };
  try {
    const received = receiver.run(spool).catch((error: unknown) => {
      if (!receiving.signal.aborted) throw error;
    });
    const monitored = monitor.run();
    beside(received);
    beside(monitored);
    const stopReceiving = async () => {
      receiving.abort(new Error('nothing more is to come'));
      await Promise.all([received, monitored]);
    };
    if (snapshot) {
      const tables = await readTableStates(target);
      emit({ type: 'snapshot', slot: migration.slot, lsn: formatLsn(snapshot.lsn), tables: tables.length });
      await dumpOnce(engine, snapshot, combined);
    }
    // Also after a server that went away meanwhile: nobody has said go yet.
    const goAhead = input.waitForGo ? await input.control.whenGoing(combined) : {};
    await setPhase(engine, 'schema');
    const copied = await bringTables(engine, snapshot, combined, () => schemaWatch.begin());
    const { schema, tables } = copied;
    const finishing = { source, target, schema, tables, hasExclusions: hasExclusions(options), emit };
    const early = new AbortController();
    const orphans = new FirstLook();
    const aggregates = new AggregatesBesideReplay(engine, copied.aggregates);
    await aggregates.look(target);
    let ahead: Promise<unknown> = Promise.resolve();
    await setPhase(engine, 'replay');
    tell.healthy();
    monitor.startReplaying();
    replaying = true;
    beside(replay.run());
    const analyzed = analyzeHypertables(engine, copied.hypertables, combined);
    beside(analyzed);
    await replayUntilCutover({
      monitor,
      schema: schemaWatch,
      definitions,
      takeIn: (created) => takeIn({ ...wanted, source, target, emit }, created),
      replay,
      troubles: tell.troubles,
      source,
      target,
      publications: migration.publications,
      options: { ...options, ...goAhead },
      control: input.control,
      emit,
      signal: combined,
      aggregatesOpen: () => (copied.aggregates.length === 0 ? null : aggregates.open),
      onLive: () => {
        const until = AbortSignal.any([combined, early.signal]);
        // Both want the same locks.
        const keys = servers.replicaRole
          ? analyzed.then(() => keysBesideReplay(engine, copied, until))
          : Promise.resolve();
        const looked = keys.then(() => lookForOrphans(engine, copied, orphans, until));
        ahead = Promise.all([looked, aggregates.run(until)]);
      },
      cutOver: async (request) => {
        // The application is not to begin without statistics, nor to wait for them.
        await analyzed;
        if (request.override === null) await orphans.requireNone(FIRST_LOOK_MS, combined);
        // What is made stays; the rest is the cut-over's.
        early.abort(new Error('the cut-over begins'));
        await ahead;
        await setPhase(engine, 'cutover');
        await target.query(`SET lock_timeout = ${CUTOVER_LOCK_TIMEOUT_MS}`);
        try {
          const result = await cutOver({
            ...finishing,
            servers,
            migration,
            unlogged: copied.unlogged,
            aggregates: copied.aggregates,
            compress: options.compress,
            namesMustStay: !plugin.usesPublications,
            schemaWatch,
            definitions,
            published,
            replay,
            troubles: tell.troubles,
            stopReceiving,
            request,
            signal: combined,
          });
          emit({
            type: 'done',
            summary: [...result.summary],
            roles_without_password: [...result.rolesWithoutPassword],
            downtime_ms: result.downtimeMs,
            source_read_only: result.sourceReadOnly,
          });
          emit({ type: 'phase', phase: 'done' });
        } catch (error) {
          combined.throwIfAborted();
          await target.query('SET lock_timeout = 0').catch(() => {});
          await setPhase(engine, 'replay').catch((refused: unknown) => {
            const as = {
              code: 'TM9001',
              retryCode: 'TM1109',
              side: undefined,
              doing: 'the cut-over was interrupted',
            } as const;
            emit({ type: 'error', error: explain(error, as).report() });
            // The target takes not even that: only a resume brings the phase back.
            failed.abort(refused);
            throw refused;
          });
          throw error;
        }
      },
    });
    // Should it not be known, it is found out afterwards.
    return options.compress && (await listChunksToCompress(target).catch(() => 1)) > 0;
  } catch (error) {
    // The cause is what failed first, not what broke because of it.
    const cause = failed.signal.aborted ? failed.signal.reason : error;
    const undecodable = await rememberUndecodable(servers, migration.slot, cause);
    throw undecodable && !replaying ? new BeginAgainAsked(cause) : cause;
  } finally {
    failed.abort(new MigrateError('TM9002', { message: 'the engine has ended' }));
    await Promise.allSettled(background);
  }
}

async function doneButForCompression({ id, options }: EngineInput, target: pg.Client): Promise<MigrationRow | null> {
  const found = await readMigration(target);
  if (found?.phase !== 'done' || found.id !== id || !options.compress) return null;
  return (await listChunksToCompress(target)) > 0 ? found : null;
}
