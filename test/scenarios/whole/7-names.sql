-- One name for everything, and each of them an unpleasant one.
CREATE SCHEMA "  Sch'ema ""q"" \ %s $1 🐯
";
DO $do$
DECLARE
  s text := E'  Sch\'ema "q" \\ %s $1 🐯\n';
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[' leading space', 'quo"te''s', E'new\nline', 'per%cent %s%I', 'back\slash', 'ünïcödé 日本語 🐯',
    repeat('ä', 31) || 'x', 'select', 'dot.in.name', E'tab\tand\rreturn', '-- comment /* ', '$$ ; DROP', '{"json": [1,]}']
  LOOP
    EXECUTE format('CREATE TABLE %1$I.%2$I (id integer, %2$I text, %3$I jsonb, CONSTRAINT %2$I CHECK (%2$I <> %4$L), CONSTRAINT %5$I PRIMARY KEY (id))',
      s, name, 'j' || name, name, 'p' || name);
    EXECUTE format('CREATE INDEX %3$I ON %1$I.%2$I (%2$I) WHERE %2$I <> %4$L', s, name, 'i' || name, name);
    EXECUTE format('CREATE SEQUENCE %1$I.%3$I OWNED BY %1$I.%2$I.%2$I', s, name, 's' || name);
    EXECUTE format('SELECT setval(%L, 12)', format('%I.%I', s, 's' || name));
    EXECUTE format('CREATE FUNCTION %1$I.%2$I(%2$I text) RETURNS text LANGUAGE plpgsql AS %3$L', s, 'g' || name, 'BEGIN RETURN $1; END');
    EXECUTE format('CREATE FUNCTION %1$I.%2$I() RETURNS trigger LANGUAGE plpgsql AS %3$L', s, name, 'BEGIN RETURN NEW; END');
    EXECUTE format('CREATE TRIGGER %2$I AFTER INSERT ON %1$I.%2$I FOR EACH ROW EXECUTE FUNCTION %1$I.%2$I()', s, name);
    EXECUTE format('CREATE STATISTICS %1$I.%3$I ON id, %2$I FROM %1$I.%2$I', s, name, 't' || name);
    EXECUTE format('CREATE TYPE %1$I.%3$I AS ENUM (%2$L, %4$L)', s, name, 'e' || name, 'other');
    EXECUTE format('CREATE VIEW %1$I.%3$I AS SELECT id AS %2$I FROM %1$I.%2$I', s, name, 'v' || name);
    EXECUTE format('CREATE MATERIALIZED VIEW %1$I.%3$I AS SELECT count(*) AS %2$I FROM %1$I.%2$I', s, name, 'm' || name);
    EXECUTE format('CREATE UNIQUE INDEX %4$I ON %1$I.%3$I (%2$I)', s, name, 'm' || name, 'u' || name);
    EXECUTE format('CREATE POLICY %2$I ON %1$I.%2$I USING (true)', s, name);
    EXECUTE format('CREATE RULE %2$I AS ON DELETE TO %1$I.%2$I WHERE false DO ALSO NOTHING', s, name);
    EXECUTE format('COMMENT ON TABLE %1$I.%2$I IS %2$L', s, name);
    EXECUTE format('COMMENT ON COLUMN %1$I.%2$I.%2$I IS %2$L', s, name);
    EXECUTE format('COMMENT ON TRIGGER %2$I ON %1$I.%2$I IS %2$L', s, name);
    EXECUTE format('COMMENT ON CONSTRAINT %2$I ON %1$I.%2$I IS %2$L', s, name);
    EXECUTE format('GRANT SELECT (%2$I) ON %1$I.%2$I TO {reader}', s, name);
    EXECUTE format('ALTER TABLE %1$I.%2$I ADD CONSTRAINT %3$I FOREIGN KEY (id) REFERENCES %1$I.%2$I', s, name, 'f' || name);
  END LOOP;
END $do$;
