import { describe, expect } from 'vitest';
import { check } from '../support/check-context.ts';
import { type TestDatabase, test } from '../support/databases.ts';

const inUtf8 = (side: TestDatabase, sql: string) => side.query(`SET client_encoding = UTF8; ${sql}`);
const long = 'é'.repeat(40);

describe('given a source in LATIN1 and a target in UTF8', () => {
  test.override({ databaseOptions: { sourceEncoding: 'LATIN1' } });

  test('short names and ordinary values pass', async ({ databases: { source, target } }) => {
    await inUtf8(
      source,
      `CREATE TABLE "grö ße" (id int PRIMARY KEY, "maß" text DEFAULT 'é'); INSERT INTO "grö ße" VALUES (1, '${long}')`,
    );
    for (const id of ['converted-definitions', 'converted-values', 'encodings']) {
      expect(await check(id, { source: source.uri, target: target.uri })).toMatchObject({ id, status: 'pass' });
    }
  });

  test.for([
    ['schema', `CREATE SCHEMA "${long}"`],
    ['table', `CREATE TABLE "${long}" ()`],
    ['column', `CREATE TABLE t ("${long}" int)`],
    ['label', `CREATE TYPE mood AS ENUM ('${long}')`],
    ['function', `CREATE FUNCTION "${long}"() RETURNS int LANGUAGE sql AS 'SELECT 1'`],
    ['argument', `CREATE FUNCTION f("${long}" int) RETURNS int LANGUAGE sql AS 'SELECT 1'`],
    ['constraint', `CREATE TABLE t (id int CONSTRAINT "${long}" CHECK (id > 0))`],
    ['index', `CREATE TABLE t (id int); CREATE INDEX "${long}" ON t (id)`],
    ['type', `CREATE DOMAIN "${long}" AS int`],
    ['policy', `CREATE TABLE t (id int); CREATE POLICY "${long}" ON t`],
    ['sequence', `CREATE SEQUENCE "${long}"`],
  ] as const)('a %s with a name of 80 bytes is named', async ([kind, sql], { databases: { source, target } }) => {
    await inUtf8(source, sql);
    const result = await check('converted-definitions', { source: source.uri, target: target.uri });
    expect(result).toMatchObject({ status: 'fail', code: 'TM1221' });
    expect(result.found).toContain(`${kind} ${long}`);
  });

  test('what is excluded does not count', async ({ databases: { source, target } }) => {
    await inUtf8(
      source,
      `CREATE TABLE "${long}" (id int PRIMARY KEY, ch "char"); INSERT INTO "${long}" VALUES (1, E'\\\\351')`,
    );
    const options = { excludeTable: [`public.${long}`] };
    for (const id of ['converted-definitions', 'converted-values']) {
      expect(await check(id, { source: source.uri, target: target.uri, options })).toMatchObject({ status: 'pass' });
    }
  });

  test('values of "char" and name that would be cut are counted, and columns of these types named', async ({
    databases: { source, target },
  }) => {
    await inUtf8(
      source,
      `CREATE DOMAIN letter AS "char"; CREATE TABLE t (id int PRIMARY KEY, ch "char", n name, chs letter[], ns name[]);
      INSERT INTO t VALUES (1, 'a', 'é', '{b,NULL}', '{é,NULL}'), (2, NULL, NULL, NULL, NULL)`,
    );
    const run = () => check('converted-values', { source: source.uri, target: target.uri });
    expect(await run()).toMatchObject({ status: 'warn', found: expect.stringContaining('public.t."ch"') });
    // Written as an octal number, which is the same in every encoding.
    await inUtf8(source, `UPDATE t SET ch = E'\\\\351'`);
    expect(await run()).toMatchObject({ status: 'warn' });
    await inUtf8(
      source,
      `UPDATE t SET ch = E'\\\\351', n = '${long}', chs = ARRAY[E'\\\\351']::letter[], ns = '{${long}}' WHERE id = 1`,
    );
    const result = await run();
    expect(result).toMatchObject({ status: 'fail', code: 'TM1221' });
    for (const column of ['n', 'ns']) expect(result.found).toContain(`public.t."${column}" (1)`);
    expect(result.found).not.toContain('"ch');
  });

  test('texts that outgrow their index are counted', async ({ databases: { source, target } }) => {
    await inUtf8(
      source,
      `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE INDEX by_v ON t (v);
      INSERT INTO t SELECT 1, string_agg(chr(192 + (hashint4(g) & 62)), '') FROM generate_series(1, 2600) g`,
    );
    const run = () => check('converted-values', { source: source.uri, target: target.uri });
    expect(await run()).toMatchObject({ status: 'fail', found: expect.stringContaining('public.by_v (1)') });
    // This one is short enough once it is compressed.
    await inUtf8(source, `UPDATE t SET v = repeat('é', 2000)`);
    expect(await run()).toMatchObject({ status: 'warn', found: expect.stringContaining('public.by_v (1)') });
    const without = async (options: object) =>
      (await check('converted-values', { source: source.uri, target: target.uri, options })).status;
    expect(await without({ skipIndex: ['by_v'] })).toBe('pass');
    expect(await without({ leaveOut: ['INDEX public.by_v'] })).toBe('pass');
    expect(await without({ skipIndex: ['by_other'] })).toBe('warn');
  });

  test('expressions over the bytes of text are named', async ({ databases: { source, target } }) => {
    await inUtf8(
      source,
      `CREATE TABLE t (id int PRIMARY KEY, v text CONSTRAINT small CHECK (octet_length(v) < 10), h text GENERATED ALWAYS AS (md5(v)) STORED)`,
    );
    const result = await check('converted-definitions', { source: source.uri, target: target.uri });
    expect(result).toMatchObject({
      status: 'warn',
      found: 'expressions that look at the bytes of text: column public.t.h, constraint small of public.t',
    });
  });
});

