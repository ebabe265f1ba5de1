import type { ArchiveEntry } from '../../engine/schema/archive.ts';
import { readLimitedColumns } from '../../engine/source/limited-columns.ts';
import { errorCode } from '../../postgres/connection-errors.ts';
import { displayName, qualified, quoteIdent } from '../../postgres/identifiers.ts';
import { matches } from '../../postgres/patterns.ts';
import { firstRow } from '../../postgres/query.ts';
import type { Check, CheckRun } from '../check.ts';
import { type Relation, relationsFact } from '../facts/relations.ts';
import { server } from '../facts/server.ts';
import { fail, listed, pass, warn } from '../outcome.ts';
import { migratedWithRows } from '../relations.ts';
import { leftOutOf } from '../schema-of-source.ts';

/** A column of which a value may not arrive whole, and SQL that is true for such a value, of a table `t`. */
interface Delicate {
  /** Of an index its own name. */
  readonly column: string;
  readonly kind: 'column' | 'index';
  readonly condition: string;
  /** Of an index: what it is made of. */
  readonly of: readonly string[];
}

/** So long the rows of one table are looked through, and those of all together. */
const TABLE_PATIENCE_MS = 10_000;
const PATIENCE_MS = 60_000;
const QUERY_CANCELED = '57014';
/** Bytes of the greatest entry of a B-tree with pages of 8 kB. https://www.postgresql.org/docs/current/btree.html */
const GREATEST_ENTRY = 2704;

/** https://www.postgresql.org/docs/current/datatype-character.html */
export const convertedValues: Check = {
  id: 'converted-values',
  side: 'source',
  title: 'Values of limited bytes in UTF8',
  severity: 'fail',
  wanted: 'every value of a type with a limit in bytes fits into that type in UTF8',
  why: 'A "char" holds one byte, a name 63. The target cuts a longer value without an error. A long text may no longer fit into an index.',
  fix: 'ALTER TABLE … ALTER COLUMN … TYPE text; on the source, or change these values.',
  async run(run) {
    const { encoding: from } = (await run.ask('source', server)).database;
    const { encoding: to } = (await run.ask('target', server)).database;
    if (from === to) return pass(`both sides in ${from}`);
    const relations = migratedWithRows(await run.ask('source', relationsFact), run.options);
    const delicate = await readDelicate(run);
    const cut: string[] = [];
    const tooLong: string[] = [];
    const refused: string[] = [];
    const notSeen: string[] = [];
    const columns: string[] = [];
    const until = performance.now() + PATIENCE_MS;
    for (const relation of relations) {
      const some = delicate.get(relation.oid);
      if (!some || relation.kind !== 'r') continue;
      run.signal.throwIfAborted();
      columns.push(...some.filter(({ kind }) => kind !== 'index').map((one) => shown(relation, one)));
      const left = Math.floor(Math.min(TABLE_PATIENCE_MS, until - performance.now()));
      const counts = left > 0 ? await count(run, relation, some, left) : null;
      if (counts === null) notSeen.push(displayName(relation));
      for (const [index, one] of (counts === null ? [] : some).entries()) {
        const number = counts?.[index] ?? '0';
        if (number === '0') continue;
        const list = one.kind === 'column' ? cut : (await isRefused(run, relation, one)) ? refused : tooLong;
        list.push(`${shown(relation, one)} (${number})`);
      }
    }
    if (cut.length > 0) {
      return fail('TM1221', `values that are longer in UTF8 than their type: ${listed(cut)}`, {
        fix: 'Each with its number of rows. Before the migration make these columns text on the source, ALTER TABLE … ALTER COLUMN … TYPE text; or change the values.',
      });
    }
    const wayOut = `An entry of a B-tree index has at most ${GREATEST_ENTRY} bytes, compressed. Shorten these texts, leave the index out with --skip-index, or put a shorter expression into the index, such as md5(…).`;
    if (refused.length > 0) {
      return fail('TM1221', `texts that do not fit into their index in UTF8: ${listed(refused)}`, {
        fix: `Each with its number of rows; the target refused them in a trial. ${wayOut}`,
      });
    }
    const notLooked = `not looked through within ${TABLE_PATIENCE_MS / 1000} s each and ${PATIENCE_MS / 1000} s together: ${listed(notSeen)}`;
    if (tooLong.length > 0) {
      return warn(
        `texts that may not fit into their index in UTF8: ${listed(tooLong)}${notSeen.length === 0 ? '' : `; ${notLooked}`}`,
        {
          fix: `Each with its number of rows. Those that were tried fit in compressed; rows that are written later may not. ${wayOut}`,
        },
      );
    }
    if (notSeen.length > 0) {
      return warn(notLooked, {
        fix: 'Make sure that columns of type "char" hold ASCII only, those of type name at most 63 bytes in UTF8, and indexed texts at most 2,704.',
      });
    }
    if (columns.length > 0) {
      return warn(`columns of types that count bytes: ${listed(columns)}`, {
        fix: 'All values fit now. A longer name that is written later is refused by the target, and a "char" beyond ASCII arrives as a byte that is no text in UTF8. With type text that cannot happen.',
      });
    }
    return pass('no value is longer than its type');
  },
};

