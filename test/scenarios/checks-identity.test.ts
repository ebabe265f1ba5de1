import { describe, expect } from 'vitest';
import { migrationOptionsSchema } from '../../src/engine/options.ts';
import { tablesWithoutIdentity } from '../../src/providers/index.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { type TestDatabase, test } from '../support/databases.ts';

const identities = (source: TestDatabase, options: { excludeSchema?: string[]; excludeTable?: string[] } = {}) =>
  withCheckContext({ source: source.uri, target: source.uri }, ({ source: client }) =>
    tablesWithoutIdentity(client, migrationOptionsSchema.parse(options)),
  );

describe('replica identity', () => {
  test('is there by primary key, by index, or FULL', async ({ databases: { source, target } }) => {
    await source.query(`
      CREATE TABLE by_key (id int PRIMARY KEY);
      CREATE TABLE by_full (id int); ALTER TABLE by_full REPLICA IDENTITY FULL;
      CREATE TABLE by_index (id int NOT NULL UNIQUE); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_id_key;
      CREATE TABLE parent (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10);
      CREATE UNLOGGED TABLE unlogged (id int)`);
    expect(await identities(source)).toEqual([]);
    expect(await check('source-replica-identity', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
  });

  test('that is missing is told in the words that operators know', async ({ databases: { source, target } }) => {
    await source.query('CREATE TABLE events (x int); CREATE TABLE "Logs ""1""" (x int)');
    const result = await check('source-replica-identity', { source: source.uri, target: target.uri });
    expect(result.status).toBe('warn');
    expect(result.found.split('\n')).toEqual([
      'The following tables in the Source DB have neither a primary key nor a REPLICA IDENTITY (FULL/INDEX)',
      'UPDATE and DELETE statements on these tables will not be replicated to the Target DB',
      '  public."Logs ""1"""',
      '  public.events',
    ]);
  });

  test('is missing where a key or index cannot identify rows', async ({ databases: { source } }) => {
    await source.query(`
      CREATE TABLE deferrable_key (id int PRIMARY KEY DEFERRABLE);
      CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
      CREATE TABLE index_gone (id int NOT NULL, CONSTRAINT gone UNIQUE (id));
      ALTER TABLE index_gone REPLICA IDENTITY USING INDEX gone; ALTER TABLE index_gone DROP CONSTRAINT gone`);
    const rows = await identities(source);
    expect(rows.map(({ relation, choices }) => [relation, choices[0]?.kind])).toEqual([
      ['public.deferrable_key', 'insert-only'],
      ['public.index_gone', 'insert-only'],
      // Its primary key is as good an index as any.
      ['public.nothing', 'index'],
    ]);
  });

  test('is offered by an index only when PostgreSQL takes that index', async ({ databases: { source } }) => {
    await source.query(`
      CREATE TABLE good (a int NOT NULL, b int NOT NULL, c int, x text); CREATE UNIQUE INDEX "Good ""ix""" ON good (b, a) INCLUDE (c);
      CREATE TABLE best (a int NOT NULL, b int NOT NULL, UNIQUE (a, b), CONSTRAINT best_b UNIQUE (b));
      CREATE TABLE nullable (a int UNIQUE);
      CREATE TABLE partial (a int NOT NULL); CREATE UNIQUE INDEX ON partial (a) WHERE a > 0;
      CREATE TABLE expression (a int NOT NULL); CREATE UNIQUE INDEX ON expression ((a + 1));
      CREATE TABLE deferrable_unique (a int NOT NULL UNIQUE DEFERRABLE);
      CREATE TABLE plain (a int NOT NULL); CREATE INDEX ON plain (a)`);
    const rows = await identities(source);
    const byName = new Map(rows.map((row) => [row.name, row]));
    expect(byName.get('good')?.choices.map(({ kind }) => kind)).toEqual(['index', 'full', 'insert-only']);
    expect(byName.get('best')?.choices[0]?.sql).toEqual([
      'ALTER TABLE "public"."best" REPLICA IDENTITY USING INDEX "best_b"',
    ]);
    for (const name of ['nullable', 'partial', 'expression', 'deferrable_unique', 'plain']) {
      expect(byName.get(name)?.choices.map(({ kind }) => kind)).toEqual(['insert-only', 'full']);
    }
    // Whatever is offered first works, and the table is not listed any more.
    for (const row of rows) {
      for (const sql of row.choices.find(({ kind }) => kind !== 'insert-only')?.sql ?? []) await source.query(sql);
    }
    expect(await identities(source)).toEqual([]);
  });

  test('of partitions is gathered under the root', async ({ databases: { source } }) => {
    await source.query(`
      CREATE TABLE metrics (at int NOT NULL, v int) PARTITION BY RANGE (at);
      CREATE TABLE metrics_1 PARTITION OF metrics FOR VALUES FROM (0) TO (10);
      CREATE TABLE metrics_2 PARTITION OF metrics FOR VALUES FROM (10) TO (20) PARTITION BY LIST (at);
      CREATE TABLE metrics_2a PARTITION OF metrics_2 DEFAULT;
      CREATE TABLE keyed (at int NOT NULL UNIQUE) PARTITION BY RANGE (at);
      CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM (0) TO (10);
      CREATE TABLE keyed_2 PARTITION OF keyed FOR VALUES FROM (10) TO (20)`);
    const [keyed, metrics] = await identities(source);
    expect(keyed).toMatchObject({ relation: 'public.keyed', partitions: 2 });
    expect(keyed?.choices[0]?.sql).toEqual([
      'ALTER TABLE "public"."keyed_1" REPLICA IDENTITY USING INDEX "keyed_1_at_key"',
      'ALTER TABLE "public"."keyed_2" REPLICA IDENTITY USING INDEX "keyed_2_at_key"',
    ]);
    expect(metrics).toMatchObject({ relation: 'public.metrics', partitions: 2 });
    for (const table of [keyed, metrics]) {
      for (const sql of table?.choices.find(({ kind }) => kind !== 'insert-only')?.sql ?? []) await source.query(sql);
    }
    expect(await identities(source)).toEqual([]);
  });

  test('comes with size, rows and changes seen so far', async ({ databases: { source } }) => {
    await source.query(`CREATE TABLE busy (id int, pad text);
      INSERT INTO busy SELECT i, repeat('x', 100) FROM generate_series(1, 1000) i; UPDATE busy SET pad = '' WHERE id <= 10;
      DELETE FROM busy WHERE id > 995`);
    await source.query('VACUUM ANALYZE busy');
    const [busy] = await identities(source);
    expect(busy).toMatchObject({ relation: 'public.busy', partitions: 0, rows: 995, updatesDeletes: 15 });
    expect(busy?.bytes).toBeGreaterThan(100_000);
    // With changes to replay, inserts only is not the first choice.
    expect(busy?.choices.map(({ kind }) => kind)).toEqual(['full', 'insert-only']);
  });

  test('of what is left out does not matter', async ({ databases: { source } }) => {
    await source.query(
      'CREATE SCHEMA old; CREATE TABLE old.a (x int); CREATE TABLE log_1 (x int); CREATE TABLE kept (x int)',
    );
    const rows = await identities(source, { excludeSchema: ['old'], excludeTable: ['log_*'] });
    expect(rows.map(({ relation }) => relation)).toEqual(['public.kept']);
  });
});
