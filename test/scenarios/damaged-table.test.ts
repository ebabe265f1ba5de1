import { describe, expect } from 'vitest';
import { createShop } from '../../src/demo/shop.ts';
import { startWriters } from '../../src/demo/writers.ts';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { until } from '../support/wait.ts';
import { Migration } from './whole/migration.ts';

const start = ({ source, target }: TestDatabases) =>
  Migration.start({ source: source.uri, target: target.uri, targetDatabase: target.name });

const damaged = (migration: Migration) => migration.of('table').filter((event) => event.state === 'damaged');
const untilDamaged = (migration: Migration, count = 1) =>
  migration.until(() => damaged(migration).length >= count, 'a table to be damaged');

/** The newest word on a table. */
const stateOf = (migration: Migration, relation: string) =>
  migration
    .of('table')
    .filter((event) => event.relation === relation)
    .at(-1)?.state;
const untilLive = (migration: Migration, relation: string) =>
  migration.until(() => stateOf(migration, relation) === 'live', `${relation} to be live`);

const gate = (migration: Migration, id: string) =>
  migration
    .of('gate')
    .filter((event) => event.id === id)
    .at(-1);

const states = async ({ target }: TestDatabases) =>
  Object.fromEntries(
    (await target.query('SELECT name, state FROM tiger_migrate.relation')).map((row) => [row.name, row.state]),
  );

/** Foreign keys that were made beside replay, and validated. */
const untilKeys = (migration: Migration, { target }: TestDatabases, count: number) =>
  migration.until(
    async () =>
      (
        await target.query(
          `SELECT FROM pg_constraint WHERE contype = 'f' AND convalidated AND conparentid = 0 AND connamespace = 'public'::regnamespace`,
        )
      ).length === count,
    `${count} foreign keys`,
  );

describe.each([{ replicaRole: true }, { replicaRole: false }])('divergence ($replicaRole)', ({ replicaRole }) => {
  test.override({ databaseOptions: { replicaRole } });

  test('stops that table, not the migration: named with row and LSN, cut-over locked, one action brings it back', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE parent (id int PRIMARY KEY, v text, other int UNIQUE); CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent);
      CREATE TABLE alone (id int PRIMARY KEY, v text);
      INSERT INTO parent SELECT g, 'a', -g FROM generate_series(1, 100) g; INSERT INTO child (parent) SELECT id FROM parent;
      INSERT INTO alone SELECT id, v FROM parent`);
    await using migration = await start(databases);
    await migration.reached('replay');
    await migration.until(() => gate(migration, 'copied')?.ok === true, 'all tables to be live');
    if (replicaRole) await untilKeys(migration, databases, 1);

    await target.admin('SET session_replication_role = replica; DELETE FROM parent WHERE id = 7');
    await source.query(`INSERT INTO alone VALUES (101, 'with it'); UPDATE parent SET v = 'b'`);
    await untilDamaged(migration);
    const [event] = damaged(migration);
    expect(event).toMatchObject({ relation: 'public.parent', damage: { code: 'TM5001', row: 'id=7' } });
    expect(event?.damage?.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(migration.warnings).toEqual([
      expect.stringMatching(/^public\.parent is damaged .*id=7 hit 0 rows.*committed at/),
    ]);
    expect(migration.warnings[0]).toContain(String(event?.damage?.lsn));
    // The other tables go on, with the very transaction that damaged this one.
    await source.query(
      `INSERT INTO child (parent) VALUES (3); DELETE FROM alone WHERE id = 1; INSERT INTO parent VALUES (200, 'c')`,
    );
    await migration.until(
      async () =>
        (await target.query('SELECT FROM alone WHERE id IN (1, 101)')).length === 1 &&
        (await target.query('SELECT FROM child')).length === 101,
      'the other tables to follow',
    );
    expect(await states(databases)).toEqual({ parent: 'damaged', child: 'live', alone: 'live' });
    expect(await target.query(`SELECT FROM parent WHERE v = 'b' OR id = 200`)).toEqual([]);

    // No reason overrides it.
    await migration.until(() => gate(migration, 'damaged')?.ok === false, 'the cut-over to be locked');
    await expect(migration.requestCutover()).rejects.toMatchObject({
      code: 'TM6002',
      message: expect.stringContaining('public.parent'),
    });

    await migration.resync();
    await untilLive(migration, 'public.parent');
    await source.query(`UPDATE parent SET v = 'd' WHERE id IN (7, 200); INSERT INTO child (parent) VALUES (200)`);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('a change that the target alone refuses damages its table; a copy that is refused too leaves it damaged', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE checked (id int PRIMARY KEY, v int); CREATE TABLE alone (id int PRIMARY KEY);
      INSERT INTO checked SELECT g, g FROM generate_series(1, 50) g`);
    await using migration = await start(databases);
    await migration.reached('replay');
    await target.query('ALTER TABLE checked ADD CONSTRAINT small CHECK (v < 1000)');
    await source.query('UPDATE checked SET v = 1000 WHERE id = 3; INSERT INTO alone VALUES (1)');
    await untilDamaged(migration);
    expect(damaged(migration)[0]).toMatchObject({
      relation: 'public.checked',
      damage: { code: 'TM5002', row: 'id=3', reason: expect.stringContaining('small') },
    });
    await until(() => target.query('SELECT FROM alone').then((rows) => rows.length === 1));

    await migration.resync('checked');
    await untilDamaged(migration, 2);
    expect(damaged(migration)[1]).toMatchObject({
      damage: { code: 'TM3001', reason: expect.stringContaining('small') },
    });
    await source.query('INSERT INTO alone VALUES (2)');
    await migration.until(async () => (await target.query('SELECT FROM alone')).length === 2, 'replay to go on');

    await target.query('ALTER TABLE checked DROP CONSTRAINT small');
    await migration.resync('checked');
    await untilLive(migration, 'public.checked');
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});

