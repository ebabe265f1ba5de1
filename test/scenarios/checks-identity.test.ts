import { describe, expect } from 'vitest';
import { startServer } from '../../src/demo/server.ts';
import { migrationOptionsSchema } from '../../src/engine/options.ts';
import { readTables } from '../../src/engine/source/catalog.ts';
import { assignTables } from '../../src/engine/source/publications.ts';
import { parseColumns } from '../../src/providers/identity/columns.ts';
import { tablesWithoutIdentity } from '../../src/providers/index.ts';
import { check, withCheckContext } from '../support/check-context.ts';
import { type TestDatabase, test } from '../support/databases.ts';
import { withClient } from '../support/test-servers.ts';
import { Migration } from './whole/migration.ts';

const identities = (
  source: TestDatabase,
  options: { excludeSchema?: string[]; excludeTable?: string[]; skipTableData?: string[] } = {},
) =>
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
      ['public.deferrable_key', 'full'],
      ['public.index_gone', 'full'],
      // Its primary key is as good an index as any.
      ['public.nothing', 'index'],
    ]);
  });

  test('is missing where the key has a generated column, which is said; no generated column is ever proposed', async ({
    databases: { source, target },
  }) => {
    await source.query(`
      CREATE TABLE gen (a int, b int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY, c text);
      CREATE TABLE by_index (x text, "Full" text GENERATED ALWAYS AS (x || 'x') STORED NOT NULL UNIQUE, id int NOT NULL UNIQUE, other int NOT NULL);
      ALTER TABLE by_index REPLICA IDENTITY USING INDEX "by_index_Full_key";
      CREATE TABLE mixed (tenant int, mail text, low text GENERATED ALWAYS AS (lower(mail)) STORED, n int, PRIMARY KEY (tenant, low));
      CREATE TABLE parts (k int, g int GENERATED ALWAYS AS (k * 2) STORED, PRIMARY KEY (k, g)) PARTITION BY RANGE (k); CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
      CREATE TABLE included (id int, g int GENERATED ALWAYS AS (id + 1) STORED, PRIMARY KEY (id) INCLUDE (g));
      CREATE TABLE whole (a int, g int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY); ALTER TABLE whole REPLICA IDENTITY FULL`);
    const rows = await identities(source);
    expect(rows.map(({ name, choices }) => [name, choices.map(({ kind }) => kind)])).toEqual([
      ['by_index', ['index', 'full', 'insert-only', 'leave-out']],
      ['gen', ['full', 'insert-only', 'leave-out']],
      ['mixed', ['full', 'create-index', 'insert-only', 'leave-out']],
      ['parts', ['full', 'create-index', 'insert-only', 'leave-out']],
    ]);
    expect(rows[0]?.choices[0]?.sql).toEqual([
      'ALTER TABLE "public"."by_index" REPLICA IDENTITY USING INDEX "by_index_id_key"',
    ]);
    for (const { choices } of rows)
      for (const { cost } of choices) expect(cost).toMatch(/^It has no usable identity: /);
    const mixed = rows.find(({ name }) => name === 'mixed')?.columns ?? [];
    expect(parseColumns('tenant, low', mixed)).toBe('low is generated, and is not sent; NOT NULL are: tenant');
    const servers = { source: source.uri, target: target.uri };
    const { found, status, code, fix } = await check('source-replica-identity', servers);
    expect(code).toBe('TM1216');
    expect(fix).toContain(`--inserts-only 'public.by_index' 'public.gen' 'public.mixed' 'public.parts'`);
    const insertsOnly = ['public.by_index', 'gen', 'public.mixed', 'public.parts'];
    expect((await check('source-replica-identity', { ...servers, options: { insertsOnly } })).status).toBe('warn');
    expect([status, ...found.split('\n').slice(2)]).toEqual([
      'fail',
      '  public.by_index (its key has the generated column "Full", which the stream does not send)',
      '  public.gen (its key has the generated column b, which the stream does not send)',
      '  public.mixed (its key has the generated column low, which the stream does not send)',
      '  public.parts (all of it, because 1 partition has none; its key has the generated column g, which the stream does not send)',
    ]);
    const assigned = await withCheckContext({ source: source.uri, target: target.uri }, async (context) =>
      assignTables(await readTables(context.source), () => true),
    );
    expect(assigned.all.map(({ name }) => name)).toEqual(['included', 'whole']);
    for (const row of rows) for (const sql of row.choices[0]?.sql ?? []) await source.query(sql);
    expect(await identities(source)).toEqual([]);
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
    expect(byName.get('good')?.choices.map(({ kind }) => kind)).toEqual(['index', 'full', 'insert-only', 'leave-out']);
    // All of them, the one with the fewest columns first.
    const best = byName.get('best')?.choices.filter(({ kind }) => kind === 'index') ?? [];
    expect(best.map(({ label, sql }) => [label, ...sql])).toEqual([
      ['unique index best_b (b)', 'ALTER TABLE "public"."best" REPLICA IDENTITY USING INDEX "best_b"'],
      ['unique index best_a_b_key (a, b)', 'ALTER TABLE "public"."best" REPLICA IDENTITY USING INDEX "best_a_b_key"'],
    ]);
    for (const name of ['nullable', 'partial', 'expression', 'deferrable_unique', 'plain']) {
      expect(byName.get(name)?.choices.map(({ kind }) => kind)).not.toContain('index');
    }
    expect(byName.get('nullable')?.choices.map(({ kind }) => kind)).toEqual(['full', 'insert-only', 'leave-out']);
    // Whatever is offered first works, and the table is not listed any more.
    for (const row of rows) for (const sql of row.choices[0]?.sql ?? []) await source.query(sql);
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
      for (const sql of table?.choices.find(({ kind }) => kind === 'index' || kind === 'full')?.sql ?? [])
        await source.query(sql);
    }
    expect(await identities(source)).toEqual([]);
  });

  test('of one partition decides for all: their changes count', async ({ databases: { source, target } }) => {
    await source.query(`
      CREATE TABLE sales (id int NOT NULL, v int) PARTITION BY RANGE (id);
      CREATE TABLE sales_1 PARTITION OF sales FOR VALUES FROM (0) TO (10); ALTER TABLE sales_1 ADD PRIMARY KEY (id);
      CREATE TABLE sales_2 PARTITION OF sales FOR VALUES FROM (10) TO (20);
      INSERT INTO sales SELECT n, n FROM generate_series(0, 9) n; UPDATE sales SET v = 0`);
    // The partitioned table is published for inserts as a whole.
    const published = await withCheckContext({ source: source.uri, target: target.uri }, async (context) =>
      assignTables(await readTables(context.source), () => true),
    );
    expect(published.all).toEqual([]);
    const [sales] = await identities(source);
    expect(sales).toMatchObject({ relation: 'public.sales', partitions: 1, updatesDeletes: 10 });
    expect(sales?.choices[0]?.kind).toBe('full');
    expect((await check('source-replica-identity', { source: source.uri, target: target.uri })).found).toContain(
      '  public.sales (all of it, because 1 partition has none)',
    );
  });

  test('of partitions without changes is not left out before it is known that there are none', async ({
    databases: { source },
  }) => {
    await source.query(`
      CREATE TABLE young (id int, v int) PARTITION BY RANGE (id); CREATE TABLE young_1 PARTITION OF young DEFAULT`);
    const [young] = await identities(source);
    expect(young?.choices[0]).toMatchObject({
      kind: 'full',
      cost: expect.not.stringContaining('of the application fail'),
    });
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
    expect(busy?.choices.map(({ kind }) => kind)).toEqual(['full', 'insert-only', 'leave-out']);
    // With nothing seen, it matters for how long that was counted.
    await source.query('DROP TABLE busy; CREATE TABLE quiet (id int)');
    const [quiet] = await identities(source);
    expect(quiet?.choices[0]?.kind).toBe('full');
    expect(quiet?.choices.find(({ kind }) => kind === 'insert-only')?.cost).toMatch(
      /none seen, but counted for .* only/,
    );
  });

  test('of a table whose rows a foreign key changes by itself: told on the choice of inserts only, and what becomes of it', async ({
    databases: { source, target },
  }) => {
    await source.query(`
      CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE teams (id int PRIMARY KEY);
      CREATE TABLE log (who int REFERENCES users ON DELETE CASCADE ON UPDATE SET NULL, team int REFERENCES teams);
      CREATE TABLE parted (who int REFERENCES users ON DELETE SET DEFAULT) PARTITION BY RANGE (who);
      CREATE TABLE parted_1 PARTITION OF parted DEFAULT; CREATE TABLE plain (team int REFERENCES teams);
      INSERT INTO users VALUES (1); INSERT INTO log VALUES (1, NULL)`);
    const rows = await identities(source);
    const of = (name: string) => rows.find((row) => row.name === name);
    expect(rows.map(({ name, cascades }) => [name, cascades])).toEqual([
      ['log', [{ parent: 'public.users', actions: ['ON DELETE CASCADE', 'ON UPDATE SET NULL'] }]],
      ['parted', [{ parent: 'public.users', actions: ['ON DELETE SET DEFAULT'] }]],
      ['plain', []],
    ]);
    const costs = (name: string) => of(name)?.choices.find(({ kind }) => kind === 'insert-only')?.cost;
    expect(costs('log')).toContain(
      'changes its rows with those of public.users (its foreign key is ON DELETE CASCADE and ON UPDATE SET NULL)',
    );
    expect(costs('parted')).toContain('ON DELETE SET DEFAULT');
    expect(costs('plain')).not.toContain('foreign key');

    // Nothing of the application fails by it, and what was told is what happens.
    await source.query('DROP TABLE parted');
    await using migration = await Migration.startToReplay({ source, target });
    await source.query('DELETE FROM users');
    await migration.requestCutover(false);
    await migration.until(() => migration.of('error').length > 0, 'the cut-over to stop');
    expect(migration.of('error').at(-1)?.error).toMatchObject({
      code: 'TM6005',
      object: expect.stringContaining('log_who_fkey'),
    });
    expect(await source.query('SELECT FROM log')).toEqual([]);
    expect(await target.query('SELECT who FROM log')).toEqual([{ who: 1 }]);
    await target.query('DELETE FROM log');
    await migration.cutOver(false);
  });

  test('of what is left out does not matter', async ({ databases: { source } }) => {
    await source.query(
      'CREATE SCHEMA old; CREATE TABLE old.a (x int); CREATE TABLE log_1 (x int); CREATE TABLE kept (x int); CREATE TABLE empty (x int)',
    );
    const options = { excludeSchema: ['old'], excludeTable: ['log_*'], skipTableData: ['empty'] };
    const rows = await identities(source, options);
    expect(rows.map(({ relation }) => relation)).toEqual(['public.kept']);
  });

  test('is proposed on the column that most says to be unique', async ({ databases: { source } }) => {
    await source.query(`
      CREATE TABLE by_identity (other int NOT NULL, id int GENERATED ALWAYS AS IDENTITY, x int);
      CREATE TABLE by_serial (other int NOT NULL, id serial, x int);
      CREATE TABLE by_statistics (kind int NOT NULL, name text NOT NULL, code uuid NOT NULL, j json NOT NULL);
      INSERT INTO by_statistics SELECT n % 3, 'n' || n, gen_random_uuid(), '{}' FROM generate_series(1, 2000) n;
      CREATE TABLE by_nothing (kind int NOT NULL); INSERT INTO by_nothing SELECT n % 3 FROM generate_series(1, 2000) n;
      CREATE TABLE nullable (id int); INSERT INTO nullable SELECT generate_series(1, 2000); ANALYZE`);
    const proposed = (await identities(source)).map(({ name, choices }) => [
      name,
      choices.find(({ kind }) => kind === 'create-index')?.sql,
    ]);
    const index = (table: string, column: string) => [
      `CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "${table}_${column}_identity" ON "public"."${table}" ("${column}")`,
      `ALTER TABLE "public"."${table}" REPLICA IDENTITY USING INDEX "${table}_${column}_identity"`,
    ];
    expect(Object.fromEntries(proposed)).toEqual({
      by_identity: index('by_identity', 'id'),
      by_serial: index('by_serial', 'id'),
      by_statistics: index('by_statistics', 'code'),
      // To be named by the operator.
      by_nothing: [],
      nullable: undefined,
    });
  });

  test('is recommended by what is updated and how big the table is', async ({ databases: { source } }) => {
    await source.query(`
      CREATE TABLE big (id serial, pad text); INSERT INTO big (pad) SELECT repeat('x', 900) FROM generate_series(1, 20000);
      CREATE TABLE small (id serial, pad text); INSERT INTO small (pad) VALUES ('x');
      UPDATE big SET pad = 'y' WHERE id < 10; UPDATE small SET pad = 'y'; ANALYZE`);
    const first = (await identities(source)).map(({ name, choices }) => [name, choices[0]?.kind]);
    expect(Object.fromEntries(first)).toEqual({ big: 'create-index', small: 'full' });
  });

  test('of partitions is the index of the same columns, or whichever each has', async ({ databases: { source } }) => {
    await source.query(`
      CREATE TABLE same (a int NOT NULL, b int NOT NULL) PARTITION BY RANGE (a);
      CREATE TABLE same_1 PARTITION OF same FOR VALUES FROM (0) TO (10); CREATE UNIQUE INDEX x1 ON same_1 (b); CREATE UNIQUE INDEX y1 ON same_1 (b, a);
      CREATE TABLE same_2 PARTITION OF same FOR VALUES FROM (10) TO (20); CREATE UNIQUE INDEX y2 ON same_2 (b, a);
      CREATE TABLE mixed (a int NOT NULL, b int NOT NULL) PARTITION BY RANGE (a);
      CREATE TABLE mixed_1 PARTITION OF mixed FOR VALUES FROM (0) TO (10); CREATE UNIQUE INDEX m1 ON mixed_1 (a);
      CREATE TABLE mixed_2 PARTITION OF mixed FOR VALUES FROM (10) TO (20); CREATE UNIQUE INDEX m2 ON mixed_2 (b)`);
    const indexes = (await identities(source)).flatMap(({ choices }) => choices.filter(({ kind }) => kind === 'index'));
    expect(indexes.map(({ label, changes }) => [label, ...changes.map(({ index }) => index)])).toEqual([
      ['a unique index on each of 2 partitions', 'm1', 'm2'],
      ['unique index (b, a) on each of 2 partitions', 'y1', 'y2'],
    ]);
    for (const { cost } of indexes) expect(cost).toContain('A partition that is made during the migration has none');
  });
});

test('the counters go on through a clean restart, and begin anew after a crash', async () => {
  await using server = await startServer({ name: 'identity-counters' });
  const uri = server.uri('postgres');
  const look = () =>
    withCheckContext({ source: uri, target: uri }, async ({ source }) => {
      const [row] = await tablesWithoutIdentity(source, migrationOptionsSchema.parse({}));
      const { rows } = await source.query<{ up: string }>(
        'SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS up',
      );
      return { row, up: Number(rows[0]?.up) };
    });
  await withClient(uri, (client) =>
    client.query('CREATE TABLE t (a int); INSERT INTO t VALUES (1); UPDATE t SET a = 2'),
  );
  await server.restart('fast');
  const after = await look();
  expect(after.row?.updatesDeletes).toBe(1);
  expect(after.row?.countedSeconds ?? 0).toBeGreaterThan(after.up);
  await server.kill();
  await server.restart();
  const crashed = await look();
  expect(crashed.row?.updatesDeletes).toBe(0);
  expect(crashed.row?.countedSeconds ?? 0).toBeLessThanOrEqual(crashed.up);
});
