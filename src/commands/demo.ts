import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Demo, startDemo } from '../demo/environment.ts';
import { migrationOptionsSchema } from '../engine/options.ts';
import { MigrateError } from '../errors/migrate-error.ts';
import type { CommandContext } from './context.ts';
import { endDemoEngine, prepareDemoDirectory, removeDemoFiles } from './demo-directory.ts';
import { runEngine } from './run-engine.ts';
import { verify } from './verify.ts';
import { wizard } from './wizard.ts';

export interface DemoFlags {
  readonly scale?: number;
  readonly rate?: number;
}

/**
 * `demo`: two throw-away PostgreSQL servers and a shop under live writes. With a terminal the wizard opens on it, filled
 * in; with `--yes`, or without a terminal, everything runs unattended and ends with a comparison of every row.
 */
export async function demo(context: CommandContext, flags: DemoFlags): Promise<number> {
  const directory = context.flags.dir ? context.directory : await mkdtemp(join(tmpdir(), 'tiger-migrate-demo-'));
  try {
    await prepareDemoDirectory({ ...context, directory });
    await using servers = await startDemo({
      ...flags,
      onProgress: (text) => context.print({ type: 'log', text: `Demo: ${text}` }),
      signal: context.signal,
    });
    const own: CommandContext = {
      ...context,
      directory,
      flags: { ...context.flags, dir: directory, source: servers.sourceUri, target: servers.targetUri },
    };
    const unattended = context.flags.yes || context.flags.json || !process.stdin.isTTY || !process.stdout.isTTY;
    return unattended ? await unattendedDemo(own, servers) : await wizardDemo(own, servers);
  } finally {
    if (!context.flags.dir) await rm(directory, { recursive: true, force: true });
  }
}

async function unattendedDemo(context: CommandContext, servers: Demo): Promise<number> {
  const failure = await runEngine({
    directory: context.directory,
    source: servers.sourceUri,
    target: servers.targetUri,
    options: migrationOptionsSchema.parse({
      provider: 'selfhosted-postgres',
      cutover: 'auto',
      freezeSource: true,
      splitTablesLargerThan: 64 * 1024 * 1024,
    }),
    resume: false,
    waitForGo: false,
    env: context.env,
    onEvent: context.print,
    onReady: () => {},
    signal: context.signal,
  });
  if (failure) throw failure;
  const stats = servers.writers?.stats();
  if (stats) {
    context.print({
      type: 'log',
      text: `The application wrote ${stats.transactions} transactions (${stats.rows} rows) meanwhile, ${stats.errors} of them failed.`,
    });
    if (stats.errors > 0) {
      throw new MigrateError('TM9001', {
        side: 'source',
        message: `${stats.errors} statements of the application failed during the migration: ${stats.lastError ?? ''}`,
      });
    }
  }
  const code = await verify(context, {});
  context.say('Migration successfully completed');
  return code;
}

/** The demo's servers live as long as its screen, its engine too; what it leaves behind nobody can go on with. */
async function wizardDemo(context: CommandContext, servers: Demo): Promise<number> {
  try {
    return await wizard(context, {
      prefill: { source: servers.sourceUri, target: servers.targetUri, provider: 'selfhosted-postgres' },
      isDemo: true,
    });
  } finally {
    await endDemoEngine(context.directory);
    await removeDemoFiles(context.directory);
  }
}
