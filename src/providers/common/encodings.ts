import { pluginOf } from '../../engine/options.ts';
import { displayName, quoteIdent } from '../../postgres/identifiers.ts';
import type { Check, CheckRun } from '../check.ts';
import { relationsFact } from '../facts/relations.ts';
import { type ServerFacts, server } from '../facts/server.ts';
import { fail, listed, pass, warn } from '../outcome.ts';
import { migrated } from '../relations.ts';

/** MULE_INTERNAL has no conversion to UTF8, in which all values travel. */
const UNFIT = ['SQL_ASCII', 'MULE_INTERNAL'];

/** https://www.postgresql.org/docs/current/multibyte.html */
export const encodings: Check = {
  id: 'encodings',
  side: 'target',
  title: 'Character encoding',
  severity: 'fail',
  wanted: 'target in UTF8 or in the encoding of the source; neither SQL_ASCII',
  why: 'SQL_ASCII takes any bytes; nobody knows which characters they are. Bytes are never replaced or dropped.',
  fix: "Create the target database anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0; a source in SQL_ASCII must first be dumped and restored into a database with its real encoding.",
  async run({ ask, options, provider }) {
    const { encoding: from } = (await ask('source', server)).database;
    const { encoding: to } = (await ask('target', server)).database;
    const found = `source ${from}, target ${to}`;
    if (UNFIT.includes(from)) {
      return fail('TM1213', found, {
        fix: `Find out which encoding the bytes really are (often UTF8 or LATIN1), then dump the source and restore it into a database that says so: pg_dump, CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and psql with PGCLIENTENCODING set to that encoding. Migrate that one.`,
      });
    }
    const plugin = pluginOf(options, provider);
    if (!plugin.usesPublications && from !== 'UTF8') {
      return fail(
        'TM1213',
        `${found}; ${plugin.name} sends text in the encoding of the source, and only UTF8 is taken`,
        {
          fix: 'Use --plugin pgoutput, whose values the source converts (PostgreSQL 14 or newer).',
        },
      );
    }
    return to === 'UTF8' || (to === from && !UNFIT.includes(to))
      ? pass(found)
      : fail('TM1213', found, {
          fix: "Give a target database in UTF8. A new one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0;",
        });
  },
};

export const locales: Check = {
  id: 'locales',
  side: 'target',
  title: 'Collation',
  severity: 'fail',
  wanted: 'the same default collation and character classes on both sides, and every named collation',
  why: 'Another collation sorts text in another order: results, range partitions and CHECK constraints may differ. A table whose collation is unknown cannot be created at all.',
  fix: 'Create the target database with the LC_COLLATE and LC_CTYPE of the source, or make sure that no query depends on the order of text.',
  async run(run) {
    const missing = await missingCollations(run);
    if (missing.length > 0) {
      const used = missing.map(({ name, columns }) => `${quoteIdent(name)} (${listed(columns, 4)})`);
      return fail('TM1213', `the target lacks collations that are in use: ${listed(used)}`, {
        fix: 'Before the migration give these columns a collation that the target has, each with ALTER TABLE … ALTER COLUMN … TYPE text COLLATE "C"; on the source, or ask the administrator of the target for CREATE COLLATION.',
      });
    }
    const { database: from } = await run.ask('source', server);
    const { database: to } = await run.ask('target', server);
    const found = `source ${shown(from)}, target ${shown(to)}`;
    const differs =
      normal(from.collate) !== normal(to.collate) ||
      normal(from.ctype) !== normal(to.ctype) ||
      normal(from.locale ?? '') !== normal(to.locale ?? '');
    return differs ? warn(found) : pass(found);
  },
};

const shown = ({ collate, ctype, locale }: ServerFacts['database']): string =>
  `${collate}/${ctype}${locale === null ? '' : ` (${locale})`}`;

/** `en_US.UTF-8` and `en_US.utf8` are one, as are POSIX and C. */
const normal = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[-_]/g, '')
    .replace(/^posix$/, 'c');

interface UsedCollation {
  name: string;
  relation: string;
  column: string;
}

/** Collations of PostgreSQL's own that columns of the source have and the target does not know, with those columns. */
async function missingCollations({
  source,
  target,
  ask,
  options,
}: CheckRun): Promise<{ name: string; columns: string[] }[]> {
  const { rows } = await source.query<UsedCollation & Record<string, string>>(
    `SELECT l.collname AS name, a.attrelid::text AS relation, a.attname AS column
     FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation
     WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND l.collnamespace = 'pg_catalog'::regnamespace
       AND l.collprovider <> 'd' AND l.collname NOT IN ('C', 'POSIX', 'ucs_basic') ORDER BY 2, a.attnum`,
  );
  if (rows.length === 0) return [];
  const known = await target.query<{ name: string }>(
    `SELECT DISTINCT collname AS name FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace
       AND collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database())) AND collname = ANY ($1)`,
    [[...new Set(rows.map(({ name }) => name))]],
  );
  const there = new Set(known.rows.map(({ name }) => name));
  const relations = await ask('source', relationsFact);
  const wanted = new Map(migrated(relations, options).map((relation) => [relation.oid, relation]));
  const columns = new Map<string, string[]>();
  for (const { name, relation, column } of rows) {
    const table = wanted.get(relation);
    // Indexes and types have columns, too; those of tables tell enough.
    if (there.has(name) || table === undefined) continue;
    columns.set(name, [...(columns.get(name) ?? []), `${displayName(table)}.${column}`]);
  }
  return [...columns].map(([name, used]) => ({ name, columns: used }));
}
