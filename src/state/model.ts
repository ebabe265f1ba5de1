import { type MigrationOptions, migrationOptionsSchema, type ProviderId } from '../engine/options.ts';
import type { Progress } from '../engine/progress.ts';
import type { ErrorReport } from '../errors/migrate-error.ts';
import type { CheckResult } from '../providers/check.ts';
import type { StepItem } from '../providers/step.ts';
import { idle, type Loadable } from './loadable.ts';
import type { Message } from './messages.ts';
import type { CopySample } from './rates.ts';
import { newReading, type Reading } from './reading.ts';
import type {
  ExistingMigration,
  HypertableRow,
  IdentityChoice,
  IdentityRow,
  PlanSummary,
  ServerReport,
} from './services.ts';
import { type TextField, textField } from './text-field.ts';

/** Everything a screen shows; the screens are functions of it. */
export interface Model {
  readonly screen: Screen;
  readonly overlay: Overlay | null;
  /** How far what is shown is scrolled, and whether all of it has been in sight. */
  readonly reading: Reading;
  /** What answers the last key: why a step is locked, what was done. */
  readonly notice: Notice | null;
  /** Milliseconds since the epoch, moved by `tick` only: nothing below reads a clock. */
  readonly now: number;
  /** Attached to look only (`--watch`). */
  readonly watch: boolean;
  /** Throw-away servers: they, the engine and the data end with this screen. */
  readonly isDemo: boolean;
  readonly existing: ExistingMigration | null;
  readonly connect: ConnectForm;
  readonly resume: ResumeForm;
  /** The source kind whose tab is shown; the migration is planned with it. */
  readonly provider: ProviderId;
  /** False once the operator turned to another tab: then a probe does not turn it back. */
  readonly providerDetected: boolean;
  readonly checks: Readonly<Record<ProviderId, CheckTab>>;
  readonly identity: IdentityForm;
  readonly work: IdentityWork;
  readonly hypertables: HypertablesForm;
  readonly options: MigrationOptions;
  readonly plan: PlanForm;
  readonly engine: EngineView;
  /** Hypertables whose chunks are shown one by one; on the plan: all of them while there are any. */
  readonly opened: readonly string[];
  readonly cutover: CutoverForm;
  /** A key asked to leave while the engine was being started. */
  readonly leaving: boolean;
  /** Set once: the wizard ends with this exit code. */
  readonly exit: number | null;
}

export type Screen =
  | 'opening'
  | 'resume'
  | 'connect'
  | 'checks'
  | 'identity'
  | 'hypertables'
  | 'plan'
  | 'dashboard'
  | 'cutover'
  | 'done'
  | 'failed';

export interface Notice {
  readonly tone: 'info' | 'locked' | 'fail';
  readonly text: string;
}

export type Reader = 'help' | 'log' | 'tables' | 'warnings' | 'changes' | 'check';
export type Overlay =
  | { readonly kind: Reader; readonly scroll: number }
  | { readonly kind: 'question'; readonly title: string; readonly lines: readonly string[]; readonly yes: Message }
  | { readonly kind: 'stop'; readonly word: TextField; readonly busy: boolean; readonly error: ErrorReport | null };

export type ProbedSide = 'source' | 'target';
export type Probe =
  | { readonly state: 'empty' | 'waiting' }
  | { readonly state: 'ok'; readonly report: ServerReport }
  | { readonly state: 'failed'; readonly error: ErrorReport };
export interface ConnectSide {
  readonly uri: TextField;
  readonly password: TextField;
  readonly probe: Probe;
  /** Counts the edits: an answer to an older text is dropped. */
  readonly edition: number;
}
export const CONNECT_FIELDS = ['source.uri', 'source.password', 'target.uri', 'target.password'] as const;
export type ConnectField = (typeof CONNECT_FIELDS)[number];
export interface ConnectForm {
  readonly source: ConnectSide;
  readonly target: ConnectSide;
  readonly focus: ConnectField;
}

export interface ResumeForm {
  readonly source: TextField;
  readonly target: TextField;
  readonly focus: ProbedSide;
  readonly busy: boolean;
  readonly error: ErrorReport | null;
}

export interface CheckTab {
  readonly state: 'idle' | 'running' | 'done' | 'failed';
  readonly results: readonly CheckResult[];
  /** Ids of results of the run before that the present one has not come to yet. */
  readonly stale: readonly string[];
  /** What no query can answer: ticked by hand. */
  readonly steps: readonly StepItem[];
  /** Id of the selected check or step; null, or one that is not there: the first. */
  readonly selected: string | null;
  readonly error: ErrorReport | null;
  /** Counts the runs: a result of an older run is dropped. */
  readonly run: number;
  /** The check whose SQL is being run. */
  readonly applying: string | null;
  /** Checks whose fix was run from here and takes effect after a restart: the servers don't tell that. */
  readonly applied: readonly string[];
  /** The server whose restart is waited for. */
  readonly restart: ProbedSide | null;
}

export interface IdentityForm {
  readonly rows: Loadable<readonly IdentityRow[]>;
  readonly selected: number;
  /** Index into the row's choices, by relation. */
  readonly chosen: Readonly<Record<string, number>>;
  /** The columns that the operator named for a new index, by relation. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** The names of the columns of a new index while they are typed. */
  readonly editing: TextField | null;
  /** What was run on the source or accepted, by relation. */
  readonly applied: Readonly<Record<string, IdentityChoice['kind']>>;
}