describe('given a source in WIN1252', () => {
  test.override({ databaseOptions: { sourceEncoding: 'WIN1252' } });

  test.for([
    ['comment', `COMMENT ON TABLE t IS E'a\\x81'`],
    ['default', `ALTER TABLE t ALTER COLUMN v SET DEFAULT E'a\\x81'`],
    ['function', `CREATE FUNCTION f() RETURNS text LANGUAGE sql AS E'SELECT ''\\x81''::text'`],
    ['table', `ALTER TABLE t RENAME TO "\u0081"`],
    ['constraint', `ALTER TABLE t ADD CONSTRAINT c CHECK (v <> E'\\x81')`],
    ['view', `CREATE VIEW w AS SELECT E'\\x81'::text AS v`],
  ] as const)('a character of a %s that UTF8 does not have is found', async ([kind, sql], {
    databases: { source, target },
  }) => {
    const client = await source.connect();
    await client.query(`CREATE TABLE t (id int PRIMARY KEY, v text)`);
    if (sql.includes('\u0081')) {
      // Such a byte can come through a session in the encoding of the server only.
      await client.query(
        `SET client_encoding = WIN1252; DO $$ BEGIN EXECUTE 'ALTER TABLE t RENAME TO "' || E'\\x81' || '"'; END $$`,
      );
    } else {
      await client.query(sql);
    }
    const result = await check('converted-definitions', { source: source.uri, target: target.uri });
    expect(result).toMatchObject({ status: 'fail', code: 'TM1221' });
    expect(result.found).toMatch(new RegExp(`^${kind} .*has no equivalent in encoding "UTF8"`));
  });
});

describe.each([
  ['WIN1252', '\\x81', '0x81'],
  ['EUC_JP', '\\xa9a1', '0xa9 0xa1'],
])('given a source in %s with a row that UTF8 can not hold', (encoding, bytes, told) => {
  test.override({ databaseOptions: { sourceEncoding: encoding } });

  test('it is found, with a statement that finds the rows', async ({ databases: { source, target } }) => {
    const character = `convert_from('${bytes}', '${encoding}')`;
    await source.query(`CREATE TABLE "it's t" (id int PRIMARY KEY, t text, ts text[]); CREATE TABLE fine (id int PRIMARY KEY, t text);
      INSERT INTO "it's t" SELECT i, 'é' FROM generate_series(1, 100) i; INSERT INTO fine VALUES (1, 'é')`);
    const run = (options = {}) => check('converted-characters', { source: source.uri, target: target.uri, options });
    expect(await run()).toMatchObject({ status: 'pass', found: 'every row of 2 tables can be written in UTF8' });

    await source.query(`UPDATE "it's t" SET ts = ARRAY['a', 'b' || ${character}] WHERE id = 7`);
    const result = await run();
    expect(result).toMatchObject({ status: 'fail', code: 'TM1221', found: expect.stringContaining(told) });
    const find = /SELECT ctid .*;/.exec(result.fix)?.[0] ?? '';
    expect(await source.query(find)).toEqual(await source.query(`SELECT ctid FROM "it's t" WHERE id = 7`));
    expect(await run({ skipTableData: [`public."it's t"`] })).toMatchObject({ status: 'pass' });
    await source.query(`UPDATE "it's t" SET ts[2] = replace(ts[2], ${character}, '?')`);
    expect(await run()).toMatchObject({ status: 'pass' });
  });
});
