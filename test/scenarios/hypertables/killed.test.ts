import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { seededRandom } from '../../../src/demo/random.ts';
import { formatHypertable } from '../../../src/engine/timescale/hypertable-option.ts';
import { EngineProcess } from '../../faults/engine-process.ts';
import { test } from '../../support/databases.ts';
import { offered, realServer } from '../../support/timescaledb/play.ts';
import { realStage } from '../../support/timescaledb/stage.ts';
import { verifyAll } from '../whole/migration.ts';
import { BECOMING, PLAIN_TABLES, RoundWriter } from './becoming.ts';

const SPREAD_MS = 300;

describe.skipIf(offered.length === 0)(`a target with TimescaleDB ${offered.at(-1) ?? 'of any version'} itself`, () => {
  test('kill -9 in schema, copy and replay while plain tables become hypertables, then resumed: all rows equal', {
    timeout: 600_000,
  }, async ({ databases: { source } }) => {
    const stage = realStage(realServer, offered.at(-1) ?? '');
    await using target = await stage.create('empty');
    await source.query(PLAIN_TABLES);
    await source.query('ALTER TABLE metrics ALTER time SET NOT NULL');
    const random = seededRandom(20261123);
    const directory = await mkdtemp(join(tmpdir(), 'tm-kill-'));
    const hypertables = BECOMING.flatMap((one) => ['--hypertable', formatHypertable(one)]);
    const args = ['--dir', directory, '--table-jobs', '2', '--split-tables-larger-than', '100kB', ...hypertables];
    const env = { SOURCE: source.uri, TARGET: target.uri };
    args.push('--skip-hypertable-incompatible-objects');
    const writer = new RoundWriter(source.uri, 50);
    let engine = new EngineProcess(args, env);
    const again = async () => {
      await engine.kill('SIGKILL');
      engine = new EngineProcess([...args, '--resume'], env);
    };
    try {
      await engine.saw((event) => event.type === 'phase' && event.phase === 'schema');
      await delay(random.between(0, SPREAD_MS));
      await again();
      for (let kill = 0; kill < 3; kill += 1) {
        await engine.saw((event) => event.type === 'phase' && event.phase === 'copy');
        await delay(random.between(0, SPREAD_MS));
        await again();
      }
      for (let kill = 0; kill < 3; kill += 1) {
        await engine.saw((event) => event.type === 'replay');
        await delay(random.between(0, SPREAD_MS));
        await again();
      }
      await writer.stop();
      expect(writer.error).toBeNull();
      const from = engine.events.length;
      await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok, from);
      await engine.saw((event) => event.type === 'gate' && event.id === 'writers' && event.ok, from);
      engine.child.stdin?.write('c\n');
      expect(await engine.exited, engine.stderr).toBe(0);
      const options = { hypertables: [...BECOMING], skipHypertableIncompatibleObjects: true };
      const { tables, objects } = await verifyAll({ source: source.uri, target: target.uri, options });
      expect(tables.filter(({ equal }) => !equal)).toEqual([]);
      expect(objects).toEqual([]);
      expect(await target.query('SELECT count(*) FROM ONLY metrics')).toEqual([{ count: '0' }]);
    } finally {
      await engine.kill('SIGKILL');
      await writer.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
