import { expect, test } from 'vitest';
import { withClient } from '../support/test-servers.ts';
import { realServer } from '../support/timescaledb/play.ts';
import { day, newRows, plant } from './timescaledb/plant.ts';
import { plantDiffers } from './timescaledb/plant-differs.ts';
import { Hypertables, NO_TIMESCALEDB } from './timescaledb/stage.ts';
import { insist, Storm } from './timescaledb/storm.ts';

/** Whether the server with TimescaleDB lets a slot have wal2json. */
const present =
  !NO_TIMESCALEDB &&
  (await withClient(realServer, (client) =>
    client.query("SELECT pg_create_logical_replication_slot('tm_test_wal2json', 'wal2json', true)").then(
      () => true,
      () => false,
    ),
  ));

/** wal2json before 2.6 loses NaN, so a table with such columns is refused: whole numbers in their place. */
const withoutFloats = (sql: string): string =>
  sql.replaceAll('v float8', 'v int').replaceAll('v numeric', 'v int').replaceAll('extract(hour FROM t)', 'd');

const WORK = [
  newRows(220),
  `SELECT compress_chunk(c) FROM show_chunks('metrics', newer_than => ${day(7)}, older_than => ${day(9)}) c`,
  `SELECT compress_chunk(c, recompress => true) FROM show_chunks('metrics', older_than => ${day(5)}) c`,
  `SELECT decompress_chunk(c) FROM show_chunks('metrics', newer_than => ${day(5)}, older_than => ${day(6)}) c`,
  'TRUNCATE readings',
];

test.skipIf(!present)(
  'by wal2json a database with all that TimescaleDB has, written to throughout, arrives equal',
  { timeout: 600_000 },
  async () => {
    await using stage = await Hypertables.create({ options: { plugin: 'wal2json' } });
    for (const sql of plant({ compressed: true })) await stage.on('source', withoutFloats(sql));
    await using storm = new Storm(await stage.session('source'), 3);
    const migration = await stage.migrate();
    await stage.caughtUp(migration);
    for (const sql of WORK) await insist(() => stage.on('source', sql));
    await storm.stop();
    await stage.caughtUp(migration);
    await stage.cutOver(migration);
    expect(storm.committed).toBeGreaterThan(20);
    expect(migration.warnings.filter((text) => !text.startsWith('Conditions overridden'))).toEqual([]);
    expect(await plantDiffers(stage)).toEqual([]);
  },
);
