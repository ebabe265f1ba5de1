import { randomBytes } from 'node:crypto';
import { clean } from '../engine/clean/clean.ts';
import { dropObjects } from '../engine/clean/drop-objects.ts';
import { describeFreeze } from '../engine/clean/freeze.ts';
import type { EngineEvent } from '../engine/events.ts';
import type { LivenessTimes } from '../engine/liveness.ts';
import type { MigrationOptions } from '../engine/options.ts';
import { hostEngine } from '../engine/process/host.ts';
import type { Action } from '../engine/process/protocol.ts';
import { readMigrationFile, readProgressFile } from '../engine/process/work-directory.ts';
import { runMigration } from '../engine/run.ts';
import { compressChunks } from '../engine/timescale/compress-chunks.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import { describeServer, parseConnectionString } from '../postgres/connection-string.ts';
import { withoutPassword } from '../postgres/without-password.ts';
import { preflight } from './preflight.ts';

export interface EngineOrder {
  readonly directory: string;
  /** Connection strings as given; may hold passwords. */
  readonly source: string;
  readonly target: string;
  readonly options: MigrationOptions;
  readonly resume: boolean;
  /** Tables to copy again: patterns; empty: all that are damaged. Only with `resume`. */
  readonly resync?: readonly string[];
  readonly waitForGo: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly liveness?: LivenessTimes;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onReady: (request: (action: Action) => Promise<void>) => void;
  readonly signal: AbortSignal;
}

/** Runs a migration in this process as its engine. Null when it is done, else the error it ended with. */
export async function runEngine(order: EngineOrder): Promise<MigrateError | null> {
  const { directory, options } = order;
  const source = parseConnectionString(order.source, order.env);
  const target = parseConnectionString(order.target, order.env);
  const earlier = await readMigrationFile(directory);
  if (order.resume && !earlier) {
    throw new MigrateError('TM1305', {
      side: 'local',
      object: directory,
      message: 'no migration was begun in this work directory',
      hint: 'Give the --dir that it was begun with, or run migrate without --resume.',
    });
  }
  const file = {
    id: order.resume && earlier ? earlier.id : randomBytes(4).toString('hex'),
    source: withoutPassword(order.source),
    target: withoutPassword(order.target),
    options,
    created: order.resume && earlier ? earlier.created : new Date().toISOString(),
  };
  let compresses = false;
  return hostEngine({
    directory,
    file,
    source: describeServer(source),
    target: describeServer(target),
    targetDatabase: target.database,
    earlier: order.resume ? await readProgressFile(directory) : null,
    onEvent: order.onEvent,
    onReady: order.onReady,
    signal: order.signal,
    run: async ({ control, emit, signal }) => {
      compresses = await runMigration({
        id: file.id,
        source,
        target,
        options,
        workDirectory: directory,
        resume: order.resume,
        resync: order.resync ?? null,
        waitForGo: order.waitForGo,
        preflight: async (sourceClient, targetClient) => {
          const { provider } = await preflight({
            source: sourceClient,
            target: targetClient,
            sourceSettings: source,
            targetSettings: target,
            options,
            directory,
            emit,
            signal,
          });
          return provider;
        },
        dropEarlier: async (sourceClient, targetClient) => {
          const removed = await clean(sourceClient, targetClient, earlier?.id ?? null);
          for (const what of removed) emit({ type: 'log', text: `Removed ${what}` });
          const frozen = await describeFreeze(sourceClient);
          if (frozen) emit({ type: 'warning', text: `Of an earlier migration, ${frozen}` });
          const dropped = await dropObjects(sourceClient, targetClient);
          if (dropped > 0) emit({ type: 'log', text: `Dropped ${dropped} objects that an earlier attempt left` });
        },
        control,
        liveness: order.liveness,
        emit,
        signal,
      });
    },
    afterwards: async ({ emit, signal }) => {
      if (compresses) await compressChunks({ id: file.id, source, target, liveness: order.liveness, emit, signal });
    },
  });
}
