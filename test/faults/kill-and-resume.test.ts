import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, inject } from 'vitest';
import { seededRandom } from '../../src/demo/random.ts';
import { createShop } from '../../src/demo/shop.ts';
import { startWriters } from '../../src/demo/writers.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { EngineProcess } from './engine-process.ts';

/** Ten times with the plugin that most use; a few times with the others. The shop has prices: wal2json 2.6 or newer. */
const RUNS = [
  { plugin: 'pgoutput', inCopy: 5, inReplay: 5 },
  { plugin: 'test_decoding', inCopy: 1, inReplay: 3 },
  ...(inject('wal2json') === 'quoted' ? [{ plugin: 'wal2json', inCopy: 1, inReplay: 2 }] : []),
] as const;
/** Longest time after the moment's event at which the engine is killed. */
const SPREAD_MS = 400;

describe('kill -9 of the engine under writes', () => {
  test.override({
    databaseOptions: { source: { name: 'shop_kill', build: (client) => createShop(client, { scale: 0.4 }) } },
  });

  test.for(RUNS)(
    '$inCopy times in copy, $inReplay times in replay ($plugin), then resumed: all equal, nothing finished is copied again',
    {
      timeout: 600_000,
    },
    async ({ plugin, inCopy, inReplay }, { databases: { source, target } }) => {
      const random = seededRandom(20261122);
      const directory = await mkdtemp(join(tmpdir(), 'tm-kill-'));
      const env = { SOURCE: source.uri, TARGET: target.uri };
      const args = ['--dir', directory, '--plugin', plugin, '--table-jobs', '2', '--split-tables-larger-than', '4MB'];
      const writers = await startWriters({ uri: source.uri, rate: 200, connections: 3 });
      const timesCopied = async () =>
        new Map(
          (await target.query('SELECT schema, name, state, times_copied FROM tiger_migrate.relation')).map((row) => [
            `${row.schema}.${row.name}`,
            { state: String(row.state), times: Number(row.times_copied) },
          ]),
        );
      const recopied: string[] = [];
      let engine = new EngineProcess(args, env);
      try {
        for (let kill = 0; kill < inCopy; kill += 1) {
          await engine.saw((event) => event.type === 'phase' && event.phase === 'copy');
          await engine.saw((event) => event.type === 'table' && event.state === 'copying');
          await delay(random.between(0, SPREAD_MS));
          const phases = engine.events.flatMap((event) => (event.type === 'phase' ? [event.phase] : []));
          await engine.kill('SIGKILL');
          expect(phases.at(-1), 'the kill was meant for the copy').toBe('copy');
          const before = await timesCopied();
          engine = new EngineProcess([...args, '--resume'], env);
          await engine.saw((event) => event.type === 'table' && event.state === 'copying');
          const after = await timesCopied();
          for (const [name, { state, times }] of before) {
            if (state === 'copied' && after.get(name)?.times !== times) recopied.push(name);
          }
        }
        const finished = await (async () => {
          await engine.saw((event) => event.type === 'phase' && event.phase === 'replay');
          return timesCopied();
        })();
        for (let kill = 0; kill < inReplay; kill += 1) {
          await engine.saw((event) => event.type === 'replay');
          await delay(random.between(0, SPREAD_MS * 2));
          await engine.kill('SIGKILL');
          engine = new EngineProcess([...args, '--resume'], env);
        }
        await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
        await writers.stop();
        const from = engine.events.length;
        await engine.saw(
          (event) =>
            event.type === 'gate' && event.id === 'writers' && event.ok && engine.events.indexOf(event) >= from,
        );
        engine.child.stdin?.write('c\n');
        expect(await engine.exited, engine.stderr).toBe(0);
        for (const [name, { times }] of await timesCopied()) {
          if (finished.get(name)?.times !== times) recopied.push(name);
        }
        expect(recopied).toEqual([]);
        expect(writers.stats().errors).toBe(0);
        expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
      } finally {
        await engine.kill('SIGKILL');
        await writers.stop();
        await rm(directory, { recursive: true, force: true });
      }
    },
  );
});
