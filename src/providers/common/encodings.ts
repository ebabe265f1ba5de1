import { displayName } from '../../postgres/identifiers.ts';
import { firstRow } from '../../postgres/query.ts';
import type { Check } from '../check.ts';
import { fail, listed, pass, warn } from '../outcome.ts';

interface Locale {
  encoding: string;
  collate: string;
  ctype: string;
}

const LOCALE = `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype
  FROM pg_database WHERE datname = current_database()`;

/** https://www.postgresql.org/docs/current/multibyte.html */
export const encodings: Check = {
  id: 'encodings',
  side: 'target',
  title: 'Character encoding',
  wanted: 'target in UTF8 or in the encoding of the source; neither SQL_ASCII',
  why: 'SQL_ASCII takes any bytes; nobody knows which characters they are. Bytes are never replaced or dropped.',
  fix: "Create the target database anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0; a source in SQL_ASCII must first be dumped and restored into a database with its real encoding.",
  async run({ source, target }) {
    const from = await firstRow<Locale & Record<string, string>>(source, LOCALE);
    const to = await firstRow<Locale & Record<string, string>>(target, LOCALE);
    const found = `source ${from.encoding}, target ${to.encoding}`;
    // MULE_INTERNAL has no conversion to UTF8, in which all values travel.
    const unfit = ['SQL_ASCII', 'MULE_INTERNAL'];
    if (unfit.includes(from.encoding) || unfit.includes(to.encoding)) return fail('TM1213', found);
    return to.encoding === 'UTF8' || to.encoding === from.encoding ? pass(found) : fail('TM1213', found);
  },
};

export const locales: Check = {
  id: 'locales',
  side: 'target',
  title: 'Collation',
  wanted: 'the same default collation and character classes on both sides, and every named collation',
  why: 'Another collation sorts text in another order: results, range partitions and CHECK constraints may differ.',
  fix: 'Create the target database with the LC_COLLATE and LC_CTYPE of the source, or make sure that no query depends on the order of text.',
  async run({ source, target }) {
    const from = await firstRow<Locale & Record<string, string>>(source, LOCALE);
    const to = await firstRow<Locale & Record<string, string>>(target, LOCALE);
    const used = await source.query<{ name: string }>(
      `SELECT DISTINCT l.collname AS name FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation
       WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND l.collnamespace = 'pg_catalog'::regnamespace
         AND l.collprovider <> 'd' AND l.collname NOT IN ('C', 'POSIX', 'ucs_basic')`,
    );
    const names = used.rows.map(({ name }) => name);
    const known = await target.query<{ name: string }>(
      `SELECT DISTINCT collname AS name FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace
         AND collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database())) AND collname = ANY ($1)`,
      [names],
    );
    const missing = names.filter((name) => !known.rows.some((row) => row.name === name));
    if (missing.length > 0) {
      return warn(
        `the target lacks collations that columns use: ${listed(missing.map((name) => displayName({ schema: 'pg_catalog', name })))}`,
      );
    }
    const normal = (name: string) =>
      name
        .toLowerCase()
        .replace(/[-_]/g, '')
        .replace(/^posix$/, 'c');
    const differs = normal(from.collate) !== normal(to.collate) || normal(from.ctype) !== normal(to.ctype);
    const found = `source ${from.collate}/${from.ctype}, target ${to.collate}/${to.ctype}`;
    return differs ? warn(found) : pass(found);
  },
};
