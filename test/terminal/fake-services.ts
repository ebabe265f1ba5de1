import type { DefinitionChange, EngineEvent, EventPayload } from '../../src/engine/events.ts';
import { foldProgress, initialProgress, type Progress } from '../../src/engine/progress.ts';
import { formatHypertable, hypertableFor } from '../../src/engine/timescale/hypertable-option.ts';
import { type ErrorReport, MigrateError } from '../../src/errors/migrate-error.ts';
import type { CheckResult } from '../../src/providers/check.ts';
import type { StepItem } from '../../src/providers/step.ts';
import type {
  EngineLink,
  ExistingMigration,
  HypertableRow,
  IdentityRow,
  PlanSummary,
  ServerReport,
  WizardInput,
  WizardServices,
} from '../../src/state/services.ts';
import { CHECKS, IDENTITIES, PLAN, RDS_STEPS, SOURCE_REPORT, STEPS, TARGET_REPORT } from './shop.ts';
import { HYPERTABLES } from './shop-hypertables.ts';

type CutoverRequest = Parameters<EngineLink['cutover']>[0];

/** The other side of the wizard's contract, in memory: an engine that says what it is told to say. */
export class FakeEngine implements EngineLink {
  progress: Progress = initialProgress({
    migration_id: 'shop-1',
    source: SOURCE_REPORT.address,
    target: TARGET_REPORT.address,
    target_database: 'tsdb',
  });
  readonly: boolean;
  cutovers: CutoverRequest[] = [];
  resyncs = 0;
  stopped = false;
  detached = 0;
  /** Called when a cut-over is accepted. */
  onCutover: () => void = () => undefined;
  refuseCutover: MigrateError | null = null;
  refuseResync: MigrateError | null = null;
  refuseStop: MigrateError | null = null;
  #events = new Set<(event: EngineEvent) => void>();
  #closes = new Set<(error: ErrorReport | null) => void>();

  constructor(readonly: boolean) {
    this.readonly = readonly;
  }

