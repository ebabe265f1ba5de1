import { describe, expect } from 'vitest';
import { check } from '../support/check-context.ts';
import { type TestDatabase, type TestDatabases, test } from '../support/databases.ts';
import { inReplay, openChanges, untilGate } from './ddl.ts';
import { Migration } from './whole/migration.ts';

const COLORS = `CREATE TYPE color AS ENUM ('red', 'green', 'blue', 'black', 'white', 'pink')`;
/** OIDs of the target are others anyway; by this the labels' are not even in the same order of hashes. */
const hash = (root: string, parts: number, name = root) =>
  Array.from(
    { length: parts },
    (_, n) => `CREATE TABLE ${name}_${n} PARTITION OF ${root} FOR VALUES WITH (MODULUS ${parts}, REMAINDER ${n})`,
  ).join('; ');
const PAINT = `${COLORS};
  CREATE TABLE paint (id int NOT NULL, c color NOT NULL, v text, PRIMARY KEY (id, c)) PARTITION BY HASH (c); ${hash('paint', 3)}`;
const color = (n: string) => `(enum_range(NULL::color))[1 + ${n} % 6]`;
const FILL = `INSERT INTO paint SELECT n, ${color('n')}, 'x' FROM generate_series(1, 300) n`;

/** All rows of these tables, in order, whatever partition they are in. */
async function rowsOf({ source, target }: TestDatabases, ...tables: string[]) {
  const read = (database: TestDatabase) =>
    Promise.all(
      tables.map((table) =>
        database.query(
          `SELECT '${table}' AS t, count(*)::int AS n, md5(string_agg(r, ',' ORDER BY r)) AS sum FROM (SELECT ${table}::text AS r FROM ${table}) s`,
        ),
      ),
    );
  return { source: await read(source), target: await read(target) };
}

async function expectEqual(databases: TestDatabases, migration: Migration, ...tables: string[]) {
  const { source, target } = await rowsOf(databases, ...tables);
  expect(target).toEqual(source);
  const { tables: compared, equal, objects } = await migration.verify();
  expect([equal, objects, compared.filter((one) => !one.equal)]).toEqual([true, [], []]);
  return compared.map(({ relation }) => relation).sort();
}

const damaged = (migration: Migration): string[] =>
  [
    ...new Set(
      migration
        .of('table')
        .flatMap(({ relation, state, damage }) => (state === 'damaged' ? [`${relation} ${damage?.code}`] : [])),
    ),
  ].sort();

const TREES = `${PAINT};
  CREATE TABLE whole (id int, c color, v text) PARTITION BY HASH (c); ${hash('whole', 2)}; ALTER TABLE whole_0 REPLICA IDENTITY FULL; ALTER TABLE whole_1 REPLICA IDENTITY FULL;
  CREATE TABLE shop (region text NOT NULL, id int NOT NULL, c color NOT NULL, v text, PRIMARY KEY (region, id, c)) PARTITION BY LIST (region);
  CREATE TABLE shop_eu PARTITION OF shop FOR VALUES IN ('eu') PARTITION BY HASH (c); ${hash('shop_eu', 3)};
  CREATE TABLE shop_us PARTITION OF shop FOR VALUES IN ('us'); CREATE TABLE shop_rest PARTITION OF shop DEFAULT PARTITION BY HASH (id); ${hash('shop_rest', 2)};
  CREATE TABLE deep (cs color[] NOT NULL, id int NOT NULL, v text, PRIMARY KEY (cs, id)) PARTITION BY HASH (cs); ${hash('deep', 2)};
  CREATE TABLE deep_x (v text, dropped int, id int NOT NULL, cs color[] NOT NULL); ALTER TABLE deep_x DROP dropped;
  ALTER TABLE deep DETACH PARTITION deep_1; DROP TABLE deep_1; ALTER TABLE deep ATTACH PARTITION deep_x FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE under (c color NOT NULL, id int NOT NULL, v text, PRIMARY KEY (c, id)) PARTITION BY HASH (c);
  CREATE TABLE under_0 PARTITION OF under FOR VALUES WITH (MODULUS 2, REMAINDER 0) PARTITION BY RANGE (id); CREATE TABLE under_0_a PARTITION OF under_0 FOR VALUES FROM (0) TO (50);
  CREATE TABLE under_0_b PARTITION OF under_0 DEFAULT; CREATE TABLE under_1 PARTITION OF under FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE plain (id int PRIMARY KEY, v text) PARTITION BY HASH (id); ${hash('plain', 2)}`;
