import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nodeOptions, nodeWarnings } from '../support/node-warnings.ts';
import { VirtualTerminal } from './virtual-terminal.ts';

/** Real processes on a real terminal, which `script` (util-linux) makes; after each, the shell looks at its terminal. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = join(root, 'node_modules/.cache/terminal-tests');
const child = join(built, 'test/terminal/ways-out-child.js');
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ways-out-'));
  const tsc = join(root, 'node_modules/.bin/tsc');
  await new Promise((resolve) =>
    execFile(tsc, ['-p', join(root, 'test/terminal/tsconfig.json'), '--outDir', built], resolve),
  );
  if (!existsSync(child)) throw new Error(`${child} was not built`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

let scripts: ChildProcess[] = [];
afterEach(() => {
  for (const script of scripts) script.kill('SIGKILL');
  scripts = [];
});

async function open(way: string) {
  const terminal = new VirtualTerminal(80, 24);
  const pidFile = join(directory, `${way}.pid`);
  const shell = `stty cols 80 rows 24; node ${child} ${way} ${pidFile}; echo code=$?; stty -a; echo the-end`;
  const script = spawn('script', ['-qfec', shell, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      NODE_ENV: 'development',
      SHELL: '/bin/sh',
      TERM: 'xterm-256color',
      NODE_OPTIONS: nodeOptions(),
    },
  });
  scripts.push(script);
  script.stdout.setEncoding('utf8').on('data', (text: string) => terminal.write(text));
  await terminal.shows('safe to close', 15_000);
  const pid = Number(await readFile(pidFile, 'utf8'));
  return { terminal, script, pid };
}

function expectRestored(terminal: VirtualTerminal, text: string): void {
  const all = terminal.writes.join('');
  expect(terminal.alternate).toBe(false);
  expect(nodeWarnings(all)).toEqual([]);
  expect(terminal.xterm.modes).toMatchObject({ bracketedPasteMode: false, wraparoundMode: true });
  expect(all.lastIndexOf('\u001b[?25h')).toBeGreaterThan(all.lastIndexOf('\u001b[?25l'));
  expect(text).toMatch(/(^|\s)icanon/);
  expect(text).toMatch(/(^|\s)echo(\s|$)/);
}

describe('the terminal is put back', () => {
  it.each([
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ])('after %s', async (_name, key) => {
    const { terminal, script } = await open('keys');
    script.stdin?.write(key);
    const text = await terminal.shows('the-end', 15_000);
    expect(text).toContain('code=0');
    expect(text).toContain('renders-noted=0');
    expect(text).toContain('The engine goes on without this screen');
    expectRestored(terminal, text);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('after %s', async (signal) => {
    const { terminal, pid } = await open(signal);
    process.kill(pid, signal);
    const text = await terminal.shows('the-end', 15_000);
    expect(text).toContain('code=0');
    expectRestored(terminal, text);
  });

  it.each([
    ['crash', 'code=1'],
    ['exit', 'code=7'],
  ])('after a %s', async (way, code) => {
    const { terminal, pid } = await open(way);
    process.kill(pid, 'SIGUSR2');
    const text = await terminal.shows('the-end', 15_000);
    expect(text).toContain(code);
    expect(text.includes('boom')).toBe(way === 'crash');
    expectRestored(terminal, text);
  });
});

it('a terminal that goes away takes the screen with it, and nothing else', async () => {
  const { script, pid } = await open('gone');
  script.kill('SIGKILL');
  await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 15_000 }).toBe(false);
});
