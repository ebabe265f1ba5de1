import { describe, expect } from 'vitest';
import { readKeptIdentities } from '../../src/engine/clean/kept-identities.ts';
import { createIndexChoice } from '../../src/providers/identity/choices.ts';
import { check } from '../support/check-context.ts';
import { identitiesOf, indexesOf, test } from '../support/identity.ts';
import { until } from '../support/wait.ts';

describe('a choice that is applied', () => {
  test('turns the check green, whichever it is', async ({ databases: { source, target }, identity }) => {
    await source.query(`
      CREATE TABLE by_index (a int NOT NULL UNIQUE, b int); INSERT INTO by_index VALUES (1, 1);
      CREATE TABLE by_new (id bigint GENERATED ALWAYS AS IDENTITY, b int); INSERT INTO by_new (b) VALUES (1), (1);
      CREATE TABLE by_full (a int); INSERT INTO by_full VALUES (1)`);
    await identity.apply(await identity.choice('public.by_index', 'index'));
    await identity.apply(await identity.choice('public.by_new', 'create-index'));
    const before = await check('source-replica-identity', { source: source.uri, target: target.uri });
    expect(before).toMatchObject({
      status: 'warn',
      fix: `SET lock_timeout = '5s'; ALTER TABLE "public"."by_full" REPLICA IDENTITY FULL;`,
    });
    await identity.apply(await identity.choice('public.by_full', 'full'));
    expect(await check('source-replica-identity', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'pass',
    });
    expect(await identitiesOf(source)).toEqual({
      'public.by_full': 'f',
      'public.by_index': 'i by_index_a_key',
      'public.by_new': 'i by_new_id_identity',
    });
    await source.query('CREATE PUBLICATION p FOR TABLE by_index, by_new, by_full');
    await source.query('UPDATE by_index SET b = 2; UPDATE by_new SET b = 2; UPDATE by_full SET a = 2');
    expect(await identity.rows()).toEqual([]);
  });

  test('leaves a table out by its exact name', async ({ databases: { source, target }, identity }) => {
    await source.query(`CREATE SCHEMA "a*"; CREATE TABLE "a*"."b?.""c" (x int); CREATE TABLE "a*"."bx.""c" (x int);
      CREATE TABLE parts (x int) PARTITION BY RANGE (x);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (x);
      CREATE TABLE parts_1_1 PARTITION OF parts_1 DEFAULT`);
    const odd = await identity.choice('"a*"."b?.""c"', 'leave-out');
    const parts = await identity.choice('public.parts', 'leave-out');
    const excludeTable = [odd.exclude ?? '', parts.exclude ?? ''];
    expect((await identity.rows({ excludeTable })).map(({ name }) => name)).toEqual(['bx."c']);
    const result = await check('source-replica-identity', {
      source: source.uri,
      target: target.uri,
      options: { excludeTable: excludeTable },
    });
    expect(result.found).toContain('"a*"."bx.""c"');
  });

  test('remembers what was there before it changes anything', async ({ databases: { source }, identity }) => {
    await source.query(`CREATE TABLE t (a int NOT NULL UNIQUE); ALTER TABLE t REPLICA IDENTITY NOTHING`);
    await identity.apply(await identity.choice('public.t', 'index'));
    expect(await readKeptIdentities(identity.directory)).toMatchObject([
      { name: 't', before: { identity: 'n', index: null }, set: { identity: 'i', index: 't_a_key' }, created: [] },
    ]);
  });

  test('takes hostile names as names', async ({ databases: { source }, identity }) => {
    await source.query(`CREATE SCHEMA "S; --";
      CREATE TABLE "S; --"."DROP TABLE ""x""; \n --" ("Key ""1"", 'a'" int NOT NULL, "b" int);
      CREATE TABLE "S; --"."${'ü'.repeat(31)}" ("${'ö'.repeat(31)}" bigserial NOT NULL)`);
    for (const row of await identity.rows()) {
      const columns = row.columns.filter(({ notNull }) => notNull).map(({ name }) => name);
      await identity.apply(createIndexChoice(row, columns));
    }
    expect(await identity.rows()).toEqual([]);
    expect(Object.values(await identitiesOf(source)).every((state) => state.startsWith('i '))).toBe(true);
  });
});