const shown = (relation: Relation, { column, kind }: Delicate): string =>
  kind === 'index' ? column : `${displayName(relation)}.${quoteIdent(column)}`;

const READS_OCTAL = String.raw`SELECT '\351'::"char"::int4 < 0 AS octal`;

/** B-tree indexes on texts that may be long. */
const INDEXES = `
SELECT i.indrelid::text AS relation, n.nspname AS schema, c.relname AS name, json_agg(a.attname)::text AS columns
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN LATERAL unnest(i.indkey) k(attnum) ON true JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  JOIN pg_type t ON t.oid = a.atttypid
 WHERE i.indrelid >= 16384 AND m.amname = 'btree' AND t.typcategory = 'S' AND (a.atttypmod < 0 OR a.atttypmod > 680)
 GROUP BY 1, 2, 3`;

/** Of a constraint pg_dump gives the name of the table and its own. */
const makesIndex = (entry: ArchiveEntry, name: string): boolean =>
  entry.type === 'INDEX' ? entry.name === name : entry.type === 'CONSTRAINT' && entry.name.endsWith(` ${name}`);

async function readDelicate(run: CheckRun): Promise<Map<string, Delicate[]>> {
  const { source, target, options } = run;
  const { octal } = await firstRow<{ octal: string }>(target, READS_OCTAL);
  const found = new Map<string, Delicate[]>();
  const add = (relation: string, one: Delicate) => found.set(relation, [...(found.get(relation) ?? []), one]);
  for (const { relation, column, tooLong } of await readLimitedColumns(source, octal === 't')) {
    add(relation, { column, kind: 'column', condition: tooLong, of: [column] });
  }
  const leftOut = await leftOutOf(run);
  const { rows } = await source.query<Record<'relation' | 'schema' | 'name' | 'columns', string>>(INDEXES);
  for (const { relation, schema, name, columns } of rows) {
    if (options.skipIndex.some((pattern) => matches(pattern, { schema: '', name }))) continue;
    if (leftOut.some((one) => one.schema === schema && makesIndex(one, name))) continue;
    const of = JSON.parse(columns) as string[];
    add(relation, { column: displayName({ schema, name }), kind: 'index', condition: isLongEntry(of), of });
  }
  return found;
}

/** Longer ones fit as they are, compressed. */
function isLongEntry(columns: readonly string[]): string {
  const sum = (of: (value: string) => string) =>
    columns.map((name) => `coalesce(octet_length(${of(`t.${quoteIdent(name)}::text`)}), 0)`).join(' + ');
  return `${sum((value) => value)} <= ${GREATEST_ENTRY} AND ${sum((value) => `convert_to(${value}, 'UTF8')`)} > ${GREATEST_ENTRY}`;
}

/** So many long entries are tried. */
const TRIED = 100;
/** program_limit_exceeded */
const ROW_TOO_LARGE = '54000';

/** Puts long texts into an index of a temporary table of the target, which is rolled back. */
async function isRefused({ source, target }: CheckRun, relation: Relation, index: Delicate): Promise<boolean> {
  const list = index.of.map((column, at) => `t.${quoteIdent(column)}::text AS c${at}`).join(', ');
  const { rows } = await source.query<Record<string, string | null>>(
    `SELECT ${list} FROM ONLY ${qualified(relation)} t WHERE ${index.condition} LIMIT ${TRIED}`,
  );
  const names = index.of.map((_, at) => `c${at}`);
  await target.query('BEGIN');
  try {
    await target.query(
      `CREATE TEMPORARY TABLE tiger_migrate_trial (${names.map((name) => `${name} text`).join(', ')});
       CREATE INDEX ON pg_temp.tiger_migrate_trial (${names.join(', ')})`,
    );
    for (const row of rows) {
      const values = names.map((name) => row[name] ?? null);
      await target.query(
        `INSERT INTO pg_temp.tiger_migrate_trial VALUES (${names.map((_, at) => `$${at + 1}`).join(', ')})`,
        values,
      );
    }
    return false;
  } catch (error) {
    if (errorCode(error) === ROW_TOO_LARGE) return true;
    throw error;
  } finally {
    await target.query('ROLLBACK');
  }
}

/** How many rows each condition holds for; null when that takes too long. */
async function count(
  { source }: CheckRun,
  relation: Relation,
  of: readonly Delicate[],
  timeoutMs: number,
): Promise<readonly string[] | null> {
  const counts = of.map(({ condition }, index) => `count(*) FILTER (WHERE ${condition}) AS c${index}`);
  await source.query(`SET statement_timeout = ${timeoutMs}`);
  try {
    const { rows } = await source.query<Record<string, string>>(
      `SELECT ${counts.join(', ')} FROM ONLY ${qualified(relation)} t`,
    );
    return of.map((_, index) => rows[0]?.[`c${index}`] ?? '0');
  } catch (error) {
    if (errorCode(error) === QUERY_CANCELED) return null;
    throw error;
  } finally {
    await source.query('SET statement_timeout = 0');
  }
}
