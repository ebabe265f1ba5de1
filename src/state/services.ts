import type { DefinitionChange, EngineEvent } from '../engine/events.ts';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import type { Progress } from '../engine/progress.ts';
import type { ErrorReport, Side } from '../errors/migrate-error.ts';
import type { CheckResult } from '../providers/check.ts';
import type { HypertableRow } from '../providers/hypertables/rows.ts';
import type { IdentityChoice, TableWithoutIdentity } from '../providers/identity/table.ts';
import type { StepItem } from '../providers/step.ts';

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
  /**
   * Waits until the server of `side` has been restarted since the last `runChecks` saw it, and answers again; looks every
   * few seconds, whatever refuses meanwhile. Rejects only when the signal aborts.
   */
  awaitRestart(input: WizardInput, side: 'source' | 'target', signal: AbortSignal): Promise<void>;
  /** What no query can answer, of this source kind, with what was ticked before for this source. */
  steps(input: WizardInput): Promise<readonly StepItem[]>;
  /** Remembers a tick, or that it was taken away; gives the steps as they are then. */
  tick(input: WizardInput, id: string, ticked: boolean): Promise<readonly StepItem[]>;
  /** Writes a report for a ticket into the work directory, secrets removed; gives its path. */
  saveReport(input: WizardInput, results: readonly CheckResult[]): Promise<string>;
  /** Tables without replica identity. */
  identities(input: WizardInput): Promise<IdentityRow[]>;
  /** Runs the choice's SQL on the source under `lock_timeout`; what was there before is kept for `clean`. */
  applyIdentity(input: WizardInput, choice: IdentityChoice, signal: AbortSignal): Promise<void>;
  /** Writes the SQL of the choices into the work directory, to be run by somebody else; gives its path. */
  saveIdentitySql(input: WizardInput, choices: readonly IdentityChoice[]): Promise<string>;
  /** Plain tables that may be hypertables on the target, with what hinders each; those of the options among them. */
  hypertables(input: WizardInput): Promise<readonly HypertableRow[]>;
  plan(input: WizardInput): Promise<PlanSummary>;
  /** Starts the engine as a process of its own, then attaches. */
  start(input: WizardInput): Promise<EngineLink>;
  /** Attaches to the running engine. */
  attach(): Promise<EngineLink>;
  /** Starts the engine again where it stopped, then attaches. The passwords are asked for again: they are not kept. */
  resume(connections: { source: string; target: string }): Promise<EngineLink>;
  /** Makes the source of a finished migration writable again, and remembers it. */
  unfreeze(connections: { source: string; target: string }): Promise<void>;
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
  /** What to know about this platform when none of the tabs is made for it; null: nothing. */
  readonly providerNote: string | null;
}

/** A table without replica identity; its choices, the recommended one first. */
export type IdentityRow = TableWithoutIdentity;
export type { HypertableRow, IdentityChoice };

export interface PlannedTable {
  readonly relation: string;
  readonly bytes: number;
  readonly rows: number;
  readonly parts: number;
  readonly note: string;
  /** Of a chunk: what it is a part of. */
  readonly hypertable?: string;
}

export interface PlanSummary {
  readonly tables: readonly PlannedTable[];
  readonly skipped: readonly { object: string; why: string }[];
  readonly extensions: readonly string[];
  readonly roles: readonly string[];
  readonly bytes: number;
  readonly indexes: number;
  readonly tableJobs: number;
  readonly indexJobs: number;
  /** A rough figure; null when nothing is known. */
  readonly estimateSeconds: number | null;
  /** Bytes a second that the source writes to its WAL; null when that could not be measured. */
  readonly walPerSecond: number | null;
  /** Bytes that the changes may take on this machine while the copy runs, at that rate; null when not known. */
  readonly spoolBytes: number | null;
  /** Bytes that are free there; null when not known. */
  readonly spoolFreeBytes: number | null;
  /** What the options don't do as somebody may think: filters that match nothing, foreign keys to what is left out. */
  readonly remarks: readonly string[];
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
  /** Copies all damaged tables again. Resolves once the engine begins with it; rejects with TM5004 when it can't. */
  resync(): Promise<void>;
  /**
   * Runs the statements of these changed definitions on the target. Rejects with TM6006 when it refuses one, and when a definition has
   * changed again since these were shown.
   */
  carryOver(changes: readonly DefinitionChange[]): Promise<void>;
  /** Stops the engine; the migration can be resumed. */
  stop(): Promise<void>;
  /** Leaves; the engine goes on. */
  detach(): void;
}
