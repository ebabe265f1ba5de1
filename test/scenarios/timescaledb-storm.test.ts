import { describe, expect, test } from 'vitest';
import { jobsExactly, placeOfJobs } from '../support/timescaledb/contents.ts';
import { atLeast, offered } from '../support/timescaledb/play.ts';
import { day, FIRST, newRows, plant, REFRESHES } from './timescaledb/plant.ts';
import { plantDiffers } from './timescaledb/plant-differs.ts';
import { Hypertables, KEEPER, NEWEST, NO_TIMESCALEDB } from './timescaledb/stage.ts';
import { insist, Storm } from './timescaledb/storm.ts';

/** Sources from then on may compress. */
const MARKERS = '2.16';
/** Targets from then on note what replay changes. */
const NOTES_CHANGES = '2.23';

const odd = '"Odd ""x"."T ""1"';
/** What an operator does by hand, or the policies of others: each a transaction of its own, beside the application. */
const WORK: readonly { readonly sql: string; readonly compressed?: true }[] = [
  {
    sql: `SELECT compress_chunk(c) FROM show_chunks('metrics', newer_than => ${day(7)}, older_than => ${day(9)}) c`,
    compressed: true,
  },
  {
    sql: `SELECT compress_chunk(c, recompress => true) FROM show_chunks('metrics', older_than => ${day(5)}) c`,
    compressed: true,
  },
  {
    sql: `SELECT decompress_chunk(c) FROM show_chunks('metrics', newer_than => ${day(5)}, older_than => ${day(6)}) c`,
    compressed: true,
  },
  {
    sql: `SELECT compress_chunk(c, true) FROM show_chunks('${odd}', newer_than => 1000, older_than => 3000) c`,
    compressed: true,
  },
  ...REFRESHES.map((sql) => ({ sql })),
  { sql: `SELECT drop_chunks('metrics', older_than => ${day(FIRST.day)})` },
  { sql: `SELECT drop_chunks('${odd}', older_than => ${FIRST.number})` },
  { sql: 'TRUNCATE readings' },
];

/** From one version to another. The same seed writes the same. */
async function underFire(source: string, target: string, seed: number): Promise<void> {
  const compressed = atLeast(source, MARKERS);
  const work = WORK.filter((one) => compressed || !one.compressed).map(({ sql }) => sql);
  await using stage = await Hypertables.create({ version: source, targetVersion: target });
  for (const sql of plant({ compressed })) await stage.on('source', sql);
  const before = await jobsExactly(stage.asSuperuser('source'));
  await using storm = new Storm(await stage.session('source'), seed);
  await stage.on('source', newRows(200));
  const migration = await stage.migrate({ waitForGo: true });
  await migration.untilSnapshot();
  await stage.on('source', newRows(210));
  for (const sql of work.slice(0, compressed ? 3 : 0)) await insist(() => stage.on('source', sql));
  await migration.go();
  await stage.on('source', newRows(220));
  await stage.caughtUp(migration);
  await stage.on('source', newRows(230));
  for (const sql of work) await insist(() => stage.on('source', sql));
  await stage.caughtUp(migration);
  await stage.on('source', newRows(240));
  await storm.stop();
  await stage.on('source', newRows(250));
  await stage.cutOver(migration);

  expect(storm.committed).toBeGreaterThan(50);
  expect(migration.of('error')).toEqual([]);
  const expected = atLeast(target, NOTES_CHANGES)
    ? []
    : ['The target has TimescaleDB before 2.23: continuous aggregates are filled in the cut-over, not before.'];
  expect(migration.warnings.filter((text) => !text.startsWith('Conditions overridden'))).toEqual(expected);
  expect(await jobsExactly(stage.asSuperuser('source'))).toEqual(before);
  expect(await plantDiffers(stage)).toEqual([]);
  expect((await migration.verify()).objects).toEqual([]);
  const on = stage.asSuperuser('target');
  await on(
    `UPDATE ${await placeOfJobs(on)} SET owner = (SELECT datdba::regrole FROM pg_database WHERE datname = current_database()) WHERE owner = '${KEEPER}'::regrole`,
  );
  expect((await migration.verify()).objects).toEqual([
    expect.stringMatching(
      /^job \d+, "Odd ""x"."Count rows" runs as hypertables_target on the target, as hypertables_keeper on the source$/,
    ),
  ]);
}

describe.skipIf(NO_TIMESCALEDB)(
  'given a database with all that TimescaleDB has, written to throughout',
  { timeout: 600_000 },
  () => {
    const older = offered.filter((version) => version !== NEWEST);
    const pairs = [
      [NEWEST, NEWEST],
      ...older.flatMap((version) => [[version, NEWEST] as const, [NEWEST, version] as const]),
    ] as const;
    for (const [source, target] of pairs) {
      test(`TimescaleDB ${source} to ${target}: all is equal, and the source's jobs are as before`, () =>
        underFire(source, target, 5));
    }
  },
);