const ROOTS = ['paint', 'whole', 'shop', 'deep', 'under', 'plain'];
const ROWS = `${FILL}; INSERT INTO whole SELECT n % 50, ${color('n')}, 'x' FROM generate_series(1, 300) n; INSERT INTO whole VALUES (7, NULL, NULL), (7, NULL, NULL);
  INSERT INTO shop SELECT (ARRAY['eu', 'us', 'asia'])[1 + n % 3], n, ${color('n')}, 'x' FROM generate_series(1, 300) n;
  INSERT INTO deep (cs, id, v) SELECT ARRAY[${color('n')}, ${color('(n / 6)')}], n, 'x' FROM generate_series(1, 300) n;
  INSERT INTO under SELECT ${color('n')}, n, 'x' FROM generate_series(1, 300) n; INSERT INTO plain SELECT n, 'x' FROM generate_series(1, 300) n`;
/** Each of few rows and of many, so that both ways of applying are taken. */
const changes = (step: number) => `
  UPDATE paint SET v = 'u${step}' WHERE id % 3 = 0; DELETE FROM paint WHERE id % 7 = ${step}; UPDATE paint SET c = 'pink' WHERE id % 11 = ${step}; UPDATE paint SET id = id + 10000 WHERE id = ${step * 4};
  INSERT INTO paint SELECT n, ${color('n')}, 'new' FROM generate_series(${1000 * step}, ${1000 * step} + 99) n;
  UPDATE whole SET v = 'u${step}' WHERE id % 5 = ${step}; DELETE FROM whole WHERE id % 9 = ${step}; DELETE FROM whole WHERE ctid IN (SELECT min(ctid) FROM whole WHERE c IS NULL) AND c IS NULL;
  UPDATE shop SET v = 'u', region = CASE WHEN id % 2 = 0 THEN 'eu' ELSE 'asia' END WHERE id % 4 = ${step}; DELETE FROM shop WHERE id % 13 = ${step}; UPDATE shop SET v = 'one' WHERE id = ${40 + step};
  UPDATE deep SET v = 'u${step}' WHERE id % 2 = 0; UPDATE deep SET cs = cs || 'red'::color WHERE id % 8 = ${step}; DELETE FROM deep WHERE id = ${20 + step};
  UPDATE under SET v = repeat('toast ', 3000) WHERE id % 30 = 0; UPDATE under SET c = 'blue' WHERE id % 17 = 0; DELETE FROM under WHERE id % 19 = ${step};
  UPDATE plain SET v = 'u', id = id + 5000 * ${step} WHERE id % 10 = ${step}`;

