import { describe, expect } from 'vitest';
import { compareDatabases } from '../support/compare.ts';
import { type TestDatabases, test } from '../support/databases.ts';
import { Migration } from './whole/migration.ts';

/** SQL of the owner of the source: before the migration, behind its snapshot, and during replay. */
interface Application {
  readonly schema: string;
  readonly meanwhile?: string;
  readonly later?: string;
}

/** A whole migration. Gives what our own verification and a comparison by hand find; both must be nothing. */
async function migrate(databases: TestDatabases, application: Application): Promise<string[]> {
  const { source, target } = databases;
  const run = async (sql: string) => {
    const client = await source.connect();
    await client.query(`SET client_encoding = UTF8; ${sql}`);
  };
  await run(application.schema);
  await using migration = await Migration.startToSnapshot(databases);
  await run(application.meanwhile ?? '');
  await migration.go();
  await migration.reached('replay');
  await run(application.later ?? '');
  await migration.cutOver();
  const { tables, objects } = await migration.verify();
  const differing = tables.filter(({ equal }) => !equal);
  return [
    ...differing.map(({ relation, source: ours, target: theirs }) => {
      return `verify: ${relation} has ${ours.rows} rows, ${theirs?.rows ?? 'none'} on the target`;
    }),
    ...objects.map((object) => `verify: ${object}`),
    ...(await compareDatabases(source.superuserUri, target.superuserUri)),
  ];
}

describe.each([
  // Letters of the encoding, the second and third in another order of bytes there than in UTF8 where there is such a pair.
  ['LATIN1', 'é', 'ß', 'ÿ'],
  ['LATIN9', '€', 'ž', 'Š'],
  ['WIN1252', '€', 'é', '™'],
  ['KOI8R', 'Ж', 'я', 'А'],
  ['LATIN2', 'ł', 'ą', 'Ź'],
  ['EUC_JP', '日本', '語', 'カ'],
  ['EUC_KR', '한국', '어', '말'],
])('a source in %s, a target in UTF8', (encoding, a, b, c) => {
  test.override({ databaseOptions: { sourceEncoding: encoding } });

  test('definitions, names, labels and rows arrive as the same text', async ({ databases }) => {
    const differences = await migrate(databases, {
      schema: `
        CREATE TYPE "ty_${a}" AS ENUM ('${a}', '${b}', '${c}'); CREATE SCHEMA "sch_${b}";
        CREATE DOMAIN "sch_${b}"."d_${a}" AS text CHECK (VALUE <> '${b}');
        CREATE TABLE "sch_${b}"."tab_${a}" (id int PRIMARY KEY, "col_${b}" text DEFAULT '${a}' CHECK ("col_${b}" <> '${b}${b}'), e "ty_${a}",
          d "sch_${b}"."d_${a}", x xml, j json, v varchar(4), f char(3), ar text[], b bytea);
        INSERT INTO "sch_${b}"."tab_${a}" SELECT g, repeat('${a}', g), '${b}', '${c}', '<a>${a}</a>', '"${b}"', '${c}', '${b}', ARRAY['${a}', NULL], '\\xe9'
          FROM generate_series(1, 20) g;
        INSERT INTO "sch_${b}"."tab_${a}" (id) VALUES (100);
        CREATE TABLE whole (t text); ALTER TABLE whole REPLICA IDENTITY FULL; INSERT INTO whole VALUES ('${a}'), ('${b}'), ('${a}');
        CREATE VIEW "v_${a}" AS SELECT '${b}'::text AS "x_${c}"; CREATE FUNCTION "f_${a}"() RETURNS text LANGUAGE sql AS $$ SELECT '${c}'::text $$;
        COMMENT ON TABLE whole IS 'K${a}mmentar'; CREATE INDEX "i_${a}" ON whole (t) WHERE t <> '${b}';
        CREATE MATERIALIZED VIEW mv AS SELECT t, '${c}'::text AS s FROM whole; CREATE SEQUENCE "s_${a}";
        ALTER TABLE whole ADD CONSTRAINT "c_${a}" CHECK (t <> '${b}${a}')`,
      meanwhile: `INSERT INTO "sch_${b}"."tab_${a}" (id, e, v) VALUES (200, '${c}', '${a}${b}'); DELETE FROM "sch_${b}"."tab_${a}" WHERE id = 7;
        UPDATE "sch_${b}"."tab_${a}" SET "col_${b}" = '${b}${a}${c}', ar = ARRAY['${c}', '"${a} ${b}'] WHERE id < 5; DELETE FROM whole WHERE ctid = '(0,1)'`,
      later: `UPDATE "sch_${b}"."tab_${a}" SET f = '${c}', x = '<b>${b}</b>' WHERE id < 3; INSERT INTO whole VALUES ('${c}'); UPDATE whole SET t = '${c}${a}' WHERE t = '${b}'`,
    });
    expect(differences).toEqual([]);
  });
});
