import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { MigrateError } from '../../errors/migrate-error.ts';
import { displayName } from '../../postgres/identifiers.ts';
import { carryOver, requireAsShown } from '../carry-over/carry-over.ts';
import type { DefinitionWatch } from '../carry-over/watch.ts';
import type { Control, CutoverRequest } from '../control.ts';
import type { SchemaWatch } from '../ddl/watch.ts';
import { explain, mayHeal, policyOf } from '../error-policy.ts';
import type { Emit } from '../events.ts';
import type { Monitor } from '../monitor.ts';
import type { MigrationOptions } from '../options.ts';
import type { Replay } from '../replay/replay.ts';
import { replayNow } from '../replay/verdict.ts';
import type { SourceTable } from '../source/catalog.ts';
import { readDamaged } from '../sync/damage.ts';
import { markForResync, ResyncAsked } from '../sync/resync.ts';
import { readTableStates, type SyncedTable } from '../sync/table-states.ts';
import { describeChunk, ofHypertable } from '../timescale/chunk-name.ts';
import { AUTOMATIC_CUTOVER, type TroubleWatch } from '../troubles.ts';
import { AutomaticCutover } from './automatic.ts';
import { countWriters } from './fence.ts';
import { gatesOf, lockingGates, standingInTheWay } from './gates.ts';
import { lockedBy } from './locked.ts';
import { targetSituation } from './target-situation.ts';

export interface AwaitOptions {
  readonly monitor: Monitor;
  readonly schema: SchemaWatch;
  readonly definitions: DefinitionWatch;
  /** Takes tables into the migration that were created since; they are copied by the next run. */
  readonly takeIn: (tables: readonly SourceTable[]) => Promise<void>;
  readonly replay: Replay;
  readonly troubles: TroubleWatch;
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly publications: readonly string[];
  readonly options: MigrationOptions;
  readonly control: Control;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Continuous aggregates that have no rows yet; null where there are no aggregates. */
  readonly aggregatesOpen: () => readonly string[] | null;
  /** Called once, when all tables stand at the same position of the source. */
  readonly onLive: () => void;
  /** Resolves when the cut-over is done; when it rejects, replay goes on. */
  readonly cutOver: (request: CutoverRequest) => Promise<void>;
}

const LOOK_INTERVAL_MS = 1000;
const TAKE_IN_RETRY_MS = 2000;

/**
 * Watches the conditions and waits for the request to cut over; resolves once a cut-over has succeeded. Rejects with
 * `ResyncAsked` when tables were marked to be copied again.
 */
export async function replayUntilCutover(options: AwaitOptions): Promise<void> {
  const { control, emit, signal } = options;
  const tables = (await readTableStates(options.target)).filter((table) => table.copyRows);
  let caughtUpSince: number | null = null;
  let live = false;
  let changes = -1;
  let changedAt = 0;
  let writersAt = Number.NEGATIVE_INFINITY;
  const gone = new Set<string>();
  const automatic = new AutomaticCutover();
  const situation = async (isNeeded: boolean) =>
    isNeeded ? `${await targetSituation(options.target)} ${JSON.stringify(options.schema.changes)}` : '';
  let notBeforeTaking = 0;
  for (;;) {
    signal.throwIfAborted();
    // Receiver, applier and monitor reconnect by themselves. These two sessions do not: what ends them ends this wait, and
    // the migration is resumed with new ones.
    const [damaged] = await Promise.all([readDamaged(options.target), options.source.query('SELECT 1')]);
    await serveResync(options);
    await serveCarryOver(options, live);
    if (performance.now() >= notBeforeTaking) {
      await takeInWhatIsReady(options);
      notBeforeTaking = performance.now() + TAKE_IN_RETRY_MS;
    }
    const report = replayNow(options.monitor.report, options.troubles.standing);
    const now = performance.now();
    caughtUpSince = report.caught_up ? (caughtUpSince ?? now) : null;
    if (changes !== options.replay.changes) [changes, changedAt] = [options.replay.changes, now];
    const isDamaged = (table: SyncedTable) => damaged.some((one) => displayName(one) === displayName(table));
    for (const { kind, table } of options.schema.changes) if (kind === 'table-dropped') gone.add(table);
    const following = tables.filter((table) => !isDamaged(table) && !gone.has(displayName(table)));
    if (!live && (await markLive(options, following))) {
      live = true;
      // Keys to a damaged table would not hold.
      if (damaged.length === 0) options.onLive();
    }
    const writers = await countWriters(options.source);
    if (writers > 0) writersAt = now;
    const gates = gatesOf({
      tablesTotal: following.length,
      tablesLive: live ? following.length : 0,
      tablesCopied: following.filter(({ copyLsn }) => copyLsn !== null).length,
      damaged: damaged.map(describeChunk),
      schemaOpen: [
        ...new Set([...options.schema.locking.map(({ table }) => table), ...options.schema.ready.map(displayName)]),
      ],
      indexesOpen: 0,
      aggregatesOpen: options.aggregatesOpen(),
      replay: report,
      caughtUpForMs: caughtUpSince === null ? null : now - caughtUpSince,
      // A cut-over that somebody asks for is not kept from beginning by one that failed before.
      troubles: options.troubles.standing.filter(({ what }) => what !== AUTOMATIC_CUTOVER),
      writers,
      quietForMs: caughtUpSince === null ? null : now - Math.max(changedAt, caughtUpSince),
      writersGoneForMs: now - writersAt,
    });
    for (const gate of gates) emit({ type: 'gate', ...gate });
    const { freezeSource, cutover } = options.options;
    let request = control.takeCutover();
    const isReady = lockingGates(gates, freezeSource).length === 0;
    const isAsked = request !== null;
    if (!request && cutover === 'auto' && isReady && automatic.mayTry(now, await situation(automatic.hasGivenUp))) {
      request = { freezeSource, override: null };
    }
    const locked = request ? standingInTheWay(gates, request) : [];
    if (request && locked.length > 0) {
      emit({ type: 'error', error: lockedBy(locked).report() });
      request = null;
    }
    if (request) {
      if (isAsked) automatic.begin();
      options.troubles.healed(AUTOMATIC_CUTOVER);
      await tellDefinitions(options);
      if (request.override !== null) emit({ type: 'warning', text: `Conditions overridden: ${request.override}` });
      try {
        await options.cutOver(request);
        return;
      } catch (error) {
        signal.throwIfAborted();
        const doing = 'the cut-over was interrupted';
        const report = explain(error, { code: 'TM9001', retryCode: 'TM1109', side: 'target', doing });
        if (report.code === 'TM9001') throw error;
        emit({ type: 'error', error: report.report() });
        emit({
          type: 'warning',
          text: `The cut-over did not happen, replay goes on: ${report.code} ${report.message}`,
        });
        if (cutover === 'auto') {
          const failure = { error: report, mayHeal: timeHeals(error, report, request) };
          const stopped = automatic.failed(failure, performance.now(), await situation(true));
          if (stopped) emit(stopped);
        }
        caughtUpSince = null;
      }
    }
    const wait = new AbortController();
    await Promise.race([
      delay(LOOK_INTERVAL_MS, undefined, { signal: AbortSignal.any([signal, wait.signal]) }).catch(() => {}),
      control.whenAsked(AbortSignal.any([signal, wait.signal])),
    ]).finally(() => wait.abort());
  }
}

