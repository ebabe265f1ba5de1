import type pg from 'pg';
import type { MigrationOptions, ProviderId } from '../engine/options.ts';
import type { ErrorCode } from '../errors/codes.ts';
import type { ConnectionSettings } from '../postgres/connection-string.ts';

/** What a check may look at. All queries are the check's own; nothing here is cached across checks. */
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

export interface CheckOutcome {
  readonly status: 'pass' | 'warn' | 'fail' | 'info';
  readonly found: string;
  /** When it failed: the error that a command ends with. Default TM1201. */
  readonly code?: ErrorCode;
  /** Overrides the check's own text where the exact fix depends on what was found. */
  readonly fix?: string;
  /** SQL that would put it right and that the wizard can run after a yes. */
  readonly apply?: { readonly side: 'source' | 'target'; readonly sql: readonly string[]; readonly restart: boolean };
}

/** One check as data: adding a check touches one file. */
export interface Check {
  /** Stable, kebab-case: `source-wal-level`. */
  readonly id: string;
  readonly side: 'source' | 'target' | 'local';
  readonly title: string;
  readonly wanted: string;
  readonly why: string;
  /** The exact remedy: SQL, console steps, or what to ask whom. */
  readonly fix: string;
  /** Absent: for all source kinds. */
  readonly providers?: readonly ProviderId[];
  run(context: CheckContext): Promise<CheckOutcome>;
}

export interface CheckResult {
  readonly id: string;
  readonly side: 'source' | 'target' | 'local';
  readonly title: string;
  readonly status: CheckOutcome['status'];
  readonly found: string;
  readonly wanted: string;
  readonly why: string;
  readonly fix: string;
  readonly code: ErrorCode | null;
  readonly apply: CheckOutcome['apply'] | null;
}
