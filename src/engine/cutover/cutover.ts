import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { MigrateError, toMigrateError } from '../../errors/migrate-error.ts';
import type { CutoverRequest } from '../control.ts';
import type { CutoverStep, Emit } from '../events.ts';
import type { Replay } from '../replay/replay.ts';
import type { ClassifiedSchema } from '../schema/classify.ts';
import type { Servers } from '../servers.ts';
import type { SourceTable } from '../source/catalog.ts';
import { emitHeartbeat } from '../source/heartbeat.ts';
import { dropPublications } from '../source/publications.ts';
import { dropSlot } from '../source/slot.ts';
import { type MigrationRow, recordObject, writePhase } from '../target/progress-schema.ts';
import { freezeSource, unfreezeSource } from './fence.ts';
import { copyUnlogged, makeRemainingObjects, refreshMaterializedViews, validateForeignKeys } from './finish-objects.ts';
import { copySequences, sequencesBehind } from './sequences.ts';

export interface CutoverOptions {
  readonly servers: Servers;
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly migration: MigrationRow;
  readonly schema: ClassifiedSchema;
  readonly tables: readonly SourceTable[];
  readonly unlogged: readonly SourceTable[];
  readonly hasExclusions: boolean;
  readonly replay: Replay;
  /** Nothing more is to come from the slot. */
  readonly stopReceiving: () => Promise<void>;
  readonly request: CutoverRequest;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface CutoverResult {
  readonly summary: readonly string[];
  readonly downtimeMs: number;
}

const DRAIN_REPEAT_MS = 10_000;

/**
 * Fence → drain → sequences → objects → verify → report. Each step is safe to run again. When one fails the source is
 * given back as it was and the caller goes on replaying; TM6001 when changes arrived after the fence.
 */
export async function cutOver(options: CutoverOptions): Promise<CutoverResult> {
  const { source, target, migration, request, replay, signal, emit } = options;
  const started = performance.now();
  let current: CutoverStep = 'fence';
  const step = async <T>(name: CutoverStep, work: () => Promise<[T, string]>): Promise<T> => {
    current = name;
    emit({ type: 'cutover', step: name, state: 'running', detail: '' });
    const [result, detail] = await work();
    emit({ type: 'cutover', step: name, state: 'done', detail });
    return result;
  };
  /** Writes a marker behind everything that is committed on the source, and waits until it has been applied. */
  const drain = async (): Promise<number> => {
    const id = randomUUID();
    const applied = replay.whenApplied(id, signal);
    await emitHeartbeat(source, id);
    // Should the applier have committed the marker on a connection that broke at this moment, it never tells: ask again.
    const again = setInterval(() => void emitHeartbeat(source, id).catch(() => {}), DRAIN_REPEAT_MS);
    return applied.finally(() => clearInterval(again));
  };
  const requireQuiet = async (changesBefore: number): Promise<void> => {
    const since = (await drain()) - changesBefore;
    if (since === 0) return;
    throw new MigrateError('TM6001', {
      side: 'source',
      object: migration.sourceDatabase,
      message: `${since} row changes arrived after the fence: the application still writes`,
      hint: 'Nothing is lost: they are applied and replay goes on. Stop the application, or cut over with --freeze-source.',
    });
  };
  try {
    await step('fence', async () => {
      if (!request.freezeSource) return [null, 'the application is expected to be stopped'];
      await recordObject(target, 'source', 'frozen', migration.sourceDatabase);
      const ended = await freezeSource(source, migration.sourceDatabase);
      return [null, `the source is read-only, ${ended} sessions ended`];
    });
    const changes = await step('drain', async () => {
      const before = replay.changes;
      const drained = await drain();
      return [drained, `${drained - before} changes applied, everything that the source committed is here`];
    });
    await step('sequences', async () => {
      const count = await copySequences(source, target);
      return [null, `${count} sequences set`];
    });
    await step('objects', async () => {
      await copyUnlogged(source, target, options.unlogged, signal);
      const views = await refreshMaterializedViews(source, target, options.schema.preData);
      await requireQuiet(changes);
      const objects = await makeRemainingObjects(options);
      return [null, `${objects} keys, triggers and rules made, ${views} materialized views refreshed`];
    });
    await step('verify', async () => {
      const keys = await validateForeignKeys(source, target);
      await requireQuiet(changes);
      await copySequences(source, target);
      const problems = [...(await sequencesBehind(source, target)), ...(await invalidIndexes(target))];
      if (problems.length > 0) {
        throw new MigrateError('TM6005', { side: 'target', message: `not as it should be: ${problems.join('; ')}` });
      }
      return [null, `${keys} foreign keys validated, sequences and indexes in order, nothing written since the fence`];
    });
    const downtimeMs = Math.round(performance.now() - started);
    await step('report', async () => {
      await writePhase(target, 'done');
      await options.stopReceiving();
      // The slot would keep the source's WAL for ever.
      await dropSlot(source, migration.slot);
      await dropPublications(source, migration.publications);
      return [null, 'slot and publications removed from the source'];
    });
    return { summary: summarize(options), downtimeMs };
  } catch (error) {
    emit({ type: 'cutover', step: current, state: 'failed', detail: toMigrateError(error).message });
    if (request.freezeSource && !signal.aborted) {
      await unfreezeSource(source, migration.sourceDatabase).catch((failure: unknown) => {
        emit({
          type: 'warning',
          text:
            `The source is still read-only (${failure instanceof Error ? failure.message : String(failure)}): run ` +
            `ALTER DATABASE "${migration.sourceDatabase}" RESET default_transaction_read_only there.`,
        });
      });
    }
    throw error;
  }
}

async function invalidIndexes(target: pg.Client): Promise<string[]> {
  const { rows } = await target.query<{ name: string }>(
    `SELECT indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE NOT i.indisvalid AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')`,
  );
  return rows.map((row) => `index ${row.name} is not valid`);
}

function summarize({ tables, replay, request, migration }: CutoverOptions): string[] {
  return [
    `${tables.length} tables migrated, ${replay.changes} changes in ${replay.transactions} transactions replayed.`,
    request.freezeSource
      ? `The source database ${migration.sourceDatabase} is read-only until clean is run.`
      : 'The source was not made read-only: make sure that nothing writes to it any more.',
    'Point the application to the target, compare with verify, then remove what is left of the migration with clean.',
  ];
}
