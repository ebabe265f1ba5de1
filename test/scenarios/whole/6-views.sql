CREATE VIEW app.ints AS SELECT id, v FROM app.pk_int WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW app.ints_again WITH (security_barrier, check_option = cascaded) AS SELECT id AS number, v FROM app.ints WHERE v <> 'x';
ALTER VIEW app.ints ALTER v SET DEFAULT 'by the view';
COMMENT ON VIEW app.ints IS 'a view';
COMMENT ON COLUMN app.ints_again.number IS 'an id';
GRANT SELECT (number), UPDATE (v) ON app.ints_again TO {reader};
-- Stands on a primary key, which comes after it in a dump.
CREATE VIEW app.grouped AS SELECT p.id, p.v, count(n.id) AS nodes FROM app.pk_int p LEFT JOIN app.nodes n ON n.up = p.id GROUP BY p.id;
COMMENT ON VIEW app.grouped IS 'grouped by a key';
CREATE VIEW app.over_grouped AS SELECT sum(nodes) AS nodes FROM app.grouped;
CREATE RECURSIVE VIEW app.tree (id, depth) AS
  SELECT id, 1 FROM app.nodes WHERE up IS NULL UNION ALL SELECT n.id, t.depth + 1 FROM app.nodes n JOIN tree t ON n.up = t.id;
CREATE VIEW app.writable AS SELECT id, v FROM app.pk_text;
CREATE FUNCTION app.instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER instead INSTEAD OF INSERT ON app.writable FOR EACH ROW EXECUTE FUNCTION app.instead();
CREATE VIEW app.ruled_view AS SELECT 1 AS one;
CREATE RULE write_it AS ON INSERT TO app.ruled_view DO INSTEAD INSERT INTO app.ruled_log VALUES (NEW.one, 'from the view');
CREATE FUNCTION app.atomic(wanted integer) RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM app.grouped WHERE id = wanted; END;

CREATE MATERIALIZED VIEW app.totals WITH (fillfactor = 50) AS SELECT region, sum(total) AS total, count(*) AS n FROM app.orders GROUP BY region;
CREATE UNIQUE INDEX totals_region ON app.totals (region);
ALTER MATERIALIZED VIEW app.totals CLUSTER ON totals_region;
COMMENT ON MATERIALIZED VIEW app.totals IS 'refreshed at the end';
CREATE MATERIALIZED VIEW app.best AS SELECT max(total) AS best FROM app.totals;
CREATE MATERIALIZED VIEW app.later AS SELECT * FROM app.big WITH NO DATA;
CREATE INDEX later_grp ON app.later (grp);
CREATE MATERIALIZED VIEW app.by_key AS SELECT p.id, p.v, max(n.v) AS last FROM app.pk_int p LEFT JOIN app.nodes n ON n.up = p.id GROUP BY p.id;
CREATE INDEX by_key_v ON app.by_key (v);
COMMENT ON INDEX app.by_key_v IS 'of a view that comes late';
CREATE MATERIALIZED VIEW app.over_key AS SELECT count(*) AS n, sum(nodes) AS nodes FROM app.grouped;
GRANT SELECT ON app.by_key TO {reader} WITH GRANT OPTION;

CREATE INDEX pk_int_lower ON app.pk_int (lower(v) text_pattern_ops, (n + 1) DESC NULLS LAST) WHERE v IS NOT NULL;
ALTER INDEX app.pk_int_lower ALTER COLUMN 1 SET STATISTICS 99;
CREATE INDEX pk_int_hash ON app.pk_int USING hash (v);
CREATE INDEX no_identity_gin ON app.no_identity USING gin (b jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX texts_search ON app.texts USING gin (tv);
CREATE INDEX nets_gist ON app.nets USING gist (p);
CREATE INDEX nets_spgist ON app.nets USING spgist (i);
CREATE INDEX pk_int_at ON app.pk_int USING brin (at);
CREATE UNIQUE INDEX pk_uuid_distinct ON app.pk_uuid (v) NULLS NOT DISTINCT WHERE v < 0;
CLUSTER app.pk_bigint USING pk_bigint_pkey;
CREATE STATISTICS app.orders_stat (ndistinct, dependencies) ON day, region FROM app.orders;
CREATE STATISTICS app.expression_stat ON (lower(v)), n FROM app.pk_int;
ALTER STATISTICS app.orders_stat SET STATISTICS 33;
COMMENT ON STATISTICS app.orders_stat IS 'they depend';
ALTER TABLE app.pk_int SET (autovacuum_vacuum_scale_factor = 0.5, parallel_workers = 0);

COMMENT ON TABLE app.pk_int IS 'a table with a ''comment''';
COMMENT ON COLUMN app.pk_int.v IS E'with\na line end and a \\';
GRANT SELECT, INSERT ON app.pk_int TO {writer} WITH GRANT OPTION;
GRANT UPDATE (v, n) ON app.pk_int TO {reader};
GRANT TRIGGER, REFERENCES ON app.pk_bigint TO PUBLIC;
-- The owner has given up a right of its own.
REVOKE TRUNCATE ON app.pk_uuid FROM CURRENT_USER;
GRANT SELECT ON app.pk_uuid TO {writer};
REVOKE ALL ON app.pk_text FROM {reader};
GRANT SELECT, INSERT, UPDATE, DELETE ON app.secret, app.ruled, app.ruled_log TO {writer};
