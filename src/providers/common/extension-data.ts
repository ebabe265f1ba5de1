import type pg from 'pg';
import { displayName, qualified } from '../../postgres/identifiers.ts';
import { shellQuoted } from '../../postgres/shell.ts';
import type { Check } from '../check.ts';
import { type ConfigurationTable, catalog } from '../facts/catalog.ts';
import { counted, listed, pass, warn } from '../outcome.ts';

const COUNTED_AT_MOST = 1_000;
const LOCK_TIMEOUT = '1s';

/** Rows of each that are not the extension's own, in one query; null where they could not be counted. */
async function rowsOf(source: pg.Client, tables: readonly ConfigurationTable[]): Promise<(number | null)[]> {
  const readable = tables.filter((table) => table.readable);
  if (readable.length === 0) return tables.map(() => null);
  const counts = readable.map(
    (table) =>
      `(SELECT count(*) FROM (SELECT FROM ${qualified(table)} ${table.condition} LIMIT ${COUNTED_AT_MOST}) AS rows)`,
  );
  try {
    const results = (await source.query(
      `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'; SELECT json_build_array(${counts.join(', ')})::text AS counts`,
    )) as unknown as pg.QueryResult<{ counts: string }>[];
    const found = JSON.parse(results[1]?.rows[0]?.counts ?? '[]') as number[];
    const known = new Map(readable.map((table, index) => [table, found[index] ?? null]));
    return tables.map((table) => known.get(table) ?? null);
  } catch {
    // Locked, or a condition that needs more than we have: the tables are named all the same.
    return tables.map(() => null);
  }
}

/**
 * pg_dump brings such rows only with the data of a whole dump, which a migration does not take.
 * https://www.postgresql.org/docs/current/extend-extensions.html#EXTEND-EXTENSIONS-CONFIG-TABLES
 */
export const extensionData: Check = {
  id: 'source-extension-data',
  side: 'source',
  title: 'Rows in tables of extensions',
  severity: 'warn',
  wanted: 'none of yours, or copied by you',
  why: 'An extension makes its tables itself on the target. Rows that you have added to them (coordinate systems, scheduled jobs, settings) are not copied, nor are changes to them replayed.',
  fix: 'Copy them after the cut-over with pg_dump --data-only --table=….',
  async run({ ask, source, options }) {
    const { skipExtensions } = options;
    const skips = (name: string) => skipExtensions === 'all' || skipExtensions.includes(name);
    const tables = (await ask('source', catalog)).configurationTables.filter(({ extension }) => !skips(extension));
    if (tables.length === 0) return pass('no extension keeps rows of yours');
    const rows = await rowsOf(source, tables);
    const filled = tables.flatMap((table, index) => {
      const count = rows[index] ?? null;
      return count === 0 ? [] : [{ table, count }];
    });
    if (filled.length === 0) return pass(`${tables.length} tables of extensions hold no rows of yours`);
    const found = filled.map(({ table, count }) => {
      const many =
        count === null
          ? 'how many rows is not known'
          : `${counted(count, 'row')}${count === COUNTED_AT_MOST ? ' or more' : ''}`;
      return `${displayName(table)} of ${table.extension} (${many})`;
    });
    const patterns = filled.map(({ table }) => `--table=${shellQuoted(qualified(table))}`);
    return warn(`not copied: ${listed(found)}`, {
      fix: `After the cut-over: pg_dump --data-only ${patterns.join(' ')} "$SOURCE" | psql "$TARGET"`,
    });
  },
};
