import { errorCode } from '../../postgres/connection-errors.ts';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { shellQuoted } from '../../postgres/shell.ts';
import type { Check, CheckRun } from '../check.ts';
import { type Relation, relationsFact } from '../facts/relations.ts';
import { server } from '../facts/server.ts';
import { isNotConvertible } from '../facts/texts-of-definitions.ts';
import { fail, listed, pass, warn } from '../outcome.ts';
import { migratedWithRows } from '../relations.ts';

/** So long the rows of all tables together are looked through, the smallest first. */
const PATIENCE_MS = 60_000;
const QUERY_CANCELED = '57014';

/** https://www.postgresql.org/docs/current/multibyte.html */
export const convertedCharacters: Check = {
  id: 'converted-characters',
  side: 'source',
  title: 'Characters of rows in UTF8',
  severity: 'fail',
  wanted: 'every character of every row can be written in UTF8',
  why: 'Rows are sent in UTF8. The server refuses to send a row with a character that UTF8 does not have: the copy, or later replay, could not go on.',
  fix: 'Replace these characters on the source.',
  async run(run) {
    const { encoding } = (await run.ask('source', server)).database;
    if (encoding === 'UTF8') return pass('the source is in UTF8');
    const tables = migratedWithRows(await run.ask('source', relationsFact), run.options)
      .filter(({ kind, readable }) => kind === 'r' && readable)
      .sort((one, other) => one.bytes - other.bytes);
    const notSeen: string[] = [];
    const until = performance.now() + PATIENCE_MS;
    for (const table of tables) {
      run.signal.throwIfAborted();
      const left = Math.floor(until - performance.now());
      const refused = left > 0 ? await refusal(run, table, left) : 'unknown';
      if (refused === 'unknown') notSeen.push(displayName(table));
      else if (refused !== null)
        return fail('TM1221', `${displayName(table)}: ${refused}`, { fix: remedy(table, refused, encoding) });
    }
    if (notSeen.length > 0) {
      return warn(`not looked through within ${PATIENCE_MS / 1000} s: ${listed(notSeen)}`, {
        fix: `Look yourself, at a quiet time; each of these statements must end without an error: SELECT count(convert_to(ROW(t.*)::text, 'UTF8')) FROM … t;`,
      });
    }
    return pass(`every row of ${tables.length} tables can be written in UTF8`);
  },
};

/** What the server says when it can't write a row of the table in UTF8; null when it can write all. */
async function refusal({ source }: CheckRun, table: Relation, timeoutMs: number): Promise<string | null | 'unknown'> {
  await source.query(`SET statement_timeout = ${timeoutMs}`);
  try {
    await source.query(`SELECT count(convert_to(ROW(t.*)::text, 'UTF8')) FROM ONLY ${qualified(table)} t`);
    return null;
  } catch (error) {
    if (isNotConvertible(error)) return error instanceof Error ? error.message : String(error);
    if (errorCode(error) === QUERY_CANCELED) return 'unknown';
    throw error;
  } finally {
    await source.query('SET statement_timeout = 0');
  }
}

/** How to find the rows: the server names the bytes, `0x81` or `0xa9 0xa1`. */
function remedy(table: Relation, message: string, encoding: string): string {
  const bytes = message.match(/0x[0-9a-f]{2}/gi)?.map((byte) => byte.slice(2)) ?? [];
  const character = `convert_from('\\x${bytes.join('')}', '${encoding}')`;
  const where = `strpos(ROW(t.*)::text, ${character}) > 0`;
  return [
    `These rows hold it: SELECT ctid FROM ${qualified(table)} t WHERE ${where};`,
    `Replace it in each column, with UPDATE … SET column = replace(column, ${character}, '?'); then check again: only the first is shown.`,
    `Or leave the rows behind: --skip-table-data ${shellQuoted(displayName(table))}`,
  ].join('\n');
}