/** What gives tables of the source another replica identity, one after the other; for the screen that began it. */
export interface IdentityWork {
  readonly screen: 'identity' | 'hypertables';
  readonly applying: string | null;
  /** When that began, ms since the epoch. */
  readonly applyingSince: number;
  /** A new index is being built. */
  readonly building: boolean;
  /** It was asked to end. */
  readonly cancelling: boolean;
  readonly error: ErrorReport | null;
  /** A table of the source has another identity by it. */
  readonly changed: boolean;
  /** The file that holds the SQL. */
  readonly saved: string | null;
}

/** Which of them are chosen, and how they are to be, stands in the options. */
export interface HypertablesForm {
  readonly rows: Loadable<readonly HypertableRow[]>;
  readonly selected: number;
  /** The selected table as `--hypertable` has it, while it is typed. */
  readonly editing: TextField | null;
  /** Counts the looks: an answer to an older one is dropped. */
  readonly run: number;
  /** The rows that are shown are those from before the last change. */
  readonly looking: boolean;
  /** Which of the identities that a row may get is chosen, by relation. */
  readonly remedies: Readonly<Record<string, number>>;
}

export interface PlanForm {
  readonly summary: Loadable<PlanSummary>;
  readonly selected: number;
  readonly editing: TextField | null;
  readonly run: number;
}

export interface EngineView {
  readonly state: 'none' | 'starting' | 'attached' | 'closed';
  readonly readonly: boolean;
  readonly progress: Progress | null;
  /** Why the connection to the engine ended; null when the engine said goodbye. */
  readonly closed: ErrorReport | null;
  /** The last error the engine reported although it went on. */
  readonly trouble: { readonly time: string; readonly error: ErrorReport } | null;
  /** Lag in bytes, oldest first. */
  readonly lag: readonly number[];
  readonly copied: readonly CopySample[];
  /** Asked to stop: a goodbye is then the answer, not a surprise. */
  readonly stopped: boolean;
}

export const CUTOVER_FIELDS = ['confirm', 'freeze', 'override'] as const;
export interface CutoverForm {
  readonly confirm: TextField;
  readonly freezeSource: boolean;
  readonly override: TextField;
  readonly focus: (typeof CUTOVER_FIELDS)[number];
  readonly busy: boolean;
  readonly error: ErrorReport | null;
}

const emptySide = (text: string): ConnectSide => ({
  uri: textField(text),
  password: textField(),
  probe: { state: 'empty' },
  edition: 0,
});
export const emptyTab: CheckTab = {
  state: 'idle',
  results: [],
  stale: [],
  steps: [],
  selected: null,
  error: null,
  run: 0,
  applying: null,
  applied: [],
  restart: null,
};
export const emptyIdentity: IdentityForm = {
  rows: idle,
  selected: 0,
  chosen: {},
  columns: {},
  editing: null,
  applied: {},
};
export const emptyWork: IdentityWork = {
  screen: 'identity',
  applying: null,
  applyingSince: 0,
  building: false,
  cancelling: false,
  error: null,
  changed: false,
  saved: null,
};
export const emptyHypertables: HypertablesForm = {
  rows: idle,
  selected: 0,
  editing: null,
  run: 0,
  looking: false,
  remedies: {},
};
export const emptyCutover: CutoverForm = {
  confirm: textField(),
  freezeSource: false,
  override: textField(),
  focus: 'confirm',
  busy: false,
  error: null,
};

/** What the wizard opens with. The connection strings may hold passwords (the demo's do). */
export interface WizardPrefill {
  readonly source?: string | undefined;
  readonly target?: string | undefined;
  readonly provider?: ProviderId | null | undefined;
  readonly options?: MigrationOptions | undefined;
}

export function initialModel(of: { now: number; watch?: boolean; isDemo?: boolean; prefill?: WizardPrefill }): Model {
  const { prefill = {} } = of;
  return {
    screen: 'opening',
    overlay: null,
    reading: newReading('opening'),
    notice: null,
    now: of.now,
    watch: of.watch ?? false,
    isDemo: of.isDemo ?? false,
    existing: null,
    connect: { source: emptySide(prefill.source ?? ''), target: emptySide(prefill.target ?? ''), focus: 'source.uri' },
    resume: { source: textField(), target: textField(), focus: 'source', busy: false, error: null },
    provider: prefill.provider ?? prefill.options?.provider ?? 'selfhosted-postgres',
    providerDetected: !(prefill.provider ?? prefill.options?.provider),
    checks: { 'selfhosted-timescaledb': emptyTab, 'selfhosted-postgres': emptyTab, rds: emptyTab, mst: emptyTab },
    identity: emptyIdentity,
    work: emptyWork,
    hypertables: emptyHypertables,
    options: prefill.options ?? migrationOptionsSchema.parse({}),
    plan: { summary: idle, selected: 0, editing: null, run: 0 },
    opened: [],
    engine: {
      state: 'none',
      readonly: false,
      progress: null,
      closed: null,
      trouble: null,
      lag: [],
      copied: [],
      stopped: false,
    },
    cutover: emptyCutover,
    leaving: false,
    exit: null,
  };
}
