-- Roles stand in braces and are replaced by those of the test.
CREATE SCHEMA app;
CREATE SCHEMA ext;
COMMENT ON SCHEMA app IS 'everything that an application may have';
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA public;
CREATE EXTENSION btree_gist SCHEMA ext;

-- What is made from here on is granted to the reader, on the source and, later, on the target.
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {reader};
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO {writer} WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA app, ext TO {reader}, {writer};
GRANT CREATE ON SCHEMA app TO {writer} WITH GRANT OPTION;

CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s "odd"', 'happy, \very', '');
ALTER TYPE app.mood ADD VALUE 'meh' AFTER 'sad';
COMMENT ON TYPE app.mood IS 'how one feels; it''s an enum';
GRANT USAGE ON TYPE app.mood TO {reader};
REVOKE USAGE ON TYPE app.mood FROM PUBLIC;
CREATE TYPE app.address AS (street text, zip char(5), at point);
COMMENT ON COLUMN app.address.zip IS 'five characters, padded';
CREATE TYPE app.nested AS (name public.citext, homes app.address[], mood app.mood);
CREATE TYPE app.span AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = app.spans);
CREATE TYPE app.row_type AS (id integer, label text);

CREATE DOMAIN app.email AS public.citext CONSTRAINT has_at CHECK (VALUE OPERATOR(public.~) '@');
COMMENT ON DOMAIN app.email IS 'an address';
COMMENT ON CONSTRAINT has_at ON DOMAIN app.email IS 'as good as it gets';
CREATE DOMAIN app.positive AS integer NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN app.percent AS app.positive DEFAULT 7 CHECK (VALUE <= 100);
CREATE DOMAIN app.tags AS text[] CHECK (array_position(VALUE, NULL) IS NULL);

CREATE COLLATION app.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
COMMENT ON COLLATION app.ci IS 'a equals A';
CREATE TEXT SEARCH CONFIGURATION app.plain (COPY = pg_catalog.simple);
COMMENT ON TEXT SEARCH CONFIGURATION app.plain IS 'no stemming';

CREATE FUNCTION app.twice(value integer) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 3
  AS $$ SELECT value * 2 -- $not a tag$ $$;
CREATE FUNCTION app.twice(value text, times integer DEFAULT 2) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
DECLARE
  quoted text := $q$ it's; $q$;
BEGIN
  -- a line that looks like a dump's:
  -- Name: nothing; Type: TABLE; Schema: app; Owner: -
  RETURN repeat(value, times) || left(quoted, 0);
END
$body$;
COMMENT ON FUNCTION app.twice(text, integer) IS $c$its "comment"
has two lines; and a \ $c$;
GRANT EXECUTE ON FUNCTION app.twice(integer) TO {reader};
CREATE FUNCTION app.secured() RETURNS SETOF name LANGUAGE sql STABLE SECURITY DEFINER ROWS 3
  SET search_path = app, pg_temp SET work_mem = '8MB' AS 'SELECT current_user';
CREATE FUNCTION app.many(VARIADIC items anyarray, OUT first anyelement, OUT number integer) LANGUAGE sql
  AS 'SELECT items[1], cardinality(items)';
CREATE FUNCTION app.listed(low integer, high integer) RETURNS TABLE (n integer, label text)
  BEGIN ATOMIC SELECT g, 'no. ' || g FROM generate_series(low, high) g; END;
CREATE PROCEDURE app.rename(INOUT label text, IN suffix text) LANGUAGE plpgsql AS $$ BEGIN label := label || suffix; END $$;
COMMENT ON PROCEDURE app.rename(text, text) IS 'a procedure';
CREATE AGGREGATE app.product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = '1');
COMMENT ON AGGREGATE app.product(float8) IS 'multiplies';
CREATE FUNCTION app.close_to(float8, float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 0.1';
CREATE OPERATOR app.~~~ (LEFTARG = float8, RIGHTARG = float8, FUNCTION = app.close_to, COMMUTATOR = OPERATOR(app.~~~));
COMMENT ON OPERATOR app.~~~ (float8, float8) IS 'about the same';
CREATE CAST (app.row_type AS text) WITH INOUT;
