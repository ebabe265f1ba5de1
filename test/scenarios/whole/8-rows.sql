-- What is there at the beginning. Rows belong to the writer that their key, or `owner`, is congruent to.
INSERT INTO app.pk_int SELECT g, 'v' || g, g / 7.0, timestamptz '2025-01-01' + g * interval '1 hour' FROM generate_series(1, 3000) g;
INSERT INTO app.pk_bigint (v) SELECT 'v' || g FROM generate_series(1, 500) g;
INSERT INTO app.pk_uuid SELECT md5(g::text)::uuid, g FROM generate_series(1, 500) g;
INSERT INTO app.pk_text SELECT 'Key ' || g, 'v' FROM generate_series(1, 300) g;
INSERT INTO app.pk_citext SELECT 'Key ' || g, g FROM generate_series(1, 300) g;
INSERT INTO app.pk_composite SELECT 'v', 'b' || g % 3, g, date '2025-01-01' + g % 30 FROM generate_series(1, 500) g;
INSERT INTO app.pk_enum SELECT (enum_range(NULL::app.mood))[1 + g % 6], g, 'v' FROM generate_series(1, 200) g;
INSERT INTO app.by_index SELECT nullif(g % 5, 0), g, 'b' || g % 7, 'v' FROM generate_series(1, 400) g;
INSERT INTO app.full_pk SELECT g, 'a', nullif('b' || g % 3, 'b0') FROM generate_series(1, 300) g;
INSERT INTO app.full_bare SELECT nullif(g % 5, 4), nullif('b' || g % 3, 'b0'), nullif(g % 2, 0) * 1.50, NULL FROM generate_series(1, 400) g;
INSERT INTO app.full_odd SELECT g % 4, json_build_object('n', g % 10), xmlelement(name a, g % 3), point(g % 2, 0.1), ext.hstore('k', (g % 2)::text),
  box(point(0, 0), point(1, g % 3)), ARRAY['NaN', -0.0, NULL, g % 2], ARRAY['sad', 'happy, \very']::app.mood[], ROW('s', '1', point(1, 2))::app.address
  FROM generate_series(1, 120) g;
INSERT INTO app.full_nothing SELECT FROM generate_series(1, 20);
INSERT INTO app.full_unique SELECT g, -g FROM generate_series(1, 200) g;
INSERT INTO app.no_identity SELECT g, jsonb_build_object('k', g), ARRAY['a', NULL, 'NULL', '', '"', '\', '{}'] FROM generate_series(1, 300) g;
INSERT INTO app.no_columns SELECT FROM generate_series(1, 30);
INSERT INTO app.all_generated SELECT FROM generate_series(1, 10);
INSERT INTO app.swaps SELECT g, g * 10, 'v' FROM generate_series(1, 200) g;
INSERT INTO app.deferred SELECT g, g FROM generate_series(1, 200) g;
INSERT INTO app.typed SELECT g, 'l' FROM generate_series(1, 100) g;
INSERT INTO app.big SELECT g, g % 100, repeat(md5(g::text), 4) FROM generate_series(1, 60000) g;
INSERT INTO app.generated (id, a, b) SELECT g, g * 3, 'b' FROM generate_series(1, 300) g;
INSERT INTO app.only_generated SELECT g FROM generate_series(1, 200) g;
INSERT INTO app.identity_always (owner, v) SELECT g % 4, 'v' FROM generate_series(1, 200) g;
INSERT INTO app.identity_other (k, v) SELECT 'k' || g, 'v' FROM generate_series(1, 200) g;
INSERT INTO app.serials (v) SELECT 'v' FROM generate_series(1, 200) g;
INSERT INTO app.orders (day, region, total, note) SELECT date '2024-06-01' + g, (ARRAY['eu', 'uk', 'us', 'asia'])[1 + g % 4], g, nullif('n' || g % 4, 'n0')
  FROM generate_series(1, 1200) g;
INSERT INTO app.items SELECT id, day, region, n FROM app.orders, generate_series(1, 2) n WHERE id % 3 = 0;
INSERT INTO app.hashed SELECT 'k' || g, g FROM generate_series(1, 300) g;
INSERT INTO app.log SELECT timestamptz '2026-01-01' + g * interval '1 second', 'line ' || g FROM generate_series(1, 300) g;
INSERT INTO app.parent SELECT g, 'parent' FROM generate_series(1, 100) g;
INSERT INTO app.child SELECT g, 'child', g FROM generate_series(1001, 1100) g;
INSERT INTO app.grandchild (id, v, extra) SELECT g, 'grandchild', g FROM generate_series(2001, 2100) g;
INSERT INTO app.cache (k, v) SELECT 'k' || g, '{"v": 1}' FROM generate_series(1, 200) g;
INSERT INTO app.emptied_a (v) SELECT 'a' FROM generate_series(1, 50);
INSERT INTO app.emptied_b (a_id, v) SELECT g, 'b' FROM generate_series(1, 50) g;
INSERT INTO app.emptied_c SELECT g, 'c' FROM generate_series(1, 50) g;
INSERT INTO app.emptied_log SELECT date '2026-01-01' + g, 'l' FROM generate_series(1, 50) g;
INSERT INTO app.nodes SELECT g, nullif(g / 2, 0), 'v' || g FROM generate_series(1, 300) g;
INSERT INTO app.chicken SELECT g FROM generate_series(1, 100) g;
INSERT INTO app.egg SELECT g, g FROM generate_series(1, 100) g;
UPDATE app.chicken SET egg = id;
INSERT INTO app.refers_parts SELECT g, 'k' || g FROM generate_series(1, 100) g;
INSERT INTO app.bookings SELECT g, 1 + g % 10, tstzrange('2026-01-01'::timestamptz + g * interval '1 hour', '2026-01-01'::timestamptz + (g + 1) * interval '1 hour')
  FROM generate_series(1, 200) g;
INSERT INTO app.checked SELECT g, g * 2, g FROM generate_series(1, 100) g;
INSERT INTO app.doubled SELECT g, 'v' FROM generate_series(1, 200) g;
INSERT INTO app.always SELECT g, 'v' FROM generate_series(1, 100) g;
INSERT INTO app.ruled SELECT g, 'v' FROM generate_series(1, 100) g;
INSERT INTO app.secret SELECT g, 'tenant ' || g % 3, 'v' FROM generate_series(1, 200) g;
INSERT INTO app.secret_detail SELECT g, 'v' FROM generate_series(1, 100) g;
INSERT INTO app.forced_only SELECT g FROM generate_series(1, 10) g;
INSERT INTO app.toasts SELECT g, 0, repeat(md5(g::text), 100), repeat('two ', 600), jsonb_build_object('long', repeat(md5((-g)::text), 150)),
  decode(repeat(md5(g::text), 200), 'hex') FROM generate_series(1, 200) g;
INSERT INTO app.toasts_full SELECT g, 0, repeat(md5(g::text), 100), repeat('two ', 600) FROM generate_series(1, 80) g;
INSERT INTO app.wide (id, c2, c3, c1600) SELECT g, true, 3, g FROM generate_series(1, 20) g;
INSERT INTO app.dropped (id, v) SELECT g, 'v' FROM generate_series(1, 100) g;
SELECT nextval('app.standalone'), nextval('app.down'), nextval('app.around'), nextval('app.small'), nextval('app.unlogged_sequence');
REFRESH MATERIALIZED VIEW app.totals;
REFRESH MATERIALIZED VIEW app.best;
REFRESH MATERIALIZED VIEW app.by_key;
REFRESH MATERIALIZED VIEW app.over_key;
ANALYZE app.big, app.pk_int, app.orders;