describe('the cut-over', () => {
  const TABLES = `
    CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY);
    INSERT INTO t SELECT g, 'a' FROM generate_series(1, 50) g`;

  test('is given up when the drain itself brings the damage', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    await using migration = await start(databases);
    await migration.reached('replay');
    await migration.until(() => gate(migration, 'copied')?.ok === true, 'all tables to be live');
    await target.query('DELETE FROM t WHERE id = 7');
    // Replay meets the row only when the cut-over has begun.
    const holder = await target.connect();
    await holder.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
    await source.query(`UPDATE t SET v = 'b'`);
    await migration.requestCutover();
    await migration.until(
      () => migration.of('cutover').some((event) => event.step === 'drain' && event.state === 'running'),
      'the drain',
    );
    await holder.query('COMMIT');
    await migration.until(() => migration.of('error').length > 0, 'the cut-over to fail');
    expect(migration.of('error')[0]?.error).toMatchObject({ code: 'TM6002', object: 'public.t' });
    expect(damaged(migration)).toMatchObject([{ relation: 'public.t', damage: { row: 'id=7' } }]);

    // The source takes writes again.
    await until(() => source.query(`INSERT INTO other VALUES (1); UPDATE t SET v = 'c'`).then(() => true));
    await migration.resync();
    await untilLive(migration, 'public.t');
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });

  test('waits when it is automatic, and comes by itself after the copy', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(TABLES);
    const writer = await source.connect();
    await using migration = await Migration.start({
      source: source.uri,
      target: target.uri,
      targetDatabase: target.name,
      options: { cutover: 'auto' },
    });
    await migration.reached('copy');
    // Nobody cuts over while somebody writes.
    await writer.query('BEGIN; INSERT INTO other VALUES (1)');
    await migration.until(() => gate(migration, 'copied')?.ok === true, 'all tables to be live');
    await target.query('DELETE FROM t WHERE id = 7');
    await source.query(`UPDATE t SET v = 'b' WHERE id < 10`);
    await untilDamaged(migration);
    await writer.query('COMMIT');
    const others = ['copied', 'caught-up', 'healthy', 'writers'];
    await migration.until(() => others.every((id) => gate(migration, id)?.ok === true), 'all else to hold');
    expect(gate(migration, 'damaged')?.ok).toBe(false);
    expect(migration.of('phase').map(({ phase }) => phase)).not.toContain('cutover');
    await migration.resync();
    expect(await migration.ended).toBeNull();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});