describe('partitions whose rows belong to others on the target', () => {
  test('are copied under the search_path of the source, which functions of a CHECK need', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`${PAINT}; CREATE FUNCTION limit_of() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 5000';
      CREATE FUNCTION fits(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 < limit_of(); END';
      ALTER TABLE paint ADD CHECK (fits(id))`);
    await source.query(FILL);
    await using migration = await Migration.start({
      source: source.uri,
      target: target.uri,
      targetDatabase: target.name,
    });
    await migration.reached('replay');
    await source.query(`UPDATE paint SET v = 'u' WHERE id = 5`);
    await migration.cutOver();
    await expectEqual(databases, migration, 'paint');
  });

  for (const plugin of ['pgoutput', 'test_decoding'] as const) {
    test(`by hash, below and above other partitions (${plugin}): copied, replayed and compared through their parents`, async ({
      databases,
    }) => {
      const { source, target } = databases;
      await source.query(TREES);
      await source.query(ROWS);
      // Its labels get OIDs of their own anyway; these are not even in the same distance.
      const found = await check('target-partition-placement', { source: source.uri, target: target.uri });
      expect(found.status).toBe('info');
      for (const line of [
        'public.paint, by HASH (c) (3 partitions): the hash',
        'public.shop_eu, by HASH (c)',
        'public.under, by HASH (c) (3 partitions)',
        'public.deep, by HASH (cs)',
      ]) {
        expect(found.found).toContain(line);
      }
      expect(found.found).not.toMatch(/plain|shop_rest|public\.shop,/);
      await using migration = await Migration.start({
        source: source.uri,
        target: target.uri,
        targetDatabase: target.name,
        options: { plugin, tableJobs: 3, splitTablesLargerThan: 8192 },
        waitForGo: true,
      });
      await migration.untilSnapshot();
      await source.query(changes(1));
      await migration.go();
      await untilGate(migration, 'copied', true);
      await source.query(changes(2));
      await source.query(`UPDATE paint SET v = 'single' WHERE id = 50; DELETE FROM under WHERE id = 51`);
      await migration.cutOver();
      expect(damaged(migration)).toEqual([]);
      const compared = await expectEqual(databases, migration, ...ROOTS);
      expect(compared).toEqual([
        'public.deep',
        'public.paint',
        'public.plain_0',
        'public.plain_1',
        'public.shop_eu',
        'public.shop_rest_0',
        'public.shop_rest_1',
        'public.shop_us',
        'public.under',
        'public.whole',
      ]);
      // Otherwise the test shows nothing. A single table may have all of its values in the same partitions by chance.
      const where = `SELECT tableoid::regclass::text AS t, c::text FROM paint UNION SELECT tableoid::regclass::text, c::text FROM whole
        UNION SELECT tableoid::regclass::text, c::text FROM under UNION SELECT tableoid::regclass::text, cs::text FROM deep ORDER BY 1, 2`;
      expect(await target.query(where)).not.toEqual(await source.query(where));
    });
  }

  test('TRUNCATE of all of it is repeated; of one partition it damages that one, and a copy brings all of them', async ({
    databases,
  }) => {
    const { source } = databases;
    await source.query(`${PAINT}; CREATE TABLE other (id int PRIMARY KEY)`);
    await source.query(FILL);
    await using migration = await inReplay(databases);
    await source.query(`TRUNCATE paint, other; ${FILL}`);
    await source.query(`UPDATE paint SET v = 'a' WHERE id % 2 = 0; INSERT INTO other VALUES (1)`);
    const partition = (await source.query<{ t: string }>('SELECT min(tableoid::regclass::text) AS t FROM paint'))[0]?.t;
    await source.query(`BEGIN; UPDATE paint SET v = 'b'; TRUNCATE ${partition}; COMMIT`);
    await migration.until(() => damaged(migration).length > 0, 'the partition to be damaged');
    expect(damaged(migration)).toEqual([`public.${partition} TM5007`]);
    await source.query(
      `UPDATE paint SET v = 'c' WHERE id % 5 = 0; INSERT INTO paint VALUES (7777, 'red'), (7778, 'green'), (7779, 'blue'), (7780, 'black')`,
    );
    await migration.resync();
    await untilGate(migration, 'damaged', true);
    await untilGate(migration, 'copied', true);
    await source.query(`DELETE FROM paint WHERE id % 9 = 0`);
    await migration.cutOver();
    expect(await expectEqual(databases, migration, 'paint', 'other')).toEqual(['public.other', 'public.paint']);
  });

  test('one of them that is copied again brings all of its tree, and nothing of others', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(
      `${PAINT}; CREATE TABLE second (id int, c color, PRIMARY KEY (id, c)) PARTITION BY HASH (c); ${hash('second', 2)}`,
    );
    await source.query(`${FILL}; INSERT INTO second SELECT id, c FROM paint`);
    await using migration = await inReplay(databases);
    await target.query(
      `SET session_replication_role = replica; DELETE FROM paint WHERE id % 3 = 0; UPDATE paint SET v = 'astray' WHERE id = 5`,
    );
    const before = await target.query(`SELECT relfilenode FROM pg_class WHERE relname = 'second_0'`);
    await migration.resync('public.paint_1');
    await migration.until(async () => (await target.query('SELECT FROM paint')).length === 300, 'all rows');
    await untilGate(migration, 'copied', true);
    expect(await target.query(`SELECT relfilenode FROM pg_class WHERE relname = 'second_0'`)).toEqual(before);
    await source.query(`UPDATE paint SET v = 'later'; DELETE FROM second WHERE id % 2 = 0`);
    await migration.cutOver();
    await expectEqual(databases, migration, 'paint', 'second');
  });

  test('a row that was put astray on the target damages its table, not another', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`${PAINT}; ${FILL}`);
    await using migration = await inReplay(databases);
    await target.query('DELETE FROM paint WHERE id = 12');
    await source.query(`UPDATE paint SET v = 'gone' WHERE id = 12`);
    await migration.until(() => damaged(migration).length > 0, 'the table to be damaged');
    const [at] = await source.query<{ t: string }>('SELECT tableoid::regclass::text AS t FROM paint WHERE id = 12');
    expect(damaged(migration)).toEqual([`public.${at?.t} TM5001`]);
    await source.query(`UPDATE paint SET v = 'all'`);
    await migration.resync();
    await untilGate(migration, 'damaged', true);
    await untilGate(migration, 'copied', true);
    await migration.cutOver();
    await expectEqual(databases, migration, 'paint');
  });

  test('a partition that is detached or dropped damages the others, whose copy brings the rest', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`${PAINT}; ${FILL}`);
    await using migration = await inReplay(databases);
    const [first] = await source.query<{ t: string }>('SELECT min(tableoid::regclass::text) AS t FROM paint');
    await source.query(`DROP TABLE ${first?.t}`);
    await migration.until(() => damaged(migration).length === 2, 'the others to be damaged');
    expect(damaged(migration).every((one) => one.endsWith('TM5007'))).toBe(true);
    await target.query(
      `ALTER TABLE paint DETACH PARTITION ${first?.t}; DROP TABLE ${first?.t}; CREATE TABLE ${first?.t} PARTITION OF paint FOR VALUES WITH (MODULUS 3, REMAINDER ${first?.t.at(-1)})`,
    );
    await migration.resync();
    await untilGate(migration, 'damaged', true);
    await untilGate(migration, 'copied', true);
    await source.query(`UPDATE paint SET v = 'rest'`);
    await migration.cutOver();
    const { source: there, target: here } = await rowsOf(databases, 'paint');
    expect(here).toEqual(there);
    expect(openChanges(migration).filter(({ locks }) => locks)).toEqual([]);
  });

  test('keys of single partitions that other rows may have are told before, and no row is guessed', async ({
    databases,
  }) => {
    const { source, target } = databases;
    await source.query(`${COLORS}; CREATE TABLE paint (id int NOT NULL, c color NOT NULL, v text) PARTITION BY HASH (c); ${hash('paint', 3)};
      ALTER TABLE paint_0 ADD PRIMARY KEY (id); ALTER TABLE paint_1 ADD PRIMARY KEY (id); ALTER TABLE paint_2 ADD PRIMARY KEY (id)`);
    await source.query(`INSERT INTO paint SELECT n, 'red', 'x' FROM generate_series(1, 3) n`);
    const [at] = await source.query<{ t: string }>('SELECT min(tableoid::regclass::text) AS t FROM paint');
    const [elsewhere] = await source.query<{ c: string }>(
      `SELECT c::text FROM unnest(enum_range(NULL::color)) c WHERE NOT satisfies_hash_partition('paint'::regclass, 3, ${at?.t.at(-1)}, c) LIMIT 1`,
    );
    const found = await check('target-partition-placement', { source: source.uri, target: target.uri });
    expect(found).toMatchObject({
      status: 'warn',
      found: expect.stringContaining('may be that of other rows, too: public.paint'),
      fix: expect.stringContaining('FULL'),
    });
    await source.query(
      'ALTER TABLE paint_0 REPLICA IDENTITY FULL; ALTER TABLE paint_1 REPLICA IDENTITY FULL; ALTER TABLE paint_2 REPLICA IDENTITY FULL',
    );
    await source.query(`INSERT INTO paint VALUES (1, '${elsewhere?.c}', 'other')`);
    expect((await check('target-partition-placement', { source: source.uri, target: target.uri })).status).toBe('info');
    await source.query(`DELETE FROM paint WHERE v = 'other'`);
    await using migration = await inReplay(databases);
    await source.query(`UPDATE paint SET v = 'u' WHERE id = 2; DELETE FROM paint WHERE id = 3`);
    await migration.cutOver();
    await expectEqual(databases, migration, 'paint');
  });

  test('unlogged or foreign ones among them are refused by the check', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`${COLORS}; CREATE TABLE paint (id int, c color) PARTITION BY HASH (c); CREATE UNLOGGED TABLE paint_0 PARTITION OF paint FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE paint_1 PARTITION OF paint FOR VALUES WITH (MODULUS 2, REMAINDER 1)`);
    expect(await check('target-partition-placement', { source: source.uri, target: target.uri })).toMatchObject({
      status: 'fail',
      code: 'TM1220',
      found: expect.stringContaining('public.paint_0'),
    });
  });

  test('a hash without a partition for every remainder is warned of', async ({ databases }) => {
    const { source, target } = databases;
    const with_ = (modulus: number, remainder: number) =>
      `FOR VALUES WITH (MODULUS ${modulus}, REMAINDER ${remainder})`;
    await source.query(`${COLORS}; CREATE TABLE part (c color PRIMARY KEY) PARTITION BY HASH (c); CREATE TABLE part_0 PARTITION OF part ${with_(3, 0)};
      CREATE TABLE part_1 PARTITION OF part ${with_(3, 1)}; CREATE TABLE mixed (c color PRIMARY KEY) PARTITION BY HASH (c);
      CREATE TABLE mixed_0 PARTITION OF mixed ${with_(2, 0)}; CREATE TABLE mixed_1 PARTITION OF mixed ${with_(4, 1)}; CREATE TABLE mixed_3 PARTITION OF mixed ${with_(4, 3)}`);
    const run = () => check('target-partition-placement', { source: source.uri, target: target.uri });
    const { status, found } = await run();
    expect([status, found.split('\n').at(-1)]).toEqual([
      'warn',
      'without a partition for every remainder, so that the target may refuse rows: public.part',
    ]);
    await source.query(`CREATE TABLE part_2 PARTITION OF part ${with_(3, 2)}`);
    expect((await run()).status).toBe('info');
  });

  test('all others are where they are on the source', async ({ databases }) => {
    const { source, target } = databases;
    await source.query(`CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE DOMAIN whole AS int;
      CREATE FUNCTION halved(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 / 2';
      CREATE TABLE a (i int, t text, u uuid, n numeric, w whole, at timestamptz, b bytea) PARTITION BY HASH (i, t, u, n, w, at); ${hash('a', 2)};
      CREATE TABLE b (t varchar(9) COLLATE "C") PARTITION BY HASH (t); ${hash('b', 2)}; CREATE TABLE c (t text) PARTITION BY LIST (t); CREATE TABLE c_1 PARTITION OF c FOR VALUES IN ('x', 'é');
      CREATE TABLE d (t text COLLATE loose) PARTITION BY HASH (t); ${hash('d', 2)}; CREATE TABLE e (t text COLLATE loose) PARTITION BY LIST (t); CREATE TABLE e_1 PARTITION OF e DEFAULT;
      CREATE TABLE f (i int) PARTITION BY HASH (halved(i)); ${hash('f', 2)}; CREATE TABLE g (i int) PARTITION BY RANGE (halved(i)); CREATE TABLE g_1 PARTITION OF g DEFAULT;
      CREATE TABLE h (t text COLLATE "C") PARTITION BY RANGE (t); CREATE TABLE h_1 PARTITION OF h FOR VALUES FROM ('a') TO ('n');
      CREATE TABLE k (r regclass) PARTITION BY HASH (r); ${hash('k', 2)}; CREATE TABLE l (r int4range) PARTITION BY HASH (r); ${hash('l', 2)}`);
    const { found } = await check('target-partition-placement', { source: source.uri, target: target.uri });
    const through = found
      .split('\n')
      .slice(1)
      .map((line) => /^public\.(\w+),/.exec(line)?.[1]);
    expect(through).toEqual(['d', 'e', 'f', 'k', 'l']);
  });

  test('by the order of text, where it is another one: rows find their partition, or are told before', async ({
    databases,
  }) => {
    const { source, target } = databases;
    const name = `${source.name}_icu`;
    await source.admin(
      `CREATE DATABASE ${name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' OWNER ${source.owner}`,
    );
    const uri = (of: string) => of.replace(`/${source.name}`, `/${name}`);
    const sorted = { ...source, name, uri: uri(source.uri), superuserUri: uri(source.superuserUri) };
    try {
      const pg = await import('pg');
      const client = new pg.default.Client({ connectionString: sorted.uri });
      await client.connect();
      // In C all of B is before a.
      await client.query(`CREATE TABLE words (w text PRIMARY KEY, n int) PARTITION BY RANGE (w); CREATE TABLE words_1 PARTITION OF words FOR VALUES FROM (MINVALUE) TO ('m');
        CREATE TABLE words_2 PARTITION OF words FOR VALUES FROM ('m') TO (MAXVALUE); INSERT INTO words SELECT w, 1 FROM unnest(ARRAY['a', 'B', 'M', 'z', 'É', 'Zz', 'm']) w`);
      const input = { source: sorted.uri, target: target.uri };
      const found = await check('target-partition-placement', input);
      expect(found).toMatchObject({ status: 'warn', found: expect.stringContaining('without a DEFAULT partition') });
      await using migration = await Migration.start({ ...input, targetDatabase: target.name });
      await untilGate(migration, 'copied', true);
      await client.query(
        `UPDATE words SET n = 2; DELETE FROM words WHERE w = 'M'; UPDATE words SET w = 'Y' WHERE w = 'a'; INSERT INTO words VALUES ('Q', 3), ('b', 3)`,
      );
      const rows = 'SELECT * FROM words ORDER BY w COLLATE "C"';
      const { rows: there } = await client.query(rows);
      await client.end();
      await migration.cutOver(false);
      expect(await target.query(rows)).toEqual(there);
      expect((await migration.verify()).tables).toMatchObject([{ relation: 'public.words', equal: true }]);
    } finally {
      await source.admin(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });
});
