import { expect } from 'vitest';
import { startServer } from '../../../src/demo/server.ts';
import { compareRows } from '../../support/compare/rows.ts';
import { SESSION_SETTINGS } from '../../support/compare/session.ts';
import { test } from '../../support/databases.ts';
import { isInstalled, nativeOf } from '../../support/other-versions.ts';
import { withClient } from '../../support/test-servers.ts';
import { Migration } from '../whole/migration.ts';

const TABLES = `
  CREATE TABLE keyed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text, n numeric, b bytea, doubled int GENERATED ALWAYS AS (2) STORED);
  CREATE TABLE whole (id int, v text); ALTER TABLE whole REPLICA IDENTITY FULL;
  CREATE TABLE parts (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (500); CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
  CREATE TABLE "we""ird" ("a b" int PRIMARY KEY, "new-tuple" bool, "]:" char(3)[]);
  INSERT INTO keyed (v, n, b) SELECT md5(g::text), g / 7.0, decode('00ff', 'hex') FROM generate_series(1, 500) g;
  INSERT INTO whole SELECT id, v FROM keyed; INSERT INTO parts SELECT id * 2, v FROM keyed;
  INSERT INTO "we""ird" SELECT id, id % 2 = 0, ARRAY['a', NULL, ''''] FROM keyed`;

const WORK = `
  UPDATE keyed SET v = v || '''' WHERE id % 3 = 0; DELETE FROM keyed WHERE id % 5 = 0; INSERT INTO keyed (v, n) VALUES (NULL, 'NaN');
  UPDATE whole SET v = NULL WHERE id % 2 = 0; DELETE FROM whole WHERE id % 7 = 0; UPDATE parts SET id = id + 1 WHERE id % 50 = 0;
  UPDATE parts SET v = repeat('toast ', 3000) WHERE id = 10; UPDATE parts SET id = 11111 WHERE id = 10;
  UPDATE "we""ird" SET "new-tuple" = NULL WHERE "a b" < 9; DELETE FROM "we""ird" WHERE "a b" = 3`;

for (const major of [12, 13, 14] as const) {
  test.skipIf(!isInstalled(major))(
    `a source of PostgreSQL ${major} migrates by test_decoding`,
    async ({ databases }) => {
      const { target } = databases;
      await using server = await startServer({ name: `source-${major}`, native: nativeOf(major) });
      await withClient(server.uri('postgres'), async (client) => {
        await client.query("CREATE ROLE app LOGIN REPLICATION PASSWORD 'app'; ");
        await client.query('CREATE DATABASE app OWNER app');
      });
      await withClient(server.uri('app'), (client) => client.query('ALTER SCHEMA public OWNER TO app'));
      const uri = server.uri('app', 'app', 'app');
      await withClient(uri, (client) => client.query(TABLES));
      await using migration = await Migration.start({
        source: uri,
        target: target.uri,
        targetDatabase: target.name,
        options: { plugin: 'test_decoding', skipRoles: true },
      });
      await migration.reached('replay');
      await withClient(uri, (client) => client.query(WORK));
      await migration.cutOver();
      await withClient(server.uri('app'), async (source) => {
        const other = await target.connect('superuser');
        for (const side of [source, other]) await side.query(SESSION_SETTINGS);
        expect(await compareRows(source, other)).toEqual([]);
      });
      expect(migration.of('done')).toHaveLength(1);
    },
  );
}
