import { expect } from 'vitest';
import type { PluginName } from '../../src/engine/decode/plugin.ts';
import { compareDatabases } from '../support/compare.ts';
import { oddSettings, setAll } from '../support/odd-settings.ts';
import { withClient } from '../support/test-servers.ts';
import { EXTREMES, extremeColumns, extremeRows } from './apply/extreme-values.ts';
import { Migration } from './whole/migration.ts';

export interface Side {
  readonly name: string;
  readonly owner: string;
  readonly uri: string;
  readonly superuserUri: string;
}

/** In a session of the test's own everything is as usual, whatever the database says. */
const USUAL = Object.entries({
  client_encoding: 'UTF8',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  exit_on_error: 'off',
  array_nulls: 'on',
  xmloption: 'content',
  transform_null_equals: 'off',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read\\ committed',
  search_path: 'public',
  default_tablespace: '',
  lc_monetary: 'C',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  quote_all_identifiers: 'off',
  row_security: 'on',
  gin_fuzzy_search_limit: '0',
  synchronous_commit: 'on',
  session_replication_role: 'origin',
  zero_damaged_pages: 'off',
}).map(([name, value]) => `-c ${name}=${value}`);
const usual = (uri: string) => `${uri}?options=${encodeURIComponent(USUAL.join(' '))}`;

/** Sets every setting that may be set to an odd value. Those that would end sessions of the test itself for the role only. */
export async function makeOdd(side: Side, level: 'database' | 'role', but: readonly string[]): Promise<void> {
  await withClient(side.superuserUri, async (admin) => {
    const settings = (await oddSettings(admin)).filter(([name]) => !but.includes(name));
    expect(settings.length).toBeGreaterThan(60);
    const role = level === 'role' ? side.owner : null;
    await setAll(admin, settings, { database: side.name, role });
  });
}

const columns = extremeColumns(EXTREMES);
const MORE = `more text[] DEFAULT '{a,NULL,"NULL"}', moods mood[] DEFAULT ARRAY['sad', NULL]::mood[], doc xml DEFAULT '<a/>', name regclass DEFAULT 'moods'`;

const OBJECTS = `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE moods (id int PRIMARY KEY, m mood);
  CREATE DOMAIN pairs AS text[] DEFAULT '{NULL,b}' CHECK (VALUE <> '{NULL}');
  CREATE TABLE keyed (id int PRIMARY KEY, ${columns}, ${MORE}); CREATE TABLE whole (id int, ${columns}, ${MORE}); ALTER TABLE whole REPLICA IDENTITY FULL;
  CREATE TABLE tags (tag text[]); ALTER TABLE tags REPLICA IDENTITY FULL; CREATE INDEX ON tags USING gin (tag);
  CREATE TABLE defaults (id int PRIMARY KEY, a text[] DEFAULT '{a,NULL}', i interval DEFAULT '-1 year 2 days -03:00', m money DEFAULT 12.5, f float8 DEFAULT 0.1::float8 + 0.2,
    b bytea DEFAULT '\\x00ff5c', ts timestamptz DEFAULT '2024-03-31 01:30:00+02', d date DEFAULT '2024-02-01', t text DEFAULT 'back\\slash' CHECK (t <> E'a\\\\''b'),
    p pairs, CHECK (d > '2001-02-03' AND i < '1 year 2 mons'), CHECK (a <> '{NULL,x}'));
  CREATE TABLE parts (ts timestamptz, d date) PARTITION BY RANGE (ts, d);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-02 03:04:05+06', '2024-01-02') TO ('2025-01-02 03:04:05+06', '2025-01-02');
  CREATE VIEW nulls AS SELECT id, t = NULL AS never, t IS NULL AS sometimes, ARRAY['a', NULL] AS a FROM defaults WHERE i > '1 day -2 hours' AND d < '2034-05-06';
  CREATE FUNCTION back() RETURNS text LANGUAGE sql AS 'SELECT E''a\\\\b''::text';
  CREATE MATERIALIZED VIEW kept AS SELECT '{a,NULL}'::text[] AS a, '1 year 2 days'::interval AS i, 0.1::float8 AS f, '\\x5c'::bytea AS b;
  CREATE INDEX ON defaults (id) WHERE ts > '2024-01-01 00:00+09' AND a <> '{NULL}';
  INSERT INTO keyed (id) VALUES (-1); INSERT INTO defaults (id) VALUES (1); INSERT INTO parts VALUES ('2024-02-01', '2024-02-01');
  INSERT INTO tags SELECT ARRAY['a', NULL, (g % 9)::text] FROM generate_series(1, 500) g;
  ${extremeRows(EXTREMES, 'keyed', 0).join(';\n')}; INSERT INTO whole TABLE keyed`;

const CHANGES = `${extremeRows(EXTREMES, 'keyed', 2000).join(';\n')}; INSERT INTO whole SELECT * FROM keyed WHERE id >= 2000;
  UPDATE keyed SET id = id + 1000, more = more || NULL::text WHERE id % 10 = 3; UPDATE whole SET id = id + 1000, moods = '{NULL,ok}' WHERE id % 10 = 3;
  DELETE FROM whole WHERE id % 10 = 4; DELETE FROM tags WHERE ctid IN ('(0,3)', '(0,5)'); UPDATE tags SET tag = tag || NULL::text WHERE ctid = '(0,7)';
  INSERT INTO defaults (id, a) VALUES (2, '{NULL,"NULL"}'); INSERT INTO parts VALUES ('2024-03-01', '2024-03-01')`;

/** A whole migration between these two: what differs afterwards. */
export async function differences(source: Side, target: Side, plugin: PluginName): Promise<string[]> {
  const asOwner = (sql: string) =>
    withClient(usual(source.superuserUri), (client) =>
      client.query(`SET SESSION AUTHORIZATION ${source.owner}; ${sql}`),
    );
  await using migration = await Migration.start({
    source: source.uri,
    target: target.uri,
    targetDatabase: target.name,
    options: { plugin, skipRoles: true, tableJobs: 2 },
  });
  await migration.reached('replay');
  await asOwner(CHANGES);
  await migration.cutOver();
  const { tables, objects } = await migration.verify();
  return [
    ...migration.warnings.filter((text) => text !== 'Conditions overridden: a test'),
    ...tables.filter(({ equal }) => !equal).map(({ relation }) => `verify: ${relation}`),
    ...objects.map((object) => `verify: ${object}`),
    ...(await compareDatabases(usual(source.superuserUri), usual(target.superuserUri))),
  ];
}

/** Makes the objects of the source, which it owns. */
export const makeObjects = (source: Side): Promise<unknown> =>
  withClient(usual(source.superuserUri), (client) =>
    client.query(`SET SESSION AUTHORIZATION ${source.owner}; ${OBJECTS}`),
  );
