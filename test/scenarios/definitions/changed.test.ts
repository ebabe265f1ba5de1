import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from '../../support/databases.ts';
import { verifyAll } from '../whole/migration.ts';

const EVERY_KIND = join(import.meta.dirname, 'every-kind.sql');

/** What is done on the source, and the sentences that must say so, as their beginnings. */
const CHANGES: readonly (readonly [sql: string, ...sentences: readonly string[]])[] = [
  [
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    'function public.f() differs in definition',
  ],
  ['ALTER FUNCTION f(int, text) SECURITY DEFINER', 'function public.f(integer, text) differs in definition'],
  ['ALTER FUNCTION f() SET search_path = s', 'function public.f() differs in definition'],
  [
    'CREATE OR REPLACE FUNCTION atomic(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + 2; END',
    'function public.atomic(integer) differs in definition',
  ],
  ["CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS 'SELECT 2'", 'procedure public.p() differs in definition'],
  [
    "CREATE OR REPLACE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '7')",
    'aggregate public.total(integer) differs in',
  ],
  ['CREATE OR REPLACE VIEW v AS SELECT id, v FROM t WHERE id > 5', 'view public.v differs in definition'],
  ['ALTER VIEW v SET (security_barrier)', 'view public.v differs in options'],
  ["ALTER VIEW v ALTER COLUMN v SET DEFAULT 'd'", 'column public.v.v '],
  [
    'DROP MATERIALIZED VIEW m; CREATE MATERIALIZED VIEW m AS SELECT id FROM t WHERE id > 1',
    'materialized view public.m differs in definition',
  ],
  ["ALTER TABLE t ALTER v SET DEFAULT 'new'", 'column public.t.v differs in default'],
  ['ALTER TABLE t ALTER v DROP DEFAULT', 'column public.t.v differs in default'],
  [
    'ALTER TABLE t DROP CONSTRAINT n_is_small; ALTER TABLE t ADD CONSTRAINT n_is_small CHECK (n < 20)',
    'constraint public.t.n_is_small differs in definition',
  ],
  ['ALTER TABLE t ADD CHECK (n <> 5) NOT VALID', 'constraint public.t.t_n_check is missing on the target'],
  ['ALTER TABLE t VALIDATE CONSTRAINT t_n_check', 'constraint public.t.t_n_check differs in definition'],
  [
    'ALTER TABLE refers DROP CONSTRAINT to_t; ALTER TABLE refers ADD CONSTRAINT to_t FOREIGN KEY (id) REFERENCES t ON DELETE CASCADE',
    'constraint public.refers.to_t differs in definition',
  ],
  [
    'ALTER TABLE refers ALTER CONSTRAINT to_t DEFERRABLE INITIALLY DEFERRED',
    'constraint public.refers.to_t differs in definition',
  ],
  ['ALTER TABLE refers DISABLE TRIGGER ALL', 'constraint public.refers.to_t differs in triggers'],
  ["ALTER TYPE mood ADD VALUE 'b' BEFORE 'c'", 'enum type public.mood differs in labels'],
  ["ALTER TYPE mood RENAME VALUE 'b' TO 'bb'", 'enum type public.mood differs in labels'],
  ['ALTER TYPE pair ADD ATTRIBUTE z int', 'column public.pair.z is missing on the target'],
  [
    'ALTER DOMAIN positive DROP CONSTRAINT is_positive; ALTER DOMAIN positive ADD CONSTRAINT is_positive CHECK (VALUE > 1)',
    'constraint public.positive.is_positive differs in definition',
  ],
  ['ALTER DOMAIN positive SET DEFAULT 5', 'domain public.positive differs in default'],
  ['ALTER DOMAIN positive SET NOT NULL', 'domain public.positive differs in not null'],
  [
    'DROP TRIGGER tr ON t; CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf()',
    'trigger public.t.tr differs in definition',
  ],
  ['ALTER TABLE t DISABLE TRIGGER tr', 'trigger public.t.tr differs in enabled'],
  ['ALTER TABLE t ENABLE ALWAYS TRIGGER tr', 'trigger public.t.tr differs in enabled'],
  [
    'CREATE OR REPLACE RULE r AS ON DELETE TO t WHERE OLD.id = 1 DO INSTEAD NOTHING',
    'rule public.t.r differs in definition',
  ],
  ['ALTER TABLE t DISABLE RULE r', 'rule public.t.r differs in enabled'],
  ['ALTER POLICY p ON t USING (id > 3)', 'policy public.t.p differs in using'],
  ['ALTER POLICY p ON t TO pg_read_all_data', 'policy public.t.p differs in roles'],
  ['ALTER TABLE t ENABLE ROW LEVEL SECURITY', 'table public.t differs in row security'],
  ['ALTER TABLE t FORCE ROW LEVEL SECURITY', 'table public.t differs in row security'],
  ["COMMENT ON TABLE t IS 'two'", 'table public.t differs in comment'],
  ["COMMENT ON COLUMN t.v IS 'it''s'", 'column public.t.v differs in comment'],
  ["COMMENT ON TRIGGER tr ON t IS 'c'", 'trigger public.t.tr differs in comment'],
  ["COMMENT ON CONSTRAINT n_is_small ON t IS 'c'", 'constraint public.t.n_is_small differs in comment'],
  ["COMMENT ON FUNCTION f() IS 'c'", 'function public.f() differs in comment'],
  ["COMMENT ON SCHEMA s IS 'c'", 'schema s differs in comment'],
  ["COMMENT ON INDEX t_v IS 'c'", 'index public.t_v differs in comment'],
  ["COMMENT ON TYPE mood IS 'c'", 'enum type public.mood differs in comment'],
  ["COMMENT ON POLICY p ON t IS 'c'", 'policy public.t.p differs in comment'],
  ["COMMENT ON SERVER server IS 'c'", 'server server differs in comment'],
  ['ALTER TABLE t ALTER n SET STATISTICS 55', 'column public.t.n differs in statistics target'],
  ['ALTER TABLE t ALTER v SET STORAGE EXTERNAL', 'column public.t.v differs in storage'],
  ['ALTER TABLE t ALTER v SET COMPRESSION pglz', 'column public.t.v differs in compression'],
  ['ALTER TABLE t ALTER n SET (n_distinct = 5)', 'column public.t.n differs in options'],
  ['ALTER TABLE t ALTER i SET INCREMENT BY 5', 'sequence public.t_i_seq differs in increment'],
  ['ALTER TABLE t ALTER i SET GENERATED BY DEFAULT', 'column public.t.i differs in identity'],
  ['ALTER SEQUENCE numbers MAXVALUE 99 CYCLE CACHE 7', 'sequence public.numbers differs in cache, cycle, maximum'],
  ['ALTER SEQUENCE numbers OWNED BY t.n', 'sequence public.numbers differs in owned by'],
  ['ALTER TABLE t SET (fillfactor = 50, toast.autovacuum_enabled = off)', 'table public.t differs in options'],
  ['ALTER TABLE refers SET UNLOGGED', 'table public.refers differs in persistence'],
  ['ALTER TABLE parts DETACH PARTITION parts_1', 'table public.parts_1 differs in'],
  [
    "ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM ('2025-01-01') TO ('2027-01-01')",
    'table public.parts_1 differs in',
  ],
  ['ALTER TABLE child NO INHERIT parent', 'table public.child differs in parents'],
  ['DROP INDEX t_v; CREATE INDEX t_v ON t (lower(v)) WHERE n > 1', 'index public.t_v differs in comment, definition'],
  ['ALTER INDEX t_at SET (pages_per_range = 7)', 'index public.t_at differs in definition'],
  ['ALTER TABLE t CLUSTER ON t_pkey', 'index public.t_pkey differs in clustered'],
  ['CREATE INDEX t_new ON t (n)', 'index public.t_new is missing on the target'],
  ['DROP INDEX t_new', 'index public.t_new is on the target only'],
  [
    'DROP STATISTICS t_stat; CREATE STATISTICS t_stat (ndistinct) ON id, n FROM t',
    'statistics object public.t_stat differs in definition',
  ],
  ['ALTER STATISTICS t_stat SET STATISTICS 9', 'statistics object public.t_stat differs in statistics target'],
  ['GRANT SELECT ON t TO pg_monitor', 'table public.t differs in privileges'],
  ['GRANT UPDATE (v) ON t TO pg_monitor WITH GRANT OPTION', 'column public.t.v differs in privileges'],
  ['GRANT USAGE ON SCHEMA s TO pg_monitor', 'schema s differs in privileges'],
  ['REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC', 'function public.f() differs in privileges'],
  ['REVOKE USAGE ON TYPE mood FROM PUBLIC', 'enum type public.mood differs in privileges'],
  ['GRANT USAGE ON FOREIGN SERVER server TO pg_monitor', 'server server differs in privileges'],
  ['ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO pg_monitor', 'default privileges '],
  [
    'DROP OPERATOR CLASS pair_ops USING btree; DROP OPERATOR <<< (pair, pair); CREATE OPERATOR <<< (LEFTARG = pair, RIGHTARG = pair, FUNCTION = less, RESTRICT = scalarltsel); CREATE OPERATOR CLASS pair_ops FOR TYPE pair USING btree FAMILY pairs AS OPERATOR 1 <<<, FUNCTION 1 cmp(pair, pair)',
    'operator public.<<<(public.pair, public.pair) differs in restriction estimator',
  ],
  ['DROP OPERATOR CLASS pair_ops USING btree', 'operator class btree.public.pair_ops is on the target only'],
  [
    'DROP CAST (int AS pair); CREATE CAST (int AS pair) WITH FUNCTION pair_of(int) AS ASSIGNMENT',
    'cast (integer AS public.pair) differs in context',
  ],
  [
    'ALTER TEXT SEARCH CONFIGURATION search ALTER MAPPING FOR asciiword WITH words',
    'text search configuration public.search differs in mappings',
  ],
  ['ALTER TEXT SEARCH DICTIONARY words (STOPWORDS = german)', 'text search dictionary public.words differs in options'],
  ['DROP TEXT SEARCH PARSER parser', 'text search parser public.parser is on the target only'],
  ['DROP TEXT SEARCH TEMPLATE template', 'text search template public.template is on the target only'],
  ['DROP CONVERSION to_latin', 'conversion public.to_latin is on the target only'],
  ['DROP ACCESS METHOD heaps', 'access method heaps is on the target only'],
  [
    "DROP COLLATION byte_order; CREATE COLLATION byte_order (provider = libc, locale = 'POSIX')",
    'collation public.byte_order differs in',
  ],
  ['ALTER EVENT TRIGGER et ENABLE REPLICA', 'event trigger et differs in enabled'],
  ['ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (DROP debug)', 'foreign-data wrapper wrapper differs in options'],
  ["ALTER SERVER server OPTIONS (SET host 'two')", 'server server differs in options'],
  [
    "ALTER USER MAPPING FOR PUBLIC SERVER server OPTIONS (SET password 'y')",
    'user mapping server.PUBLIC differs in options',
  ],
  ["ALTER FOREIGN TABLE remote OPTIONS (SET file 'b')", 'foreign table public.remote differs in foreign options'],
  ["ALTER FOREIGN TABLE remote ALTER id OPTIONS (SET name 'b')", 'column public.remote.id differs in foreign options'],
  ['DROP TYPE shell', 'shell type public.shell is on the target only'],
  ['DROP TYPE spans', 'range type public.spans is on the target only'],
  ['ALTER TYPE base SET (STORAGE = EXTERNAL)', 'base type public.base differs in storage'],
  ['CREATE SCHEMA other', 'schema other is missing on the target'],
  ['DROP TABLE child', 'table public.child is on the target only'],
];

test('every kind of change is told, and nothing where both sides have it', { timeout: 600_000 }, async ({
  databases,
}) => {
  const { source, target } = databases;
  const sql = await readFile(EVERY_KIND, 'utf8');
  for (const side of [source, target]) await side.admin(sql);
  const uris = { source: source.superuserUri, target: target.superuserUri };
  const compare = async () => (await verifyAll({ ...uris, options: {} })).objects;
  expect(await compare()).toEqual([]);
  const silent: string[] = [];
  for (const [change, ...sentences] of CHANGES) {
    await source.admin(change);
    const found = await compare();
    for (const sentence of sentences) {
      if (!found.some((one) => one.startsWith(sentence))) silent.push(`${change}: ${JSON.stringify(found)}`);
    }
    await target.admin(change);
    const left = await compare();
    if (left.length > 0) silent.push(`${change}, on both: ${JSON.stringify(left)}`);
  }
  expect(silent).toEqual([]);
});
