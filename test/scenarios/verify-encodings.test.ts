import { describe, expect } from 'vitest';
import { test } from '../support/databases.ts';
import { verifyAll } from './whole/migration.ts';

/** Types whose values stand or print otherwise in another encoding, each with values, and one that differs from the first. */
const TYPES: Record<string, readonly [first: string, other: string, ...more: string[]]> = {
  text: [`'é'`, `'è'`, `'straße'`],
  'text[]': [`'{é,NULL}'`, `'{é,"NULL"}'`, `'{}'`],
  // Keys are stored in the order of their lengths in bytes, then of their bytes.
  jsonb: [
    `'{"é": {"zz": 1, "ü": [2, "ß"]}, "ab": null}'`,
    `'{"é": {"zz": 1, "ü": [2, "ß"]}, "ab": []}'`,
    `'[]'`,
    `'{}'`,
    `'"é"'`,
    'NULL',
  ],
  'jsonb[]': [`ARRAY['{"é": 1, "ab": 2}'::jsonb, NULL]`, `ARRAY['{"é": 2, "ab": 1}'::jsonb, NULL]`, `'{}'`],
  documents: [`'{"é": 1, "ab": 2}'`, `'{"é": 1, "ab": "2"}'`],
  json: [`'{"é":  1, "ab": 2}'`, `'{"é": 1, "ab": 2}'`],
  tsvector: [`'''é'':1A,3 ''ab'':2 ''z'''`, `'''é'':1A,3 ''ab'':2B ''z'''`, `''`],
  '"char"': [`'a'`, `'b'`, `''`],
  '"char"[]': [`'{a,NULL,b}'`, `'{a,b}'`],
  xml: [`'<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'`, `'<a>è</a>'`],
  'varchar(3)': [`'éèê'`, `'éèë'`],
  'char(4)': [`'é'`, `'è'`],
  mood: [`'très bien'`, `'à peine'`],
  textrange: [`textrange('é', 'ü')`, `textrange('é', 'û')`, `'empty'`],
  'int[]': [`'[-1:1]={1,2,3}'`, `'{1,2,3}'`],
  money: [`'-1234.5'`, `'-1234.6'`],
  interval: [`'-1 year 2 days -03:00:00.5'`, `'-1 year 2 days -03:00:00.4'`],
  regclass: [`'"tä b"'`, `'pg_class'`, '0'],
  regtype: [`'mood'`, `'int'`],
  pair: [`ROW('é', 1.50)`, `ROW('é', 1.5)`],
  tsquery: [`'''é'' & !b <2> c'`, `'''é'' & b <2> c'`],
  bytea: [`'\\xe9'`, `'\\xc3a9'`],
  hstore: [`'é=>1, ab=>NULL'`, `'é=>1, ab=>2'`, `''`],
};

const OBJECTS = `CREATE TYPE mood AS ENUM ('très bien', 'à peine'); CREATE TYPE textrange AS RANGE (subtype = text); CREATE TYPE pair AS (a text, n numeric);
  CREATE DOMAIN documents AS jsonb; CREATE TABLE "tä b" (id int);
${Object.entries(TYPES)
  .map(([type, [first, , ...more]], table) => {
    const rows = [first, ...more].map((value, id) => `(${id}, ${value})`);
    return `CREATE TABLE t${table} (id int, c ${type}); INSERT INTO t${table} VALUES ${rows.join(', ')};`;
  })
  .join('\n')}`;

describe.each([
  ['LATIN1', 'UTF8'],
  ['LATIN9', 'UTF8'],
  ['WIN1252', 'LATIN1'],
  ['LATIN1', 'LATIN1'],
  ['UTF8', 'UTF8'],
])('verify with a source in %s and a target in %s', (sourceEncoding, targetEncoding) => {
  test.override({ databaseOptions: { sourceEncoding, targetEncoding } });

  test('finds equal rows equal, and each value that differs', async ({ databases: { source, target } }) => {
    for (const side of [source, target]) {
      await side.admin('CREATE EXTENSION hstore');
      await side.query(`SET client_encoding = UTF8; SET quote_all_identifiers = off; ${OBJECTS}`);
    }
    const differing = async () => {
      const { tables } = await verifyAll({ source: source.uri, target: target.uri, options: {} });
      return tables.filter(({ equal }) => !equal).map(({ relation }) => relation);
    };
    const setAll = async (which: 0 | 1) => {
      const updates = Object.values(TYPES).map(
        (values, table) => `UPDATE t${table} SET c = ${values[which]} WHERE id = 0`,
      );
      await target.query(`SET client_encoding = UTF8; ${updates.join('; ')}`);
    };
    expect(await differing()).toEqual([]);
    await setAll(1);
    expect((await differing()).sort()).toEqual(
      Object.keys(TYPES)
        .map((_, table) => `public.t${table}`)
        .sort(),
    );
    await setAll(0);
    expect(await differing()).toEqual([]);
  });
});
