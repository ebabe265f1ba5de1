-- Kinds of columns. `owner` says which writer a row belongs to.
CREATE TABLE app.generated (
  id integer PRIMARY KEY, a integer, total integer GENERATED ALWAYS AS (a + app.twice(id)) STORED, b text,
  label text GENERATED ALWAYS AS (upper(b)) STORED);
CREATE TABLE app.only_generated (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE app.identity_always (
  id integer GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY -1 MAXVALUE 100 MINVALUE -2000000000) PRIMARY KEY,
  owner integer, v text);
CREATE TABLE app.identity_other (k text PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, v text);
CREATE TABLE app.serials (id bigserial PRIMARY KEY, small smallserial, v text DEFAULT 'x' || nextval('app.serials_id_seq'::regclass));
CREATE TABLE app.domains (
  id integer PRIMARY KEY, e app.email, p app.positive, q app.percent, many app.positive[], tags app.tags);
CREATE TABLE app.enums (id integer PRIMARY KEY, mood app.mood DEFAULT 'ok', moods app.mood[] NOT NULL DEFAULT '{}');
CREATE TABLE app.composites (id integer PRIMARY KEY, home app.address, homes app.address[], deep app.nested);
CREATE TABLE app.ranges (
  id integer PRIMARY KEY, i int4range, n numrange, t tstzrange, d daterange, s app.span, mi int4multirange, md datemultirange,
  ms app.spans, ar int8range[]);
CREATE TABLE app.numbers (
  id integer PRIMARY KEY, i2 smallint, i8 bigint, n numeric, n2 numeric(30, 10), f4 real, f8 double precision, m money,
  o oid, b bit(7), vb bit varying(20), t boolean, x8 xid8, l pg_lsn);
CREATE TABLE app.times (
  id integer PRIMARY KEY, d date, ts timestamp, tz timestamptz, ts0 timestamptz(0), t time, ttz timetz, i interval, im interval minute);
CREATE TABLE app.texts (
  id integer PRIMARY KEY, b bytea, c char(10), v varchar(40), n name, q "char", h ext.hstore, ci public.citext, x xml, j json,
  jb jsonb, jp jsonpath, tv tsvector, tq tsquery, arr text[], arr2 integer[][], u uuid);
CREATE TABLE app.nets (id integer PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8, p point, l line, s lseg, b box, pa path,
  po polygon, ci circle);
CREATE TABLE app.toasts (
  id integer PRIMARY KEY, n integer, one text, two text, three jsonb, four bytea) WITH (fillfactor = 60, toast.autovacuum_enabled = off);
ALTER TABLE app.toasts ALTER one SET STORAGE EXTERNAL, ALTER two SET STORAGE MAIN, ALTER three SET COMPRESSION pglz,
  ALTER n SET STATISTICS 17, ALTER n SET (n_distinct = -0.5, n_distinct_inherited = 3);
CREATE TABLE app.toasts_full (id integer, n integer, one text, two text);
ALTER TABLE app.toasts_full ALTER one SET STORAGE EXTERNAL, REPLICA IDENTITY FULL;

-- As wide as a table can be.
DO $$ BEGIN
  EXECUTE 'CREATE TABLE app.wide (id integer PRIMARY KEY, ' ||
    (SELECT string_agg(format('c%s %s', n, (ARRAY['integer', 'text', 'boolean', 'smallint'])[1 + n % 4]), ', ')
     FROM generate_series(2, 1600) n) || ')';
END $$;

CREATE TABLE app.dropped (gone integer, id integer PRIMARY KEY, gone_too text DEFAULT 'x', v text);
ALTER TABLE app.dropped DROP COLUMN gone, DROP COLUMN gone_too, ADD COLUMN late integer NOT NULL DEFAULT 5;
