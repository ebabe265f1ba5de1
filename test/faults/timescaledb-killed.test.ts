import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/demo/random.ts';
import { Hypertables, NO_TIMESCALEDB } from '../scenarios/timescaledb/stage.ts';
import { EngineProcess } from './engine-process.ts';

const day = (number: number) => `'2026-11-01 00:00+00'::timestamptz + ${number} * interval '1 day'`;
const rows = (from: number, to: number, dev: number) =>
  `INSERT INTO m SELECT t, ${dev}, 1 FROM generate_series(${day(from)}, ${day(to)}, '1 hour') t ON CONFLICT DO NOTHING`;

/** What the source does right before each kill: during the copy, then during replay. */
const IN_COPY = [
  `${rows(40, 42, 1)}; UPDATE m SET v = 2 WHERE time < ${day(2)}`,
  `SELECT decompress_chunk(c) FROM show_chunks('m', older_than => ${day(3)}) c WHERE c::text IN (SELECT c::text FROM show_chunks('m', newer_than => ${day(1)}) c); SELECT drop_chunks('m', older_than => ${day(1)}); ${rows(0, 0, 9)}`,
  `SELECT compress_chunk(c, true) FROM show_chunks('m', older_than => ${day(20)}, newer_than => ${day(10)}) c; DELETE FROM m WHERE dev = 3 AND time < ${day(15)}`,
];
const IN_REPLAY = [
  `BEGIN; ${rows(100, 300, 1)}; COMMIT`,
  `SELECT drop_chunks('m', older_than => ${day(5)}); ${rows(2, 4, 7)}; UPDATE m SET v = v + 1 WHERE time < ${day(20)}`,
  `TRUNCATE m; ${rows(0, 30, 8)}`,
  `BEGIN; TRUNCATE m; ${rows(10, 60, 1)}; DELETE FROM m WHERE time < ${day(12)}; COMMIT`,
];

test.skipIf(NO_TIMESCALEDB)(
  'kill -9 in copy and in replay of hypertables whose chunks come and go, then resumed: all equal',
  { timeout: 600_000 },
  async () => {
    await using stage = await Hypertables.create();
    await stage.on(
      'source',
      `CREATE TABLE m (time timestamptz NOT NULL, dev int NOT NULL, v int, PRIMARY KEY (time, dev));
       SELECT create_hypertable('m', by_range('time', interval '1 day'), create_default_indexes => false);
       ALTER TABLE m SET (timescaledb.compress, timescaledb.compress_segmentby = 'dev', timescaledb.compress_orderby = 'time');
       INSERT INTO m SELECT t, d, 1 FROM generate_series(${day(0)}, ${day(30)}, '10 min') t, generate_series(1, 5) d;
       SELECT compress_chunk(c) FROM show_chunks('m', older_than => ${day(8)}) c`,
    );
    const random = seededRandom(5);
    const directory = await mkdtemp(join(tmpdir(), 'tm-kill-'));
    const args = ['--dir', directory, '--table-jobs', '1', '--index-jobs', '1'];
    const env = { SOURCE: stage.source, TARGET: stage.target };
    let engine = new EngineProcess(args, env);
    const again = async () => {
      await engine.kill('SIGKILL');
      engine = new EngineProcess([...args, '--resume'], env);
    };
    try {
      for (const sql of IN_COPY) {
        await engine.saw((event) => event.type === 'table' && event.state === 'copied');
        const done = stage.on('source', sql);
        await delay(random.between(0, 100));
        await again();
        await done;
      }
      for (const sql of IN_REPLAY) {
        await engine.saw((event) => event.type === 'replay');
        await stage.on('source', sql);
        await delay(random.between(0, 400));
        await again();
      }
      await engine.saw((event) => event.type === 'gate' && event.id === 'caught-up' && event.ok);
      await engine.saw((event) => event.type === 'gate' && event.id === 'writers' && event.ok);
      engine.child.stdin?.write('c\n');
      expect(await engine.exited, engine.stderr).toBe(0);
      expect(await stage.differences()).toEqual([]);
    } finally {
      await engine.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  },
);
