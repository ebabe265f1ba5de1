import type { DefinitionChange, EngineEvent } from '../engine/events.ts';
import type { ProviderId } from '../engine/options.ts';
import type { Progress } from '../engine/progress.ts';
import type { ErrorReport } from '../errors/migrate-error.ts';
import type { CheckResult } from '../providers/check.ts';
import type { StepItem } from '../providers/step.ts';
import type { Model, ProbedSide, Reader } from './model.ts';
import type {
  ExistingMigration,
  HypertableRow,
  IdentityChoice,
  IdentityRow,
  PlanSummary,
  ServerReport,
  WizardInput,
} from './services.ts';
import type { FieldEdit } from './text-field.ts';

/** Everything that can happen to the model: keys (already looked up in the key table), answers, events, time. */
export type Message =
  // time and the opening
  | { readonly type: 'tick'; readonly now: number }
  | {
      readonly type: 'opened';
      readonly existing: ExistingMigration | null;
      readonly prefill: { source: string; target: string };
    }
  | { readonly type: 'open-failed'; readonly error: ErrorReport }
  // keys that mean the same everywhere
  | { readonly type: 'edit'; readonly edit: FieldEdit }
  | { readonly type: 'focus' | 'move' | 'choose'; readonly by: number }
  | { readonly type: 'next' | 'back' | 'apply' | 'apply-all' | 'rerun' | 'toggle' | 'edit-row' | 'start-over' }
  | { readonly type: 'save-report' }
  | { readonly type: 'read'; readonly reader: Reader }
  | { readonly type: 'ask-stop' | 'close-overlay' | 'yes' }
  /** Keys that scroll: lines, pages. */
  | { readonly type: 'scroll' | 'page'; readonly by: number }
  /** A key that confirms a text of which some has not been in sight: that is shown first. */
  | { readonly type: 'read-on' }
  /** The screen has drawn `start` to `end` (exclusive) of `length` lines of what scrolls, in `width` cells. */
  | {
      readonly type: 'drawn';
      readonly start: number;
      readonly end: number;
      readonly length: number;
      readonly width: number;
    }
  | { readonly type: 'leave' }
  /** Leave without waiting for anything: the second Ctrl-C, a hang-up, a broken terminal. */
  | { readonly type: 'leave-now' }
  /** The yes to the end of the demo. */
  | { readonly type: 'end-demo' }
  // connect
  | { readonly type: 'probed'; readonly side: ProbedSide; readonly edition: number; readonly report: ServerReport }
  | { readonly type: 'probe-failed'; readonly side: ProbedSide; readonly edition: number; readonly error: ErrorReport }
  // checks
  | {
      readonly type: 'checked';
      readonly provider: ProviderId;
      readonly run: number;
      readonly result: CheckResult;
    }
  | {
      readonly type: 'checks-ended';
      readonly provider: ProviderId;
      readonly run: number;
      readonly error: ErrorReport | null;
    }
  | { readonly type: 'apply-fix'; readonly result: CheckResult }
  | { readonly type: 'fix-applied'; readonly result: CheckResult; readonly error: ErrorReport | null }
  | {
      readonly type: 'restarted';
      readonly provider: ProviderId;
      readonly run: number;
      readonly side: ProbedSide;
      /** What kept us from waiting on. */
      readonly error: ErrorReport | null;
    }
  /** The answer to `load-steps` and `tick`; `source` is the connection string that they were asked with. */
  | {
      readonly type: 'steps';
      readonly provider: ProviderId;
      readonly source: string;
      readonly steps: readonly StepItem[];
    }
  | { readonly type: 'steps-failed'; readonly error: ErrorReport }
  | { readonly type: 'report-saved'; readonly path: string }
  | { readonly type: 'report-failed'; readonly error: ErrorReport }
  // replica identity
  | { readonly type: 'identities'; readonly rows: readonly IdentityRow[] }
  | { readonly type: 'identities-failed'; readonly error: ErrorReport }
  | { readonly type: 'apply-identities'; readonly choices: readonly IdentityChoice[] }
  /** Keys: write the SQL into a file; end what is being run on the source. */
  | { readonly type: 'save-identities' | 'cancel-identities' }
  | { readonly type: 'identities-saved'; readonly path: string }
  | { readonly type: 'identities-unsaved'; readonly error: ErrorReport }
  | { readonly type: 'identity-applying'; readonly choice: IdentityChoice }
  | { readonly type: 'identity-applied'; readonly choice: IdentityChoice; readonly error: ErrorReport | null }
  // hypertables
  /** A key: leave out on the target what a hypertable can not have, or not; and the yes to that. */
  | { readonly type: 'omit-keys' | 'omit-keys-now' }
  /** A key: compress the chunks of the selected one from the cut-over on, or not. */
  | { readonly type: 'compress' }
  | { readonly type: 'hypertables'; readonly run: number; readonly rows: readonly HypertableRow[] }
  | { readonly type: 'hypertables-failed'; readonly run: number; readonly error: ErrorReport }
  // plan
  | { readonly type: 'planned'; readonly run: number; readonly summary: PlanSummary }
  | { readonly type: 'plan-failed'; readonly run: number; readonly error: ErrorReport }
  // engine
  | { readonly type: 'start' }
  | { readonly type: 'attached'; readonly progress: Progress; readonly readonly: boolean }
  | { readonly type: 'attach-failed'; readonly error: ErrorReport }
  /** What the engine has said, in order: all that came at once. */
  | { readonly type: 'events'; readonly events: readonly EngineEvent[] }
  | { readonly type: 'closed'; readonly error: ErrorReport | null }
  | { readonly type: 'stop-ended'; readonly error: ErrorReport | null }
  // tables that are copied again
  | { readonly type: 'ask-resync' | 'resync' }
  | { readonly type: 'resync-asked'; readonly error: ErrorReport | null }
  /** A key: bring changed definitions to the target; the yes to those that were shown, and the answer. */
  | { readonly type: 'ask-carry-over' }
  | { readonly type: 'carry-over'; readonly changes: readonly DefinitionChange[] }
  | { readonly type: 'carried-over'; readonly error: ErrorReport | null }
  /** A key: let the source of a finished migration take writes again; the yes to that, and the answer. */
  | { readonly type: 'ask-unfreeze' | 'unfreeze' }
  | { readonly type: 'unfrozen'; readonly error: ErrorReport | null }
  // cut-over
  | { readonly type: 'open-cutover' | 'dismiss-trouble' | 'reattach' }
  | { readonly type: 'cutover-asked'; readonly error: ErrorReport | null };

