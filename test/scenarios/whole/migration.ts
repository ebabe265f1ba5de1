import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runEngine } from '../../../src/commands/run-engine.ts';
import type { DefinitionChange, EngineEvent, EventPayload, Phase } from '../../../src/engine/events.ts';
import type { LivenessTimes } from '../../../src/engine/liveness.ts';
import { type MigrationOptions, migrationOptionsSchema } from '../../../src/engine/options.ts';
import type { Action } from '../../../src/engine/process/protocol.ts';
import { readSearchPath } from '../../../src/engine/search-path.ts';
import { foldTroubles, type Trouble } from '../../../src/engine/troubles.ts';
import { type VerifyResult, verify } from '../../../src/engine/verify/verify.ts';
import type { MigrateError } from '../../../src/errors/migrate-error.ts';
import { connect, destroy } from '../../../src/postgres/connect.ts';
import { parseConnectionString } from '../../../src/postgres/connection-string.ts';
import type { TestDatabases } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';

export interface MigrationInput {
  readonly source: string;
  readonly target: string;
  /** Name of the target database, which the cut-over is confirmed with. */
  readonly targetDatabase: string;
  readonly options?: Partial<MigrationOptions>;
  readonly liveness?: LivenessTimes;
  /** Stops behind the snapshot until `go`. */
  readonly waitForGo?: boolean;
  /** The work directory; one of its own if none is given. */
  readonly directory?: string;
  /** Go on in this work directory; with tables to copy again, none: what has to be. */
  readonly resume?: { readonly directory: string; readonly resync?: readonly string[] };
}

/** A migration of these databases without their roles, which are those of the whole server. */
const inputOf = ({ source, target }: Pick<TestDatabases, 'source' | 'target'>): MigrationInput => ({
  source: source.uri,
  target: target.uri,
  targetDatabase: target.name,
  options: { skipRoles: true },
});

/** An engine in this process. */
export class Migration implements AsyncDisposable {
  readonly events: EngineEvent[] = [];
  readonly options: MigrationOptions;
  /** Null when the migration is done. */
  readonly ended: Promise<MigrateError | null>;
  readonly #input: MigrationInput;
  readonly directory: string;
  readonly #stopping = new AbortController();
  #request: ((action: Action) => Promise<void>) | null = null;
  readonly #listeners = new Set<(event: EngineEvent) => void>();

  private constructor(input: MigrationInput, directory: string) {
    this.#input = input;
    this.directory = directory;
    this.options = migrationOptionsSchema.parse({ provider: 'selfhosted-postgres', ...input.options });
    this.ended = runEngine({
      directory,
      source: input.source,
      target: input.target,
      options: this.options,
      resume: input.resume !== undefined,
      ...(input.resume?.resync ? { resync: input.resume.resync } : {}),
      waitForGo: input.waitForGo ?? false,
      ...(input.liveness ? { liveness: input.liveness } : {}),
      env: {},
      onEvent: (event) => {
        this.events.push(event);
        for (const listener of this.#listeners) listener(event);
      },
      onReady: (request) => {
        this.#request = request;
      },
      signal: this.#stopping.signal,
    });
  }

  static async start(input: MigrationInput): Promise<Migration> {
    return new Migration(
      input,
      input.resume?.directory ?? input.directory ?? (await mkdtemp(join(tmpdir(), 'tiger-migrate-whole-'))),
    );
  }

  /** One without roles that waits behind its snapshot for `go`: nothing but our own schema is on the target. */
  static async startToSnapshot({ source, target }: TestDatabases): Promise<Migration> {
    const migration = await Migration.start({ ...inputOf({ source, target }), waitForGo: true });
    await migration.untilSnapshot();
    return migration;
  }

  /** One without roles, once it replays. */
  static async startToReplay({ source, target }: Pick<TestDatabases, 'source' | 'target'>): Promise<Migration> {
    const migration = await Migration.start(inputOf({ source, target }));
    await migration.reached('replay');
    return migration;
  }

  /** What fails at this moment and is tried again, as `policy code`. */
  get troubleCodes(): string[] {
    const troubles = this.events.reduce<Trouble[]>(foldTroubles, []);
    return troubles.map(({ policy, code }) => `${policy} ${code}`);
  }

  /** Ends the engine as a signal does, keeping its work directory. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the test stops it'));
    await this.ended;
  }

  onEvent(listener: (event: EngineEvent) => void): void {
    this.#listeners.add(listener);
  }

  of<T extends EventPayload['type']>(type: T): Extract<EngineEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type);
  }

  /** What is tried again at this moment, as dashboard and status show it. */
  get troubles(): readonly Trouble[] {
    return this.events.reduce<readonly Trouble[]>(foldTroubles, []);
  }

  /** Warnings, without those about roles: these belong to the whole server, which other tests use at the same time. */
  get warnings(): string[] {
    const texts = this.of('warning').map((event) => event.text);
    return texts.filter((text) => !/^(The target refused|Left to an administrator of the target)/.test(text));
  }

  /** Waits until the migration has come so far; rejects when it ends before. */
  async reached(phase: Phase): Promise<void> {
    await this.until(() => this.of('phase').some((event) => event.phase === phase), `phase ${phase}`);
  }

  /** Waits for a condition; rejects when the migration ends before. */
  async until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const early = this.ended.then((failure) => {
      throw failure ?? new Error(`the migration was done before ${what}`);
    });
    await Promise.race([until(condition, { what, timeoutMs: 60_000 }), early]);
  }

