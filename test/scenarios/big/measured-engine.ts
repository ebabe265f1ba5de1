import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import { expect } from 'vitest';
import type { EngineEvent, Phase } from '../../../src/engine/events.ts';
import { parseLsn } from '../../../src/postgres/lsn.ts';
import { EngineProcess } from '../../faults/engine-process.ts';
import { compareRows } from '../../support/compare/rows.ts';
import { SESSION_SETTINGS } from '../../support/compare/session.ts';
import type { TestDatabases } from '../../support/databases.ts';
import { until } from '../../support/wait.ts';

/** What the operating system says that a process has taken. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
interface Used {
  /** Resident memory at its peak since the last look, in MB; null where there is no /proc. */
  readonly peakMb: number | null;
  readonly residentMb: number | null;
  readonly cpuSeconds: number | null;
  readonly seconds: number;
}

/** A whole migration by an engine that is a process of its own, and what it took of memory and time. */
export class MeasuredEngine implements AsyncDisposable {
  readonly engine: EngineProcess;
  readonly #directory: string;
  readonly #comparing: { readonly source: pg.Client; readonly target: pg.Client };
  #since = performance.now();
  #cpuBefore = 0;

  private constructor(
    databases: TestDatabases,
    directory: string,
    comparing: { readonly source: pg.Client; readonly target: pg.Client },
    args: readonly string[],
    heapMb: number,
  ) {
    this.#directory = directory;
    this.#comparing = comparing;
    this.engine = new EngineProcess(['--dir', directory, ...args], {
      SOURCE: databases.source.uri,
      TARGET: databases.target.uri,
      NODE_OPTIONS: `--max-old-space-size=${heapMb}`,
    });
  }

  /** Starts to migrate. With more than `heapMb` of JavaScript objects the process ends. */
  static async start(
    databases: TestDatabases,
    { args = [], heapMb = 256 }: { readonly args?: readonly string[]; readonly heapMb?: number } = {},
  ): Promise<MeasuredEngine> {
    const comparing = { source: await databases.source.connect(), target: await databases.target.connect() };
    for (const client of Object.values(comparing)) await client.query(SESSION_SETTINGS);
    const directory = await mkdtemp(join(tmpdir(), 'tm-big-'));
    return new MeasuredEngine(databases, directory, comparing, args, heapMb);
  }

  /** What was used since the last look, or since the start. */
  async used(): Promise<Used> {
    const proc = (name: string) => readFile(`/proc/${this.engine.child.pid}/${name}`, 'utf8').catch(() => null);
    const [status, stat] = await Promise.all([proc('status'), proc('stat')]);
    const mb = (name: string) => {
      const kb = new RegExp(`${name}:\\s+(\\d+) kB`).exec(status ?? '')?.[1];
      return kb === undefined ? null : Math.round(Number(kb) / 1024);
    };
    // Behind the name, which may hold anything: fields 14 and 15, in ticks of which there are a hundred a second.
    const [user, system] = (stat ?? '')
      .slice((stat ?? '').lastIndexOf(')'))
      .split(' ')
      .slice(12, 14)
      .map(Number);
    const cpu = user === undefined || system === undefined ? null : (user + system) / 100;
    const seconds = (performance.now() - this.#since) / 1000;
    const used = { peakMb: mb('VmHWM'), residentMb: mb('VmRSS'), cpuSeconds: cpu && cpu - this.#cpuBefore, seconds };
    this.#since = performance.now();
    this.#cpuBefore = cpu ?? 0;
    // Sets the peak back to what is resident now.
    await writeFile(`/proc/${this.engine.child.pid}/clear_refs`, '5').catch(() => undefined);
    return used;
  }

  async phase(phase: Phase): Promise<void> {
    await this.engine.saw((event) => event.type === 'phase' && event.phase === phase);
  }

  /** Everything that the source has committed up to now is on the target. */
  async applied(): Promise<void> {
    const from = this.engine.events.length;
    const { rows } = await this.#comparing.source.query<{ lsn: string }>(
      'SELECT pg_current_wal_insert_lsn()::text AS lsn',
    );
    const position = parseLsn(rows[0]?.lsn ?? '');
    await this.engine.saw(
      (event: EngineEvent) =>
        event.type === 'replay' && event.applied_lsn !== null && parseLsn(event.applied_lsn) >= position,
      from,
    );
  }

  async expectEqualRows(): Promise<void> {
    expect(await compareRows(this.#comparing.source, this.#comparing.target)).toEqual([]);
  }

  /** Cuts over as soon as it may: asked as often as it takes; the engine ends by itself then. */
  async cutOver(timeoutMs = 120_000): Promise<void> {
    const cuttingOver = () => this.engine.events.some((event) => event.type === 'phase' && event.phase === 'cutover');
    await until(
      async () => {
        this.engine.child.kill('SIGUSR1');
        return cuttingOver();
      },
      { timeoutMs, what: 'the cut-over' },
    );
    expect(await this.engine.exited, this.engine.stderr).toBe(0);
  }

  /** Seconds that each phase has lasted. */
  phaseSeconds(): Record<string, number> {
    const marks = this.engine.events.flatMap((event) =>
      event.type === 'phase' ? [{ phase: event.phase, at: Date.parse(event.time) }] : [],
    );
    const end = Date.parse(this.engine.events.at(-1)?.time ?? '');
    return Object.fromEntries(marks.map(({ phase, at }, n) => [phase, ((marks[n + 1]?.at ?? end) - at) / 1000]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.kill('SIGKILL');
    await rm(this.#directory, { recursive: true, force: true });
  }
}
