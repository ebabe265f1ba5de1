import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { seededRandom } from '../../src/demo/random.ts';
import { createShop } from '../../src/demo/shop.ts';
import { startWriters } from '../../src/demo/writers.ts';
import type { EngineEvent } from '../../src/engine/events.ts';
import { compareDatabases } from '../support/compare.ts';
import { test } from '../support/databases.ts';
import { EngineProcess } from './engine-process.ts';

const KILLS_IN_COPY = 3;
/** Longest time after the moment's event at which the engine is killed. */
const SPREAD_MS = 300;

const isDamaged = (event: EngineEvent) => event.type === 'table' && event.state === 'damaged';

describe('kill -9 of the engine under writes', () => {
  test.override({
    databaseOptions: { source: { name: 'shop_damaged_kill', build: (client) => createShop(client, { scale: 0.4 }) } },
  });

  test('while a table is damaged, and while tables are copied again: remembered, then all equal', {
    timeout: 600_000,
  }, async ({ databases: { source, target } }) => {
    const random = seededRandom(20261122);
    const directory = await mkdtemp(join(tmpdir(), 'tm-damaged-'));
    const env = { SOURCE: source.uri, TARGET: target.uri };
    const args = ['--dir', directory, '--table-jobs', '2', '--split-tables-larger-than', '4MB'];
    const writers = await startWriters({ uri: source.uri, rate: 200, connections: 3 });
    const states = async () =>
      new Map(
        (await target.query('SELECT name, state FROM tiger_migrate.relation')).map((row) => [row.name, row.state]),
      );
    let engine = new EngineProcess(args, env);
    try {
      await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
      await target.admin('SET session_replication_role = replica; DELETE FROM customers WHERE id % 2 = 0');
      await engine.saw(isDamaged);
      await engine.kill('SIGKILL');
      expect((await states()).get('customers')).toBe('damaged');

      // Not a word of it is left on this machine: the target knows.
      await rm(join(directory, 'progress.json'));
      engine = new EngineProcess([...args, '--resume'], env);
      expect(await engine.saw(isDamaged)).toMatchObject({ relation: 'public.customers', damage: { code: 'TM5001' } });
      await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
      await engine.saw((event) => event.type === 'gate' && event.id === 'damaged' && !event.ok);
      await engine.kill('SIGKILL');

      engine = new EngineProcess([...args, '--resync', 'public.*'], env);
      for (let kill = 0; kill < KILLS_IN_COPY; kill += 1) {
        await engine.saw((event) => event.type === 'table' && event.state === 'copying');
        await delay(random.between(0, SPREAD_MS));
        await engine.kill('SIGKILL');
        expect([...(await states()).values()], 'the kill was meant for the copy').toContain('pending');
        engine = new EngineProcess([...args, '--resume'], env);
      }
      await engine.saw(
        (event) => event.type === 'table' && event.relation === 'public.customers' && event.state === 'live',
      );
      await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
      await writers.stop();
      const from = engine.events.length;
      await engine.saw(
        (event) => event.type === 'gate' && event.id === 'writers' && event.ok && engine.events.indexOf(event) >= from,
      );
      engine.child.stdin?.write('c\n');
      expect(await engine.exited, engine.stderr).toBe(0);
      expect(writers.stats().errors).toBe(0);
      expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
      await writers.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
