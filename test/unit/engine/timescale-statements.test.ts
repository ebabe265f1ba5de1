import { describe, expect, test } from 'vitest';
import type { ArchiveEntry } from '../../../src/engine/schema/archive.ts';
import { takeAggregatesOut } from '../../../src/engine/timescale/adapt-schema.ts';
import { bucketsIn } from '../../../src/engine/timescale/aggregate-history.ts';
import { dueChunks } from '../../../src/engine/timescale/chunks-to-compress.ts';
import { compressing } from '../../../src/engine/timescale/compression-settings.ts';
import { creating, indexing } from '../../../src/engine/timescale/make-aggregates.ts';
import { addingStatement, altering } from '../../../src/engine/timescale/make-jobs.ts';
import { calling, upTo } from '../../../src/engine/timescale/refresh-aggregates.ts';
import { type Aggregate, bottomUp } from '../../../src/engine/timescale/source-aggregates.ts';
import type { Job } from '../../../src/engine/timescale/source-jobs.ts';
import { behindGaps, beyond, gapsBefore, joined, together } from '../../../src/engine/timescale/time-ranges.ts';

/** In the form in which 2.15.3 and 2.23.1 show one. */
const HOURLY: Aggregate = {
  oid: 446835,
  schema: 'Agg "s',
  name: "Hour's",
  definition:
    ' SELECT public.time_bucket(\'01:00:00\'::interval, "time") AS bucket\n   FROM public.metrics\n  GROUP BY 1;',
  materializedOnly: false,
  on: { schema: 'public', name: 'metrics' },
  storage: { schema: '_timescaledb_internal', name: '_materialized_hypertable_3' },
  columns: ['bucket'],
  bucket: 'bucket',
  bucketType: 'timestamp with time zone',
  width: '01:00:00',
  interval: '864000000000',
  indexes: [
    { name: '_materialized_hypertable_3_bucket_idx', using: 'btree (bucket DESC)' },
    { name: '_materialized_hypertable_3_dev_bucket_idx', using: 'btree (dev, bucket DESC)' },
    { name: 'hourly ix', using: 'btree ("Avg")' },
  ],
};

const RETENTION: Job = {
  id: 1001,
  schema: '_timescaledb_functions',
  procedure: 'policy_retention',
  owner: 'migrator',
  scheduled: false,
  scheduleInterval: '3 days',
  maxRuntime: '00:05:00',
  maxRetries: -1,
  retryPeriod: '00:05:00',
  fixedSchedule: false,
  initialStart: null,
  nextStart: null,
  timezone: null,
  config: '{"drop_after": "20 years", "hypertable_id": 1}',
  settings: { drop_after: '20 years', hypertable_id: '1' },
  title: 'Retention Policy',
  check: null,
  on: { schema: 'public', name: 'metrics', type: 'timestamp with time zone' },
};

describe('continuous aggregates', () => {
  test('are made from their query, empty, with the indexes that are not there by themselves', () => {
    expect(creating(HOURLY)).toContain(`CREATE MATERIALIZED VIEW "Agg ""s"."Hour's"\n`);
    expect(creating(HOURLY)).toMatch(/materialized_only = false.*\n.*\n.*\n\s+GROUP BY 1 WITH NO DATA$/);
    expect(indexing(HOURLY, [{ name: 'x', using: 'btree (bucket DESC)' }])).toEqual([
      `CREATE INDEX ON "Agg ""s"."Hour's" USING btree (dev, bucket DESC)`,
      `CREATE INDEX "hourly ix" ON "Agg ""s"."Hour's" USING btree ("Avg")`,
    ]);
  });

  test('come behind the one that they stand upon', () => {
    const daily = { ...HOURLY, oid: 1, name: 'daily', on: HOURLY.storage, storage: { schema: 's', name: 'd' } };
    expect(bottomUp([daily, HOURLY]).map(({ name }) => name)).toEqual(["Hour's", 'daily']);
  });

  test('are taken out of a dump with everything that needs them', () => {
    const entry = (dumpId: number, type: string, dependencies: number[], sql = ''): ArchiveEntry => {
      const name = `${type} ${dumpId}`;
      const classOid = type === 'VIEW' ? 1259 : 0;
      return { dumpId, classOid, oid: dumpId, dependencies, type, schema: 'public', name, sql, key: name };
    };
    const taken = takeAggregatesOut(
      {
        preData: [
          entry(1, 'TABLE', []),
          entry(2, 'VIEW', []),
          entry(3, 'COMMENT', [2]),
          entry(4, 'VIEW', [2]),
          entry(5, 'VIEW', [1]),
        ],
        postData: [
          entry(6, 'INDEX', [4]),
          entry(7, 'INDEX', [1]),
          entry(8, 'RULE', [2], 'CREATE OR REPLACE VIEW public.x AS'),
        ],
      },
      new Set([2]),
    );
    expect(taken.onAggregates.map(({ dumpId }) => dumpId)).toEqual([3, 4, 6]);
    expect(taken.schema.preData.map(({ dumpId }) => dumpId)).toEqual([1, 5]);
    expect(taken.schema.postData.map(({ dumpId }) => dumpId)).toEqual([7]);
  });
});