describe('a new unique index', () => {
  test('that values repeat in is taken away again, and the repeated key told', async ({
    databases: { source },
    identity,
  }) => {
    await source.query(
      'CREATE TABLE t (a int NOT NULL, b text NOT NULL); INSERT INTO t VALUES (1, $$x$$), (7, $$x$$), (7, $$x$$)',
    );
    const choice = createIndexChoice(await identity.row('public.t'), ['a', 'b']);
    await expect(identity.apply(choice)).rejects.toMatchObject({
      code: 'TM1216',
      object: 'public.t',
      message: 'its rows are not unique by (a, b): Key (a, b)=(7, x) is duplicated. Nothing was changed',
    });
    expect(await indexesOf(source)).toEqual([]);
    expect(await identitiesOf(source)).toEqual({ 'public.t': 'd' });
    expect(await readKeptIdentities(identity.directory)).toEqual([]);
    // The row goes, and the same is tried again.
    await source.query('DELETE FROM t WHERE ctid = (SELECT max(ctid) FROM t)');
    await identity.apply(choice);
    expect(await identitiesOf(source)).toEqual({ 'public.t': 'i t_a_b_identity' });
  });

  test('is not mistaken for another relation of its name', async ({ databases: { source }, identity }) => {
    await source.query(
      'CREATE TABLE t (a int NOT NULL); CREATE TABLE u (a int NOT NULL); CREATE VIEW t_a_identity AS SELECT 1; CREATE INDEX u_a_identity ON u (a)',
    );
    for (const name of ['t', 'u']) {
      const choice = createIndexChoice(await identity.row(`public.${name}`), ['a']);
      await expect(identity.apply(choice)).rejects.toMatchObject({
        code: 'TM1216',
        message: expect.stringContaining(`${name}_a_identity`),
      });
    }
    expect(await identitiesOf(source)).toEqual({ 'public.t': 'd', 'public.u': 'd' });
    expect(await indexesOf(source)).toEqual(['u_a_identity']);
  });

  test('half of which an ended program has left is made anew', async ({ databases: { source }, identity }) => {
    await source.query('CREATE TABLE t (a int NOT NULL); INSERT INTO t VALUES (1), (1)');
    await expect(source.query('CREATE UNIQUE INDEX CONCURRENTLY t_a_identity ON t (a)')).rejects.toThrow(
      /duplicated|unique/,
    );
    await source.query('DELETE FROM t WHERE ctid = (SELECT max(ctid) FROM t)');
    expect(await indexesOf(source)).toEqual(['!t_a_identity']);
    await identity.apply(createIndexChoice(await identity.row('public.t'), ['a']));
    expect(await identitiesOf(source)).toEqual({ 'public.t': 'i t_a_identity' });
    expect(await indexesOf(source)).toEqual(['t_a_identity']);
  });

  test('waits for an old transaction until it is stopped, and leaves nothing', async ({
    databases: { source },
    identity,
  }) => {
    await source.query('CREATE TABLE t (a int NOT NULL); INSERT INTO t VALUES (1)');
    const other = await source.connect();
    // It has a snapshot and no lock on the table: only the build waits for it, dropping does not.
    await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class');
    const choice = createIndexChoice(await identity.row('public.t'), ['a']);
    const abort = new AbortController();
    const applied = identity.apply(choice, abort.signal);
    applied.catch(() => undefined);
    await until(
      async () => {
        const waiting = await source.query(
          `SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE INDEX%' AND wait_event_type = 'Lock' AND datname = current_database()`,
        );
        return waiting.length > 0;
      },
      { what: 'the build waiting for the old transaction' },
    );
    abort.abort();
    await expect(applied).rejects.toMatchObject({
      code: 'TM1216',
      message: 'building the index was stopped; nothing was changed',
    });
    expect(await indexesOf(source)).toEqual([]);
    await other.query('ROLLBACK');
    await identity.apply(choice);
    expect(await identitiesOf(source)).toEqual({ 'public.t': 'i t_a_identity' });
  });
});

