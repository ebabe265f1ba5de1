import { describe, expect, test } from 'vitest';
import { rowsOf } from '../support/timescaledb/contents.ts';
import { offered } from '../support/timescaledb/play.ts';
import { day } from './timescaledb/plant.ts';
import { Hypertables, NEWEST, NO_TIMESCALEDB } from './timescaledb/stage.ts';

const refresh = (from: number, to: number) => `CALL refresh_continuous_aggregate('hourly', ${day(from)}, ${day(to)})`;
const SCENE = [
  `CREATE TABLE metrics (time timestamptz NOT NULL, dev int NOT NULL, n int, PRIMARY KEY (time, dev));
   SELECT create_hypertable('metrics', by_range('time', interval '1 day'), create_default_indexes => false);
   INSERT INTO metrics SELECT t, d, d FROM generate_series(${day(0)}, ${day(9)}, '1 hour') t, generate_series(1, 3) d`,
  `CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous) AS
     SELECT time_bucket('1 hour', time) AS bucket, dev, sum(n) AS n FROM metrics GROUP BY 1, 2 WITH NO DATA`,
  refresh(-1, 8),
];
const LATE = `INSERT INTO metrics VALUES (${day(2)} + interval '90 seconds', 1, 100); DELETE FROM metrics WHERE dev = 2 AND time = ${day(1)}`;
const RETENTION = `SELECT drop_chunks('metrics', older_than => ${day(3)})`;

const filled = (stage: Hypertables, name = 'public.hourly') =>
  stage
    .on('target', `SELECT FROM tiger_migrate.object WHERE kind = 'aggregate history' AND name = '${name}'`)
    .then((rows) => rows.length > 0);

/** As they are, and as they are once the target's own policy has looked at what lies within its reach. */
async function expectSameHistory(stage: Hypertables): Promise<void> {
  const rows = (side: 'source' | 'target') => rowsOf(stage.asSuperuser(side), 'hourly');
  expect(await rows('target')).toEqual(await rows('source'));
  for (const side of ['source', 'target'] as const) await stage.on(side, refresh(3, 8));
  expect(await rows('target')).toEqual(await rows('source'));
  expect(await stage.differences()).toEqual([]);
}

describe.skipIf(NO_TIMESCALEDB)(
  'given retention on the source meanwhile, and aggregates that keep what it drops',
  () => {
    test('dropped before it was copied', async () => {
      await using stage = await Hypertables.create();
      for (const sql of SCENE) await stage.on('source', sql);
      const migration = await stage.migrate({ waitForGo: true });
      await migration.untilSnapshot();
      await stage.on('source', RETENTION);
      await migration.go();
      await stage.caughtUp(migration);
      await stage.cutOver(migration);
      await expectSameHistory(stage);
    });

    for (const target of NO_TIMESCALEDB
      ? ['of any version']
      : [NEWEST, ...offered.filter((version) => version !== NEWEST)]) {
      test(`late rows, their refresh, then dropped, right before the cut-over, target ${target}`, async () => {
        await using stage = await Hypertables.create({ targetVersion: target });
        for (const sql of SCENE) await stage.on('source', sql);
        const migration = await stage.migrate();
        await stage.caughtUp(migration);
        if (target === NEWEST) await migration.until(() => filled(stage), 'the aggregate to be filled');
        for (const sql of [LATE, refresh(1, 3), RETENTION]) await stage.on('source', sql);
        await stage.cutOver(migration);
        await expectSameHistory(stage);
      });
    }
  },
);
