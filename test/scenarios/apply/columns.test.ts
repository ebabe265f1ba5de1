import { describe } from 'vitest';
import { test } from '../../support/databases.ts';
import { EXTREMES, extremeColumns, extremeRows } from './extreme-values.ts';
import { LiveReplay } from './harness.ts';
import { isLossy, MODES, PRESENT_PLUGINS, TEXT_MODES } from './modes.ts';

describe.each(MODES)('columns ($mode)', ({ stream, rows: n }) => {
  test('every value of every built-in type arrives as it is', async ({ databases }) => {
    const extremes = EXTREMES.filter(([type]) => !isLossy(stream) || !/^(numeric|real|double)/.test(type));
    const columns = extremeColumns(extremes);
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE keyed (id int PRIMARY KEY, ${columns});
        CREATE TABLE whole (id int, ${columns}); ALTER TABLE whole REPLICA IDENTITY FULL`,
      rows: `${extremeRows(extremes, 'keyed', 0).join(';\n')}; INSERT INTO whole TABLE keyed`,
    });
    const some = n > 10 ? 'id >= 0' : 'id % 10 = 3';
    await live.transaction(
      `UPDATE keyed SET id = id + 1000 WHERE ${some}; UPDATE whole SET id = id + 1000 WHERE ${some}`,
    );
    await live.expectEqual();
    await live.transaction(`DELETE FROM keyed WHERE id > 1000; DELETE FROM whole WHERE id > 1000`);
    await live.expectEqual();
    const inserts = extremeRows(extremes, 'keyed', 2000).flatMap((insert) => [
      insert,
      insert.replace('keyed', 'whole'),
    ]);
    const together = n > 10 ? inserts.length : 20;
    for (let from = 0; from < inserts.length; from += together) {
      await live.transaction(inserts.slice(from, from + together).join(';\n'));
      await live.drain();
    }
    await live.expectEqual();
    live.expectWay(n);
  });

  test('generated columns are made on the target', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE t (a int GENERATED ALWAYS AS (b * 2) STORED, id int PRIMARY KEY, b int, c text GENERATED ALWAYS AS ('c' || b) STORED);
        CREATE TABLE f (a int GENERATED ALWAYS AS (b * 2) STORED, b int); ALTER TABLE f REPLICA IDENTITY FULL;
        CREATE TABLE only_generated (a int GENERATED ALWAYS AS (7) STORED)`,
      rows: `INSERT INTO t (id, b) SELECT g, g FROM generate_series(1, ${n}) g; INSERT INTO f (b) SELECT id FROM t`,
    });
    await live.transaction(`UPDATE t SET b = b + 1; INSERT INTO t (id, b) SELECT id + 1000, NULL FROM t; DELETE FROM t WHERE id % 2 = 0;
      UPDATE f SET b = -b; DELETE FROM f WHERE b % 2 = 0; INSERT INTO only_generated DEFAULT VALUES`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('GENERATED ALWAYS AS IDENTITY', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
        CREATE TABLE aside (id int PRIMARY KEY, seq int GENERATED ALWAYS AS IDENTITY, v text)`,
      rows: `INSERT INTO t (v) SELECT 'a' FROM generate_series(1, ${n}) g; INSERT INTO aside (id, v) SELECT g, 'a' FROM generate_series(1, ${n}) g`,
    });
    await live.transaction(`INSERT INTO t (v) SELECT 'b' FROM t; UPDATE t SET v = 'c' WHERE id % 2 = 0; UPDATE t SET id = DEFAULT WHERE id % 3 = 0;
      INSERT INTO aside (id, v) SELECT id + 1000, 'b' FROM aside; UPDATE aside SET v = 'c'; UPDATE aside SET seq = DEFAULT`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('domains, also those that refuse NULL', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE DOMAIN plain AS text; CREATE DOMAIN strict AS varchar(10) NOT NULL; CREATE DOMAIN nested AS strict CHECK (VALUE <> 'bad');
        CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN cents AS numeric(8,2) NOT NULL;
        CREATE TABLE t (id positive PRIMARY KEY, a plain, b strict, c nested, d cents, e positive);
        CREATE TABLE f (id positive, a plain, b strict, c nested, d cents); ALTER TABLE f REPLICA IDENTITY FULL`,
      rows: `INSERT INTO t SELECT g, 'a', 'b', 'c', 1.5, NULL FROM generate_series(1, ${n}) g; INSERT INTO f SELECT id, a, b, c, d FROM t`,
    });
    await live.transaction(`UPDATE t SET b = 'x' || id, e = id; UPDATE t SET id = id + 1000 WHERE id % 2 = 0; DELETE FROM t WHERE id % 3 = 0;
      UPDATE f SET d = 2.25, a = NULL; DELETE FROM f WHERE id % 3 = 0; INSERT INTO f SELECT 5000, NULL, 'y', 'z', 7`);
    await live.expectEqual();
    live.expectWay(n);
  });
});

