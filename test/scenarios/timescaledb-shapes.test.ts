import { describe, expect, test } from 'vitest';
import { readTables } from '../../src/engine/source/catalog.ts';
import { connect, destroy } from '../../src/postgres/connect.ts';
import { parseConnectionString } from '../../src/postgres/connection-string.ts';
import { Hypertables, NO_TIMESCALEDB } from './timescaledb/stage.ts';

/** Hypertables that had rows when they were copied. */
const WITHOUT_STATISTICS = `SELECT h.name FROM tiger_migrate.relation h
 WHERE EXISTS (SELECT FROM tiger_migrate.relation c WHERE c.kind = 'chunk' AND c.root_oid = h.source_oid AND c.rows > 0)
   AND NOT EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = h.schema AND s.tablename = h.name AND s.inherited)`;

describe.skipIf(NO_TIMESCALEDB)('given hypertables of many shapes', () => {
  /** Copies `schema`, lets the source do `during` before and behind the copy and `after` while it is followed. */
  async function both(schema: string, during: string, after: string, equal?: string): Promise<void> {
    await using stage = await Hypertables.create();
    await stage.on('source', schema);
    const migration = await stage.migrate({ waitForGo: true });
    await migration.untilSnapshot();
    await stage.on('source', during);
    await migration.go();
    await stage.caughtUp(migration);
    await stage.on('source', after);
    await stage.caughtUp(migration);
    await stage.cutOver(migration);
    expect(await stage.differences()).toEqual([]);
    expect(await stage.on('target', WITHOUT_STATISTICS)).toEqual([]);
    if (equal) expect(await stage.on('target', equal)).toEqual(await stage.on('source', equal));
  }

  test('dropped, generated and identity columns, and a trigger', () =>
    both(
      `CREATE TABLE m (gone int, id bigint GENERATED ALWAYS AS IDENTITY, time timestamptz NOT NULL, v int, twice int GENERATED ALWAYS AS (v * 2) STORED, also_gone text, PRIMARY KEY (id, time));
       SELECT create_hypertable('m', by_range('time', interval '1 day'));
       INSERT INTO m (gone, time, v, also_gone) SELECT 1, t, 1, 'x' FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-03 23:00+00', '1 hour') t;
       ALTER TABLE m DROP COLUMN gone, DROP COLUMN also_gone;
       CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.v = new.v + 1000; RETURN new; END';
       CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON m FOR EACH ROW EXECUTE FUNCTION f();
       INSERT INTO m (time, v) SELECT t, 2 FROM generate_series('2026-11-05 00:00+00'::timestamptz, '2026-11-05 23:00+00', '1 hour') t`,
      `INSERT INTO m (time, v) VALUES ('2026-11-02 00:30+00', 3), ('2026-11-09 00:30+00', 4)`,
      `INSERT INTO m (time, v) VALUES ('2026-11-02 00:31+00', 5), ('2026-11-12 00:30+00', 6); UPDATE m SET v = 9 WHERE time < '2026-11-01 05:00+00'; DELETE FROM m WHERE time > '2026-11-05 10:00+00' AND time < '2026-11-06'`,
      `SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'tr' AND tgrelid = 'm'::regclass`,
    ));

  test('foreign keys to plain tables, in every direction of time', () =>
    both(
      `CREATE TABLE dev (id int PRIMARY KEY, name text); INSERT INTO dev SELECT i, 'd' || i FROM generate_series(1, 5) i;
       CREATE TABLE m (time timestamptz NOT NULL, dev int NOT NULL REFERENCES dev ON DELETE CASCADE, PRIMARY KEY (time, dev));
       SELECT create_hypertable('m', by_range('time', interval '1 day'), create_default_indexes => false);
       INSERT INTO m SELECT t, 1 FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-03 23:00+00', '1 hour') t`,
      `INSERT INTO dev VALUES (6, 'd6'); INSERT INTO m VALUES ('2026-11-08', 6), ('2026-11-02 00:30+00', 6)`,
      `INSERT INTO dev VALUES (7, 'd7'); INSERT INTO m VALUES ('2026-11-10', 7), ('2026-11-02 00:31+00', 7); DELETE FROM dev WHERE id = 6`,
      `SELECT conname, conrelid::regclass::text, convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid = 'm'::regclass`,
    ));

  test('integer time, two dimensions, and odd names', () =>
    both(
      `CREATE SCHEMA "Odd ""x";
       CREATE TABLE "Odd ""x"."T ""1" ("When, \\" bigint NOT NULL, "K:k" text NOT NULL, c int, UNIQUE ("When, \\", "K:k"));
       SELECT create_hypertable('"Odd ""x"."T ""1"', by_range('When, \\', 1000));
       SELECT add_dimension('"Odd ""x"."T ""1"', by_hash('K:k', 3));
       ALTER TABLE "Odd ""x"."T ""1" REPLICA IDENTITY FULL;
       INSERT INTO "Odd ""x"."T ""1" SELECT i, 'k' || i % 7, i FROM generate_series(-1500, 1500) i;
       INSERT INTO "Odd ""x"."T ""1" VALUES (9223372036854775000, 'far', 1), (-9223372036854775000, 'far', 1)`,
      `INSERT INTO "Odd ""x"."T ""1" SELECT i, 'n' || i % 7, i FROM generate_series(1000, 2500, 10) i`,
      `INSERT INTO "Odd ""x"."T ""1" SELECT i, 'n' || i % 7, i FROM generate_series(5000, 7500, 10) i;
       UPDATE "Odd ""x"."T ""1" SET c = -1 WHERE "When, \\" < 0; DELETE FROM "Odd ""x"."T ""1" WHERE c = 1;
       SELECT drop_chunks('"Odd ""x"."T ""1"', older_than => 0); INSERT INTO "Odd ""x"."T ""1" VALUES (-5, 'late', 1)`,
    ));

  test('chunks in a schema of their own', () =>
    both(
      `CREATE SCHEMA parts;
       CREATE TABLE m (time timestamptz NOT NULL, v int, note text, PRIMARY KEY (time));
       SELECT create_hypertable('m', 'time', chunk_time_interval => interval '1 day', associated_schema_name => 'parts', associated_table_prefix => 'part of "m"');
       CREATE INDEX note ON m (note);
       INSERT INTO m SELECT t, 1, 'x' FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-03 23:00+00', '1 hour') t`,
      `INSERT INTO m VALUES ('2026-11-02 00:30+00', 3), ('2026-11-09 00:30+00', 4)`,
      `INSERT INTO m VALUES ('2026-11-02 00:31+00', 5), ('2026-11-12 00:30+00', 6); UPDATE m SET v = 9 WHERE time < '2026-11-01 05:00+00'; TRUNCATE m; INSERT INTO m VALUES ('2026-11-12 00:30+00', 6)`,
    ));

  test('a hypertable without rows, and one without replica identity', () =>
    both(
      `CREATE TABLE nothing (time timestamptz NOT NULL, v int); SELECT create_hypertable('nothing', by_range('time'));
       CREATE TABLE log (time timestamptz NOT NULL, v int); SELECT create_hypertable('log', by_range('time', interval '1 day'));
       INSERT INTO log SELECT t, 1 FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-03 23:00+00', '1 hour') t`,
      `INSERT INTO log VALUES ('2026-11-02 00:30+00', 3), ('2026-11-09 00:30+00', 4)`,
      `INSERT INTO nothing VALUES ('2026-11-02 00:30+00', 3); INSERT INTO log VALUES ('2026-11-02 00:30+00', 3), ('2026-11-20 00:30+00', 4)`,
    ));

  test('compressed chunks count as what they were before: plan and progress are about what is copied', async () => {
    await using stage = await Hypertables.create();
    await stage.on(
      'source',
      `CREATE TABLE m (time timestamptz NOT NULL, dev int NOT NULL, PRIMARY KEY (time, dev));
       SELECT create_hypertable('m', 'time', chunk_time_interval => interval '1 day');
       INSERT INTO m SELECT t, 1 FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-04 23:59+00', '20 s') t; ANALYZE m`,
    );
    const sizes = async () => {
      const client = await connect(parseConnectionString(stage.source, {}), { side: 'source', application: 'sizes' });
      const tables = await readTables(client).finally(() => destroy(client));
      const chunks = tables.filter(({ kind }) => kind === 'chunk');
      return chunks.map(({ bytes, rows }) => ({ bytes, rows }));
    };
    const before = await sizes();
    expect(before.map(({ rows }) => rows)).toEqual([4320, 4320, 4320, 4318]);
    await stage.on(
      'source',
      `ALTER TABLE m SET (timescaledb.compress); SELECT compress_chunk(c) FROM show_chunks('m', older_than => '2026-11-03'::timestamptz) c`,
    );
    const after = await sizes();
    expect(after.map(({ rows }) => rows)).toEqual(before.map(({ rows }) => rows));
    for (const [n, { bytes }] of after.entries()) {
      const was = before[n]?.bytes ?? 0;
      expect(Math.abs(bytes - was) / was).toBeLessThan(0.2);
    }
  });

  test('ADD COLUMN on a hypertable is told once, and goes on with the same on the target', async () => {
    await using stage = await Hypertables.create();
    await stage.on(
      'source',
      `CREATE TABLE m (time timestamptz NOT NULL, v int, PRIMARY KEY (time));
       SELECT create_hypertable('m', by_range('time', interval '1 day'));
       INSERT INTO m SELECT t, 1 FROM generate_series('2026-11-01 00:00+00'::timestamptz, '2026-11-08 23:00+00', '1 hour') t`,
    );
    const migration = await stage.migrate();
    await stage.caughtUp(migration);
    await stage.on('source', `ALTER TABLE m ADD COLUMN extra int; UPDATE m SET extra = 1`);
    await migration.until(() => migration.troubles.length > 0, 'replay to be held');
    expect(migration.troubles.map(({ object }) => object)).toEqual(['public.m']);
    await migration.until(() => migration.of('schema_changes').length > 0, 'the watch to say it');
    const changes = migration.of('schema_changes').at(-1)?.changes ?? [];
    expect(changes.map(({ table, kind }) => `${table} ${kind}`)).toEqual(['public.m column-added']);
    await stage.on('target', changes.flatMap(({ sql }) => sql).join(';'));
    await stage.on('source', `INSERT INTO m VALUES ('2026-11-22', 1, 1)`);
    await migration.until(() => migration.troubles.length === 0, 'replay to go on');
    await stage.caughtUp(migration);
    await stage.cutOver(migration);
    expect(await stage.differences()).toEqual([]);
  });
});