  async untilSnapshot(): Promise<void> {
    await this.until(() => this.of('snapshot').length > 0, 'the snapshot');
  }

  /** Lets a migration that waits behind its snapshot begin to copy. */
  async go(): Promise<void> {
    await this.until(() => this.of('spool').length > 0 && this.of('snapshot').length > 0, 'the snapshot');
    await this.#ask({ action: 'go' });
  }

  #ask(action: Action): Promise<void> {
    if (!this.#request) throw new Error('the engine takes no requests');
    return this.#request(action);
  }

  /** Asks for tables to be copied again; none: all that are damaged. Resolves when the engine begins with it. */
  resync(...tables: string[]): Promise<void> {
    return this.#ask({ action: 'resync', tables });
  }

  /** The newest list of changed definitions. */
  get definitionChanges(): readonly DefinitionChange[] {
    return this.of('definition_changes').at(-1)?.changes ?? [];
  }

  /** Brings changed definitions to the target, as the wizard does after a yes. */
  carryOver(changes = this.definitionChanges): Promise<void> {
    return this.#ask({ action: 'carry-over', changes: [...changes] });
  }

  /** Asks for the cut-over once all tables stand at one position, whatever else the gates say. */
  async requestCutover(freezeSource = true): Promise<void> {
    await this.until(() => this.of('gate').some((gate) => gate.id === 'copied' && gate.ok), 'all tables to be live');
    const cutOver = { confirm: this.#input.targetDatabase, freezeSource, override: 'a test' };
    let refusal: unknown = null;
    // A run that goes on after a lost session comes through the phases once more.
    const asked = () =>
      this.#ask({ action: 'cutover', ...cutOver }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Error && /is in phase (?!cutover|done)/.test(error.message)) return false;
          refusal = error;
          return true;
        },
      );
    await this.until(asked, 'a cut-over to be taken');
    if (refusal !== null) throw refusal;
  }

  /** Cuts over, and waits until the migration is done. */
  async cutOver(freezeSource = true): Promise<void> {
    await this.requestCutover(freezeSource);
    const failure = await this.ended;
    if (failure) throw failure;
  }

  /** Our own comparison of everything that was to be migrated. */
  verify(): Promise<VerifyResult> {
    return verifyAll({ ...this.#input, options: this.options, signal: this.#stopping.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the test is over'));
    await this.ended.catch(() => undefined);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Our own comparison of everything that was to be migrated by these options. */
export async function verifyAll(of: {
  readonly source: string;
  readonly target: string;
  readonly options: Partial<MigrationOptions>;
  readonly signal?: AbortSignal;
}): Promise<VerifyResult> {
  const source = parseConnectionString(of.source, {});
  const target = parseConnectionString(of.target, {});
  const probe = await connect(source, { side: 'source', application: 'verify' });
  const { path } = await readSearchPath(probe, source, { side: 'source', application: 'verify' }).finally(() =>
    destroy(probe),
  );
  return verify({
    searchPath: path,
    onSource: () => connect(source, { side: 'source', application: 'verify' }),
    onTarget: () => connect(target, { side: 'target', application: 'verify' }),
    destroy,
    jobs: 2,
    options: migrationOptionsSchema.parse(of.options),
    wanted: () => true,
    everything: true,
    onTable: () => undefined,
    signal: of.signal ?? new AbortController().signal,
  });
}
