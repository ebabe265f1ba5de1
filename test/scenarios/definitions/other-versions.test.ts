import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoServer, startServer } from '../../../src/demo/server.ts';
import { findClientTools } from '../../../src/postgres/client-tools.ts';
import { isInstalled, nativeOf, OTHER_MAJORS, type OtherMajor } from '../../support/other-versions.ts';
import { withClient } from '../../support/test-servers.ts';
import { verifyAll } from '../whole/migration.ts';

const allInstalled = OTHER_MAJORS.every(isInstalled);
const servers = new Map<number, DemoServer>();
beforeAll(async () => {
  if (!allInstalled) return;
  const start = async (major: OtherMajor | 15) => {
    const server = await startServer({
      name: `definitions-${major}`,
      ...(major === 15 ? {} : { native: nativeOf(major) }),
    });
    servers.set(major, server);
    await run(server.uri('postgres'), 'CREATE ROLE app_reader; CREATE ROLE app_writer; CREATE ROLE app_owner');
  };
  await Promise.all([12 as const, 15 as const, 16 as const, 18 as const].map(start));
});
afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop()));
});

const run = (uri: string, sql: string) => withClient(uri, (client) => client.query(sql));

async function databaseOn(major: number, name: string): Promise<string> {
  const server = servers.get(major);
  if (!server) throw new Error(`no server of PostgreSQL ${major}`);
  await run(server.uri('postgres'), `CREATE DATABASE ${name}`);
  return server.uri(name);
}

/** What pg_dump brings from one server to the other. */
async function bring(source: string, target: string): Promise<void> {
  const tools = (await findClientTools(process.env)).at(0);
  if (!tools) throw new Error('no pg_dump');
  const { stdout } = await promisify(execFile)(tools.pgDump, ['--schema-only', source], { maxBuffer: 1e9 });
  await run(target, stdout.replaceAll(/^\\.*$/gm, ''));
}

/** The application of the whole migration, with roles of every server. */
async function application(): Promise<string> {
  const directory = join(import.meta.dirname, '..', 'whole');
  const files = (await readdir(directory)).filter((name) => /^[1-7].*\.sql$/.test(name)).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(directory, name), 'utf8')));
  return texts.join(';\n').replaceAll(/\{(owner|reader|writer)\}/g, 'app_$1');
}

/** What servers print in other words: names of one table, functions with a syntax of their own, lists, words that became reserved. */
const OTHER_WORDS = `
CREATE TABLE json_table (id int PRIMARY KEY, json_scalar text, sysuser text, at timestamptz, kind varchar(9) CHECK (kind IN ('a', 'b')),
  "window" int, n numeric DEFAULT 1.5 CHECK (n BETWEEN 0 AND 9));
CREATE VIEW system_user AS SELECT json_scalar, extract(year FROM at) AS y, substring(sysuser FROM 1 FOR 2) AS s, trim(both 'x' FROM sysuser) AS t,
  position('a' IN sysuser) AS p, at AT TIME ZONE 'UTC' AS z, overlay(sysuser placing 'x' FROM 1) AS o FROM json_table j WHERE kind IN ('a', 'b');
CREATE VIEW grouped AS SELECT id, json_scalar, count(*) FROM json_table GROUP BY id HAVING count(*) > 1 ORDER BY 1;
CREATE VIEW nested AS WITH x AS (SELECT id FROM json_table) SELECT a.id, (SELECT max(b.id) FROM json_table b WHERE b.id < a.id) FROM x a LEFT JOIN json_table USING (id);
CREATE MATERIALIZED VIEW mat AS SELECT json_table.id FROM json_table WHERE json_table.id > 1 WITH NO DATA;
CREATE INDEX json_table_expression ON json_table ((substring(json_scalar FROM 1 FOR 3)), lower(sysuser)) WHERE kind = ANY (ARRAY['a', 'b']);
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr AFTER UPDATE OF kind ON json_table FOR EACH ROW WHEN (OLD.kind IN ('a', 'b') AND NEW.* IS DISTINCT FROM OLD.*) EXECUTE FUNCTION tf();
CREATE RULE r AS ON DELETE TO json_table WHERE OLD.id = 0 DO INSTEAD INSERT INTO json_table (id) SELECT json_table.id + 100 FROM json_table WHERE json_table.kind = 'a';
CREATE POLICY p ON json_table USING (kind IN ('a', 'b') AND EXISTS (SELECT FROM json_table j WHERE j.id = json_table.id AND json_table.n > 1));
CREATE DOMAIN code AS varchar(5) DEFAULT upper('x') CHECK (VALUE IN ('a', 'b'));
CREATE FUNCTION of_json(json, json[]) RETURNS json LANGUAGE sql AS 'select $1'; CREATE TABLE "json" ("json" json DEFAULT '1'::json, a json[]);
CREATE VIEW of_json AS SELECT "json"."json"::json AS "json" FROM "json"; CREATE DOMAIN json_code AS json;
CREATE FUNCTION unistr(text DEFAULT 'x') RETURNS text LANGUAGE sql AS 'select $1';
CREATE TABLE part (a int, at date) PARTITION BY RANGE ((extract(year FROM at)));
CREATE TABLE part_a PARTITION OF part FOR VALUES FROM (2020) TO (2021);
CREATE COLLATION numeric_order (provider = icu, locale = 'en@colNumeric=yes');
GRANT ALL ON json_table TO app_writer; GRANT SELECT ON json_table TO app_reader WITH GRANT OPTION;
CREATE STATISTICS st ON id, kind FROM json_table; ALTER TABLE json_table ALTER kind SET STATISTICS 70;`;

describe('equal definitions are equal', () => {
  for (const [from, to] of [
    [12, 15],
    [12, 18],
    [15, 16],
    [15, 18],
  ] as const) {
    test.skipIf(!allInstalled)(`from PostgreSQL ${from} to ${to}`, { timeout: 600_000 }, async () => {
      const [source, target] = [
        await databaseOn(from, `words_${from}_${to}`),
        await databaseOn(to, `words_${from}_${to}`),
      ];
      await run(source, OTHER_WORDS);
      await bring(source, target);
      expect((await verifyAll({ source, target, options: {} })).objects).toEqual([]);
      // And what differs is seen, in whatever words.
      await run(
        source,
        `CREATE OR REPLACE VIEW grouped AS SELECT id, json_scalar, count(*) FROM json_table GROUP BY id HAVING count(*) > 2 ORDER BY 1;
        ALTER POLICY p ON json_table USING (kind IN ('a', 'c')); ALTER TABLE json_table ALTER n SET DEFAULT 1.6`,
      );
      const { objects } = await verifyAll({ source, target, options: {} });
      expect(objects.map((one) => one.replace(/:.*/s, ''))).toEqual([
        'column public.json_table.n differs in default',
        'policy public.json_table.p differs in using',
        'view public.grouped differs in definition',
      ]);
    });
  }
  for (const to of [16, 18] as const) {
    test.skipIf(!allInstalled)(
      `a whole application and one of every kind, from PostgreSQL 15 to ${to}`,
      { timeout: 600_000 },
      async () => {
        const name = `whole_15_${to}`;
        const [source, target] = [await databaseOn(15, name), await databaseOn(to, name)];
        await run(source, await application());
        await run(source, await readFile(join(import.meta.dirname, 'every-kind.sql'), 'utf8'));
        await bring(source, target);
        const { objects } = await verifyAll({ source, target, options: {} });
        // A dump of the schema alone fills no materialized view and sets no sequence.
        const rows = / differs in populated:| goes on with /;
        expect(objects.filter((one) => !rows.test(one))).toEqual([]);
      },
    );
  }
});
