import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { EngineEvent } from '../../src/engine/events.ts';
import { nodeOptions } from './node-warnings.ts';

/** `migrate --json` of a compiled program as a process of its own, and what it said. */
export class RunningEngine {
  readonly events: EngineEvent[] = [];
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  #stderr = '';
  readonly #waiting = new Set<() => void>();

  /** `cli`: path of the compiled cli.js. */
  constructor(cli: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [cli, 'migrate', '--json', ...args], {
      env: { ...process.env, ...env, NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS) },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.exited = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
    void this.exited.then(() => this.#wake());
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    if (this.child.stdout) {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        this.events.push(JSON.parse(line) as EngineEvent);
        this.#wake();
      });
    }
  }

  get stderr(): string {
    return this.#stderr;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Resolves with the first event that fits, of those behind the first `from`; rejects when the process ends before. */
  async saw(fits: (event: EngineEvent) => boolean, from = 0): Promise<EngineEvent> {
    for (let next = from; ; ) {
      for (; next < this.events.length; next += 1) {
        const event = this.events[next];
        if (event && fits(event)) return event;
      }
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the engine ended (${this.child.exitCode ?? this.child.signalCode}): ${this.#stderr}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }
}
