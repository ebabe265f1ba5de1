import type { EngineEvent } from '../engine/events.ts';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import type { Progress } from '../engine/progress.ts';
import type { ErrorReport, Side } from '../errors/migrate-error.ts';
import type { CheckResult } from '../providers/check.ts';

/**
 * Everything the wizard can ask for. The screens see only this; the real thing is `src/wizard-services.ts`, which talks
 * to the servers and to the engine process. Every method rejects with a `MigrateError`.
 */
export interface WizardServices {
  /** A migration that runs or was left unfinished in the work directory. */
  findMigration(): Promise<ExistingMigration | null>;
  /** What to put into the two fields at first: options, environment, the last session. Never a password. */
  prefill(): Promise<{ source: string; target: string }>;
  /** Connects and looks. Called while typing stops: must be quick and abortable. */
  probe(side: Exclude<Side, 'local'>, connectionString: string, signal: AbortSignal): Promise<ServerReport>;
  /** Runs the checks of one source kind, giving each result as it comes. */
  runChecks(input: WizardInput, onResult: (result: CheckResult) => void, signal: AbortSignal): Promise<void>;
  /** Runs the SQL of `result.apply`; the caller has asked. */
  applyFix(input: WizardInput, result: CheckResult): Promise<void>;
  /** Tables without replica identity. */
  identities(input: WizardInput): Promise<IdentityRow[]>;
  /** Runs the choice's SQL on the source under `lock_timeout`. */
  applyIdentity(input: WizardInput, choice: IdentityChoice): Promise<void>;
  plan(input: WizardInput): Promise<PlanSummary>;
  /** Starts the engine as a process of its own, then attaches. */
  start(input: WizardInput): Promise<EngineLink>;
  /** Attaches to the running engine. */
  attach(): Promise<EngineLink>;
  /** Starts the engine again where it stopped, then attaches. The passwords are asked for again: they are not kept. */
  resume(connections: { source: string; target: string }): Promise<EngineLink>;
}

export interface WizardInput {
  /** Connection strings as typed: URI or key=value. They may hold passwords: never shown, never logged. */
  readonly source: string;
  readonly target: string;
  readonly provider: ProviderId;
  readonly options: MigrationOptions;
}

export interface ExistingMigration {
  readonly running: boolean;
  readonly progress: Progress;
  /** Connection strings without passwords. */
  readonly source: string;
  readonly target: string;
}

export interface ServerReport {
  /** `host:port/database`. */
  readonly address: string;
  readonly user: string;
  readonly version: string;
  readonly timescaledb: string | null;
  readonly tls: string | null;
  readonly bytes: number;
  readonly tables: number;
  readonly roundTripMs: number;
  /** Source only: what kind of server it looks like, and why we think so. */
  readonly provider: ProviderId | null;
  readonly providerEvidence: string;
}

export interface IdentityRow {
  readonly relation: string;
  readonly bytes: number;
  readonly rows: number;
  readonly updatesDeletes: number;
  /** The choices this table has, the recommended one first; `sql` is what would be run on the source. */
  readonly choices: readonly IdentityChoice[];
}

export interface IdentityChoice {
  readonly relation: string;
  readonly kind: 'index' | 'full' | 'insert-only';
  readonly label: string;
  readonly cost: string;
  readonly sql: readonly string[];
}

export interface PlanSummary {
  readonly tables: readonly { relation: string; bytes: number; rows: number; parts: number; note: string }[];
  readonly skipped: readonly { object: string; why: string }[];
  readonly extensions: readonly string[];
  readonly roles: readonly string[];
  readonly bytes: number;
  readonly indexes: number;
  readonly tableJobs: number;
  readonly indexJobs: number;
  /** A rough figure; null when nothing is known. */
  readonly estimateSeconds: number | null;
}

/** A live connection to the engine process. */
export interface EngineLink {
  /** The state at the moment of attaching; `onEvent` continues it without a gap. */
  readonly progress: Progress;
  readonly readonly: boolean;
  onEvent(listener: (event: EngineEvent) => void): () => void;
  /** The connection to the engine ended: `null` when the engine said goodbye, else why. */
  onClose(listener: (error: ErrorReport | null) => void): () => void;
  /** Asks for the cut-over. Rejects with TM6002 or TM6003 when a condition does not hold. */
  cutover(request: { confirm: string; freezeSource: boolean; override: string | null }): Promise<void>;
  /** Stops the engine; the migration can be resumed. */
  stop(): Promise<void>;
  /** Leaves; the engine goes on. */
  detach(): void;
}
