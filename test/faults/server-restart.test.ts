import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startDemo } from '../../src/demo/environment.ts';
import { compareDatabases } from '../support/compare.ts';
import { EngineProcess } from './engine-process.ts';

const databaseOf = (uri: string): string => new URL(uri).pathname.slice(1);

describe('servers that go away and come back', () => {
  test('source and target crash in copy and in replay, under writes: the engine goes on by itself, all equal', async () => {
    await using demo = await startDemo({ scale: 0.2, rate: 150 });
    const directory = await mkdtemp(join(tmpdir(), 'tm-restart-'));
    const engine = new EngineProcess(['--dir', directory, '--table-jobs', '2', '--freeze-source'], {
      SOURCE: demo.sourceUri,
      TARGET: demo.targetUri,
    });
    const caughtUpSince = async (from: number) =>
      engine.saw((event) => engine.events.indexOf(event) >= from && event.type === 'replay' && event.caught_up);
    try {
      await engine.saw((event) => event.type === 'table' && event.state === 'copied');
      await demo.target.restart('immediate');
      await engine.saw((event) => event.type === 'phase' && event.phase === 'replay');
      for (const server of [demo.source, demo.target]) {
        const from = engine.events.length;
        await server.restart('immediate');
        await caughtUpSince(from);
      }
      await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
      engine.child.kill('SIGUSR1');
      expect(await engine.exited, engine.stderr).toBe(0);
      expect(demo.writers?.stats().errors).toBe(0);
      const [source, target] = [
        demo.source.uri(databaseOf(demo.sourceUri)),
        demo.target.uri(databaseOf(demo.targetUri)),
      ];
      expect(await compareDatabases(source, target)).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  });
});
