import { expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { migrateStory } from './migrate.ts';

test('materialized views find tables and functions by search_path, one upon the other', async ({ databases }) => {
  await migrateStory(databases, {
    made: `CREATE TABLE body (id int PRIMARY KEY, t text); INSERT INTO body VALUES (1, 'a cat'), (2, 'the dog');
      CREATE MATERIALIZED VIEW mv_words AS SELECT word, ndoc FROM ts_stat('SELECT to_tsvector(t) FROM body'); CREATE UNIQUE INDEX ON mv_words (word);
      CREATE FUNCTION cnt() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM body); END';
      CREATE FUNCTION body_texts() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT t FROM body';
      CREATE VIEW texts AS SELECT * FROM body_texts() AS t;
      CREATE MATERIALIZED VIEW mv_cnt AS SELECT cnt() AS n; CREATE MATERIALIZED VIEW mv_on_mv AS SELECT n + 1 AS m FROM mv_cnt;
      CREATE MATERIALIZED VIEW mv_texts AS SELECT t FROM texts;
      CREATE MATERIALIZED VIEW mv_nodata AS SELECT * FROM body WITH NO DATA; CREATE INDEX ON mv_nodata (id)`,
    replayed: `INSERT INTO body VALUES (3, 'x y'); REFRESH MATERIALIZED VIEW mv_words; REFRESH MATERIALIZED VIEW mv_cnt;
      REFRESH MATERIALIZED VIEW mv_on_mv; REFRESH MATERIALIZED VIEW mv_texts`,
    ignore: [/mv_nodata.*cannot be read/],
  });
  const { target } = databases;
  expect(await target.query('SELECT n::int FROM mv_cnt')).toEqual([{ n: 3 }]);
  expect(await target.query(`SELECT relispopulated FROM pg_class WHERE relname = 'mv_nodata'`)).toEqual([
    { relispopulated: false },
  ]);
});