  /** Says an event to whoever listens; `time` in ms since the epoch. */
  say(payload: EventPayload, time: number): void {
    const event = { ...payload, time: new Date(time).toISOString() } as EngineEvent;
    this.progress = foldProgress(this.progress, event);
    for (const listener of this.#events) listener(event);
  }

  hangUp(error: ErrorReport | null): void {
    for (const listener of [...this.#closes]) listener(error);
  }

  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.#events.add(listener);
    return () => this.#events.delete(listener);
  }

  onClose(listener: (error: ErrorReport | null) => void): () => void {
    this.#closes.add(listener);
    return () => this.#closes.delete(listener);
  }

  async cutover(request: CutoverRequest): Promise<void> {
    this.cutovers.push(request);
    if (this.refuseCutover) throw this.refuseCutover;
    this.onCutover();
  }

  carried: readonly string[] = [];

  async carryOver(changes: readonly DefinitionChange[]): Promise<void> {
    this.carried = changes.map(({ key }) => key);
  }

  async resync(): Promise<void> {
    this.resyncs += 1;
    if (this.refuseResync) throw this.refuseResync;
  }

  async stop(): Promise<void> {
    if (this.refuseStop) throw this.refuseStop;
    this.stopped = true;
    this.hangUp(null);
  }

  detach(): void {
    this.detached += 1;
  }
}

export interface FakeOptions {
  readonly existing?: ExistingMigration | null;
  readonly prefill?: { source: string; target: string };
  readonly checks?: readonly CheckResult[];
  readonly sourceReport?: Partial<ServerReport>;
  readonly steps?: readonly StepItem[];
  readonly identities?: readonly IdentityRow[];
  readonly hypertables?: readonly HypertableRow[];
  readonly plan?: PlanSummary;
  readonly readonly?: boolean;
  /** Milliseconds that each answer takes. */
  readonly latencyMs?: number;
  /** Thrown by the method of that name. */
  readonly fail?: Partial<Record<keyof WizardServices, MigrateError>>;
}

export interface FakeServices extends WizardServices {
  readonly engine: FakeEngine;
  /** Names of the methods as they were called, with what matters of their input. */
  readonly calls: string[];
  /** Restarts the source: what was applied takes effect, and whoever waits for it is told. */
  restart(): void;
  /** How many wait for a restart. */
  readonly waiting: number;
}

const WRONG_PASSWORD = (side: 'source' | 'target'): MigrateError =>
  new MigrateError('TM1104', {
    message: 'password authentication failed for user "app"',
    side,
    hint: 'Type the password of this role again; it is case-sensitive.',
  });

/** Services for a shop database that answer at once, or as slowly as asked. A password of `wrong` is refused. */
export function createFakeServices(options: FakeOptions = {}): FakeServices {
  const engine = new FakeEngine(options.readonly ?? false);
  const calls: string[] = [];
  let checks = [...(options.checks ?? CHECKS)];
  let pending: string[] = [];
  const ticks = new Map<string, string | null>();
  const stepsOf = (input: WizardInput): StepItem[] =>
    (options.steps ?? (input.provider === 'rds' ? RDS_STEPS : STEPS)).map((step) => {
      const ticked = ticks.get(step.id);
      return ticked === undefined ? step : { ...step, ticked };
    });
  const waiting = new Set<() => void>();
  const passes = (ids: readonly string[]): void => {
    checks = checks.map((other) =>
      ids.includes(other.id) ? { ...other, status: 'pass', found: other.wanted, apply: null, restart: null } : other,
    );
  };
  const fail = async (name: keyof WizardServices): Promise<void> => {
    if (options.latencyMs) await new Promise((resolve) => setTimeout(resolve, options.latencyMs));
    const error = options.fail?.[name];
    if (error) throw error;
  };
  const link = async (name: 'start' | 'attach' | 'resume'): Promise<EngineLink> => {
    await fail(name);
    return engine;
  };
  return {
    engine,
    calls,
    async findMigration() {
      await fail('findMigration');
      return options.existing ?? null;
    },
    async prefill() {
      return options.prefill ?? { source: '', target: '' };
    },
    async probe(side, connectionString): Promise<ServerReport> {
      calls.push(`probe ${side}`);
      await fail('probe');
      if (/:wrong@|password='?wrong/.test(connectionString)) throw WRONG_PASSWORD(side);
      return side === 'source' ? { ...SOURCE_REPORT, ...options.sourceReport } : TARGET_REPORT;
    },
    async runChecks(input: WizardInput, onResult, signal) {
      calls.push(`runChecks ${input.provider}`);
      for (const result of checks) {
        await fail('runChecks');
        if (signal.aborted) return;
        onResult(result);
      }
    },
    async applyFix(_input, result) {
      calls.push(`applyFix ${result.id}`);
      await fail('applyFix');
      if (!result.apply?.restart) return passes([result.id]);
      pending = [...pending, result.id];
      checks = checks.map((other) =>
        other.id === result.id
          ? { ...other, found: `${other.found}; ${other.wanted} after a restart`, apply: null, restart: 'source' }
          : other,
      );
    },
    awaitRestart(_input, side, signal) {
      calls.push(`awaitRestart ${side}`);
      return new Promise((resolve, reject) => {
        const done = (): void => resolve();
        waiting.add(done);
        signal.addEventListener('abort', () => {
          waiting.delete(done);
          reject(signal.reason);
        });
      });
    },
    get waiting() {
      return waiting.size;
    },
    restart() {
      passes(pending);
      pending = [];
      for (const tell of [...waiting]) tell();
      waiting.clear();
    },
    async steps(input) {
      await fail('steps');
      return stepsOf(input);
    },
    async tick(input, id, ticked) {
      calls.push(`tick ${id} ${ticked}`);
      await fail('tick');
      ticks.set(id, ticked ? '2026-01-02T03:04:05.000Z' : null);
      return stepsOf(input);
    },
    async saveReport(_input, results) {
      calls.push(`saveReport ${results.length}`);
      await fail('saveReport');
      return '/home/app/.tiger-migrate/check-report.md';
    },
    async identities() {
      await fail('identities');
      return [...(options.identities ?? IDENTITIES)];
    },
    async applyIdentity(_input, choice) {
      calls.push(`applyIdentity ${choice.relation} ${choice.kind}`);
      await fail('applyIdentity');
    },
    async saveIdentitySql(_input, choices) {
      calls.push(`saveIdentitySql ${choices.map(({ relation, kind }) => `${relation} ${kind}`).join(', ')}`);
      await fail('saveIdentitySql');
      return '/home/operator/.tiger-migrate/replica-identity.sql';
    },
    async hypertables(input) {
      calls.push(`hypertables ${input.options.hypertables.map(formatHypertable).join('; ')}`);
      await fail('hypertables');
      return (options.hypertables ?? HYPERTABLES).map((row) => ({
        ...row,
        chosen: hypertableFor(input.options.hypertables, row.option) !== undefined,
      }));
    },
    async plan(input) {
      calls.push(`plan ${JSON.stringify(input.options.skipTableData)}`);
      await fail('plan');
      return options.plan ?? PLAN;
    },
    start: (input) => {
      calls.push(`start ${input.source} ${input.target}`);
      return link('start');
    },
    attach: () => {
      calls.push('attach');
      return link('attach');
    },
    resume: (connections) => {
      calls.push(`resume ${connections.source} ${connections.target}`);
      return link('resume');
    },
    async unfreeze({ source, target }) {
      calls.push(`unfreeze ${source} ${target}`);
      await fail('unfreeze');
    },
  };
}
