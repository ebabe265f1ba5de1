import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type EngineEvent, type EventPayload, PHASES, type Phase } from '../../src/engine/events.ts';
import { RunningEngine } from '../support/engine-process.ts';
import { nodeOptions } from '../support/node-warnings.ts';
import { until } from '../support/wait.ts';

export interface MigrationInput {
  /** Path of the compiled cli.js. */
  readonly cli: string;
  readonly directory: string;
  /** Of `migrate`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** How long a phase or a command may take, in ms. */
  readonly patienceMs?: number;
}

/** What a command said when it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const RSS_INTERVAL_MS = 250;
const PATIENCE_MS = 240_000;
/**
 * What ends a migration that has no snapshot yet, when a server goes away: there is nothing to resume and nothing is left, so
 * it is begun again. Once begun it has to go on by itself.
 */
const BEGIN_AGAIN = /^(TM1305|TM1109|TM1110|TM1102|TM1103|TM4001|TM1199 .*terminated unexpectedly)/;
/** A defect of PostgreSQL; in replay it is for the operator to do what the error says. */
const CANNOT_DECODE = /^TM4010 .*migrate --resync/s;

/** One migration by real commands, through as many engine processes as the faults make of it. */
export class Migration {
  /** Of all its engines, in order. */
  readonly events: EngineEvent[] = [];
  /** What is wrong with how a command ended or what it printed. */
  readonly complaints: string[] = [];
  peakRssBytes = 0;
  /** Beginnings that a fault has ended. */
  restarts = 0;
  readonly #input: MigrationInput;
  #engine: RunningEngine | null = null;
  #read = 0;
  /** Where the events of the running engine begin. */
  #from = 0;
  /** The engine's end is what a fault wants. */
  #ending = false;
  #exit: number | null | undefined;
  readonly #patienceMs: number;

  constructor(input: MigrationInput) {
    this.#input = input;
    this.#patienceMs = input.patienceMs ?? PATIENCE_MS;
  }

  /** Begins, goes on, or goes on with another copy of all tables. */
  start(how: 'anew' | 'resync' | 'resume' = 'anew'): void {
    const { cli, directory, args, env } = this.#input;
    const more = { anew: [], resync: ['--resync'], resume: ['--resume'] }[how];
    const engine = new RunningEngine(cli, ['--dir', directory, ...args, ...more], env);
    this.#engine = engine;
    this.#from = this.events.length;
    this.#read = 0;
    this.#ending = false;
    this.#exit = undefined;
    void this.#watch(engine);
  }

  /** The engine's process. */
  get pid(): number | undefined {
    return this.#engine?.child.pid;
  }

  get done(): boolean {
    return this.#exit === 0 && this.phase === 'done';
  }

  /** The newest phase; `checks` before there was any. */
  get phase(): Phase {
    this.#take();
    for (let index = this.events.length - 1; index >= 0; index -= 1) {
      const event = this.events[index];
      if (event?.type === 'phase') return event.phase;
    }
    return 'checks';
  }

  of<T extends EventPayload['type']>(type: T): Extract<EngineEvent, { type: T }>[] {
    this.#take();
    return this.events.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type);
  }

  /** Ends the engine with a signal, and goes on with another one. */
  async restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const engine = this.#engine;
    if (!engine || this.#exit !== undefined) return;
    this.#ending = true;
    const code = await engine.kill(signal);
    this.#take();
    if (code === 0 && this.phase === 'done') return;
    if (signal === 'SIGTERM') {
      const { stderr } = engine;
      if (code !== 130) this.complaints.push(`SIGTERM ended the engine with ${code}: ${stderr}`);
      else if (!/^Interrupted\. [^\n]+\n$/.test(stderr)) this.complaints.push(`SIGTERM, and on stderr: ${stderr}`);
    } else if (engine.stderr !== '') this.complaints.push(`on stderr: ${engine.stderr}`);
    const began = PHASES.indexOf(this.phase) >= PHASES.indexOf('snapshot');
    this.start(began ? 'resume' : 'anew');
  }

  /** Waits for a condition; rejects when the engine ends by itself before. */
  async until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = this.#patienceMs): Promise<void> {
    await until(
      async () => {
        this.#take();
        return this.#exit !== undefined || (await condition());
      },
      { what: `${what} (phase ${this.phase})`, timeoutMs },
    );
    if (this.#exit !== undefined && !this.done)
      throw new Error(`the engine ended with ${this.#exit} before ${what}: ${this.#engine?.stderr}`);
  }

  /** Waits until the migration has come so far, or further. */
  reached(phase: Phase): Promise<void> {
    // A beginning that has failed is begun again: that phase comes last, and is none to have reached.
    const isThere = () => this.phase !== 'failed' && PHASES.indexOf(this.phase) >= PHASES.indexOf(phase);
    return this.until(isThere, `phase ${phase}`);
  }

  /** The gate as the running engine has told it last in this phase: what it was before a cut-over that was cut off says nothing. */
  gate(id: string): boolean {
    this.#take();
    const from = Math.max(
      this.#from,
      this.events.findLastIndex(({ type }) => type === 'phase'),
    );
    const gate = this.events.findLast((event, index) => index >= from && event.type === 'gate' && event.id === id);
    return gate?.type === 'gate' && gate.ok;
  }

  /** Ends when the program ends, or is ended because it takes too long; never rejects. */
  command(name: string, args: readonly string[]): Promise<Ended> {
    const { cli, directory, env } = this.#input;
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [cli, name, '--json', '--dir', directory, ...args],
        {
          env: { ...process.env, ...env, NODE_OPTIONS: nodeOptions() },
          maxBuffer: 2 ** 28,
          timeout: this.#patienceMs,
          killSignal: 'SIGKILL',
        },
        (error, stdout, stderr) => {
          const late = error?.killed ? `, and no end in ${this.#patienceMs / 1000} s` : '';
          resolve({ code: child.exitCode, stdout, stderr: `${stderr}${late}` });
        },
      );
      child.stdin?.end();
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#engine?.child.kill(signal);
  }

  /** Ends the engine for good. */
  async stop(): Promise<void> {
    this.#ending = true;
    await this.#engine?.kill('SIGKILL');
    this.#take();
  }

  #take(): void {
    const engine = this.#engine;
    if (!engine) return;
    for (; this.#read < engine.events.length; this.#read += 1) {
      const event = engine.events[this.#read];
      if (event) this.events.push(event);
    }
  }

  async #watch(engine: RunningEngine): Promise<void> {
    const ended = engine.exited.then((code) => ({ code }));
    for (let exit: { code: number | null } | null = null; !exit; ) {
      const status = await readFile(`/proc/${engine.child.pid}/status`, 'utf8').catch(() => '');
      const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
      this.peakRssBytes = Math.max(this.peakRssBytes, peak);
      exit = await Promise.race([ended, delay(RSS_INTERVAL_MS, null)]);
      if (!exit || engine !== this.#engine) continue;
      this.#take();
      if (this.#ending) continue;
      if (exit.code !== 0 && BEGIN_AGAIN.test(engine.stderr) && !this.events.some(({ type }) => type === 'snapshot')) {
        this.restarts += 1;
        this.start();
        continue;
      }
      if (exit.code !== 0 && CANNOT_DECODE.test(engine.stderr)) {
        this.restarts += 1;
        this.start('resync');
        continue;
      }
      if (engine.stderr !== '') this.complaints.push(`on stderr: ${engine.stderr}`);
      this.#exit = exit.code;
    }
  }
}