describe('what has no rows any more', () => {
  const chunks = [
    { from: '200', to: '300' },
    { from: '100', to: '200' },
    { from: '-9223372036854775808', to: '-500' },
    { from: '900', to: '9223372036854775807' },
  ];

  test('lies before and between the chunks, and is what a refresh leaves out', () => {
    const ranges = joined(chunks);
    expect(ranges).toEqual([
      { from: null, to: '-500' },
      { from: '100', to: '300' },
      { from: '900', to: null },
    ]);
    const gaps = gapsBefore(ranges);
    expect(gaps).toEqual([
      { from: '-500', to: '100' },
      { from: '300', to: '900' },
    ]);
    expect(behindGaps(gaps)).toEqual(ranges);
    expect(upTo(behindGaps(gaps), '250')).toEqual([
      { from: null, to: '-500' },
      { from: '100', to: '250' },
    ]);
    expect(gapsBefore([])).toEqual([{ from: null, to: null }]);
    expect(behindGaps(gapsBefore([]))).toEqual([]);
  });

  test('takes along the bucket that has lost a part of its rows', () => {
    expect(bucketsIn([{ from: '5', to: '10' }], { bucket: 'b', bucketType: 'bigint', width: '100' })).toBe(
      '("b" > 5::bigint - 100 AND "b" < 10::bigint AND true)',
    );
    expect(bucketsIn([{ from: null, to: '10' }], HOURLY)).toBe(
      '("bucket" < _timescaledb_functions.to_timestamp(10::bigint) AND true)',
    );
  });

  test('is no part of the call that refreshes', () => {
    expect(calling(HOURLY, { from: null, to: '7' }, 'public', false)).toBe(
      `CALL "public".refresh_continuous_aggregate('"Agg ""s"."Hour''s"'::regclass, NULL, _timescaledb_functions.to_timestamp(7::bigint))`,
    );
  });
});

describe('jobs', () => {
  test('policies are added by their own functions, with the type of their time', () => {
    expect(addingStatement(RETENTION, 'public')).toBe(
      `SELECT "public".add_retention_policy('"public"."metrics"'::regclass, drop_after => '20 years'::interval, schedule_interval => '3 days'::interval) AS id`,
    );
    const byNumber = { ...RETENTION, settings: { drop_after: '9007199254740993' } };
    expect(addingStatement({ ...byNumber, on: { schema: 's', name: 't', type: 'bigint' } }, 'x')).toContain(
      'drop_after => 9007199254740993::bigint',
    );
    expect(addingStatement({ ...RETENTION, procedure: 'policy_of_tomorrow' }, 'public')).toBeNull();
  });

  test('one that was off stays off, and the time zone is given each time', () => {
    const [statement] = altering({ ...RETENTION, timezone: 'Europe/Berlin' }, 7, 'public');
    expect(statement).toContain(`scheduled => false, timezone => 'Europe/Berlin'`);
  });

  test("the operator's own keeps its configuration to the letter, and its name", () => {
    const own: Job = {
      ...RETENTION,
      schema: 'public',
      procedure: 'Count',
      on: null,
      title: "It's",
      config: '{"n": 1}',
    };
    expect(addingStatement(own, 'public')).toContain(
      `'"public"."Count"'::regproc, '3 days'::interval, config => '{"n": 1}'::jsonb`,
    );
    expect(altering(own, 7, 'public').at(-1)).toBe(`SELECT "public".alter_job(7, job_name => 'It''s')`);
  });

  test('compression without a segment says so, lest the target chooses one', () => {
    const settings = {
      schema: 'public',
      name: 'm',
      isAggregate: false,
      segmentby: null,
      orderby: '"T" DESC',
      interval: null,
    };
    expect(compressing(settings)).toBe(
      `ALTER TABLE "public"."m" SET (timescaledb.compress = true, timescaledb.compress_segmentby = '', timescaledb.compress_orderby = '"T" DESC')`,
    );
  });
});

describe('chunks that a compression policy would take', () => {
  const on = { schema: 'public', name: 'm', type: 'timestamp with time zone' };
  const due = (settings: Record<string, string | null>, type = on.type) =>
    dueChunks({ on: { ...on, type }, settings: { hypertable_id: '7', ...settings } }, 'ext "s')?.replace(
      /\(SELECT coalesce.+?h\.id = (\d+)\)/gs,
      'TABLE$1',
    );

  test('by the age of their rows', () => {
    expect(due({ compress_after: '7 days' })).toBe(`"ext ""s".show_chunks(TABLE7, older_than => '7 days'::interval)`);
  });

  test('by that of whole numbers, of any size, counted from the function', () => {
    expect(due({ compress_after: '9007199254740993' }, 'integer')).toBe(
      `"ext ""s".show_chunks(TABLE7, older_than => _timescaledb_functions.subtract_integer_from_now(TABLE7, '9007199254740993'::bigint)::integer)`,
    );
  });

  test('by their own age', () => {
    expect(due({ compress_created_before: '1 mon' }, 'bigint')).toBe(
      `"ext ""s".show_chunks(TABLE7, created_before => '1 mon'::interval)`,
    );
  });

  test('none where the job does not say', () => {
    expect(due({})).toBeUndefined();
    expect(dueChunks({ on: null, settings: { compress_after: '1 day', hypertable_id: '7' } }, 'public')).toBeNull();
  });
});

test('gaps that have grown: what is new of them, and all of them together', () => {
  const before = [
    { from: null, to: '100' },
    { from: '200', to: '250' },
  ];
  const now = [{ from: null, to: '300' }];
  expect(beyond(now, before)).toEqual([
    { from: '100', to: '200' },
    { from: '250', to: '300' },
  ]);
  expect(together(now, before)).toEqual(now);
  expect(beyond(before, now)).toEqual([]);
  expect(together(before, [{ from: '300', to: null }])).toEqual([...before, { from: '300', to: null }]);
  expect(beyond(now, [])).toEqual(now);
  expect(beyond([], before)).toEqual([]);
});