describe('a table that the application has locked', () => {
  test('is given up after a few seconds, and nothing is changed', async ({ databases: { source }, identity }) => {
    await source.query('CREATE TABLE t (a int); CREATE TABLE free (a int)');
    const choices = [await identity.choice('public.t', 'full'), await identity.choice('public.free', 'full')] as const;
    const application = await source.connect();
    await application.query(`SET application_name = 'shop'; BEGIN; SELECT FROM t`);
    await expect(identity.apply(choices[0])).rejects.toMatchObject({
      code: 'TM1216',
      object: 'public.t',
      message: expect.stringMatching(
        /^the table was locked for more than 5 seconds by session \d+ \(shop, .*idle in transaction.*\); its replica identity is as it was$/,
      ),
    });
    await identity.apply(choices[1]);
    expect(await identitiesOf(source)).toEqual({ 'public.free': 'f', 'public.t': 'd' });
    await application.query('COMMIT');
    await identity.apply(choices[0]);
    expect(await identity.rows()).toEqual([]);
  }, 30_000);

  test('does not keep others waiting for long meanwhile', async ({ databases: { source }, identity }) => {
    await source.query('CREATE TABLE t (a int)');
    const choice = await identity.choice('public.t', 'full');
    const application = await source.connect();
    await application.query('BEGIN; SELECT FROM t');
    const other = await source.connect();
    await other.query(`SET lock_timeout = '4s'`);
    const applied = identity.apply(choice);
    applied.catch(() => undefined);
    await until(
      async () =>
        (await source.query(`SELECT FROM pg_locks WHERE relation = 't'::regclass AND NOT granted`)).length > 0,
      { what: 'ALTER TABLE waiting' },
    );
    // Nothing is changed yet, and what would be is known already: whoever is killed now can be cleaned up after.
    expect(await readKeptIdentities(identity.directory)).toMatchObject([{ name: 't', before: { identity: 'd' } }]);
    // It stands behind our lock in the queue, and gets through while the application still holds its own.
    await other.query('SELECT FROM t');
    await application.query('COMMIT');
    await applied;
    expect(await identitiesOf(source)).toEqual({ 'public.t': 'f' });
  }, 30_000);

  test('is listed all the same', async ({ databases: { source }, identity }) => {
    await source.query('CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000); ANALYZE t');
    const application = await source.connect();
    await application.query('BEGIN; LOCK TABLE t');
    expect(await identity.row('public.t')).toMatchObject({ rows: 1000, bytes: 40_960 });
    await application.query('COMMIT');
  });
});

describe('partitions', () => {
  const TREE = `CREATE TABLE metrics (device int NOT NULL, at int NOT NULL, v int) PARTITION BY RANGE (at);
    CREATE TABLE metrics_1 PARTITION OF metrics FOR VALUES FROM (0) TO (10);
    CREATE TABLE metrics_2 PARTITION OF metrics FOR VALUES FROM (10) TO (20);
    INSERT INTO metrics SELECT 1, n, n FROM generate_series(0, 19) n;`;

  test('each get their own new index, which the partitioned table cannot have without blocking writers', async ({
    databases: { source },
    identity,
  }) => {
    await source.query(TREE);
    const choice = createIndexChoice(await identity.row('public.metrics'), ['device', 'at']);
    expect(choice.label).toBe('new unique index on (device, at) on each of 2 partitions');
    await identity.apply(choice);
    expect(await identitiesOf(source)).toEqual({
      'public.metrics_1': 'i metrics_1_device_at_identity',
      'public.metrics_2': 'i metrics_2_device_at_identity',
    });
    expect(await identity.rows()).toEqual([]);
  });

  test('before one that fails keep what they got, and that is told', async ({ databases: { source }, identity }) => {
    await source.query(`${TREE} INSERT INTO metrics VALUES (1, 15, 0)`);
    const choice = createIndexChoice(await identity.row('public.metrics'), ['device', 'at']);
    await expect(identity.apply(choice)).rejects.toMatchObject({
      object: 'public.metrics_2',
      message: expect.stringMatching(/^its rows are not unique.*\(1 of 2 partitions have it already\)$/),
    });
    expect(await identitiesOf(source)).toEqual({
      'public.metrics_1': 'i metrics_1_device_at_identity',
      'public.metrics_2': 'd',
    });
    expect(await identity.row('public.metrics')).toMatchObject({ partitions: 1 });
  });
});

describe('a role that does not own the table', () => {
  test('is told whose the table is, and can save the SQL', async ({ databases, identity }) => {
    const { source } = databases;
    const owner = databases.role('owner');
    await source.admin(`CREATE ROLE "${owner}"; CREATE TABLE theirs (a int); ALTER TABLE theirs OWNER TO "${owner}"`);
    const row = await identity.row('public.theirs');
    expect(row.owner).toBe(owner);
    const choice = await identity.choice('public.theirs', 'full');
    await expect(identity.apply(choice)).rejects.toMatchObject({
      code: 'TM1216',
      hint: expect.stringContaining('save the SQL'),
    });
  });
});