/** Looks whether definitions of the source have changed, and brings those to the target that somebody has said yes to. */
async function serveCarryOver(
  { definitions, control, source, target, emit }: AwaitOptions,
  isLive: boolean,
): Promise<void> {
  if (isLive) await definitions.tick(source, target);
  for (let request = control.takeCarryOver(); request; request = control.takeCarryOver()) {
    const { changes, answer } = request;
    try {
      // What an earlier engine has told may be asked for before this one has looked.
      if (!isLive) await definitions.update(source, target);
      requireAsShown(changes, definitions.changes);
      await carryOver(target, changes, emit);
      await definitions.look(source, target);
    } catch (error) {
      answer(error);
      continue;
    }
    answer(null);
  }
}

/** A cut-over goes on without them: it says so, and `verify` will. */
async function tellDefinitions({ definitions, source, target, emit }: AwaitOptions): Promise<void> {
  await definitions.update(source, target).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    emit({
      type: 'warning',
      text: `Whether definitions have changed on the source is not known, verify tells: ${why}`,
    });
  });
  if (definitions.changes.length === 0) return;
  const list = definitions.changes.map(({ what, sql }) =>
    [what, ...sql.map((one) => `  on the target: ${one};`)].join('\n'),
  );
  emit({
    type: 'warning',
    text: `Changed on the source since its schema was dumped, and not on the target:\n${list.join('\n')}`,
  });
}
/** Whether the same cut-over may succeed later. An application that is not frozen is stopped at some time. */
const timeHeals = (error: unknown, report: MigrateError, request: CutoverRequest): boolean =>
  (mayHeal(error) && policyOf(error) === 'retry') || (report.code === 'TM6001' && !request.freezeSource);

/** Rejects with `ResyncAsked` when somebody asked for tables to be copied again, and they could be marked. */
async function serveResync({ control, source, target, publications, emit }: AwaitOptions): Promise<void> {
  for (let request = control.takeResync(); request; request = control.takeResync()) {
    try {
      await markForResync({ source, target, publications, emit }, request.tables);
    } catch (error) {
      request.answer(error);
      continue;
    }
    request.answer(null);
    throw new ResyncAsked();
  }
}

/** Rejects with `ResyncAsked` when tables were taken in. */
async function takeInWhatIsReady({ schema, takeIn, emit, signal }: AwaitOptions): Promise<void> {
  const { ready } = schema;
  if (ready.length === 0) return;
  const what = 'taking in tables that were created meanwhile';
  try {
    await takeIn(ready);
  } catch (error) {
    signal.throwIfAborted();
    const as = { code: 'TM2005', retryCode: 'TM1109', side: 'source', doing: what } as const;
    const hint = 'Our role must own the table on the source to publish it: ALTER TABLE … OWNER TO …';
    const report = explain(error, { ...as, hint }).report();
    emit({ type: 'retry', what, policy: policyOf(error), error: report, retry_ms: TAKE_IN_RETRY_MS });
    return;
  }
  emit({ type: 'healed', what });
  throw new ResyncAsked();
}

/** Once everything up to the newest copy has been applied, all tables stand at the same position of the source. */
async function markLive({ replay, target, emit }: AwaitOptions, tables: readonly SyncedTable[]): Promise<boolean> {
  if (!tables.every((table) => table.copyLsn !== null && table.copyLsn <= replay.applied)) return false;
  await target.query(`UPDATE tiger_migrate.relation SET state = 'live' WHERE state = 'copied'`);
  for (const table of tables) {
    const { bytes, rows } = table;
    emit({ type: 'table', relation: displayName(table), ...ofHypertable(table), state: 'live', bytes, rows, done: 1 });
  }
  return true;
}
