import type { Check, CheckRun } from '../check.ts';
import { relationsFact } from '../facts/relations.ts';
import { server } from '../facts/server.ts';
import { findUnconvertible, readLongNames } from '../facts/texts-of-definitions.ts';
import { fail, listed, pass, warn } from '../outcome.ts';
import { migrated } from '../relations.ts';

/** https://www.postgresql.org/docs/current/multibyte.html */
export const convertedDefinitions: Check = {
  id: 'converted-definitions',
  side: 'source',
  title: 'Names and definitions in UTF8',
  severity: 'fail',
  wanted: 'every name and definition can be written in UTF8, and no name takes more than 63 bytes there',
  why: 'The schema is dumped in UTF8. The target keeps only the first 63 bytes of a longer name. Two names could become the same, and the rows of a table could not be copied.',
  fix: 'ALTER … RENAME TO … on the source before the migration.',
  async run(run) {
    const { encoding: from } = (await run.ask('source', server)).database;
    const { encoding: to } = (await run.ask('target', server)).database;
    if (from === 'UTF8') return pass('the source is in UTF8');
    const unfit = await findUnconvertible(run.source);
    if (unfit !== null) {
      return fail('TM1221', `${unfit.kind} ${unfit.object}: ${unfit.message}`, {
        fix: 'Rename it, or define it anew without that character, on the source; then check again: only the first is shown.',
      });
    }
    if (from === to) return pass(`both sides in ${from}`);
    const long = await longNames(run);
    if (long.length > 0) {
      const found = long.map(({ kind, name }) => `${kind} ${name}`);
      return fail('TM1221', `names of more than 63 bytes in UTF8: ${listed(found)}`, {
        fix: 'Give each a shorter name on the source, ALTER … RENAME TO …; a label: ALTER TYPE … RENAME VALUE … TO …; an argument: DROP FUNCTION and CREATE FUNCTION.',
      });
    }
    const dependent = await dependentOnBytes(run);
    if (dependent.length > 0) {
      return warn(`expressions that look at the bytes of text: ${listed(dependent)}`, {
        fix: `They have other results for text beyond ASCII in ${to} than in ${from}. A generated column then has another value on the target, which verify tells, and a CHECK constraint may refuse a row. Where that matters, write convert_to(…, '${from}') into the expression on the source first.`,
      });
    }
    const roles = await rolesBeyondAscii(run);
    if (roles.length > 0) {
      return warn(`names of roles beyond ASCII: ${listed(roles)}`, {
        fix: 'Roles belong to the whole server, and their names are in the encoding of the database in which they were created. Where a name is shown wrongly here, create the role on the target by hand, grant it its rights there, and use --skip-roles.',
      });
    }
    return pass(`${from} can be written in UTF8`);
  },
};

async function longNames({ source, ask, options }: CheckRun) {
  const wanted = new Set(migrated(await ask('source', relationsFact), options).map(({ oid }) => oid));
  const all = new Set((await ask('source', relationsFact)).map(({ oid }) => oid));
  const isWanted = (relation: string | null) => relation === null || wanted.has(relation) || !all.has(relation);
  return (await readLongNames(source)).filter(({ relation }) => isWanted(relation));
}

/** Functions of which the result for a text depends on how the server encodes it. */
const OF_BYTES =
  '\\m(md5|sha224|sha256|sha384|sha512|octet_length|bit_length|ascii|hashtext|hashtextextended|digest|hmac)\\(|::bytea';

async function dependentOnBytes({ source }: CheckRun): Promise<string[]> {
  const { rows } = await source.query<{ what: string }>(
    `SELECT format('column %s.%I', d.adrelid::regclass, a.attname) AS what FROM pg_attrdef d
       JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> '' AND pg_get_expr(d.adbin, d.adrelid) ~ $1
     UNION ALL SELECT format('constraint %I of %s', conname, CASE WHEN conrelid <> 0 THEN conrelid::regclass::text ELSE contypid::regtype::text END)
       FROM pg_constraint WHERE contype = 'c' AND oid >= 16384 AND pg_get_constraintdef(oid) ~ $1 ORDER BY 1`,
    [OF_BYTES],
  );
  return rows.map(({ what }) => what);
}

async function rolesBeyondAscii({ source, options }: CheckRun): Promise<string[]> {
  if (options.skipRoles) return [];
  const { rows } = await source.query<{ name: string }>(
    `SELECT rolname AS name FROM pg_roles WHERE rolname::text ~ '[^\\x01-\\x7f]' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