/** What the model wants done outside; `perform` does it and answers with messages. */
export type Effect =
  | { readonly do: 'open' }
  | { readonly do: 'probe'; readonly side: ProbedSide; readonly edition: number; readonly connection: string }
  | { readonly do: 'cancel-probe'; readonly side: ProbedSide }
  | { readonly do: 'run-checks'; readonly input: WizardInput; readonly run: number }
  /** Ends the checks and the waiting for a restart. */
  | { readonly do: 'cancel-checks' }
  | { readonly do: 'await-restart'; readonly input: WizardInput; readonly side: ProbedSide; readonly run: number }
  | { readonly do: 'load-steps'; readonly input: WizardInput }
  | { readonly do: 'tick'; readonly input: WizardInput; readonly id: string; readonly ticked: boolean }
  | { readonly do: 'save-report'; readonly input: WizardInput; readonly results: readonly CheckResult[] }
  | { readonly do: 'apply-fix'; readonly input: WizardInput; readonly result: CheckResult }
  | { readonly do: 'load-identities'; readonly input: WizardInput }
  | {
      readonly do: 'apply-identities';
      readonly input: WizardInput;
      readonly choices: readonly IdentityChoice[];
    }
  | { readonly do: 'save-identities'; readonly input: WizardInput; readonly choices: readonly IdentityChoice[] }
  | { readonly do: 'cancel-identities' }
  | { readonly do: 'load-hypertables'; readonly input: WizardInput; readonly run: number }
  | { readonly do: 'plan'; readonly input: WizardInput; readonly run: number }
  | { readonly do: 'start'; readonly input: WizardInput }
  | { readonly do: 'attach' }
  | { readonly do: 'resume'; readonly connections: { readonly source: string; readonly target: string } }
  | {
      readonly do: 'cutover';
      readonly request: { readonly confirm: string; readonly freezeSource: boolean; readonly override: string | null };
    }
  | { readonly do: 'unfreeze'; readonly connections: { readonly source: string; readonly target: string } }
  | { readonly do: 'resync' }
  | { readonly do: 'carry-over'; readonly changes: readonly DefinitionChange[] }
  | { readonly do: 'stop' }
  | { readonly do: 'detach' };

/** The outcome of one message. */
export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

export const step = (model: Model, ...effects: readonly Effect[]): Step => ({ model, effects });
