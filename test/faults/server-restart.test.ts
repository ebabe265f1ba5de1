import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startDemo } from '../../src/demo/environment.ts';
import type { EngineEvent } from '../../src/engine/events.ts';
import { compareDatabases } from '../support/compare.ts';
import { until } from '../support/wait.ts';
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
    const seenFrom = (from: number, fits: (event: EngineEvent) => boolean) =>
      engine.saw((event) => fits(event) && engine.events.indexOf(event) >= from);
    let from = 0;
    try {
      await engine.saw((event) => event.type === 'table' && event.state === 'copied');
      await demo.target.restart('immediate');
      await engine.saw((event) => event.type === 'phase' && event.phase === 'replay');
      for (const server of [demo.source, demo.target]) {
        from = engine.events.length;
        await server.restart('immediate');
        await seenFrom(from, (event) => event.type === 'replay' && event.caught_up);
      }
      // Locked until it has noticed, come back and caught up again: asked as often as it takes.
      const cuttingOver = () => engine.events.some((event) => event.type === 'phase' && event.phase === 'cutover');
      await until(
        async () => {
          engine.child.kill('SIGUSR1');
          return cuttingOver();
        },
        { timeoutMs: 90_000, what: 'the cut-over' },
      );
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