describe.each(TEXT_MODES)('columns of user types ($mode)', ({ stream, rows: n }) => {
  const TYPES = `CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy \\ "very"'); CREATE TYPE inner_pair AS (a int, m mood[]);
    CREATE TYPE pair AS (n numeric, t text, p inner_pair); CREATE TYPE floats AS RANGE (subtype = float8, multirange_type_name = multifloats);
    CREATE DOMAIN moods AS mood[]; CREATE DOMAIN whole_pair AS pair CHECK ((VALUE).n IS NOT NULL);`;
  const COLUMNS = `m mood, ms mood[], p pair, ps pair[], r floats, rs floats[], d moods, w whole_pair, mr multifloats`;

  test('enums, arrays, composites, ranges and domains over them', async ({ databases }) => {
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `${TYPES} CREATE TABLE t (id int PRIMARY KEY, ${COLUMNS}); CREATE TABLE f (id int, ${COLUMNS}); ALTER TABLE f REPLICA IDENTITY FULL`,
      rows: `INSERT INTO t SELECT g, 'it''s ok', ARRAY['sad', NULL]::mood[], ROW(1.50, 'a,(b)"\\', ROW(g, ARRAY['sad']::mood[])::inner_pair)::pair,
          ARRAY[ROW(g, NULL, NULL)::pair, NULL], floats(0.1, g + 1), ARRAY[floats(NULL, 1)], '{sad}', ROW(g, '', NULL)::pair, '{[1,2],(3,4)}'
        FROM generate_series(1, ${n}) g; INSERT INTO f TABLE t`,
    });
    await live.transaction(`UPDATE t SET m = 'happy \\ "very"', p.t = 'changed', mr = NULL; DELETE FROM t WHERE id = 2; INSERT INTO t SELECT id + 1000, m, ms, p, ps, r, rs, d, w FROM t;
      UPDATE f SET m = NULL; UPDATE f SET ps = ps || ps; DELETE FROM f WHERE id % 2 = 0`);
    await live.expectEqual();
    live.expectWay(n);
  });

  test('types that are not simple, in the key', async ({ databases }) => {
    const keys: Record<string, [type: string, value: string]> = {
      by_enum: ['mood', `(ARRAY['sad', 'it''s ok', 'happy \\ "very"']::mood[])[1 + g % 3]`],
      by_enums: ['mood[]', `ARRAY['sad', (ARRAY['sad', 'it''s ok']::mood[])[1 + g % 2]]::mood[]`],
      by_composite: ['pair', `ROW(g + 0.5, 'a b', ROW(g, NULL))::pair`],
      by_range: ['floats', `floats(g, g + 1)`],
      by_domain_over_array: ['moods', `ARRAY['sad']::moods`],
      by_domain_over_composite: ['whole_pair', `ROW(1, NULL, NULL)::whole_pair`],
      by_regclass: ['regclass', `'pg_catalog.pg_class'::regclass`],
      by_char_n: ['char(8)', `'a' || g % 7`],
      by_varchar_n: ['varchar(8)', `'a' || g % 7`],
      by_name: ['name', `'a' || g % 7`],
      by_char: ['"char"', `(g % 7)::text::"char"`],
      by_oid: ['oid', `(4000000000 + g)::oid`],
      by_numeric: ['numeric', `round(1.5, g % 5)`],
      by_timestamptz: ['timestamptz', `'2024-01-01'::timestamptz + g * interval '1 microsecond'`],
      by_bytea: ['bytea', `'\\x00'::bytea || int4send(g)`],
      by_uuid: ['uuid', `md5(g::text)::uuid`],
      by_jsonb: ['jsonb', `to_jsonb(g)`],
      by_int_array: ['int[]', `ARRAY[g, NULL]`],
    };
    const each = (sql: (table: string, of: [type: string, value: string]) => string) =>
      Object.entries(keys)
        .filter(([, [type]]) => !isLossy(stream) || type !== 'numeric')
        .map(([table, of]) => sql(table, of))
        .join(';\n');
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `${TYPES} ${each((table, [type]) => `CREATE TABLE ${table} (k ${type}, id int, v text, PRIMARY KEY (k, id))`)}`,
      rows: each((table, [, value]) => `INSERT INTO ${table} SELECT ${value}, g, 'a' FROM generate_series(1, ${n}) g`),
    });
    await live.transaction(
      each((table) => `UPDATE ${table} SET v = 'b'; UPDATE ${table} SET id = id + 1000 WHERE id % 2 = 0`),
    );
    await live.transaction(each((table) => `DELETE FROM ${table} WHERE id % 3 = 0`));
    await live.expectEqual();
    live.expectWay(n);
  });

  test('types of extensions in another schema', async ({ databases }) => {
    for (const side of [databases.source, databases.target])
      await side.admin(
        'CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext; GRANT USAGE ON SCHEMA ext TO public',
      );
    await using live = await LiveReplay.start(databases, {
      ...stream,
      tables: `CREATE DOMAIN email AS ext.citext NOT NULL;
        CREATE TABLE t (k ext.citext, l ext.ltree, e email, h ext.hstore, hs ext.hstore[], PRIMARY KEY (k, l));
        CREATE TABLE f (k ext.citext, h ext.hstore, l ext.ltree); ALTER TABLE f REPLICA IDENTITY FULL; CREATE INDEX ON f (k); CREATE INDEX ON f USING gist (h)`,
      rows: `INSERT INTO t SELECT 'Key' || g, ('a.b' || g)::ext.ltree, 'E' || g, 'a=>1,"b c"=>NULL', ARRAY['x=>y'::ext.hstore] FROM generate_series(1, ${n}) g;
        INSERT INTO f SELECT k, h, l FROM t`,
    });
    await live.transaction(`UPDATE t SET e = 'e', h = h OPERATOR(ext.||) 'z=>"2"'::ext.hstore; UPDATE t SET k = lower(k::text)::ext.citext WHERE l OPERATOR(ext.<>) 'a.b1';
      DELETE FROM t WHERE l OPERATOR(ext.=) 'a.b2'; UPDATE f SET h = NULL; UPDATE f SET k = upper(k::text)::ext.citext; DELETE FROM f WHERE l OPERATOR(ext.=) 'a.b1'`);
    await live.expectEqual();
    live.expectWay(n);
  });
});

