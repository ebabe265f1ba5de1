-- What must not refuse, change or repeat rows that come from the source.
CREATE TABLE app.nodes (id integer PRIMARY KEY, up integer REFERENCES app.nodes ON DELETE CASCADE, v text);
CREATE TABLE app.chicken (id integer PRIMARY KEY, egg integer);
CREATE TABLE app.egg (id integer PRIMARY KEY, chicken integer NOT NULL,
  CONSTRAINT laid_by FOREIGN KEY (chicken) REFERENCES app.chicken DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE app.chicken ADD CONSTRAINT hatched_from FOREIGN KEY (egg) REFERENCES app.egg ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE;
COMMENT ON CONSTRAINT laid_by ON app.egg IS 'which was first?';
CREATE TABLE app.items (order_id bigint, day date, region text, n integer, PRIMARY KEY (order_id, day, region, n),
  FOREIGN KEY (order_id, day, region) REFERENCES app.orders ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE app.loose (id integer PRIMARY KEY, node integer);
INSERT INTO app.loose VALUES (1, -1), (2, NULL);
ALTER TABLE app.loose ADD CONSTRAINT loose_node FOREIGN KEY (node) REFERENCES app.nodes NOT VALID;
CREATE TABLE app.refers_parts (id integer PRIMARY KEY, k text REFERENCES app.hashed) PARTITION BY RANGE (id);
CREATE TABLE app.refers_parts_1 PARTITION OF app.refers_parts DEFAULT;

CREATE TABLE app.bookings (id integer PRIMARY KEY, room integer, during tstzrange,
  CONSTRAINT no_overlap EXCLUDE USING gist (room WITH OPERATOR(pg_catalog.=), during WITH &&) WHERE (room > 0) DEFERRABLE);
COMMENT ON CONSTRAINT no_overlap ON app.bookings IS 'one at a time';
CREATE TABLE app.checked (id integer PRIMARY KEY, v integer CONSTRAINT even CHECK (v % 2 = 0) NO INHERIT, w integer);
INSERT INTO app.checked VALUES (-1, 2, -5);
ALTER TABLE app.checked ADD CONSTRAINT later CHECK (w > 0) NOT VALID;
COMMENT ON CONSTRAINT later ON app.checked IS 'old rows may be otherwise';

-- Each insert makes a second row; a BEFORE trigger changes what is written.
CREATE TABLE app.doubled (id integer PRIMARY KEY, v text, touched integer NOT NULL DEFAULT 0);
CREATE FUNCTION app.double_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.doubled VALUES (-NEW.id, NEW.v || ' again') ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
CREATE TRIGGER double_it AFTER INSERT ON app.doubled FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION app.double_it();
CREATE TRIGGER touch BEFORE UPDATE OF v ON app.doubled FOR EACH ROW EXECUTE FUNCTION app.touch();
COMMENT ON TRIGGER touch ON app.doubled IS 'counts its updates';
-- These would fire even for a replica.
CREATE TABLE app.always (id integer PRIMARY KEY, v text);
CREATE TABLE app.always_log (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, id integer);
CREATE FUNCTION app.log_always() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.always_log (what, id) VALUES (TG_OP, coalesce(NEW.id, OLD.id));
  RETURN NULL;
END $$;
CREATE TRIGGER log_always AFTER INSERT OR UPDATE OR DELETE ON app.always FOR EACH ROW EXECUTE FUNCTION app.log_always();
ALTER TABLE app.always ENABLE ALWAYS TRIGGER log_always;
CREATE TRIGGER never BEFORE INSERT ON app.always FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.always DISABLE TRIGGER never;
CREATE TRIGGER for_replicas AFTER INSERT ON app.doubled FOR EACH ROW EXECUTE FUNCTION app.log_always();
ALTER TABLE app.doubled ENABLE REPLICA TRIGGER for_replicas;
CREATE FUNCTION app.check_total() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later_check AFTER INSERT ON app.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.check_total();
CREATE TRIGGER whole AFTER UPDATE ON app.big REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION app.check_total('an ''argument''');

CREATE TABLE app.ruled (id integer PRIMARY KEY, v text);
CREATE TABLE app.ruled_log (id integer, v text);
CREATE RULE also AS ON INSERT TO app.ruled DO ALSO INSERT INTO app.ruled_log VALUES (NEW.id, NEW.v);
CREATE RULE off AS ON DELETE TO app.ruled DO INSTEAD NOTHING;
ALTER TABLE app.ruled DISABLE RULE off;
COMMENT ON RULE also ON app.ruled IS 'writes twice';

CREATE TABLE app.secret (id integer PRIMARY KEY, tenant text, v text);
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.secret USING (tenant = current_user) WITH CHECK (tenant <> 'nobody');
CREATE POLICY not_old ON app.secret AS RESTRICTIVE FOR DELETE TO {writer}, {reader} USING (id > 10);
COMMENT ON POLICY mine ON app.secret IS 'one''s own';
CREATE TABLE app.secret_detail (id integer PRIMARY KEY REFERENCES app.secret ON DELETE CASCADE, v text);
ALTER TABLE app.secret_detail ENABLE ROW LEVEL SECURITY;
CREATE TABLE app.forced_only (id integer PRIMARY KEY);
ALTER TABLE app.forced_only FORCE ROW LEVEL SECURITY;