describe('a table that is copied again', () => {
  test('by its name or that of its partitioned root, also when it is not damaged; others by no name', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`
      CREATE TABLE log (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (100);
      CREATE TABLE log_2 PARTITION OF log DEFAULT; CREATE TABLE of_log (id int PRIMARY KEY REFERENCES log, self int REFERENCES of_log);
      CREATE TABLE plain (id int PRIMARY KEY); INSERT INTO log SELECT g, 'a' FROM generate_series(1, 200) g;
      INSERT INTO of_log SELECT id, 1 FROM log; INSERT INTO plain VALUES (1)`);
    await using migration = await start(databases);
    await migration.reached('replay');
    await untilKeys(migration, databases, 2);
    await source.query('CREATE TABLE created (id int PRIMARY KEY)');
    await expect(migration.resync('public.nothing')).rejects.toMatchObject({
      code: 'TM1001',
      object: 'public.nothing',
    });
    await expect(migration.resync('plain', 'created')).rejects.toMatchObject({
      code: 'TM5004',
      object: 'public.created',
    });
    await expect(migration.resync()).rejects.toMatchObject({ code: 'TM5004', message: 'no table is damaged' });
    await source.query('DROP TABLE created');

    // Rows of which the stream knows nothing.
    await target.admin(
      `SET session_replication_role = replica; DELETE FROM log WHERE id IN (50, 150); INSERT INTO log VALUES (999, 'ours')`,
    );
    await migration.resync('public.log', 'of_log');
    await untilLive(migration, 'public.log_2');
    // Taken away for the copy, and made again.
    await untilKeys(migration, databases, 2);
    const times = await target.query(
      'SELECT name, times_copied FROM tiger_migrate.relation WHERE copy_rows ORDER BY name',
    );
    expect(times).toEqual([
      { name: 'log_1', times_copied: 2 },
      { name: 'log_2', times_copied: 2 },
      { name: 'of_log', times_copied: 2 },
      { name: 'plain', times_copied: 1 },
    ]);
    await migration.cutOver();
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});

test('a damaged table that the source has dropped is let go by its copy, and locks nothing any more', async ({
  databases,
}) => {
  const { source, target } = databases;
  await source.query('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int); INSERT INTO t VALUES (1)');
  await using migration = await start(databases);
  await migration.reached('replay');
  await target.query('DELETE FROM t');
  await source.query('DELETE FROM t');
  await untilDamaged(migration);
  await source.query('DROP TABLE t');
  await migration.until(() => gate(migration, 'damaged')?.ok === false, 'the cut-over to be locked');
  await migration.resync();
  await migration.until(() => gate(migration, 'damaged')?.ok === true, 'the cut-over to be free');
  expect(migration.warnings.at(-1)).toContain('public.t was dropped on the source');
  await migration.cutOver();
  const differences = await compareDatabases(source.superuserUri, target.superuserUri);
  expect(
    differences.filter((text) => !/public\.t\b.*only on the target|public\.t_pkey.*only on the target/s.test(text)),
  ).toEqual([]);
});

describe('under writes at 200 transactions a second', () => {
  test.override({
    databaseOptions: { source: { name: 'shop_damaged', build: (client) => createShop(client, { scale: 0.2 }) } },
  });

  test('one table diverges and is copied again: all equal', async ({ databases }) => {
    const { source, target } = databases;
    await using migration = await start(databases);
    await migration.reached('replay');
    const writers = await startWriters({ uri: source.uri, rate: 200, connections: 3 });
    try {
      await migration.until(() => gate(migration, 'caught-up')?.ok === true, 'replay to catch up');
      await target.admin(
        'SET session_replication_role = replica; DELETE FROM customers WHERE id % 2 = 0; DELETE FROM products WHERE id % 2 = 0',
      );
      await untilDamaged(migration, 2);
      await migration.resync();
      await untilLive(migration, 'public.customers');
      await untilLive(migration, 'public.products');
      await migration.until(() => gate(migration, 'caught-up')?.ok === true, 'replay to catch up');
    } finally {
      await writers.stop();
    }
    expect(writers.stats()).toMatchObject({ errors: 0, disconnects: 0 });
    await migration.cutOver(false);
    expect(await compareDatabases(source.superuserUri, target.superuserUri)).toEqual([]);
  });
});
