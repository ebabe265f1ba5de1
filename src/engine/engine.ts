import { join } from 'node:path';
import type pg from 'pg';
import type { ClientTools } from '../postgres/client-tools.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';
import type { Control } from './control.ts';
import type { OutputPlugin } from './decode/plugin.ts';
import type { Emit, Phase } from './events.ts';
import type { LivenessTimes } from './liveness.ts';
import type { MigrationOptions, ProviderId } from './options.ts';
import type { Servers } from './servers.ts';
import type { Jobs } from './target/jobs.ts';
import { type MigrationRow, writePhase } from './target/progress-schema.ts';

export interface EngineInput {
  /** Short and unique; names slot, publications and sessions. */
  readonly id: string;
  readonly source: ConnectionSettings;
  readonly target: ConnectionSettings;
  readonly options: MigrationOptions;
  readonly workDirectory: string;
  /** Go on with the migration that the target holds. */
  readonly resume: boolean;
  /** Tables to copy again when resuming: patterns; empty: all that are damaged; null: none. */
  readonly resync: readonly string[] | null;
  /** Stop after the snapshot, spooling, until somebody says go. */
  readonly waitForGo: boolean;
  /** Runs the preflight checks and gives the kind of source; rejects when one fails. Not called when resuming. */
  readonly preflight: (source: pg.Client, target: pg.Client) => Promise<ProviderId>;
  /** Called before anything is begun, when `dropIfExists` was asked for. */
  readonly dropEarlier: (source: pg.Client, target: pg.Client) => Promise<void>;
  readonly control: Control;
  /** When a session that says nothing is looked after; default: `LIVENESS_TIMES`. */
  readonly liveness?: LivenessTimes | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Everything that the phases share. */
export interface Engine {
  readonly input: EngineInput;
  readonly servers: Servers;
  readonly source: pg.Client;
  readonly target: pg.Client;
  readonly migration: MigrationRow;
  readonly options: MigrationOptions;
  readonly plugin: OutputPlugin;
  readonly tools: ClientTools;
  readonly sourceVersionNum: number;
  readonly jobs: Jobs;
}

export const spoolDirectoryOf = (workDirectory: string): string => join(workDirectory, 'spool');

/** Something was left out on request: what stands on it can't be made. */
export const hasExclusions = (options: MigrationOptions): boolean =>
  options.excludeTable.length + options.excludeSchema.length > 0 || options.skipExtensions.length > 0;

/** Records the phase on the target, and says so. */
export async function setPhase({ target, input }: Engine, phase: Phase): Promise<void> {
  await writePhase(target, phase);
  input.emit({ type: 'phase', phase });
}
