import { describe } from 'vitest';
import { test } from '../../support/databases.ts';
import { WAL2JSON } from '../../support/wal2json.ts';
import { migrateStory, NORMALIZERS, type Story } from './migrate.ts';

const ROWS = `INSERT INTO place (id, name) SELECT i, 'Éa' || i FROM generate_series(1, 2000) i;
  CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1);`;
const MEANWHILE = `UPDATE place SET n = 1 WHERE id < 500; INSERT INTO place (id, name) VALUES (5000, 'Ü'); INSERT INTO other VALUES (2)`;
const REPLAYED = `UPDATE place SET n = 2 WHERE id < 900; DELETE FROM place WHERE id > 1900; INSERT INTO place (id, name) VALUES (6000, 'q');
  INSERT INTO other VALUES (3)`;
const PLACE = 'CREATE TABLE place (id int PRIMARY KEY, name text, n int);';
const story = (sql: string): Story => ({ made: `${NORMALIZERS}${sql}`, meanwhile: MEANWHILE, replayed: REPLAYED });

describe('a function that finds a name by search_path, in', () => {
  test('a stored generated column', async ({ databases }) => {
    const columns =
      'g text GENERATED ALWAYS AS (outer_norm(name)) STORED, h text GENERATED ALWAYS AS (inlined_norm(name)) STORED';
    await migrateStory(
      databases,
      story(`CREATE TABLE place (id int PRIMARY KEY, name text, n int, ${columns}); ${ROWS}`),
    );
  });

  test('an index, its predicate and a unique one', async ({ databases }) => {
    await migrateStory(
      databases,
      story(`${PLACE}${ROWS} CREATE INDEX place_name ON place (inlined_norm(name)); CREATE INDEX place_outer ON place (outer_norm(name));
        CREATE INDEX place_some ON place (id) WHERE inlined_norm(name) > 'A' AND outer_norm(name) > 'A';
        CREATE UNIQUE INDEX place_unique ON place (inlined_norm(name))`),
    );
  });

  test('an index of a table that is read in parts', async ({ databases }) => {
    await migrateStory(databases, {
      ...story(`${PLACE}${ROWS} CREATE INDEX place_name ON place (inlined_norm(name))`),
      options: { splitTablesLargerThan: 32 * 1024 },
    });
  });

  test('an index that is skipped', async ({ databases }) => {
    await migrateStory(databases, {
      ...story(
        `${PLACE}${ROWS} CREATE INDEX place_name ON place (inlined_norm(name)); CREATE INDEX place_n ON place (n)`,
      ),
      options: { skipIndex: ['place_name'], splitTablesLargerThan: 32 * 1024 },
      ignore: [/place_name/],
    });
  });

  test('a CHECK, a domain and its array', async ({ databases }) => {
    await migrateStory(
      databases,
      story(`CREATE DOMAIN loud AS text CHECK (outer_norm(VALUE) = upper(VALUE)) CHECK (inlined_norm(VALUE) <> '?');
        CREATE TABLE place (id int PRIMARY KEY, name text, n int, d loud DEFAULT 'x', ds loud[] DEFAULT '{a,b}',
          CHECK (outer_norm(name) <> 'bad' AND inlined_norm(name) <> 'bad')); ${ROWS}`),
    );
  });

  test('a partition key, statistics and an exclusion constraint', async ({ databases }) => {
    await databases.source.admin('CREATE EXTENSION btree_gist SCHEMA public');
    await databases.target.admin('CREATE EXTENSION btree_gist SCHEMA public');
    await migrateStory(
      databases,
      story(`${PLACE}${ROWS} CREATE STATISTICS place_stats ON inlined_norm(name), outer_norm(name) FROM place;
        CREATE TABLE parted (id int, name text) PARTITION BY LIST (outer_norm(name));
        CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('A'); CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
        INSERT INTO parted VALUES (1, 'a'), (2, 'b');
        CREATE TABLE excluded (id int PRIMARY KEY, name text, EXCLUDE USING gist (outer_norm(name) WITH =)); INSERT INTO excluded VALUES (1, 'a')`),
    );
  });

  test('an index of a table that foreign keys refer to', async ({ databases }) => {
    await migrateStory(
      databases,
      story(`${PLACE}${ROWS} CREATE INDEX place_name ON place (inlined_norm(name));
        CREATE TABLE child (id int PRIMARY KEY, place int REFERENCES place ON DELETE CASCADE, name text); INSERT INTO child SELECT i, i, 'c' FROM generate_series(1, 50) i;
        CREATE INDEX child_name ON child (inlined_norm(name))`),
    );
  });

  test('a CHECK that is not valid, row security, a trigger and defaults', async ({ databases }) => {
    await migrateStory(
      databases,
      story(`CREATE TABLE place (id int PRIMARY KEY, name text, n int DEFAULT length(outer_norm('x'))); ${ROWS}
        ALTER TABLE place ADD CHECK (outer_norm(name) <> 'QUIET') NOT VALID;
        CREATE POLICY mine ON place USING (inlined_norm(name) <> ''); ALTER TABLE place ENABLE ROW LEVEL SECURITY;
        CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := coalesce(NEW.name, outer_norm(''x'')); RETURN NEW; END';
        CREATE TRIGGER touch BEFORE INSERT ON place FOR EACH ROW EXECUTE FUNCTION touch()`),
    );
  });

  test('a generated column that hides what it can not find', async ({ databases }) => {
    await migrateStory(
      databases,
      story(`CREATE FUNCTION careful(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
          'BEGIN RETURN inner_norm($1); EXCEPTION WHEN OTHERS THEN RETURN NULL; END';
        CREATE TABLE place (id int PRIMARY KEY, name text, n int, g text GENERATED ALWAYS AS (careful(name)) STORED); ${ROWS}
        CREATE INDEX place_careful ON place (careful(name)) WHERE careful(name) IS NOT NULL`),
    );
  });
});

describe('with each output plugin', () => {
  for (const plugin of ['pgoutput', 'test_decoding', 'wal2json'] as const) {
    test.skipIf(plugin === 'wal2json' && WAL2JSON === null)(plugin, async ({ databases }) => {
      await migrateStory(databases, {
        ...story(`CREATE TABLE place (id int PRIMARY KEY, name text, n int, g text GENERATED ALWAYS AS (outer_norm(name)) STORED); ${ROWS}
          CREATE INDEX place_name ON place (inlined_norm(name))`),
        options: { plugin },
      });
    });
  }
});
