import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { test as base, type TestDatabases } from '../support/databases.ts';
import { nodeOptions, nodeWarnings } from '../support/node-warnings.ts';
import { until } from '../support/wait.ts';

/** A line of `--json`. */
export type Event = { readonly type: string; readonly time: string } & Readonly<Record<string, unknown>>;

/** What a command left when it ended. */
export interface Finished {
  /** The exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output read as `--json`. Throws when anything else is there. */
  readonly events: Event[];
}

export interface RunOptions {
  /** On top of this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Arguments of Node itself. */
  readonly node?: readonly string[];
}

/** The program in a child process. */
export class Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.finished = new Promise((resolve) => {
      child.once('close', (code) => {
        const { stdout, stderr } = this;
        resolve({
          code,
          stdout,
          stderr,
          get events() {
            return parseEvents(stdout);
          },
        });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves once standard output holds the text; rejects when the command ends without it. */
  async says(text: string): Promise<void> {
    let over: Finished | null = null;
    void this.finished.then((finished) => {
      over = finished;
    });
    await until(() => over !== null || this.stdout.includes(text), { timeoutMs: 60_000, what: JSON.stringify(text) });
    if (!this.stdout.includes(text)) throw new Error(`ended without ${text}:\n${this.stdout}\n${this.stderr}`);
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** Every line must be an object with `type` and `time`. */
export function parseEvents(stdout: string): Event[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const event = JSON.parse(line) as Event;
      if (typeof event.type !== 'string' || Number.isNaN(Date.parse(event.time))) throw new Error(`no event: ${line}`);
      return event;
    });
}

/** Marks every process that comes of a test's commands: children inherit their environment. */
const MARK = 'TIGER_MIGRATE_TEST';

/** Runs commands of one test, in a work directory of its own, on the test's databases. */
export class Program {
  /** The work directory; not made yet. */
  readonly directory: string;
  /** A private directory around it. */
  readonly root: string;
  readonly #databases: TestDatabases;
  readonly #mark = randomBytes(8).toString('hex');
  readonly #runs: Running[] = [];

  constructor(root: string, databases: TestDatabases) {
    this.root = root;
    this.directory = join(root, 'work');
    this.#databases = databases;
  }

  /** Starts `tiger-migrate-tui …` with SOURCE, TARGET and, unless given, `--dir`. */
  start(args: readonly string[], { env = {}, node = [] }: RunOptions = {}): Running {
    const dir = args.includes('--dir') || args.length === 0 ? [] : ['--dir', this.directory];
    const child = spawn(process.execPath, [...node, join(inject('compiled'), 'cli.js'), ...args, ...dir], {
      cwd: this.root,
      stdio: 'pipe',
      env: {
        ...process.env,
        HOME: this.root,
        SOURCE: this.#databases.source.uri,
        TARGET: this.#databases.target.uri,
        [MARK]: this.#mark,
        ...env,
        NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS),
      },
    });
    child.stdin.on('error', () => undefined);
    const running = new Running(child);
    this.#runs.push(running);
    return running;
  }

  /** Runs a command to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.start(args, options).finished;
  }

  /** Ids of the processes that this test's commands have started and that live. */
  async processes(): Promise<number[]> {
    // Only Linux tells.
    const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
    const marked = await Promise.all(
      pids.map(async (pid) => {
        const environ = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
        return environ.split('\0').includes(`${MARK}=${this.#mark}`);
      }),
    );
    return pids.filter((_, at) => marked[at]);
  }

  /** All that was written to the screen or to files, as `where: text`. */
  async traces(): Promise<{ where: string; text: string }[]> {
    const files = await readdir(this.root, { recursive: true, withFileTypes: true });
    const read = files
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        return { where: path, text: await readFile(path, 'latin1') };
      });
    const said = this.#runs.flatMap(({ stdout, stderr }) => [
      { where: 'standard output', text: stdout },
      { where: 'standard error', text: stderr },
    ]);
    return [...said, ...(await Promise.all(read))];
  }

  /** Ends what is left; throws when a process was left behind, a password was written anywhere, or Node had to warn. */
  async close(): Promise<void> {
    const quiet = await until(async () => (await this.processes()).length === 0, { timeoutMs: 15_000 }).catch(
      () => false,
    );
    const left = quiet ? [] : await this.processes();
    const names = await Promise.all(
      left.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').then((text) => text.replaceAll('\0', ' '))),
    );
    for (const pid of left) process.kill(pid, 'SIGKILL');
    const { source, target } = this.#databases;
    const secrets = [source.server, target.server].flatMap(({ password, ownerPassword }) => [password, ownerPassword]);
    const traces = await this.traces();
    const told = traces.filter(({ text }) => secrets.some((secret) => text.includes(secret)));
    const warned = traces.flatMap(({ where, text }) => nodeWarnings(text).map((warning) => `${where}: ${warning}`));
    await rm(this.root, { recursive: true, force: true });
    if (left.length > 0) {
      const said = this.#runs.filter(({ pid }) => left.includes(pid)).map(({ stdout }) => stdout.slice(-2000));
      throw new Error(`left running: ${names.join('; ')}\nit said last:\n${said.join('\n')}`);
    }
    if (told.length > 0) throw new Error(`a password stands in ${told.map(({ where }) => where).join(', ')}`);
    if (warned.length > 0) throw new Error(`Node warns:\n${warned.join('\n')}`);
  }
}

/** Tests that take `program` have no process, no written password and no warning of Node left behind, or fail. */
export const test = base.extend<{ program: Program }>({
  program: async ({ databases }, use) => {
    const program = new Program(await mkdtemp(join(tmpdir(), 'tiger-migrate-commands-')), databases);
    await use(program);
    await program.close();
  },
});

/** What a migration may have left on the two servers, as sentences; an empty list when there is nothing. */
export async function remains({ source, target }: TestDatabases): Promise<string[]> {
  const slots = await source.admin<{ name: string }>(
    'SELECT slot_name AS name FROM pg_replication_slots WHERE database = current_database()',
  );
  const publications = await source.admin<{ name: string }>('SELECT pubname AS name FROM pg_publication');
  const schemas = await target.admin<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|public$)'`,
  );
  const tables = await target.admin<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
  );
  return [
    ...slots.map(({ name }) => `slot ${name}`),
    ...publications.map(({ name }) => `publication ${name}`),
    ...schemas.map(({ name }) => `schema ${name}`),
    ...tables.map(({ name }) => `relation ${name}`),
  ];
}

/** A few tables with rows, so that there is something to migrate. */
export const TABLES = `
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers, total numeric);
CREATE INDEX orders_customer ON orders (customer);
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 200) i;
INSERT INTO orders (customer, total) SELECT i % 200 + 1, i * 1.5 FROM generate_series(1, 1000) i;`;
