import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { MigrateError } from '../../errors/migrate-error.ts';
import { errorReportSchema } from '../events.ts';
import { migrationOptionsSchema } from '../options.ts';
import { EngineClient } from './client.ts';
import { logPath, prepareWorkDirectory } from './work-directory.ts';

/** What a detached engine is told on its standard input: connection strings with passwords never stand in argv. */
export const launchSchema = z.object({
  source: z.string(),
  target: z.string(),
  directory: z.string(),
  options: migrationOptionsSchema,
  resume: z.boolean(),
  waitForGo: z.boolean(),
});
export type Launch = z.infer<typeof launchSchema>;

const START_TIMEOUT_MS = 30_000;
const failureSchema = z.object({ failure: errorReportSchema });

/**
 * Starts the engine as a process of its own (own session, no terminal, output to the log; in this same directory, to
 * which certificates and passfiles may be relative) and attaches to it. Rejects
 * with the engine's own error when it ends before it answers, TM9001 when it does not answer in time.
 */
export async function launchEngine(program: readonly [string, ...string[]], launch: Launch): Promise<EngineClient> {
  await prepareWorkDirectory(launch.directory, true);
  const log = await open(logPath(launch.directory), 'a', 0o600);
  let output = '';
  try {
    const child = spawn(program[0], program.slice(1), {
      detached: true,
      stdio: ['pipe', 'pipe', log.fd],
      env: process.env,
    });
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(JSON.stringify(launch));
    const answered = await waitForEngine(launch.directory, child.pid ?? 0, ended);
    if (answered) {
      child.stdout?.destroy();
      child.unref();
      return answered;
    }
    // One that does not answer must not go on behind our back.
    child.kill('SIGKILL');
    throw startFailure(output, launch.directory);
  } finally {
    await log.close();
  }
}

async function waitForEngine(directory: string, pid: number, ended: Promise<void>): Promise<EngineClient | null> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const client = await EngineClient.attach(directory);
    if (client?.pid === pid) return client;
    client?.detach();
    if (over) return null;
    await Promise.race([delay(50), ended]);
  }
  return null;
}

/** The engine's last line tells why, when it could. */
function startFailure(output: string, directory: string): MigrateError {
  for (const line of output.trim().split('\n').reverse()) {
    try {
      const { failure } = failureSchema.parse(JSON.parse(line));
      return new MigrateError(failure.code, failure);
    } catch {
      // Not that line.
    }
  }
  return new MigrateError('TM9001', {
    side: 'local',
    object: directory,
    message: 'the engine did not start',
    hint: `Look into ${logPath(directory)}.`,
  });
}
