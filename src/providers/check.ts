import type pg from 'pg';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import type { ErrorCode } from '../errors/codes.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';
import type { Ask } from './fact.ts';

/** What the checks of one run are given. */
export interface CheckContext {
  readonly source: pg.Client;
  readonly target: pg.Client;
  /** For connections of a check's own: a walsender, a second session. */
  readonly sourceSettings: ConnectionSettings;
  readonly targetSettings: ConnectionSettings;
  readonly options: MigrationOptions;
  readonly provider: ProviderId;
  /** Where the spool will be. */
  readonly workDirectory: string;
  /** True when the target is expected to hold this very migration's objects. */
  readonly resuming: boolean;
  readonly signal: AbortSignal;
}

/** What a check may look at: the servers, and what other checks of the same run have read from them already. */
export interface CheckRun extends CheckContext {
  /** Reads a fact of one side, once a run however many checks ask for it. */
  readonly ask: Ask;
}

export type CheckStatus = 'pass' | 'info' | 'warn' | 'fail';

/** SQL that puts something right and that the wizard can run after a yes, statement by statement, outside a transaction. */
export interface ApplicableFix {
  readonly side: 'source' | 'target';
  readonly sql: readonly string[];
  /** It takes effect only after a restart of that server. */
  readonly restart: boolean;
}

export interface CheckOutcome {
  readonly status: CheckStatus;
  readonly found: string;
  /** When it failed: the error that a command ends with. Default TM1201. */
  readonly code?: ErrorCode;
  /** Overrides the check's own text where the exact fix depends on what was found. One step a line. */
  readonly fix?: string;
  readonly apply?: ApplicableFix;
  /** The server that must be restarted (by whatever means the provider has) before this can become better. */
  readonly restart?: 'source' | 'target';
}

/** How bad the worst outcome of a check is: a `fail` blocks the migration, a `warn` should be looked at. */
export type Severity = 'fail' | 'warn' | 'info';

/** One check as data: adding a check touches one file. */
export interface Check {
  /** Stable, kebab-case: `source-wal-level`. */
  readonly id: string;
  readonly side: 'source' | 'target' | 'local';
  readonly title: string;
  readonly severity: Severity;
  readonly wanted: string;
  readonly why: string;
  /** The exact remedy: SQL, console steps, or what to ask whom. */
  readonly fix: string;
  /** Absent: for all source kinds. */
  readonly providers?: readonly ProviderId[];
  run(run: CheckRun): Promise<CheckOutcome>;
}

export interface CheckResult {
  readonly id: string;
  readonly side: 'source' | 'target' | 'local';
  readonly title: string;
  readonly status: CheckStatus;
  readonly found: string;
  readonly wanted: string;
  readonly why: string;
  readonly fix: string;
  readonly code: ErrorCode | null;
  readonly apply: ApplicableFix | null;
  readonly restart: 'source' | 'target' | null;
}
