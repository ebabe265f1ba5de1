import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, inject, test } from 'vitest';
import { readProgressFile } from '../../src/engine/process/work-directory.ts';
import { Hypertables, NO_TIMESCALEDB } from '../scenarios/timescaledb/stage.ts';
import { withClient } from '../support/test-servers.ts';
import { realServer } from '../support/timescaledb/play.ts';
import { until } from '../support/wait.ts';
import { EngineProcess } from './engine-process.ts';

/** Twenty chunks that are all compressed; no policy. */
const BY_HAND = `
  CREATE TABLE by_hand (n bigint NOT NULL, v text);
  SELECT create_hypertable('by_hand', by_range('n', 100), create_default_indexes => false);
  INSERT INTO by_hand SELECT n, repeat('x', 100) FROM generate_series(0, 1999) n;
  ALTER TABLE by_hand SET (timescaledb.compress);
  SELECT compress_chunk(c) FROM show_chunks('by_hand') c`;

const compressed = async (stage: Hypertables) =>
  Number(
    (await stage.on('target', 'SELECT count(*) AS count FROM timescaledb_information.chunks WHERE is_compressed'))[0]
      ?.count,
  );

/** A migration of `migrate --cutover auto` whose last chunk is held by the application, so that compression does not end. */
async function whileCompressing(
  then: (of: {
    stage: Hypertables;
    engine: EngineProcess;
    args: readonly string[];
    env: Readonly<Record<string, string>>;
    release: () => Promise<unknown>;
  }) => Promise<void>,
): Promise<void> {
  await using stage = await Hypertables.create();
  await stage.on('source', BY_HAND);
  const directory = await mkdtemp(join(tmpdir(), 'tm-compress-'));
  const args = ['--dir', directory];
  const env = { SOURCE: stage.source, TARGET: stage.target };
  const engine = new EngineProcess([...args, '--table-jobs', '1'], env);
  try {
    await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
    await engine.saw((event) => event.type === 'gate' && event.id === 'writers' && event.ok);
    const last = (await stage.on('target', `SELECT c::text AS name FROM show_chunks('by_hand') c`)).at(-1)?.name;
    const application = await stage.session('target');
    await application.query(`BEGIN; LOCK TABLE ${last} IN ROW SHARE MODE`);
    let begun = false;
    const cutover = engine
      .saw((event) => event.type === 'phase' && event.phase === 'cutover')
      .then(() => {
        begun = true;
      });
    // On a server that others use, too, what holds now need not hold in a moment.
    const ask = () => {
      if (!begun) engine.child.stdin?.write('c\n');
      return begun;
    };
    await Promise.all([until(ask, { what: 'the cut-over', timeoutMs: 60_000 }), cutover]);
    await engine.saw((event) => event.type === 'compression' && event.chunks_done === 19);
    await then({ stage, engine, args, env, release: () => application.query('COMMIT') });
  } finally {
    await engine.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs another command of the program to its end. */
async function command(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [join(inject('compiled'), 'cli.js'), ...args], {
    env: { ...process.env, ...env },
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { stdout, stderr, code: code as number | null };
}

describe.skipIf(NO_TIMESCALEDB)('compression after the cut-over', { timeout: 600_000 }, () => {
  test('kill -9 in the middle, then resumed when the source is gone: the rest is compressed', async () => {
    await whileCompressing(async ({ stage, engine, args, env, release }) => {
      expect(engine.events.filter(({ type }) => type === 'done')).toHaveLength(1);
      await until(async () => (await readProgressFile(args[1] ?? ''))?.compression?.chunks_done === 19, {
        what: 'that to be remembered',
      });
      await engine.kill('SIGKILL');
      expect(await compressed(stage)).toBe(19);
      const { stdout } = await command(['status', ...args], env);
      expect(stdout).toContain('Phase done, engine stopped');
      expect(stdout).toMatch(/Compressing 19 of 20 chunks.*\nGo on with migrate --resume, or leave it/);
      expect(await stage.differences()).toEqual([]);
      await withClient(realServer, (client) =>
        client.query(`DROP DATABASE ${new URL(stage.source).pathname.slice(1)} WITH (FORCE)`),
      );
      await release();
      const again = new EngineProcess([...args, '--resume'], env);
      expect(await again.exited, again.stderr).toBe(0);
      expect(await compressed(stage)).toBe(20);
      expect(again.events.at(-1)).toMatchObject({ type: 'compression', state: 'done', chunks_done: 20 });
      const told = JSON.parse((await command(['status', '--json', ...args], env)).stdout);
      expect(told).toMatchObject({ phase: 'done', error: null, compression: { chunks_done: 20, chunks_total: 20 } });
    });
  });

  test('Ctrl-C ends a migration that is done, with exit code 0', async () => {
    await whileCompressing(async ({ stage, engine, args, env }) => {
      expect(await engine.kill('SIGINT')).toBe(0);
      expect(engine.events.at(-2)).toMatchObject({ type: 'compression', state: 'stopped', chunks_done: 19 });
      expect(engine.events.at(-1)).toMatchObject({ type: 'log', text: expect.stringContaining('19 of 20 chunks') });
      // Nobody compresses on.
      const left = await stage.on(
        'target',
        `SELECT FROM pg_stat_activity WHERE application_name LIKE '%compress'
          AND datname = current_database()`,
      );
      expect(left).toEqual([]);
      expect((await command(['cutover', '--yes', ...args], env)).stderr).toContain('is done');
    });
  });

  test('clean ends it first, and says what is not compressed', async () => {
    await whileCompressing(async ({ stage, engine, args, env }) => {
      const { stdout, code } = await command(['clean', ...args], env);
      expect(code).toBe(0);
      expect(stdout).toContain('Removed target: the list of 1 chunks of public.by_hand that are not compressed yet');
      expect(await engine.exited).toBe(0);
      expect(await compressed(stage)).toBe(19);
      expect(await stage.on('target', `SELECT FROM pg_namespace WHERE nspname = 'tiger_migrate'`)).toEqual([]);
      expect(await stage.differences()).toEqual([]);
    });
  });
});
