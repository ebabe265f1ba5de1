import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCompression } from '../../src/engine/timescale/compression-settings.ts';
import { readDefinitions } from '../../src/engine/timescale/dimensions.ts';
import { readAggregates } from '../../src/engine/timescale/source-aggregates.ts';
import { readHypertables } from '../../src/engine/timescale/source-hypertables.ts';
import { readJobs } from '../../src/engine/timescale/source-jobs.ts';
import { connect } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { STAGES } from '../support/timescaledb/play.ts';
import { recordedStage, type Stage, type StageDatabase } from '../support/timescaledb/stage.ts';

/** Of recorded rows, which have no tables behind the aggregate. */
const AGGREGATE = `
  CREATE TABLE _timescaledb_internal._materialized_hypertable_5 (bucket timestamptz NOT NULL, device int, avg float8);
  CREATE INDEX ON _timescaledb_internal._materialized_hypertable_5 (bucket DESC);
  CREATE VIEW public.metrics_hourly AS SELECT * FROM _timescaledb_internal._materialized_hypertable_5`;

for (const { title, absent, open } of STAGES) {
  describe.skipIf(absent)(`what the engine reads of the catalog: ${title}`, () => {
    let stage: Stage;
    let source: StageDatabase;
    let client: pg.Client;
    beforeAll(async () => {
      stage = await open();
      source = await stage.create('sample');
      if (!stage.real) await source.admin(AGGREGATE);
      client = await connect(parseConnectionString(source.superuserUri, {}), {
        side: 'source',
        application: 'readers',
      });
    });
    afterAll(async () => {
      await client?.end();
      await source?.[Symbol.asyncDispose]();
      await stage?.stop();
    });

    const nameOf = async (oid: number | null | undefined) =>
      (await source.admin<{ name: string }>(`SELECT ${oid}::regclass::text AS name`))[0]?.name;

    test('hypertables, their chunks, and the tables of compressed rows', async () => {
      const { roots, chunks } = await readHypertables(client);
      expect((await Promise.all([...roots].map(nameOf))).sort()).toEqual(['counters', 'kept', 'metrics', 'readings']);
      const found = await Promise.all(
        [...chunks.values()].map(async ({ oid, rootOid, compressedOid, status }) => [
          await nameOf(rootOid),
          await nameOf(oid),
          compressedOid && (await nameOf(compressedOid)),
          status,
        ]),
      );
      const chunk = (id: string) => `_timescaledb_internal._hyper_${id}_chunk`;
      const packed = (id: string) => `_timescaledb_internal.compress_hyper_${id}_chunk`;
      expect(found.sort()).toEqual([
        ...['3_7', '3_8', '3_9'].map((id) => ['counters', chunk(id), null, 0]),
        ['metrics', chunk('1_1'), packed('2_5'), 1],
        ['metrics', chunk('1_2'), packed('2_6'), 1],
        ['metrics', chunk('1_3'), null, 0],
        ['metrics', chunk('1_4'), null, 0],
        ...['4_10', '4_11'].map((id) => ['readings', chunk(id), null, 0]),
      ]);
    });

    test('dimensions', async () => {
      const definitions = await readDefinitions(client, [...(await readHypertables(client)).roots]);
      const range = (column: string, interval: string) => [
        { column, interval, partitions: null, function: null, integerNow: null },
      ];
      expect(Object.fromEntries(definitions.map(({ name, dimensions }) => [name, dimensions]))).toEqual({
        metrics: range('time', '86400000000'),
        counters: range('seq', '1000'),
        readings: range('time', '604800000000'),
        kept: range('time', '604800000000'),
      });
      expect(definitions.flatMap(({ skipping }) => skipping)).toEqual([]);
    });

    test('continuous aggregates, with the width of their buckets', async () => {
      const found = await readAggregates(client);
      expect(found).toMatchObject([
        {
          schema: 'public',
          name: 'metrics_hourly',
          definition: expect.stringContaining('time_bucket'),
          materializedOnly: true,
          on: { schema: 'public', name: 'metrics' },
          storage: { schema: '_timescaledb_internal', name: '_materialized_hypertable_5' },
          columns: ['bucket', 'device', 'avg'],
          bucket: 'bucket',
          bucketType: 'timestamp with time zone',
          width: '01:00:00',
          interval: '864000000000',
        },
      ]);
      expect(found[0]?.indexes.map(({ using }) => using)).toContain('btree (bucket DESC)');
    });

    test('jobs, and what they work on', async () => {
      const jobs = await readJobs(client);
      expect(jobs.map(({ procedure, on, owner }) => [procedure, on?.name, on?.type, owner])).toEqual([
        ['policy_compression', 'metrics', 'timestamp with time zone', 'migrator'],
        ['policy_retention', 'metrics', 'timestamp with time zone', 'migrator'],
        ['policy_reorder', 'readings', 'timestamp with time zone', 'migrator'],
        ['policy_refresh_continuous_aggregate', 'metrics_hourly', 'timestamp with time zone', 'migrator'],
        ['count_rows', undefined, undefined, 'migrator'],
        ['policy_retention', 'kept', 'timestamp with time zone', 'jobkeeper'],
      ]);
      expect(jobs[0]).toMatchObject({ scheduled: true, settings: { compress_after: '7 days', hypertable_id: '1' } });
      expect(jobs[4]).toMatchObject({ schema: 'public', scheduleInterval: '01:00:00', config: null });
    });

    test('compression', async () => {
      expect(await readCompression(client)).toEqual([
        {
          schema: 'public',
          name: 'metrics',
          isAggregate: false,
          segmentby: 'device',
          orderby: '"time" DESC NULLS FIRST',
          interval: null,
        },
      ]);
    });
  });
}

test('before 2.15 the width of buckets is found where it is: fixed ones of times and of numbers, and months', async () => {
  await using stage = await recordedStage('2.14.2');
  await using source = await stage.create('sample');
  await source.admin(AGGREGATE);
  const client = await connect(parseConnectionString(source.superuserUri, {}), {
    side: 'source',
    application: 'readers',
  });
  try {
    const width = async (sql: string) => {
      await source.admin(sql);
      return (await readAggregates(client))[0]?.width;
    };
    const agg = 'UPDATE _timescaledb_catalog.continuous_agg SET bucket_width';
    expect(await width(`${agg} = 172800000000`)).toBe('48:00:00');
    expect(
      await width(`${agg} = 10; UPDATE _timescaledb_catalog.dimension SET column_type = 'int' WHERE hypertable_id = 5`),
    ).toBe('10');
    expect(await width(`${agg} = -1`)).toBeNull();
    const variable = `INSERT INTO _timescaledb_catalog.continuous_aggs_bucket_function (mat_hypertable_id, bucket_width) VALUES (5, '1 mon')`;
    expect(await width(variable)).toBe('1 mon');
  } finally {
    await client.end();
  }
});