test.for(PRESENT_PLUGINS)('session settings of database and role on either side change no value (%s)', async (plugin, {
  databases,
}) => {
  const settings = (name: string, role: string) => `
    ALTER DATABASE "${name}" SET DateStyle = 'German'; ALTER DATABASE "${name}" SET TimeZone = 'Asia/Tokyo';
    ALTER DATABASE "${name}" SET IntervalStyle = 'iso_8601'; ALTER DATABASE "${name}" SET extra_float_digits = -5;
    ALTER DATABASE "${name}" SET bytea_output = 'escape'; ALTER ROLE ${role} IN DATABASE "${name}" SET standard_conforming_strings = off`;
  await databases.source.admin(settings(databases.source.name, databases.source.owner));
  await databases.target.admin(
    settings(databases.target.name, databases.target.owner)
      .replace('German', 'SQL, DMY')
      .replace('iso_8601', 'sql_standard'),
  );
  await using live = await LiveReplay.start(databases, {
    plugin,
    tables: 'CREATE TABLE t (id int PRIMARY KEY, ts timestamptz, d date, i interval, f float8[], b bytea, m money)',
  });
  await live.transaction(
    `INSERT INTO t VALUES (1, '2024-03-31 01:30:00.123456+00', '2024-02-01', '-1 year 2 days -03:00:00.5', ARRAY[0.1::float8 + 0.2], decode('00ff5c', 'hex'), 12.5)`,
  );
  await live.expectEqual();
});
